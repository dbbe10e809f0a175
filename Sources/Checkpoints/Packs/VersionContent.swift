internal import AgentModel
internal import OutsideWorld

/// The bytes of one version, wherever they lie: as plain files in its directory, or in packs. A plain file goes first: it is either all there or
/// not there. For one thread.
final class VersionContent {
    let disk: any Disk
    let layout: VersionLayout
    /// nil: all of it lies in its directory.
    private(set) var map: ChunkMap?
    /// Whether the workspace's files, or those that were in no pack when it was cut, lie in one.
    private let isBundled: Bool
    private var bundle: BundleReader?
    /// Where the bytes of a file are that has several names: by each but the first, the first.
    private var firstNames: [DiskPath: DiskPath] = [:]
    /// Of the workspace.
    private var files: [TreeEntry] = []
    private var shelf: PackShelf?
    private var places: ContentLayout
    private let agent: AgentName
    private let ownPacks: PackShelf?

    /// Plain files are passed over, as if they were not there.
    private let isPackedOnly: Bool

    /// - Parameters:
    ///   - directory: where it lies; nil: among the agent's versions.
    ///   - packs: where its chunks are; nil: among the agent's packs.
    ///   - isPackedOnly: whether plain files are passed over, as if they were not there.
    init(
        _ manifest: Manifest, in directory: DiskPath? = nil, packs: PackShelf? = nil, on disk: any Disk, isPackedOnly: Bool = false
    ) throws(FileFault) {
        self.disk = disk
        ownPacks = packs
        self.isPackedOnly = isPackedOnly
        let layout = VersionLayout(directory: directory ?? StoreLayout.version(manifest.agent, manifest.version))
        self.layout = layout
        isBundled = isPackedOnly || manifest.workspace == nil ? false : try disk.entry(at: layout.files) != nil
        places = ContentLayout(manifest)
        agent = manifest.agent
        try lookForMap()
    }

    /// Somebody may have put it into packs since the last look, and taken its plain files away.
    private func lookForMap() throws(FileFault) {
        if let map, map.isComplete { return }
        guard try disk.entry(at: layout.chunks) != nil else { return }
        let shelf: PackShelf
        if let ownPacks { shelf = ownPacks } else { shelf = try PackShelf(of: agent, on: disk) }
        let bytes = try disk.read(layout.chunks, limit: ChunkMap.limit)
        map = try damaged(layout.chunks) { () throws(Damage) in try ChunkMap(decoding: bytes, with: shelf.zstandard) }
        self.shelf = shelf
    }

    /// What its lists say is in it, once they are read.
    func know(_ manifest: Manifest, tree: [TreeEntry], images: [TreeEntry]) {
        places = ContentLayout(manifest, tree: tree, images: images)
        for entry in tree { if let same = entry.same { firstNames[entry.path] = same } }
        files = isBundled ? tree.filter { $0.kind == .file } : []
    }

    /// Whether a directory of plain files is there, or must be.
    func hasPlain(_ directory: DiskPath) throws(FileFault) -> Bool {
        if isPackedOnly { return false }
        if map == nil, !isBundled || directory != layout.workspace { return true }
        return try disk.entry(at: directory) != nil
    }

    /// Compares every block that the version needs with its checksum. Nothing is expanded.
    /// - Throws: `damaged` with the pack.
    func checkBlocks(_ checked: inout CheckedBlocks) throws(FileFault) {
        guard let map, let shelf else { return }
        try shelf.check(map, &checked)
    }

    // MARK: Files

    func state() throws(FileFault) -> any DiskFile { try open(layout.state, places.state) }
    func tree() throws(FileFault) -> any DiskFile { try open(layout.tree, places.tree) }
    func images() throws(FileFault) -> any DiskFile { try open(layout.images, places.images) }
    func file(_ path: DiskPath) throws(FileFault) -> any DiskFile {
        let path = firstNames[path] ?? path
        if let file = try openBundle()?.open(path) { return file }
        return try open(layout.content(path), places.file(path))
    }
    /// Whether a file made of one of this size may well share its place: one that lies by itself, as a plain file.
    func mayShare(_ size: UInt64, with other: any Disk) -> Bool { size >= CutJob.worthSharing && other.mayShare(with: disk) }
    func isPlain(file path: DiskPath) -> Bool {
        !isPackedOnly && !isBundled && (try? disk.entry(at: layout.content(firstNames[path] ?? path))).flatMap { $0 } != nil
    }
    func image(_ path: DiskPath) throws(FileFault) -> any DiskFile { try open(layout.image(path), places.image(path)) }

    /// Whether the file's bytes are in packs or among others in one file.
    func has(file path: DiskPath) throws(FileFault) -> Bool {
        let path = firstNames[path] ?? path
        if try openBundle()?.has(path) ?? false { return true }
        if isPacked(places.file(path)) { return true }
        try lookForMap()
        return isPacked(places.file(path))
    }

    /// What no file of the workspace is made of.
    func checkBundle() throws(FileFault) { try openBundle()?.checkGaps() }

    /// nil: there is none, or none any more.
    private func openBundle() throws(FileFault) -> BundleReader? {
        guard isBundled else { return nil }
        if let bundle { return bundle }
        do throws(FileFault) { bundle = try BundleReader(layout.files, of: disk, files: files) } catch {
            guard error.kind == .missing else { throw error }
        }
        return bundle
    }

    private func isPacked(_ extent: ContentLayout.Extent?) -> Bool {
        guard let map, let extent else { return false }
        return !map.hasAbsent(in: extent.range)
    }

    private func open(_ path: DiskPath, _ extent: ContentLayout.Extent?) throws(FileFault) -> any DiskFile {
        do throws(FileFault) {
            if isPackedOnly { throw FileFault(.missing, doing: "open", what: path.text) }
            return try disk.open(path, .read)
        } catch {
            guard error.kind == .missing, let extent else { throw error }
            if !isPacked(extent) { try lookForMap() }
            guard let map, let shelf, isPacked(extent) else { throw error }
            return PackedFile(extent, of: map, from: shelf, named: path.text)
        }
    }
}

extension DiskFile {
    /// All of it, or `tooLarge` when it holds more than `limit`.
    func readAll(limit: ByteCount, named name: String) throws(FileFault) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let part = try read(64 << 10)
            if part.isEmpty { return bytes }
            bytes += part
            if UInt64(bytes.count) > limit.bytes { throw FileFault(.tooLarge, doing: "read", what: name) }
        }
    }

    /// Size and hash of its first `limit` bytes.
    func measure(_ hash: FileHash = .sha256, limit: UInt64) throws(FileFault) -> Measure {
        let file = MeasuredFile(self, hash, limit: limit)
        var piece: [UInt8] = []
        while try file.next(&piece) {}
        return file.finish()
    }
}
