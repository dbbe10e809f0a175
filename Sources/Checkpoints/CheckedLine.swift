internal import AgentModel
internal import Digests

/// A small value that may change and must not decay unseen: 16 hexadecimal digits (the first 8 bytes of the SHA-256 of the JSON), a
/// space, JSON, a newline. Documentation: docs/store-format.md
enum CheckedLine {
    static let limit = ByteCount.kibibytes(64)

    static func encode(_ value: some Encodable) -> [UInt8] {
        let json = encoded(value)
        return digits(json) + [UInt8(ascii: " ")] + json + [UInt8(ascii: "\n")]
    }

    /// nil: damaged.
    static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) -> Value? {
        guard bytes.count > 18, bytes.last == UInt8(ascii: "\n"), bytes[16] == UInt8(ascii: " ") else { return nil }
        let json = Array(bytes[17..<(bytes.count - 1)])
        guard bytes[..<16].elementsEqual(digits(json)) else { return nil }
        return try? JSONText.decode(type, from: json)
    }

    private static func digits(_ json: [UInt8]) -> [UInt8] { Array(hexadecimal(SHA256.digest(of: json)).utf8.prefix(16)) }
}

/// JSON of one of our own values, which always has one.
func encoded(_ value: some Encodable) -> [UInt8] {
    guard let json = try? JSONText.encode(value) else { preconditionFailure("\(type(of: value)) has no JSON") }
    return json
}
