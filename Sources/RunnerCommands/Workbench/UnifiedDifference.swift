/// What changed from one text to another, line by line, as diff -u writes it.
struct UnifiedDifference {
    /// Lines around a change that did not.
    private static let context = 3

    private enum Edit {
        case same(Substring), removed(Substring), added(Substring)

        var line: String {
            switch self {
            case .same(let line): " \(line)"
            case .removed(let line): "-\(line)"
            case .added(let line): "+\(line)"
            }
        }
        var isChange: Bool {
            if case .same = self { false } else { true }
        }
        var isInOld: Bool {
            if case .added = self { false } else { true }
        }
        var isInNew: Bool {
            if case .removed = self { false } else { true }
        }
    }

    /// Without the names of the two; empty when they are the same.
    let lines: [String]

    init(from old: String, to new: String) {
        let edits = Self.edits(from: Self.lines(of: old), to: Self.lines(of: new))
        lines = Self.hunks(of: edits).flatMap { hunk in [Self.head(of: hunk, in: edits)] + edits[hunk].map(\.line) }
    }

    /// A text that ends with a newline has no line behind it.
    private static func lines(of text: String) -> [Substring] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    private static func edits(from old: [Substring], to new: [Substring]) -> [Edit] {
        let difference = new.difference(from: old)
        var removed: Set<Int> = []
        var added: Set<Int> = []
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): added.insert(offset)
            }
        }
        var edits: [Edit] = []
        var (from, to) = (0, 0)
        while from < old.count || to < new.count {
            if removed.contains(from) {
                edits.append(.removed(old[from]))
                from += 1
            } else if added.contains(to) {
                edits.append(.added(new[to]))
                to += 1
            } else {
                edits.append(.same(old[from]))
                from += 1
                to += 1
            }
        }
        return edits
    }

    /// Changes that are near enough share a hunk.
    private static func hunks(of edits: [Edit]) -> [Range<Int>] {
        var hunks: [Range<Int>] = []
        for index in edits.indices where edits[index].isChange {
            let around = max(0, index - context)..<min(edits.count, index + context + 1)
            if let last = hunks.last, last.upperBound >= around.lowerBound {
                hunks[hunks.count - 1] = last.lowerBound..<around.upperBound
            } else {
                hunks.append(around)
            }
        }
        return hunks
    }

    /// `@@ -1,4 +1,5 @@`; of a side without lines, the line before it.
    private static func head(of hunk: Range<Int>, in edits: [Edit]) -> String {
        func span(_ isIn: (Edit) -> Bool) -> String {
            let before = edits[..<hunk.lowerBound].count(where: isIn)
            let count = edits[hunk].count(where: isIn)
            return "\(count == 0 ? before : before + 1),\(count)"
        }
        return "@@ -\(span { $0.isInOld }) +\(span { $0.isInNew }) @@"
    }
}
