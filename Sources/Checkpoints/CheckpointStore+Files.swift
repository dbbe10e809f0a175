public import AgentModel
public import OutsideWorld

/// Single files of a version.
extension CheckpointStore {
    /// One file of the version's workspace, compared with what was stored before any of it is given away.
    /// - Throws: `noSuchFile` when the version has no file of that name.
    public func file(_ agent: AgentName, _ version: VersionNumber, _ path: DiskPath) throws(StoreFault) -> StoredFile {
        let errand = Errand("read '\(path)' of", agent, version)
        try require(agent, version, errand)
        let known = try known(try sealedManifest(agent, version, errand), images: false, errand)
        let entry = known.tree.first { $0.path == path }
        guard let entry, entry.kind == .file else {
            throw errand.fault(.noSuchFile(path, is: entry?.kind))
        }
        let part = "workspace/\(path)"
        let stored = Measure(size: entry.size ?? 0, digest: entry.sha256 ?? "")
        let found = try errand.reading(part) { () throws(FileFault) in try known.content.file(path).measure(limit: stored.size) }
        try expect(found, stored, of: part, errand)
        return StoredFile(entry: entry, file: try errand.reading(part) { () throws(FileFault) in try known.content.file(path) })
    }
}

/// A file of a version, to be read from its beginning. For one thread.
public struct StoredFile {
    public let entry: TreeEntry
    public let file: any DiskFile
}
