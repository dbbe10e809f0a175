internal import CAgentMessages
internal import CProtobufC

/// Looks through the bytes of a message before anything is allocated for it.
///
///     MESSAGE ::= { TAG VALUE }      TAG ::= varint: number << 3 | type
///     VALUE   ::= varint (type 0) | 8 bytes (1) | varint LENGTH and so many bytes (2) | 4 bytes (5)
///
/// protobuf-c trusts more than we may: it truncates strings at a NUL, takes any bytes as text, merges repeated occurrences of a message
/// and keeps every unknown field. All of that is refused here, by the same descriptors protobuf-c goes by.
struct WireCheck {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    /// - Throws: the first fault. On return unpacking allocates at most a small multiple of the bytes.
    static func check(_ bytes: UnsafeRawBufferPointer, as descriptor: UnsafePointer<ProtobufCMessageDescriptor>) throws(ProtocolFault) {
        var check = WireCheck(bytes: bytes)
        try check.message(descriptor)
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private mutating func message(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) throws(ProtocolFault) {
        var seen: UInt64 = 0
        var bodies = 0
        var entries = 0
        var unknown = 0
        while position < bytes.count {
            let tag = try varint()
            guard tag >> 3 > 0, tag >> 3 <= 0x1fff_ffff else { throw .malformed("a field has the number \(tag >> 3)") }
            let value = try value(ofType: tag & 7)
            guard let field = protobuf_c_message_descriptor_get_field(descriptor, UInt32(tag >> 3)) else {
                unknown += 1
                guard unknown <= ProtocolLimits.unknownFields else { throw .malformed("it has too many unknown fields") }
                continue
            }
            if field.pointee.label == PROTOBUF_C_LABEL_REPEATED {
                entries += 1
                try Self.keep(entries, within: ProtocolLimits.capabilities, field)
            } else {
                let bit: UInt64 = 1 << UInt64(descriptor.pointee.fields.distance(to: field) & 63)
                guard seen & bit == 0 else { throw .malformed("'\(Self.name(field))' occurs twice in one message") }
                seen |= bit
            }
            if field.pointee.flags & UInt32(PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue) != 0 {
                bodies += 1
                guard bodies == 1 else { throw .malformed("an envelope has two bodies") }
            }
            if tag & 7 == 2 { try Self.check(value, of: field) }
        }
    }

    private static func check(_ value: UnsafeRawBufferPointer, of field: UnsafePointer<ProtobufCFieldDescriptor>) throws(ProtocolFault) {
        switch field.pointee.type {
        case PROTOBUF_C_TYPE_STRING:
            try keep(value.count, within: ProtocolLimits.text, field)
            guard !value.contains(0), String(validating: value, as: UTF8.self) != nil else { throw .badText(field: name(field)) }
        case PROTOBUF_C_TYPE_BYTES:
            try keep(value.count, within: ProtocolLimits.inlineState, field)
        case PROTOBUF_C_TYPE_MESSAGE:
            guard let inner = field.pointee.descriptor else { throw .malformed("'\(name(field))' has no shape") }
            // The schema is not recursive: nesting ends where it ends.
            try check(value, as: inner.assumingMemoryBound(to: ProtobufCMessageDescriptor.self))
        default:
            throw .malformed("'\(name(field))' is not of its type")
        }
    }

    private static func keep(_ count: Int, within limit: Int, _ field: UnsafePointer<ProtobufCFieldDescriptor>) throws(ProtocolFault) {
        guard count <= limit else { throw .aboveLimit(field: name(field), count: count, limit: limit) }
    }

    private static func name(_ field: UnsafePointer<ProtobufCFieldDescriptor>) -> String { String(cString: field.pointee.name) }

    // MARK: Bytes

    /// The bytes of a length-delimited value; for the other types they are only passed over.
    private mutating func value(ofType type: UInt64) throws(ProtocolFault) -> UnsafeRawBufferPointer {
        switch type {
        case 0:
            _ = try varint()
            return UnsafeRawBufferPointer(start: nil, count: 0)
        case 1: return try take(8)
        case 2: return try take(try varint())
        case 5: return try take(4)
        default: throw .malformed("a field has the wire type \(type)")
        }
    }

    private mutating func take(_ count: UInt64) throws(ProtocolFault) -> UnsafeRawBufferPointer {
        guard count <= UInt64(bytes.count - position) else { throw .malformed("a field is longer than its message") }
        defer { position += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(count)])
    }

    private mutating func varint() throws(ProtocolFault) -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard position < bytes.count else { throw .malformed("it ends inside a number") }
            let byte = bytes[position]
            position += 1
            result |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return result }
        }
        throw .malformed("a number has more than ten bytes")
    }
}
