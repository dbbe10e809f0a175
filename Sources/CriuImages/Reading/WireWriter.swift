/// Writes messages as protobuf-c does, and so as CRIU does: fields by number, numbers as short as they can be, nothing packed.
/// What the schema does not know comes last.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    static func write(_ message: ImageMessage) -> [UInt8] {
        var writer = WireWriter()
        writer.append(message)
        return writer.bytes
    }

    private mutating func append(_ message: ImageMessage) {
        for content in message.fields {
            let field = message.shape.fields[content.position]
            for value in content.values {
                varint(UInt64(field.number) << 3 | field.wireType)
                append(value, of: field)
            }
        }
        bytes += message.unknown
    }

    private mutating func append(_ value: ImageValue, of field: FieldShape) {
        switch value {
        case .number(let number):
            switch field.type {
            case .fixed64: for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
            case .zigzag32: varint(UInt64(UInt32(truncatingIfNeeded: Self.zigzag(number))))
            case .zigzag64: varint(Self.zigzag(number))
            default: varint(number)
            }
        case .bytes(let content):
            varint(UInt64(content.count))
            bytes += content
        case .message(let message):
            let inner = Self.write(message)
            varint(UInt64(inner.count))
            bytes += inner
        }
    }

    private static func zigzag(_ number: UInt64) -> UInt64 { (number << 1) ^ UInt64(bitPattern: Int64(bitPattern: number) >> 63) }

    private mutating func varint(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
