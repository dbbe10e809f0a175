internal import AgentModel
internal import OutsideWorld

/// The list of a version's files as bytes: one JSON object a line, sorted by path.
enum Tree {
    static func encode(_ entries: [TreeEntry]) -> [UInt8] {
        var bytes: [UInt8] = []
        for entry in entries.sorted(by: { $0.path < $1.path }) {
            TreeLine.append(entry, to: &bytes)
            bytes.append(UInt8(ascii: "\n"))
        }
        return bytes
    }

    enum Reading {
        case entries([TreeEntry])
        case damaged(String)
    }

    /// Longer than any with the longest path, target and attributes. A longer one is not taken apart.
    private static let longestLine = 1 << 20

    /// Takes nothing for granted: every path safe and below a directory that the list names before it, none twice, every entry complete.
    static func decode(_ bytes: [UInt8]) -> Reading {
        var entries: [TreeEntry] = []
        var directories: Set<DiskPath> = []
        var rest = bytes[...]
        var index = -1
        while let end = rest.endOfLine {
            let line = rest[..<end]
            rest = rest[end...].dropFirst()
            if line.isEmpty { continue }
            index += 1
            guard line.count <= longestLine, let entry = TreeLine.read(line), isComplete(entry) else {
                return .damaged("line \(index + 1) is not an entry with a safe path")
            }
            if let last = entries.last, !(last.path < entry.path) { return .damaged("line \(index + 1) is out of order") }
            if let parent = entry.path.parent, !directories.contains(parent) {
                return .damaged("'\(entry.path)' lies in no directory of the version")
            }
            if let same = entry.same, !isOne(entry, with: entries.entry(at: same)) {
                return .damaged("'\(entry.path)' is not the same file as '\(same)'")
            }
            if entry.kind == .directory { directories.insert(entry.path) }
            entries.append(entry)
        }
        return .entries(entries)
    }

    /// The first name of a file comes first, and tells of it what the others tell.
    private static func isOne(_ entry: TreeEntry, with first: TreeEntry?) -> Bool {
        guard var first, first.kind == .file, first.same == nil else { return false }
        (first.path, first.same) = (entry.path, entry.same)
        return first == entry
    }

    private static func isComplete(_ entry: TreeEntry) -> Bool {
        // Either its attributes or that they are not kept, and that only of what may have any.
        if let unkept = entry.unkept, !unkept || entry.kind == .link || entry.attributes != nil { return false }
        guard (entry.user == nil) == (entry.group == nil), entry.attributes.map(StoredAttribute.areSound) ?? true else { return false }
        return switch entry.kind {
        case .file: entry.size != nil && (entry.sha256 == nil) != (entry.xxh3 == nil) && entry.target == nil
        case .directory: entry.size == nil && entry.sha256 == nil && entry.xxh3 == nil && entry.target == nil
        case .link:
            entry.size == nil && entry.sha256 == nil && entry.xxh3 == nil && !(entry.target ?? "").isEmpty && entry.attributes == nil
        }
    }
}

extension Array<TreeEntry> {
    /// Of a list, which is sorted by path.
    func entry(at path: DiskPath) -> TreeEntry? {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].path < path { low = middle + 1 } else { high = middle }
        }
        return low < count && self[low].path == path ? self[low] : nil
    }
}

extension ArraySlice<UInt8> {
    /// Where its first line ends; nil: it is empty.
    fileprivate var endOfLine: Int? {
        if isEmpty { return nil }
        let length = withUnsafeBufferPointer { bytes in
            var length = 0
            while length < bytes.count, bytes[length] != UInt8(ascii: "\n") { length += 1 }
            return length
        }
        return startIndex + length
    }
}
