public import AgentModel
internal import OutsideWorld

/// An extended attribute, as a list of files has it.
public struct StoredAttribute: Hashable, Sendable, Codable {
    public var name: String
    /// Base64 (RFC 4648), with padding and without line breaks.
    public var value: String

    init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    init(_ attribute: ExtendedAttribute) {
        name = attribute.name
        value = Base64.encode(attribute.value)
    }

    /// nil: it is no base64.
    public var bytes: [UInt8]? { Base64.decode(value) }

    /// What names and values of one file, or directory, may take. Of one that has more none is kept.
    public static let limit = ByteCount.kibibytes(128)
    /// What all those of a version may take.
    static let limitOfVersion = ByteCount.mebibytes(32)

    static func size(_ attributes: [StoredAttribute]) -> UInt64 {
        attributes.reduce(0) { $0 + UInt64($1.name.utf8.count + $1.value.utf8.count / 4 * 3) }
    }

    /// Whether these may be those of one file: names that are kept, sorted, none twice.
    static func areSound(_ attributes: [StoredAttribute]) -> Bool {
        // A little more than the limit, for the padding.
        guard !attributes.isEmpty, size(attributes) <= limit.bytes + UInt64(2 * attributes.count) else { return false }
        for (attribute, next) in zip(attributes, attributes.dropFirst()) {
            guard attribute.name.utf8.lexicographicallyPrecedes(next.name.utf8) else { return false }
        }
        return attributes.allSatisfy { ExtendedAttribute.isKept($0.name) && $0.bytes != nil }
    }
}

/// Strict: what one value gives is the only text that gives it.
enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let piece = bytes[start..<min(start + 3, bytes.count)]
            var word: UInt32 = 0
            for byte in piece { word = word << 8 | UInt32(byte) }
            word <<= UInt32(3 - piece.count) * 8
            for position in 0..<4 {
                text.append(position <= piece.count ? digits[Int(word >> UInt32(18 - 6 * position) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// nil: it is none, or not as `encode` writes it.
    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 4 * 3)
        var word: UInt32 = 0
        var count = 0
        for character in text.utf8 {
            guard let digit = value(of: character) else {
                if character == UInt8(ascii: "=") { break }
                return nil
            }
            word = word << 6 | digit
            count += 1
            if count == 4 {
                for shift: UInt32 in [16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
                (word, count) = (0, 0)
            }
        }
        word <<= UInt32(4 - count) * 6
        if count >= 2 { bytes.append(UInt8(truncatingIfNeeded: word >> 16)) }
        if count == 3 { bytes.append(UInt8(truncatingIfNeeded: word >> 8)) }
        return encode(bytes) == text ? bytes : nil
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
