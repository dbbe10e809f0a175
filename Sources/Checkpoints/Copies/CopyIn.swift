public import AgentModel
internal import OutsideWorld

/// A version that was taken in.
public struct TakenIn: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
        case added
        /// It was here before, the same.
        case present
    }
    /// In the remote.
    public var version: VersionNumber
    /// In this store.
    public var agent: AgentName
    public var number: VersionNumber
    public var outcome: Outcome
}

/// Takes versions of an agent in that a remote has. Documentation: docs/store-format.md#remote
public final class CopyIn {
    private let store: CheckpointStore
    private let carrier: any Carrier
    private let isWanted: () -> Bool
    private let say: (String) -> Void
    /// In packs, and plain files still.
    private var added: Set<VersionNumber> = []

    /// - Parameters: as of `CopyOut`.
    public init(
        of store: CheckpointStore, by carrier: any Carrier, isWanted: @escaping () -> Bool = { true },
        say: @escaping (String) -> Void = { _ in }
    ) {
        (self.store, self.carrier, self.isWanted, self.say) = (store, carrier, isWanted, say)
    }

    /// What the remote lists, of every agent.
    public func listed() throws(CopyFault) -> [AgentName: [VersionNumber]] {
        let listing = try RemoteListing.of(carrier)
        try listing.requireCopy(mayBeEmpty: false)
        return listing.agents.mapValues(\.listed).filter { !$0.value.isEmpty }
    }

    /// Takes them in under their own numbers; as versions of `name` under its next ones. The caller holds the lock of the agent it becomes.
    /// Each is there whole or not at all; those before a fault stay.
    /// - Parameter stagingID: of a room that nobody else draws.
    public func take(
        _ agent: AgentName, _ versions: [VersionNumber], as name: AgentName?, stagingID: String, each: (TakenIn) -> Void
    ) throws(CopyFault) {
        let target = name ?? agent
        let remote = try RemoteListing.of(carrier, agent)
        let place = store.staging(target, stagingID)
        let fetched = FetchedVersions(of: agent, remote, from: carrier, in: place, of: store, isWanted: isWanted)
        defer { fetched.discard() }
        say("\(agent): fetching what \(versions.count == 1 ? "the version is" : "\(versions.count) versions are")")
        try fetched.fetchLists(of: versions)
        let known = try versions.map { number throws(CopyFault) in try fetched.version(number) }
        var new: [FetchedVersions.Version] = []
        for version in known {
            guard name == nil, try isHere(version) else {
                new.append(version)
                continue
            }
            each(TakenIn(version: version.manifest.version, agent: agent, number: version.manifest.version, outcome: .present))
        }
        guard !new.isEmpty else { return }
        try fetched.requireRoom(for: new)
        say("\(agent): fetching content")
        try fetched.fetchPacks(of: new)
        try takeAbout(agent, remote, fetched, to: target)
        if name == nil {
            // Not by the names that the remote lists: anybody may put a file there.
            let given = new.compactMap(fetched.highestNumber)
            try copying { () throws(StoreFault) in try store.raiseChunkNumbers(agent, beyond: given) }
        }
        for (count, version) in new.enumerated() {
            guard isWanted() else { throw .stopped }
            say("\(agent)@\(version.manifest.version): checking and taking in")
            let room = place / "made\(count)"
            try fetched.layOut(version, to: room, links: name == nil)
            let number = try enter(version, from: room, as: name, stagingID: stagingID + "m\(count)")
            each(TakenIn(version: version.manifest.version, agent: target, number: number, outcome: .added))
            pack(target, number)
        }
    }

    /// - Throws: `other` when the number is taken here.
    private func isHere(_ version: FetchedVersions.Version) throws(CopyFault) -> Bool {
        let (agent, number) = (version.manifest.agent, version.manifest.version)
        let layout = VersionLayout(directory: StoreLayout.version(agent, number))
        let errand = Errand("look at", agent, number)
        let seal = try copying { () throws(StoreFault) in
            try errand.inStore { () throws(FileFault) -> [UInt8]? in
                guard try store.disk.entry(at: layout.directory) != nil else { return nil }
                return try store.disk.entry(at: layout.seal) == nil ? [] : try store.disk.read(layout.seal, limit: .kibibytes(1))
            }
        }
        guard let seal else { return false }
        guard seal == version.seal else { throw .other(version: "\(agent)@\(number)", there: "this store") }
        return true
    }

    // MARK: Becoming a version

    private func enter(
        _ version: FetchedVersions.Version, from room: DiskPath, as name: AgentName?, stagingID: String
    ) throws(CopyFault) -> VersionNumber {
        guard let name else {
            try copying { () throws(StoreFault) in try enter(version, from: room) }
            return version.manifest.version
        }
        let notes = ["pulled from '\(version.manifest.agent)@\(version.manifest.version)' in '\(carrier.name)'"]
        return try copying { () throws(StoreFault) in
            let opened = try store.openCut(name, stagingID: stagingID)
            do throws(FileFault) {
                try store.disk.removeTree(opened.directory)
                try store.disk.rename(room, to: opened.directory)
            } catch { throw Errand("take in a version of", name.text).fault(.system(error)) }
            let request = ImportRequest(agent: name, takenAt: version.manifest.takenAt, notes: notes, sizeLimit: ByteCount(.max))
            return try store.commit(try store.stage(opened, sealed: version.manifestBytes, seal: version.seal, as: request)).version
        }
    }

