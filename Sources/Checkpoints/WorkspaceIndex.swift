public import AgentModel
internal import OutsideWorld
internal import Synchronization

/// Which files the last version saw in a workspace. What is still the same file, unchanged, is not read again at the next cut. It lives as long as
/// who cuts: after a power cut, a file may hold older bytes than its times say. Documentation: docs/store-format.md#incremental
public final class WorkspaceIndex: Sendable {
    struct Seen {
        var version: VersionNumber
        /// SHA-256 of the version's list of files, in hexadecimal.
        var tree: String
        /// When all of the workspace was read last.
        var wholeAt: WallTime
        /// One for every entry of that list; nil: it must be read again.
        var identities: [FileIdentity?]
    }
    private let latest = Mutex<(seen: Seen?, age: Int)>((nil, 0))
    let worthwhile: ByteCount

    /// - Parameter worthwhile: less than that is read again and stored as plain files: it costs nothing, and a version of plain files is easier to
    ///   look into. A file counts with 4 KiB beside its size.
    public init(worthwhile: ByteCount = .mebibytes(1)) { self.worthwhile = worthwhile }

    var seen: Seen? { latest.withLock { $0.seen } }
    /// Grows with every `forget`.
    var age: Int { latest.withLock { $0.age } }

    /// - Parameter age: when that was seen: what was to be forgotten since is.
    func learn(_ seen: Seen, at age: Int) { latest.withLock { if $0.age == age { $0.seen = seen } } }

    /// Everything is read again at the next cut.
    public func forget() { latest.withLock { $0 = (nil, $0.age + 1) } }
}

/// The version that was cut last, for what did not change since.
struct CutBase {
    /// Everything is read again after that: what changed without any trace is not lost for ever.
    static let term: Duration = .seconds(86_400)
    let wholeAt: WallTime
    let entries: [TreeEntry]
    let identities: [FileIdentity?]
    let map: ChunkMap
    /// Where in the map the workspace's first file is.
    let firstPlace: Int

    /// A file of it that need not be read again, or a directory whose attributes need not.
    struct Known {
        /// Of a file.
        var sha256: String?
        /// In the map.
        var places: Range<Int>
        var attributes: [StoredAttribute]?
        /// It has more of them than were kept.
        var hasUnkept = false
    }

    /// What of `listing` is as it was, one for each of it.
    func known(in listing: WorkspaceListing) -> [Known?] {
        var known: [Known?] = []
        known.reserveCapacity(listing.found.count)
        var index = 0
        var place = firstPlace
        // Both are sorted by path.
        for found in listing.found {
            while index < entries.count, entries[index].path < found.path {
                place += places(of: entries[index])
                index += 1
            }
            guard index < entries.count, entries[index].path == found.path else {
                known.append(nil)
                continue
            }
            let range = place..<(place + places(of: entries[index]))
            known.append(
                isSame(index, found.entry) && !map.hasAbsent(in: range)
                    ? Known(
                        sha256: entries[index].sha256, places: range, attributes: entries[index].attributes,
                        hasUnkept: entries[index].unkept ?? false) : nil)
        }
        return known
    }

    private func places(of entry: TreeEntry) -> Int { entry.kind == .file ? ChunkSize.count(entry.size ?? 0, by: ChunkSize.other) : 0 }

    private func isSame(_ index: Int, _ now: DiskEntry) -> Bool {
        let then = entries[index]
        guard let identity = identities[index] else { return false }
        switch (now.kind, then.kind) {
        case (.file, .file): if then.sha256 == nil { return false }
        case (.directory, .directory): return now.identity == identity
        default: return false
        }
        return now.identity == identity && now.size == then.size && now.modifiedAt == then.modifiedAt
    }
}

extension CheckpointStore {
    /// What the last version was, if it is still there. As long as `layout` is there, nothing of it is collected: `layout` has its list of chunks.
    func base(_ request: CutRequest, for layout: VersionLayout, _ errand: Errand) throws(StoreFault) -> CutBase? {
        guard let seen = request.index?.seen, request.workspace != nil, request.takenAt >= seen.wholeAt,
            request.takenAt - seen.wholeAt < CutBase.term,
            let bytes = try? disk.read(
                VersionLayout(directory: StoreLayout.version(request.agent, seen.version)).chunks, limit: ChunkMap.limit)
        else { return nil }
        // First named, then looked for: who removed it before that may have collected what it held.
        try errand.inStore { () throws(FileFault) in try disk.write(layout.chunks, beside: layout.newChunks, bytes) }
        if let base = base(seen, request.agent, bytes, errand) { return base }
        try errand.inStore { () throws(FileFault) in try disk.removeFile(layout.chunks) }
        return nil
    }

    private func base(_ seen: WorkspaceIndex.Seen, _ agent: AgentName, _ chunks: [UInt8], _ errand: Errand) -> CutBase? {
        // What is damaged is nothing to build on: all is read again then.
        guard let summary = try? summary(agent, seen.version, errand), summary.standing != .broken,
            let manifest = try? sealedManifest(agent, seen.version, errand), manifest.workspace?.sha256 == seen.tree,
            let known = try? known(manifest, images: false, errand), known.tree.count == seen.identities.count,
            let shelf = try? PackShelf(of: agent, on: disk),
            // Those that were named, not what they may have become since.
            let map = try? shelf.sound(ChunkMap(decoding: chunks, with: shelf.zstandard))
        else { return nil }
        return CutBase(
            wholeAt: seen.wholeAt, entries: known.tree, identities: seen.identities, map: map, firstPlace: ContentLayout(manifest).count)
    }
}

extension Disk {
    /// Puts a file there at once, as far as any reader sees. Nothing is synced.
    func write(_ path: DiskPath, beside temporary: DiskPath, _ bytes: [UInt8]) throws(FileFault) {
        try removeTree(temporary)
        try create(temporary, with: bytes)
        try rename(temporary, to: path)
    }
}
