/// What a dump tells about itself in `stats-dump`, which is written last and only after success.
///
///     FILE ::= 0x55105940 0x57093306 LENGTH MESSAGE      each number 4 bytes, little-endian
///     MESSAGE ::= field 1 { 1 freezing, 2 frozen, 3 memory dump, 4 memory write (microseconds), 5 scanned, 7 written (pages) … }
public struct DumpStatistics: Hashable, Sendable, Codable {
    public static let fileName = "stats-dump"

    /// How long it took to stop the tree, and how long the tree stood still.
    public var freezing: Duration
    public var frozen: Duration
    public var pagesWritten: UInt64

    public init(freezing: Duration, frozen: Duration, pagesWritten: UInt64) {
        self.freezing = freezing
        self.frozen = frozen
        self.pagesWritten = pagesWritten
    }

    /// nil: not such a file, or a torn one.
    public init?(file bytes: [UInt8]) {
        func number(at index: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[index + $1]) << (8 * UInt32($1)) } }
        guard bytes.count >= 12, number(at: 0) == 0x5510_5940, number(at: 4) == 0x5709_3306, bytes.count >= 12 + Int(number(at: 8)),
            let dump = Self.fields(bytes[12..<12 + Int(number(at: 8))])?.parts[1], let fields = Self.fields(dump)?.numbers
        else { return nil }
        self.init(
            freezing: .microseconds(Int64(clamping: fields[1] ?? 0)), frozen: .microseconds(Int64(clamping: fields[2] ?? 0)),
            pagesWritten: fields[7] ?? 0)
    }

    /// The numbers and the parts of a protobuf message by field; nil when it is none.
    private static func fields(_ bytes: ArraySlice<UInt8>) -> (numbers: [UInt64: UInt64], parts: [UInt64: ArraySlice<UInt8>])? {
        var (numbers, parts): ([UInt64: UInt64], [UInt64: ArraySlice<UInt8>]) = ([:], [:])
        var rest = bytes
        while !rest.isEmpty {
            guard let tag = varint(&rest), let value = varint(&rest) else { return nil }
            switch tag & 7 {
            case 0: numbers[tag >> 3] = value
            case 2 where value <= UInt64(rest.count):
                parts[tag >> 3] = rest.prefix(Int(value))
                rest = rest.dropFirst(Int(value))
            default: return nil
            }
        }
        return (numbers, parts)
    }

    private static func varint(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 64, let byte = bytes.popFirst() {
            result |= UInt64(byte & 0x7f) << shift
            if byte & 0x80 == 0 { return result }
            shift += 7
        }
        return nil
    }

    /// The file's bytes: for the simulation, which plays CRIU.
    public func file() -> [UInt8] {
        func varint(_ value: UInt64) -> [UInt8] { value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7f | 0x80)] + varint(value >> 7) }
        func microseconds(_ time: Duration) -> UInt64 {
            UInt64(max(0, time.components.seconds)) * 1_000_000 + UInt64(max(0, time.components.attoseconds / 1_000_000_000_000))
        }
        // Fields 1 to 9: CRIU writes them all, and whoever reads the file misses one that is not there.
        let values = [microseconds(freezing), microseconds(frozen), 0, 0, pagesWritten, 0, pagesWritten, 0, 0]
        let dump = zip(1..., values).flatMap { [UInt8($0 << 3)] + varint($1) }
        let message = [0x0a] + varint(UInt64(dump.count)) + dump
        let head: [UInt32] = [0x5510_5940, 0x5709_3306, UInt32(message.count)]
        return head.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) } } + message
    }
}
