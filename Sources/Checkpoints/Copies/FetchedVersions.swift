internal import AgentModel
internal import Compression
internal import OutsideWorld

/// Versions of one agent out of a remote, or out of another store, in a room of this one. Nothing in them is believed: names, sizes and lists are
/// checked before anything is fetched, and every byte before it is used.
final class FetchedVersions {
    let store: CheckpointStore
    let carrier: any Carrier
    let agent: AgentName
    let remote: RemoteListing.Agent
    /// In which the files lie as they do in the remote.
    let place: DiskPath
    private let isWanted: () -> Bool
    private var fetched: Set<String> = []

    init(
        of agent: AgentName, _ remote: RemoteListing.Agent, from carrier: any Carrier, in place: DiskPath, of store: CheckpointStore,
        isWanted: @escaping () -> Bool
    ) {
        (self.agent, self.remote, self.carrier, self.place, self.store, self.isWanted) = (agent, remote, carrier, place, store, isWanted)
    }

    // MARK: Fetching

    /// The small files of these versions: what they are and which packs they need. Of a store's version that is in no packs, all of it.
    func fetchLists(of versions: [VersionNumber]) throws(CopyFault) {
        var files: [RemoteFile] = []
        for version in versions {
            guard let there = remote.versions[version], let manifest = there.manifest else { throw .notListed("\(agent)@\(version)") }
            let directory = RemoteLayout.version(agent, version)
            func add(_ name: String, _ size: UInt64, _ limit: ByteCount) throws(CopyFault) {
                guard size <= limit.bytes else {
                    throw .remote(part: "\(directory)/\(name)", how: "it takes \(ByteCount(size)), more than the \(limit) that any has")
                }
                files.append(RemoteFile(path: "\(directory)/\(name)", size: size))
            }
            try add("manifest.json", manifest, Manifest.limit)
            if let seal = there.seal { try add("seal", seal, .kibibytes(1)) }
            if let chunks = there.chunks { try add("chunks", chunks, ChunkMap.limit) }
            // Not all of it is in packs.
            if there.chunks == nil || there.plain["files"] != nil {
                for (path, size) in there.plain { try add(path.text, size, ByteCount(1 << 50)) }
            }
            for (name, size) in there.packLists { try add(name.text, size, PackList.limit) }
            for (digits, size) in there.standings { try add(RemoteLayout.standing + digits, size, CheckedLine.limit) }
        }
        try fetch(files)
    }

    /// Packs of the remote, those not fetched before.
    func fetch(_ packs: Set<PackName>) throws(CopyFault) {
        var files: [RemoteFile] = []
        for name in packs {
            guard let size = remote.packs[name] else { throw .remote(part: "packs/\(name.text)", how: "it is missing") }
            files.append(RemoteFile(path: RemoteLayout.pack(agent, name).text, size: size))
        }
        try fetch(files)
    }

    /// A pack and those with the chunks that its deltas rest on.
    func fetchWhole(_ name: PackName) throws(CopyFault) {
        try fetch([name])
        let bases = try fromRemote { () throws(StoreFault) in
            try Errand("read the packs of", agent.text).reading("packs/\(name.text)") { () throws(FileFault) in
                try PackShelf(in: place.joined(StoreLayout.packs(agent)), on: store.disk).lackingBases(of: name)
            }
        }
        try fetch(Set(remote.packs.keys.filter { name in bases.contains { name.first <= $0 && $0 <= name.last } }))
    }

    /// A pack that is not in the room any more.
    func forget(_ name: PackName) { fetched.remove(RemoteLayout.pack(agent, name).text) }

    /// - Throws: when one of them is not as long as the remote said.
    func fetch(_ files: [RemoteFile]) throws(CopyFault) {
        guard isWanted() else { throw .stopped }
        let wanted = files.filter { !fetched.contains($0.path) }.sorted { $0.path < $1.path }
        guard !wanted.isEmpty else { return }
        let errand = Errand("fetch versions of", agent.text)
        let needed = ByteCount(wanted.reduce(0) { saturatingSum($0, $1.size, 4096) })
        let free = try copying { () throws(StoreFault) in try errand.inStore { () throws(FileFault) in try store.disk.freeSpace() } }
        guard needed.bytes < free.bytes else { throw .store(errand.fault(.full(needed: needed, free: free))) }
        try copying { () throws(StoreFault) in try errand.inStore { () throws(FileFault) in try store.disk.makeDirectories(place) } }
        try carrying { () throws(CarrierFault) in try carrier.fetch(wanted, into: place, of: store.disk) }
        for file in wanted {
            let found = try copying { () throws(StoreFault) in
                try errand.inStore { () throws(FileFault) -> DiskEntry? in try store.disk.entry(at: try path(file)) }
            }
            guard let found, found.kind == .file else { throw .remote(part: file.path, how: "it is missing") }
            guard found.size == file.size else {
                throw .remote(part: file.path, how: "it is \(ByteCount(found.size)) long, and was said to be \(ByteCount(file.size))")
            }
            fetched.insert(file.path)
        }
    }

