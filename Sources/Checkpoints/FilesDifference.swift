public import OutsideWorld

/// What differs between the files of two versions. Computed from their lists alone; no file is read.
public struct FilesDifference: Hashable, Sendable, Encodable {
    public enum Change: String, Hashable, Sendable, Codable, CaseIterable {
        case added, changed, removed
        /// The same content; owner, mode, extended attributes or other names differ.
        case attributes
    }
    public struct File: Hashable, Sendable, Codable {
        public var path: DiskPath
        public var change: Change
        /// Of what it is after, or was before it was removed.
        public var kind: TreeEntry.Kind
        /// Of a plain file. nil: it was not there, or is none.
        public var sizeBefore: UInt64?
        public var sizeAfter: UInt64?
    }
    /// Sorted by path. A time alone is no difference.
    public var files: [File]
    public var unchanged: Int

    public func files(_ change: Change) -> [File] { files.filter { $0.change == change } }

    public init(from before: [TreeEntry], to after: [TreeEntry]) {
        let old = Dictionary(before.map { ($0.path, $0) }) { first, _ in first }
        let kept = Set(after.map(\.path))
        var files = before.filter { !kept.contains($0.path) }.map { File($0.path, .removed, from: $0, to: nil, $0.kind) }
        unchanged = 0
        for entry in after {
            guard let earlier = old[entry.path] else {
                files.append(File(entry.path, .added, from: nil, to: entry, entry.kind))
                continue
            }
            guard let change = Self.change(from: earlier, to: entry) else {
                unchanged += 1
                continue
            }
            files.append(File(entry.path, change, from: earlier, to: entry, entry.kind))
        }
        self.files = files.sorted { $0.path < $1.path }
    }

    private static func change(from before: TreeEntry, to after: TreeEntry) -> Change? {
        let isSame =
            before.kind == after.kind && before.sha256 == after.sha256 && before.size == after.size && before.target == after.target
        guard isSame else { return .changed }
        return before.mode == after.mode && before.owner == after.owner && before.attributes == after.attributes
            && before.unkept == after.unkept
            && before.same == after.same ? nil : .attributes
    }
}

extension FilesDifference.File {
    fileprivate init(
        _ path: DiskPath, _ change: FilesDifference.Change, from before: TreeEntry?, to after: TreeEntry?, _ kind: TreeEntry.Kind
    ) {
        self.init(path: path, change: change, kind: kind, sizeBefore: before?.size, sizeAfter: after?.size)
    }
}
