public import AgentModel
public import OutsideWorld

extension CheckpointStore {
    /// The images of a version as files of a disk that takes no writes, wherever their bytes lie. For one thread.
    /// - Throws: `noSuchPart` when the version has none.
    public func imagesDisk(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) -> any Disk {
        let errand = Errand("look into the images of", agent, version)
        try require(agent, version, errand)
        let manifest = try sealedManifest(agent, version, errand)
        guard manifest.process != nil else { throw errand.fault(.noSuchPart("images of processes")) }
        let known = try known(manifest, images: true, errand)
        return ImagesDisk(known, rootName: imagesDirectory(agent, version))
    }
}

/// The images of one version, to be read.
private final class ImagesDisk: Disk {
    let rootName: String
    // Read by one thread at a time, as `imagesDisk` says; a lock would only hide who breaks that.
    nonisolated(unsafe) private let known: KnownVersion
    private let entries: [DiskPath: TreeEntry]

    init(_ known: KnownVersion, rootName: String) {
        self.known = known
        self.rootName = rootName
        entries = Dictionary(known.images.map { ($0.path, $0) }) { first, _ in first }
    }

    func open(_ path: DiskPath, _ mode: OpenMode) throws(FileFault) -> any DiskFile {
        guard mode == .read else { throw refusal("open", path) }
        guard entries[path] != nil else { throw FileFault(.missing, doing: "open", what: "\(rootName)/\(path)") }
        return try known.content.image(path)
    }

    func entry(at path: DiskPath) throws(FileFault) -> DiskEntry? {
        guard let entry = entries[path] else { return nil }
        return DiskEntry(kind: .file, size: entry.size ?? 0, mode: 0o600, modifiedAt: entry.modifiedAt)
    }

    func names(in directory: DiskPath?) throws(FileFault) -> [String] {
        guard let directory else { return entries.keys.map(\.text) }
        throw FileFault(.notDirectory, doing: "list", what: "\(rootName)/\(directory)")
    }

    func rootEntry() throws(FileFault) -> DiskRoot { try known.content.disk.rootEntry() }
    func freeSpace() throws(FileFault) -> ByteCount { ByteCount(0) }
    func mayGive(_ owner: FileOwner) -> Bool { false }
    func lockHolder(_ path: DiskPath) -> String? { nil }

    // MARK: What it does not take

    private func refusal(_ doing: String, _ path: DiskPath?) -> FileFault {
        FileFault(.readOnly, doing: doing, what: path.map { "\(rootName)/\($0)" } ?? rootName)
    }

    func makeDirectory(_ path: DiskPath, mode: UInt32) throws(FileFault) { throw refusal("make the directory", path) }
    func makeSymbolicLink(_ path: DiskPath, to target: String) throws(FileFault) { throw refusal("make the link", path) }
    func rename(_ source: DiskPath, to target: DiskPath) throws(FileFault) { throw refusal("rename", source) }
    func renameNew(_ source: DiskPath, to target: DiskPath) throws(FileFault) { throw refusal("rename", source) }
    func removeFile(_ path: DiskPath) throws(FileFault) { throw refusal("remove", path) }
    func removeDirectory(_ path: DiskPath) throws(FileFault) { throw refusal("remove", path) }
    func setMode(_ path: DiskPath, _ mode: UInt32) throws(FileFault) { throw refusal("change the mode of", path) }
    func setOwner(_ path: DiskPath?, _ owner: FileOwner) throws(FileFault) { throw refusal("change the owner of", path) }
    func setModified(_ path: DiskPath, _ time: WallTime) throws(FileFault) { throw refusal("change the time of", path) }
    func syncDirectory(_ path: DiskPath?) throws(FileFault) {}
    func lock(_ path: DiskPath, holder: String) throws(FileFault) -> any DiskLock { throw refusal("lock", path) }
}
