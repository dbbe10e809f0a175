// AgentModel: the nouns at least three modules say. Values only. Imports no platform module but FoundationEssentials (JSON).

/// The name of one agent: 1 to 63 characters of `a-z 0-9 . _ -`, beginning with a letter or digit.
/// It is safe as one path component.
public struct AgentName: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let text: String

    /// - Returns: nil when `text` breaks the rule above.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, bytes.count <= 63, Self.isAlphanumeric(first) else { return nil }
        guard bytes.allSatisfy({ Self.isAlphanumeric($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") })
        else { return nil }
        self.text = text
    }

    /// The name of what holds the agent's sockets, at most 40 bytes: the path of a socket has 107. A longer name is cut and made one of a kind
    /// by its digest, behind a '~', which no agent's name has.
    public var shortened: String {
        text.utf8.count <= 40 ? text : text.prefix(23) + "~" + digest
    }

    /// FNV-1a of 64 bits, in 16 digits. See draft-eastlake-fnv.
    private var digest: String {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    public var description: String { text }
    public static func < (a: AgentName, b: AgentName) -> Bool { a.text < b.text }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

/// The number of one version of one agent, counted from 1. Never used twice, not even after a removal.
public struct VersionNumber: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public var description: String { String(number) }
    public var next: VersionNumber { VersionNumber(number + 1) }
    public static func < (a: VersionNumber, b: VersionNumber) -> Bool { a.number < b.number }
}

// MARK: Codable, as plain strings and numbers

extension AgentName: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let name = AgentName(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not an agent name")
        }
        self = name
    }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension VersionNumber: Codable {
    public init(from decoder: any Decoder) throws { self.init(try decoder.singleValueContainer().decode(UInt64.self)) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(number)
    }
}
