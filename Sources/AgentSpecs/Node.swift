/// A place in the text, from 1. The column counts characters, not bytes.
struct Mark: Hashable, Sendable {
    var line: Int
    var column: Int
}

/// One value of a YAML document, with its place. Aliases and tags are gone: `NodeReader` refuses them.
struct Node: Sendable {
    enum Content: Sendable {
        /// `quoted`: it stood in quotes or in a block, so it is a text whatever it looks like.
        case scalar(String, quoted: Bool)
        case list([Node])
        case mapping([Entry])
        /// An alias: told already, nothing more to say of it.
        case refused
    }
    struct Entry: Sendable {
        var key: String
        var keyMark: Mark
        var value: Node
    }
    var content: Content
    var mark: Mark

    /// `~`, `null`, or nothing at all.
    var isNull: Bool {
        guard case .scalar(let text, false) = content else { return false }
        return text.isEmpty || text == "~" || text == "null" || text == "Null" || text == "NULL"
    }

    /// "a text", "a list", "a mapping": for sentences.
    var shape: String {
        switch content {
        case .scalar: isNull ? "nothing" : "a single value"
        case .list: "a list"
        case .mapping: "a mapping"
        case .refused: "an alias"
        }
    }
}

/// Text from outside, made fit for one line of a terminal: control characters are escaped, and it is cut after `limit` characters.
func shown(_ text: some StringProtocol, limit: Int = 80) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(limit) {
        switch scalar {
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        case "\r": result += "\\r"
        default:
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || isDirectional(scalar.value)
            result += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(Character(scalar))
        }
    }
    return text.unicodeScalars.dropFirst(limit).isEmpty ? result : result + "…"
}

/// Characters that turn the direction of what follows could make a message say something else than it does.
private func isDirectional(_ value: UInt32) -> Bool {
    (0x200E...0x200F).contains(value) || (0x2028...0x202E).contains(value) || (0x2066...0x2069).contains(value)
}
