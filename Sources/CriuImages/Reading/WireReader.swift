/// Turns the bytes of a message into values, by the tables of the schema.
///
///     MESSAGE ::= { TAG VALUE }      TAG ::= varint: number << 3 | type
///     VALUE   ::= varint (type 0) | 8 bytes (1) | varint LENGTH and so many bytes (2) | 4 bytes (5)
///
/// protobuf-c would do this too, but merges messages that occur twice, cuts texts at a NUL and loses the order of unknown fields.
struct WireReader {
    private let bytes: UnsafeRawBufferPointer
    private let schema: Schema
    private var position = 0
    private var end: Int
    private var budget = ImageLimits.values

    /// - Throws: `malformed`, with the offset within `bytes`, or `aboveLimit`.
    static func read(_ bytes: [UInt8], as shape: MessageShape, in schema: Schema = .criu) throws(ImageFault) -> ImageMessage {
        // A closure of the standard library cannot say what it throws.
        let result = bytes.withUnsafeBytes { buffer -> Result<ImageMessage, ImageFault> in
            var reader = WireReader(bytes: buffer, schema: schema, end: buffer.count)
            do throws(ImageFault) { return .success(try reader.message(shape, depth: 0)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private init(bytes: UnsafeRawBufferPointer, schema: Schema, end: Int) {
        self.bytes = bytes
        self.schema = schema
        self.end = end
    }

    /// Everything up to `end`.
    private mutating func message(_ shape: MessageShape, depth: Int) throws(ImageFault) -> ImageMessage {
        guard depth < ImageLimits.depth else { throw fault("messages lie in one another more than \(ImageLimits.depth) deep", .aboveLimit) }
        var message = ImageMessage(shape)
        while position < end {
            let start = position
            let tag = try varint()
            guard tag >> 3 > 0, tag >> 3 <= 0x1fff_ffff else { throw fault("a field has the number \(tag >> 3)") }
            budget -= 1
            guard budget >= 0 else { throw fault("one message has more than \(ImageLimits.values) values", .aboveLimit) }
            guard let index = shape.position(ofNumber: tag >> 3) else {
                try skip(ofType: tag & 7)
                message.unknown += bytes[start..<position]
                continue
            }
            try add(shape.fields[index], at: index, wireType: tag & 7, to: &message, depth)
        }
        for (index, field) in shape.fields.enumerated() where field.count == .one && !message.has(index) {
            throw fault("'\(shape.name)' has no '\(field.name)'")
        }
        return message
    }

    private mutating func add(
        _ field: FieldShape, at index: Int, wireType: UInt64, to message: inout ImageMessage, _ depth: Int
    ) throws(ImageFault) {
        guard wireType == field.wireType else {
            // Numbers that repeat may be packed into one string of bytes: no CRIU does, other writers may.
            guard wireType == 2, field.count == .many, field.wireType == 0 else {
                throw fault("'\(message.shape.name).\(field.name)' is not of its type")
            }
            let outer = try enter()
            while position < end {
                message.add(.number(try number(field)), at: index)
                budget -= 1
                guard budget >= 0 else { throw fault("one message has more than \(ImageLimits.values) values", .aboveLimit) }
            }
            end = outer
            return
        }
        if field.count != .many, message.has(index) { throw fault("'\(message.shape.name).\(field.name)' occurs twice") }
        switch field.type {
        case .fixed64: message.add(.number(try fixed64()), at: index)
        case .text, .bytes:
            let outer = try enter()
            message.add(.bytes(Array(bytes[position..<end])), at: index)
            position = end
            end = outer
        case .message(let shape):
            let outer = try enter()
            message.add(.message(try self.message(schema.shape(shape), depth: depth + 1)), at: index)
            end = outer
        default: message.add(.number(try number(field)), at: index)
        }
    }

    /// A number, checked against the width of its field.
    private mutating func number(_ field: FieldShape) throws(ImageFault) -> UInt64 {
        let raw = try varint()
        let value: UInt64
        let fits: Bool
        switch field.type {
        case .unsigned32: (value, fits) = (raw, raw <= 0xffff_ffff)
        case .signed32, .choice: (value, fits) = (raw, Int32(exactly: Int64(bitPattern: raw)) != nil)
        case .zigzag32: (value, fits) = (Self.unzigzag(raw), raw <= 0xffff_ffff)
        case .zigzag64: (value, fits) = (Self.unzigzag(raw), true)
        case .bool: (value, fits) = (raw, raw <= 1)
        default: (value, fits) = (raw, true)
        }
        guard fits else { throw fault("'\(field.name)' has the value \(raw), which is too large for it") }
        return value
    }

    private static func unzigzag(_ raw: UInt64) -> UInt64 { (raw >> 1) ^ (0 &- (raw & 1)) }

    // MARK: Bytes

    /// Narrows `end` to a part that begins with its length; returns where it was.
    private mutating func enter() throws(ImageFault) -> Int {
        let count = try varint()
        guard count <= UInt64(end - position) else { throw fault("a field is longer than its message") }
        let outer = end
        end = position + Int(count)
        return outer
    }

    private mutating func skip(ofType type: UInt64) throws(ImageFault) {
        switch type {
        case 0: _ = try varint()
        case 1: _ = try fixed64()
        case 2:
            let outer = try enter()
            position = end
            end = outer
        case 5:
            guard end - position >= 4 else { throw fault("it ends inside a number") }
            position += 4
        default: throw fault("a field has the wire type \(type)")
        }
    }

    private mutating func fixed64() throws(ImageFault) -> UInt64 {
        guard end - position >= 8 else { throw fault("it ends inside a number") }
        defer { position += 8 }
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    private mutating func varint() throws(ImageFault) -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard position < end else { throw fault("it ends inside a number") }
            let byte = bytes[position]
            position += 1
            result |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return result }
        }
        throw fault("a number has more than ten bytes")
    }

    private func fault(_ why: String, _ kind: ImageFault.Kind = .malformed) -> ImageFault {
        ImageFault(kind, why, at: UInt64(position))
    }
}
