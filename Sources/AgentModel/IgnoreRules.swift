/// Paths that are left out, named as in a .gitignore file: see gitignore(5). Without '!', which would make the order of rules matter where those of two
/// times meet.
///
/// A rule without a '/' but at its end means a name at any depth; with one it begins at the top. A '/' at the end means a directory alone. `*` and `?` and
/// `[a-z]` stand for anything but '/', `**` for any number of directories. What a rule means, it means with all below it.
public struct IgnoreRules: Hashable, Sendable {
    /// Why a line is no rule.
    public enum Mistake: Error, Hashable, Sendable {
        case empty, leavesTheTop, negated, openBracket
    }

    private struct Rule: Hashable, Sendable {
        enum Part: Hashable, Sendable {
            case name([UInt8])
            case pattern(Glob)
            case anyDirectories

            func means(_ name: ArraySlice<UInt8>) -> Bool {
                switch self {
                case .name(let wanted): name.elementsEqual(wanted)
                case .pattern(let glob): glob.matches(name)
                case .anyDirectories: false
                }
            }
        }
        var parts: [Part]
        var isForDirectories: Bool
    }
    private let rules: [Rule]

    /// What is no rule is passed over: `check` tells of it where a person can mend it.
    public init(_ lines: [String]) { rules = lines.compactMap { try? Self.rule($0) } }

    public static func check(_ line: String) throws(Mistake) { _ = try rule(line) }

    /// The rule that means this one path.
    public static func literal(_ path: String) -> String {
        var line = "/"
        for character in path.unicodeScalars {
            if "*?[\\!#".unicodeScalars.contains(character) { line += "\\" }
            line.unicodeScalars.append(character)
        }
        return line
    }

    private static func rule(_ line: String) throws(Mistake) -> Rule {
        var bytes = Array(line.utf8)[...]
        if bytes.first == UInt8(ascii: "!") { throw .negated }
        while bytes.starts(with: Array("./".utf8)) { bytes = bytes.dropFirst(2) }
        let isForDirectories = bytes.last == UInt8(ascii: "/")
        while bytes.last == UInt8(ascii: "/") { bytes = bytes.dropLast() }
        let isAnchored = bytes.contains(UInt8(ascii: "/"))
        let words = bytes.split(separator: UInt8(ascii: "/"))
        if words.isEmpty { throw .empty }
        var parts: [Rule.Part] = isAnchored ? [] : [.anyDirectories]
        for word in words {
            if word.elementsEqual("..".utf8) || word.elementsEqual(".".utf8) { throw .leavesTheTop }
            parts.append(word.elementsEqual("**".utf8) ? .anyDirectories : try part(word))
        }
        return Rule(parts: parts, isForDirectories: isForDirectories)
    }

    private static func part(_ word: ArraySlice<UInt8>) throws(Mistake) -> Rule.Part {
        guard let glob = Glob(word) else { throw .openBracket }
        return glob.literal.map { .name($0) } ?? .pattern(glob)
    }

    /// Whether a rule means this very path; that none means what it lies in is known.
    public func mean(_ path: String, isDirectory: Bool) -> Bool {
        if rules.isEmpty { return false }
        let names = Self.names(of: path)
        return rules.contains { ($0.isForDirectories ? isDirectory : true) && Self.match($0.parts, names[...]) }
    }

    /// Whether a rule means this path, or something it lies in.
    public func cover(_ path: String, isDirectory: Bool) -> Bool {
        if rules.isEmpty { return false }
        let names = Self.names(of: path)
        return (1...max(1, names.count)).contains { count in
            let isInner = count < names.count
            return rules.contains { rule in
                (rule.isForDirectories ? isInner || isDirectory : true) && Self.match(rule.parts, names.prefix(count))
            }
        }
    }

    private static func names(of path: String) -> [ArraySlice<UInt8>] { Array(path.utf8)[...].split(separator: UInt8(ascii: "/")) }

