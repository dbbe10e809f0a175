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

    /// Takes nothing for granted: every path safe and below a directory that the list names before it, none twice, every entry complete.
    static func decode(_ bytes: [UInt8]) -> Reading {
        var entries: [TreeEntry] = []
        var directories: Set<DiskPath> = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            guard let entry = TreeLine.read(line), isComplete(entry) else {
                return .damaged("line \(index + 1) is not an entry with a safe path")
            }
            if let last = entries.last, !(last.path < entry.path) { return .damaged("line \(index + 1) is out of order") }
            if let parent = entry.path.parent, !directories.contains(parent) {
                return .damaged("'\(entry.path)' lies in no directory of the version")
            }
            if entry.kind == .directory { directories.insert(entry.path) }
            entries.append(entry)
        }
        return .entries(entries)
    }

    private static func isComplete(_ entry: TreeEntry) -> Bool {
        guard (entry.user == nil) == (entry.group == nil) else { return false }
        return switch entry.kind {
        case .file: entry.size != nil && (entry.sha256 == nil) != (entry.xxh3 == nil) && entry.target == nil
        case .directory: entry.size == nil && entry.sha256 == nil && entry.xxh3 == nil && entry.target == nil
        case .link: entry.size == nil && entry.sha256 == nil && entry.xxh3 == nil && !(entry.target ?? "").isEmpty
        }
    }
}