    private func path(_ file: RemoteFile) throws(FileFault) -> DiskPath {
        guard let path = DiskPath("\(place)/\(file.path)") else { throw FileFault(.missing, doing: "find", what: file.path) }
        return path
    }

    // MARK: What they are

    /// A version of which the small files are here.
    struct Version {
        var manifest: Manifest
        var manifestBytes: [UInt8]
        var seal: [UInt8]
        /// nil: it came without one that is whole.
        var standing: StandingRecord?
        var standingBytes: [UInt8]?
        /// nil: whoever has it does not say.
        var packs: PackList?
        fileprivate var map: ChunkMap?
        fileprivate var directory: DiskPath
    }

    func version(_ number: VersionNumber) throws(CopyFault) -> Version {
        let errand = Errand("read", agent, number)
        let directory = place.joined(RemoteLayout.version(agent, number))
        let layout = VersionLayout(directory: directory)
        let disk = store.disk
        var version = try fromRemote { () throws(StoreFault) -> Version in
            let (bytes, seal) = try errand.reading("manifest.json") { () throws(FileFault) in
                (try disk.read(layout.manifest, limit: Manifest.limit), try disk.read(layout.seal, limit: .kibibytes(1)))
            }
            let manifest = try store.open(bytes, seal, errand)
            guard manifest.agent == agent, manifest.version == number else {
                throw errand.fault(.broken(part: "manifest.json", how: "it is that of '\(manifest.agent)@\(manifest.version)'"))
            }
            guard manifest.size <= Self.largest else {
                throw errand.fault(
                    .broken(part: "manifest.json", how: "it tells of \(manifest.size), more than the \(Self.largest) that any version has"))
            }
            return Version(manifest: manifest, manifestBytes: bytes, seal: seal, directory: directory)
        }
        for digits in (remote.versions[number]?.standings ?? [:]).keys.sorted() {
            guard let bytes = try? disk.read(directory / (RemoteLayout.standing + digits), limit: CheckedLine.limit),
                let record = CheckedLine.decode(StandingRecord.self, from: bytes), bytes.starts(with: digits.utf8)
            else { continue }
            (version.standing, version.standingBytes) = (record, bytes)
        }
        try readPlaces(of: &version, number, errand)
        return version
    }

    private func readPlaces(of version: inout Version, _ number: VersionNumber, _ errand: Errand) throws(CopyFault) {
        let there = remote.versions[number] ?? RemoteListing.Version()
        let layout = VersionLayout(directory: version.directory)
        let disk = store.disk
        if there.chunks != nil {
            let map = try fromRemote { () throws(StoreFault) -> ChunkMap in
                try errand.reading("chunks") { () throws(FileFault) -> ChunkMap in
                    let bytes = try disk.read(layout.chunks, limit: ChunkMap.limit)
                    return try damaged(layout.chunks) { () throws(Damage) in try ChunkMap(decoding: bytes, with: .init()) }
                }
            }
            guard UInt64(map.count) <= Self.mostChunks(version.manifest) else {
                throw .remote(part: "\(agent)@\(number)/chunks", how: "it lists more than the version holds")
            }
            version.map = map
        }
        let name = PackListName(
            seal: String(decoding: version.seal.prefix(16), as: UTF8.self), manifest: UInt64(version.manifestBytes.count))
        guard there.packLists[name] != nil else {
            guard there.packLists.isEmpty else {
                throw .remote(part: "\(agent)@\(number)", how: "its list of packs is that of another version")
            }
            return
        }
        let path = version.directory / name.text
        version.packs = try fromRemote { () throws(StoreFault) in
            try errand.reading(path.name) { () throws(FileFault) in
                let bytes = try disk.read(path, limit: PackList.limit)
                return try damaged(path) { () throws(Damage) in try PackList(decoding: bytes) }
            }
        }
    }

    /// So that sums of a few do not overflow, and nobody believes more.
    private static let largest = ByteCount(1 << 50)

    /// - Throws: when one of them does not fit here; then nothing has to be fetched.
    func requireRoom(for versions: [Version]) throws(CopyFault) {
        let errand = Errand("lay out versions of", agent.text)
        let free = try copying { () throws(StoreFault) in try errand.inStore { () throws(FileFault) in try store.disk.freeSpace() } }
        for size in versions.map(\.manifest.size) where size >= free { throw .store(errand.fault(.full(needed: size, free: free))) }
    }

    /// So that nobody counts for ever: chunks of a version that holds what its manifest says.
    private static func mostChunks(_ manifest: Manifest) -> UInt64 {
        let lists = saturatingSum(manifest.workspace?.size ?? 0, manifest.process?.size ?? 0)
        return saturatingSum(manifest.size.bytes / UInt64(ChunkSize.page), lists / 16, 16)
    }

