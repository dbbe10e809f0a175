/// A size in bytes.
public struct ByteCount: Hashable, Sendable, Comparable, Codable, CustomStringConvertible {
    public var bytes: UInt64
    public init(_ bytes: UInt64) { self.bytes = bytes }
    public static func kibibytes(_ count: UInt64) -> ByteCount { ByteCount(count << 10) }
    public static func mebibytes(_ count: UInt64) -> ByteCount { ByteCount(count << 20) }
    public static func < (a: ByteCount, b: ByteCount) -> Bool { a.bytes < b.bytes }

    /// As a person reads it, in powers of 1000 and one decimal: `999 B`, `61.0 MB`, `1.5 GB`.
    public var description: String {
        var unit = 0
        var divisor: UInt64 = 1
        while unit < 5, bytes / divisor >= 1000 {
            unit += 1
            divisor *= 1000
        }
        guard unit > 0 else { return "\(bytes) B" }
        let tenths = bytes / (divisor / 10)
        return "\(tenths / 10).\(tenths % 10) \(["B", "kB", "MB", "GB", "TB", "PB"][unit])"
    }

    public init(from decoder: any Decoder) throws { self.init(try decoder.singleValueContainer().decode(UInt64.self)) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(bytes)
    }
}
