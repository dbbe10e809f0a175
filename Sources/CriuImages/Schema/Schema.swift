// CriuImages: what CRIU wrote, read natively. Decides and computes; files are handed in, nothing is opened here.

internal import CCriuMessages
internal import CProtobufC

/// The messages of all images as Swift tables, made of the descriptors that protobuf-c generates from proto/criu.
struct Schema: Sendable {
    /// Numbers of messages in `shapes`; recursive messages refer to themselves by it.
    private(set) var shapes: [MessageShape] = []
    private var numbers: [String: Int] = [:]

    /// All messages that an image may begin an entry with, and what they hold.
    static let criu = Schema()

    private init() {
        var count = 0
        let roots = criu_image_roots(&count)
        for index in 0..<count { _ = add(roots[index]) }
    }

    /// Traps on a name that is in no schema: names come from our own table.
    func shape(named name: String) -> MessageShape {
        guard let number = numbers[name] else { preconditionFailure("there is no message '\(name)'") }
        return shapes[number]
    }

    private mutating func add(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) -> Int {
        // Without the package: "criu.image.mm_entry".
        let name = String(String(cString: descriptor.pointee.name).drop { $0 != "." }.dropFirst().drop { $0 != "." }.dropFirst())
        if let known = numbers[name] { return known }
        let number = shapes.count
        numbers[name] = number
        shapes.append(MessageShape(name: name, fields: []))
        var fields: [FieldShape] = []
        for index in 0..<Int(descriptor.pointee.n_fields) { fields.append(field(descriptor.pointee.fields[index], of: name)) }
        shapes[number] = MessageShape(name: name, fields: fields)
        return number
    }

    private mutating func field(_ field: ProtobufCFieldDescriptor, of message: String) -> FieldShape {
        let name = String(cString: field.name)
        let count: FieldShape.Count =
            switch field.label {
            case PROTOBUF_C_LABEL_REQUIRED: .one
            case PROTOBUF_C_LABEL_REPEATED: .many
            default: .maybe
            }
        return FieldShape(
            name: name, number: field.id, count: count, type: type(of: field), presentation: Presentation.of(name, in: message))
    }

    private mutating func type(of field: ProtobufCFieldDescriptor) -> FieldShape.ValueType {
        switch field.type {
        case PROTOBUF_C_TYPE_INT32: return .signed32
        case PROTOBUF_C_TYPE_INT64: return .signed64
        case PROTOBUF_C_TYPE_SINT32: return .zigzag32
        case PROTOBUF_C_TYPE_SINT64: return .zigzag64
        case PROTOBUF_C_TYPE_UINT32: return .unsigned32
        case PROTOBUF_C_TYPE_UINT64: return .unsigned64
        case PROTOBUF_C_TYPE_FIXED64: return .fixed64
        case PROTOBUF_C_TYPE_BOOL: return .bool
        case PROTOBUF_C_TYPE_STRING: return .text
        case PROTOBUF_C_TYPE_BYTES: return .bytes
        case PROTOBUF_C_TYPE_ENUM:
            return .choice(Self.names(of: field.descriptor.assumingMemoryBound(to: ProtobufCEnumDescriptor.self).pointee))
        case PROTOBUF_C_TYPE_MESSAGE:
            return .message(add(field.descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)))
        default: preconditionFailure("'\(String(cString: field.name))' is of a type that no image has")
        }
    }

    private static func names(of choice: ProtobufCEnumDescriptor) -> [Int32: String] {
        var names: [Int32: String] = [:]
        for index in 0..<Int(choice.n_values) { names[choice.values[index].value] = String(cString: choice.values[index].name) }
        return names
    }
}

/// One message: its fields in the order of their numbers, which is the order they are written in.
final class MessageShape: Sendable {
    let name: String
    let fields: [FieldShape]
    private let byNumber: [UInt8]
    private let byName: [String: Int]

    init(name: String, fields: [FieldShape]) {
        self.name = name
        self.fields = fields
        var positions = [UInt8](repeating: .max, count: Int(fields.map(\.number).max() ?? 0) + 1)
        for (position, field) in fields.enumerated() { positions[Int(field.number)] = UInt8(position) }
        byNumber = positions
        byName = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($0.element.name, $0.offset) })
    }

    /// Position in `fields` of the field with this number.
    func position(ofNumber number: UInt64) -> Int? {
        guard number < UInt64(byNumber.count), byNumber[Int(number)] != .max else { return nil }
        return Int(byNumber[Int(number)])
    }

    func position(ofName name: String) -> Int? { byName[name] }
}

/// One field of a message.
struct FieldShape: Sendable {
    enum Count: Sendable { case one, maybe, many }
    enum ValueType: Sendable {
        case unsigned32, unsigned64, signed32, signed64, zigzag32, zigzag64, fixed64, bool
        case choice([Int32: String])
        case text, bytes
        /// Number of the message in `Schema.shapes`.
        case message(Int)
    }
    let name: String
    let number: UInt32
    let count: Count
    let type: ValueType
    let presentation: Presentation

    /// The type its tag must carry. See 'Encoding' in the protobuf documentation.
    var wireType: UInt64 {
        switch type {
        case .fixed64: 1
        case .text, .bytes, .message: 2
        default: 0
        }
    }
}