    // MARK: All of it

    /// The packs that must be fetched for these; where a remote tells, exactly those it tells.
    func fetchPacks(of versions: [Version]) throws(CopyFault) {
        var wanted: Set<PackName> = []
        for version in versions {
            if let packs = version.packs {
                for (name, size) in packs.packs where remote.packs[name] != size {
                    throw .remote(
                        part: "packs/\(name.text)", how: remote.packs[name] == nil ? "it is missing" : "it is not as long as it was")
                }
                wanted.formUnion(packs.packs.keys)
            } else if let map = version.map {
                wanted.formUnion(packs(thatMayHold: map))
            }
        }
        try fetch(wanted)
        // What deltas rest on may lie elsewhere.
        for version in versions where version.packs == nil {
            guard let map = version.map else { continue }
            let lacking = try fromRemote { () throws(StoreFault) in
                try Errand("read", agent, version.manifest.version).reading("chunks") { () throws(FileFault) in
                    try shelf(of: version).lackingBases(of: map)
                }
            }
            try fetch(Set(remote.packs.keys.filter { name in lacking.contains { name.first <= $0 && $0 <= name.last } }))
        }
    }

    private func packs(thatMayHold map: ChunkMap) -> Set<PackName> {
        var found: Set<PackName> = []
        for run in map.runs {
            guard case .chunk(let first) = run.first else { continue }
            let last = first + ChunkNumber(run.count) - 1
            for name in remote.packs.keys where name.first <= last && first <= name.last { found.insert(name) }
        }
        return found
    }

    private func shelf(of version: Version) throws(FileFault) -> PackShelf {
        try PackShelf(in: place.joined(StoreLayout.packs(agent)), choosing: version.packs.map { Set($0.packs.keys) }, on: store.disk)
    }

    /// Of all the chunks in the version's packs: as their tables say, and not their names. What cannot be opened says nothing.
    func highestNumber(of version: Version) -> ChunkNumber? {
        guard let shelf = try? shelf(of: version) else { return nil }
        return shelf.names.compactMap { name in (try? shelf.open(name))?.index.chunks.map(\.number).max() }.max()
    }

    /// With its lists read. Its files are compared when they are.
    func known(_ version: Version) throws(CopyFault) -> KnownVersion {
        let errand = Errand("read", agent, version.manifest.version)
        return try fromRemote { () throws(StoreFault) in
            let content = try errand.reading("chunks") { () throws(FileFault) in
                try VersionContent(version.manifest, in: version.directory, packs: try shelf(of: version), on: store.disk)
            }
            return try store.known(version.manifest, in: content, images: true, errand)
        }
    }

    /// Compares every byte with what the version says.
    func verify(_ version: Version) throws(CopyFault) {
        let known = try known(version)
        let errand = Errand("verify", agent, version.manifest.version)
        try fromRemote { () throws(StoreFault) in try store.verifyBytes(known, images: .all, errand) }
    }

    /// Reads a pack that was fetched whole.
    func verify(_ pack: PackName) throws(CopyFault) {
        let errand = Errand("verify the packs of", agent.text)
        try fromRemote { () throws(StoreFault) in
            try errand.reading("packs/\(pack.text)") { () throws(FileFault) in
                try PackShelf(in: place.joined(StoreLayout.packs(agent)), on: store.disk).verify(pack, mixed: true)
            }
        }
    }

    /// Writes all of it as a version's plain files into an empty directory, each file compared with what it must be.
    func layOut(_ version: Version, to directory: DiskPath, links: Bool) throws(CopyFault) {
        try requireRoom(for: [version])
        let known = try known(version)
        let errand = Errand("lay out", agent, version.manifest.version)
        let target = VersionLayout(directory: directory)
        try fromRemote { () throws(StoreFault) in
            try errand.inStore { () throws(FileFault) in try store.disk.makeDirectory(directory, mode: 0o700) }
            try store.layOut(known, to: target, errand)
            guard links, !store.hidesNames(in: directory) else { return }
            try errand.inStore { () throws(FileFault) in
                for entry in known.tree where entry.kind == .link {
                    try store.disk.makeSymbolicLink(target.content(entry.path), to: entry.target ?? "")
                }
            }
        }
    }

    func discard() { try? store.disk.removeTree(place) }  // the next opening does
}

/// Damage found in what came from elsewhere is told as the remote's.
private func fromRemote<Result>(_ body: () throws(StoreFault) -> Result) throws(CopyFault) -> Result {
    do throws(StoreFault) { return try body() } catch {
        switch error.kind {
        case .broken(let part, let how): throw .remote(part: "\(error.what)/\(part)", how: how)
        default: throw .store(error)
        }
    }
}