    /// As a commit does, but that the number and the seal are its own.
    private func enter(_ version: FetchedVersions.Version, from room: DiskPath) throws(StoreFault) {
        let (agent, number) = (version.manifest.agent, version.manifest.version)
        let errand = Errand("take in", agent, number)
        let standing = version.standing.map { CheckedLine.encode($0) }
        let first = CheckedLine.encode(StandingRecord(standing: .stored, because: nil, pinned: false))
        try store.raiseFormat(errand)
        try store.publish(
            room, as: agent, number, manifest: version.manifestBytes, seal: version.seal, standing: standing ?? first, errand)
    }

    /// How it is started and what it has done, where this store knows nothing of it.
    private func takeAbout(
        _ agent: AgentName, _ remote: RemoteListing.Agent, _ fetched: FetchedVersions, to target: AgentName
    ) throws(CopyFault) {
        let errand = Errand("take in what is kept of", target.text)
        let kinds: [(beginning: String, [String: UInt64], path: String, limit: ByteCount)] = [
            (RemoteLayout.spec, remote.specs, "spec.json", .mebibytes(4)),
            (RemoteLayout.ledger, remote.ledgers, "effects/ledger", .mebibytes(256)),
        ]
        for (beginning, digests, name, limit) in kinds {
            guard let path = DiskPath("\(StoreLayout.agent(target))/\(name)"), !digests.isEmpty else { continue }
            if try copying({ () throws(StoreFault) in try errand.inStore { () throws(FileFault) in try store.disk.entry(at: path) } })
                != nil
            {
                continue
            }
            // Two of them: whoever sent the newer one died before it took the older away. A ledger only grows.
            guard let (digits, size) = digests.max(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else { continue }
            let file = StoreLayout.agent(agent) / (beginning + digits)
            guard size <= limit.bytes else { throw .remote(part: file.text, how: "it takes \(ByteCount(size)), and the limit is \(limit)") }
            try fetched.fetch([RemoteFile(path: file.text, size: size)])
            let bytes = try copying { () throws(StoreFault) in
                try errand.inStore { () throws(FileFault) in try store.disk.read(fetched.place.joined(file), limit: limit) }
            }
            guard Measure.of(bytes).digest.hasPrefix(digits) else {
                throw .remote(part: file.text, how: "its bytes are not what was stored")
            }
            try copying { () throws(StoreFault) in
                try errand.inStore { () throws(FileFault) in
                    if let parent = path.parent { try store.disk.makeDirectories(parent) }
                    try store.disk.replace(path, with: bytes)
                }
            }
        }
    }

    /// A version takes all its room until it is in packs. What cannot be done now is done by the agent's next supervisor.
    private func pack(_ agent: AgentName, _ version: VersionNumber) {
        do throws(StoreFault) {
            try store.pack(agent, version)
            added.insert(version)
            // The newest one begins a restore at once.
            for older in try store.numbers(agent, Errand("pack", agent, version)).dropLast() where added.contains(older) {
                try store.thin(agent, older)
                added.remove(older)
            }
        } catch { say("\(agent)@\(version) stays as plain files for now: \(error.reason)") }
    }
}

extension CheckpointStore {
    /// Makes plain files that lie in `room` the version of that number: sealed, on stable storage, and listed last.
    func publish(
        _ room: DiskPath, as agent: AgentName, _ version: VersionNumber, manifest: [UInt8], seal: [UInt8], standing: [UInt8],
        _ errand: Errand
    ) throws(StoreFault) {
        let layout = VersionLayout(directory: room)
        let recorded = try recordedNumber(agent, errand)
        try errand.inStore { () throws(FileFault) in
            for (path, bytes) in [(layout.manifest, manifest), (layout.seal, seal), (layout.standing, standing)] {
                try disk.create(path, with: bytes)
            }
            try syncTree(room)
            // Its number is not given to another.
            if let recorded, recorded <= version {
                try disk.replace(StoreLayout.numbers(agent), with: CheckedLine.encode(NumberRecord(next: version.next)))
            }
            try disk.renameNew(room, to: StoreLayout.version(agent, version))
            try disk.syncDirectory(StoreLayout.versions(agent))
            try? disk.syncDirectory(StoreLayout.staging)  // the version is safe under its new name
        }
        _ = try? refreshLinks(agent, errand)  // hints; the next opening repairs them
    }

    /// Everything below `directory` is on stable storage, and then `directory` itself.
    func syncTree(_ directory: DiskPath) throws(FileFault) {
        for name in try disk.names(in: directory) {
            guard let path = directory.appending(untrusted: name), let entry = try disk.entry(at: path) else { continue }
            switch entry.kind {
            case .directory: try syncTree(path)
            case .file: try disk.open(path, .read).sync()
            case .symbolicLink, .other: continue
            }
        }
        try disk.syncDirectory(directory)
    }
}