    /// Of several `**` only the last is tried again: no path takes longer than its length times the rule's.
    private static func match(_ parts: [Rule.Part], _ names: ArraySlice<ArraySlice<UInt8>>) -> Bool {
        var (part, rest) = (0, names)
        var again: (part: Int, rest: ArraySlice<ArraySlice<UInt8>>)?
        while true {
            if part < parts.count, case .anyDirectories = parts[part] {
                part += 1
                // At the end it is everything inside, and not the directory itself.
                if part == parts.count { return !rest.isEmpty }
                again = (part, rest)
                continue
            }
            if part == parts.count, rest.isEmpty { return true }
            if part < parts.count, let name = rest.first, parts[part].means(name) {
                part += 1
                rest = rest.dropFirst()
                continue
            }
            guard let last = again, !last.rest.isEmpty else { return false }
            let next = last.rest.dropFirst()
            again = (last.part, next)
            (part, rest) = (last.part, next)
        }
    }
}

/// A pattern for one name. See glob(7).
private struct Glob: Hashable, Sendable {
    private enum Step: Hashable, Sendable {
        case byte(UInt8)
        case one, many
        case set(ranges: [ClosedRange<UInt32>], isOtherwise: Bool)
    }
    private var steps: [Step] = []

    /// nil: a bracket stays open.
    init?(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\\"): steps.append(.byte(rest.popFirst() ?? byte))
            case UInt8(ascii: "?"): steps.append(.one)
            case UInt8(ascii: "*"): if steps.last != .many { steps.append(.many) }
            case UInt8(ascii: "["):
                guard let set = Self.set(&rest) else { return nil }
                steps.append(set)
            default: steps.append(.byte(byte))
            }
        }
    }

    private static func set(_ rest: inout ArraySlice<UInt8>) -> Step? {
        let isOtherwise = rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^")
        if isOtherwise { rest.removeFirst() }
        var ranges: [ClosedRange<UInt32>] = []
        while true {
            guard let first = character(&rest) else { return nil }
            // Right behind the beginning it is one of them.
            if first == "]", !ranges.isEmpty { return .set(ranges: ranges, isOtherwise: isOtherwise) }
            let low = first == "\\" ? character(&rest) : first
            guard let low else { return nil }
            guard rest.first == UInt8(ascii: "-"), rest.dropFirst().first != UInt8(ascii: "]") else {
                ranges.append(low.value...low.value)
                continue
            }
            rest.removeFirst()
            guard let high = character(&rest) else { return nil }
            if low <= high { ranges.append(low.value...high.value) } else { ranges.append(.max ... .max) }
        }
    }

    private static func character(_ rest: inout ArraySlice<UInt8>) -> Unicode.Scalar? {
        guard let first = rest.first else { return nil }
        let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        let scalar = String(validating: rest.prefix(length), as: UTF8.self)?.unicodeScalars.first
        // A byte that is no character counts as one all the same.
        rest = rest.dropFirst(scalar == nil ? 1 : length)
        return scalar ?? "\u{FFFD}"
    }

    /// What it says, if nothing in it stands for anything else.
    var literal: [UInt8]? {
        var bytes: [UInt8] = []
        for step in steps {
            guard case .byte(let byte) = step else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    /// Of several places where `*` may end the last one is tried again: no name takes longer than its length times the pattern's.
    func matches(_ name: ArraySlice<UInt8>) -> Bool {
        var (step, rest) = (0, name)
        var again: (step: Int, rest: ArraySlice<UInt8>)?
        while true {
            if step < steps.count, case .many = steps[step] {
                step += 1
                again = (step, rest)
                continue
            }
            if step == steps.count, rest.isEmpty { return true }
            if step < steps.count, take(steps[step], &rest) {
                step += 1
                continue
            }
            guard let last = again, !last.rest.isEmpty else { return false }
            let next = last.rest.dropFirst()
            again = (last.step, next)
            (step, rest) = (last.step, next)
        }
    }

    private func take(_ step: Step, _ rest: inout ArraySlice<UInt8>) -> Bool {
        guard let first = rest.first else { return false }
        switch step {
        case .byte(let byte):
            guard first == byte else { return false }
            rest = rest.dropFirst()
            return true
        case .one: return Self.character(&rest) != nil
        case .set(let ranges, let isOtherwise):
            guard let character = Self.character(&rest) else { return false }
            return ranges.contains { $0.contains(character.value) } != isOtherwise
        case .many: return false
        }
    }
}
