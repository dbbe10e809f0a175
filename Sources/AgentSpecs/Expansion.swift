/// A text in which `${NAME}` and `${NAME:-default}` stand for values of variables; `$$` is one dollar. A dollar before anything else stays
/// as it is.
///
///     text      = *( "$$" / reference / any character )
///     reference = "${" NAME [ ":-" text ] "}"
struct Expansion {
    private indirect enum Part {
        case literal([UInt8])
        case reference(String, standIn: [Part]?)
    }
    private let parts: [Part]
    /// Words such as `$HOME` that look like references, but are kept as they stand.
    let keptWords: [String]

    /// What the kernel takes as one variable (MAX_ARG_STRLEN); also what keeps a few lines from growing without end.
    static let longest = 131_072

    /// - Throws: `ValueMistake` when a reference is not whole.
    init(_ text: String) throws(ValueMistake) {
        var scanner = Scanner(rest: Array(text.utf8)[...])
        parts = try scanner.parts(depth: 0)
        keptWords = scanner.keptWords
    }

    /// The text with every reference replaced. A default is used when its variable is not set or empty.
    /// - Parameter lookup: the value of a variable, nil when it has none.
    func text(lookup: (String) throws(ValueMistake) -> String?) throws(ValueMistake) -> String {
        String(decoding: try Self.bytes(of: parts, lookup: lookup), as: UTF8.self)
    }

    /// A text that stands for `text` itself.
    static func escaped(_ text: String) -> String {
        text.split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$")
    }

    private static func bytes(of parts: [Part], lookup: (String) throws(ValueMistake) -> String?) throws(ValueMistake) -> [UInt8] {
        var result: [UInt8] = []
        for part in parts {
            switch part {
            case .literal(let bytes): result += bytes
            case .reference(let name, let standIn):
                let value = try lookup(name)
                if let standIn, value?.isEmpty ?? true {
                    result += try Self.bytes(of: standIn, lookup: lookup)
                } else if let value {
                    result += value.utf8
                } else {
                    throw ValueMistake(.unset, "refers to '\(name)', which is not set", "set it, or write '${\(name):-default}'")
                }
            }
            guard result.count <= longest else {
                throw ValueMistake(.limit, "grows to more than 128 KiB", "a variable cannot be longer")
            }
        }
        return result
    }

    // MARK: Reading

    private struct Scanner {
        var rest: ArraySlice<UInt8>
        var keptWords: [String] = []

        private static let open = ValueMistake(.value, "has a '${' that is never closed", "write '${NAME}', or '$$' for a dollar")

        /// Up to the end, or inside a default up to its closing brace.
        mutating func parts(depth: Int) throws(ValueMistake) -> [Part] {
            guard depth <= 8 else { throw ValueMistake(.limit, "nests more than 8 defaults", "give the inner ones names of their own") }
            var parts: [Part] = []
            var literal: [UInt8] = []
            while let byte = rest.first {
                if depth > 0, byte == UInt8(ascii: "}") { break }
                rest = rest.dropFirst()
                guard byte == UInt8(ascii: "$"), let next = rest.first else {
                    literal.append(byte)
                    continue
                }
                switch next {
                case UInt8(ascii: "{"):
                    rest = rest.dropFirst()
                    parts += [.literal(literal), try reference(depth: depth)]
                    literal = []
                case UInt8(ascii: "$"):
                    rest = rest.dropFirst()
                    literal.append(byte)
                default:
                    noteKeptWord()
                    literal.append(byte)
                }
            }
            return parts + [.literal(literal)]
        }

        private mutating func reference(depth: Int) throws(ValueMistake) -> Part {
            let end = rest.firstIndex { $0 == UInt8(ascii: "}") || $0 == UInt8(ascii: ":") } ?? rest.endIndex
            let name = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
            rest = rest[end...]
            guard !rest.isEmpty else { throw Self.open }
            guard VariableName.isOne(name) else {
                throw ValueMistake(
                    .value, "refers to '\(shown(name))', which is not a variable's name", "write '${NAME}' or '${NAME:-default}'")
            }
            if rest.first == UInt8(ascii: "}") {
                rest = rest.dropFirst()
                return .reference(name, standIn: nil)
            }
            guard rest.starts(with: ":-".utf8) else {
                throw ValueMistake(.value, "has something other than ':-' after '\(name)'", "write '${\(name)}' or '${\(name):-default}'")
            }
            rest = rest.dropFirst(2)
            let standIn = try parts(depth: depth + 1)
            guard rest.first == UInt8(ascii: "}") else { throw Self.open }
            rest = rest.dropFirst()
            return .reference(name, standIn: standIn)
        }

        private mutating func noteKeptWord() {
            let word = String(decoding: rest.prefix { VariableName.mayHold($0) }, as: UTF8.self)
            if VariableName.isOne(word) { keptWords.append(word) }
        }
    }
}
