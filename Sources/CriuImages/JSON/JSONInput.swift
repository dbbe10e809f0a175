/// A value of a JSON text.
enum JSONValue: Hashable, Sendable {
    /// Sign-extended; JSON of images has whole numbers only.
    case number(UInt64)
    case bool(Bool)
    /// As bytes: lone surrogates U+DC80…U+DCFF are the bytes 0x80…0xFF that were no UTF-8.
    case text([UInt8])
    case array([JSONValue])
    case object([String: JSONValue])
    case null

    var kindName: String {
        switch self {
        case .number: "a number"
        case .bool: "true or false"
        case .text: "a text"
        case .array: "a list"
        case .object: "an object"
        case .null: "null"
        }
    }
}

/// Reads JSON from memory, value by value, so that a caller can take a long list apart without holding it.
struct JSONInput {
    private let bytes: [UInt8]
    private(set) var position = 0
    private var depth = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    // MARK: Structure

    /// Whether the next thing is this character; if so it is passed over.
    mutating func takes(_ character: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func expect(_ character: Unicode.Scalar) throws(ImageFault) {
        guard takes(character) else { throw fault("'\(character)' is missing") }
    }

    mutating func expectEnd() throws(ImageFault) {
        skipBlanks()
        guard position == bytes.count else { throw fault("there is more behind the end") }
    }

    mutating func value() throws(ImageFault) -> JSONValue {
        skipBlanks()
        guard position < bytes.count else { throw fault("the text ends too early") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "\""): return .text(try text())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default: return try word()
        }
    }

    private mutating func object() throws(ImageFault) -> [String: JSONValue] {
        try descend()
        position += 1
        var members: [String: JSONValue] = [:]
        if !takes("}") {
            repeat {
                let key = try key()
                guard members.updateValue(try value(), forKey: key) == nil else { throw fault("'\(key)' occurs twice in one object") }
            } while takes(",")
            try expect("}")
        }
        depth -= 1
        return members
    }

    /// A name and the colon behind it.
    mutating func key() throws(ImageFault) -> String {
        skipBlanks()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw fault("a name is missing") }
        let name = String(decoding: try text(), as: UTF8.self)
        try expect(":")
        return name
    }

    private mutating func array() throws(ImageFault) -> [JSONValue] {
        try descend()
        position += 1
        var values: [JSONValue] = []
        if !takes("]") {
            repeat { values.append(try value()) } while takes(",")
            try expect("]")
        }
        depth -= 1
        return values
    }

    private mutating func descend() throws(ImageFault) {
        depth += 1
        guard depth <= 2 * ImageLimits.depth else { throw fault("values lie in one another too deep") }
    }

    private mutating func skipBlanks() {
        while position < bytes.count, bytes[position] == 32 || (9...10).contains(bytes[position]) || bytes[position] == 13 { position += 1 }
    }

    // MARK: Leaves

    private mutating func word() throws(ImageFault) -> JSONValue {
        for (word, value) in [("true", JSONValue.bool(true)), ("false", .bool(false)), ("null", .null)]
        where bytes[position...].starts(with: word.utf8) {
            position += word.utf8.count
            return value
        }
        throw fault("this is no JSON")
    }

    private mutating func number() throws(ImageFault) -> UInt64 {
        let isNegative = bytes[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        let start = position
        var magnitude: UInt64 = 0
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            let (times, over) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = times.addingReportingOverflow(UInt64(bytes[position] - UInt8(ascii: "0")))
            guard !over, !overflow else { throw fault("a number has more than 64 bits") }
            magnitude = sum
            position += 1
        }
        guard position > start, !isNegative || magnitude <= 1 << 63 else { throw fault("this is no number") }
        if position < bytes.count, [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(bytes[position]) {
            throw fault("images have whole numbers only")
        }
        return isNegative ? 0 &- magnitude : magnitude
    }

    private mutating func text() throws(ImageFault) -> [UInt8] {
        position += 1
        var content: [UInt8] = []
        while position < bytes.count {
            // Up to the next escape in one piece.
            let start = position
            while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\") { position += 1 }
            content += bytes[start..<position]
            guard position < bytes.count else { break }
            position += 1
            if bytes[position - 1] == UInt8(ascii: "\"") { return content }
            try escape(into: &content)
        }
        throw fault("a text does not end")
    }

    private mutating func escape(into content: inout [UInt8]) throws(ImageFault) {
        guard position < bytes.count else { throw fault("a text does not end") }
        position += 1
        switch bytes[position - 1] {
        case UInt8(ascii: "n"): content.append(10)
        case UInt8(ascii: "r"): content.append(13)
        case UInt8(ascii: "t"): content.append(9)
        case UInt8(ascii: "b"): content.append(8)
        case UInt8(ascii: "f"): content.append(12)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(bytes[position - 1])
        case UInt8(ascii: "u"): try unicode(into: &content)
        default: throw fault("an escape is none of JSON's")
        }
    }

    private mutating func unicode(into content: inout [UInt8]) throws(ImageFault) {
        var unit = try unit()
        if (0xd800..<0xdc00).contains(unit), bytes[position...].starts(with: #"\u"#.utf8) {
            position += 2
            let low = try self.unit()
            guard (0xdc00..<0xe000).contains(low) else { throw fault("half of a character is missing") }
            unit = 0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)
        }
        if let scalar = Unicode.Scalar(unit) {
            content += Array(String(Character(scalar)).utf8)
        } else if (0xdc80...0xdcff).contains(unit) {
            content.append(UInt8(unit - 0xdc00))
        } else {
            throw fault("half of a character is missing")
        }
    }

    private mutating func unit() throws(ImageFault) -> UInt32 {
        guard position + 4 <= bytes.count else { throw fault("a text does not end") }
        let digits = bytes[position..<position + 4]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let unit = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw fault("an escape has no four digits") }
        position += 4
        return unit
    }

    private func fault(_ why: String) -> ImageFault { ImageFault(.badText, why, at: UInt64(position)) }
}
