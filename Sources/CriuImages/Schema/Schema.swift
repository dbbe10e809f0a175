// CriuImages: what CRIU wrote, read natively. Decides and computes; files are handed in, nothing is opened here.

internal import CCriuMessages
internal import CProtobufC
internal import Synchronization

/// The messages of all images as Swift tables, made of the descriptors that protobuf-c generates from proto/criu, each when it is first needed:
/// who decodes one small file needs few of them.
final class Schema: Sendable {
    /// All messages that an image may begin an entry with, and what they hold.
    static let criu = Schema()

    private let tables = Mutex(Tables())

    private init() {}

    /// Traps on a name that is in no schema: names come from our own table.
    func shape(named name: String) -> MessageShape {
        tables.withLock { tables in
            guard let number = tables.number(named: name) else { preconditionFailure("there is no message '\(name)'") }
            return tables.shape(number)
        }
    }

    /// - Parameter number: as in `FieldShape.ValueType.message`.
    func shape(_ number: Int) -> MessageShape { tables.withLock { $0.shape(number) } }

    /// Every message there is.
    func all() -> [MessageShape] { tables.withLock { $0.everything() } }
}

/// What was needed so far. Recursive messages refer to themselves by number.
private struct Tables {
    typealias Descriptor = UnsafePointer<ProtobufCMessageDescriptor>
    private struct Place {
        // A constant of generated code.
        nonisolated(unsafe) let descriptor: Descriptor
        var shape: MessageShape?
    }
    private var places: [Place] = []
    private var numbers: [UInt: Int] = [:]
    private var named: [String: Int] = [:]

    static var roots: UnsafeBufferPointer<Descriptor> {
        var count = 0
        let first = criu_image_roots(&count)
        return UnsafeBufferPointer(start: first, count: count)
    }

    mutating func number(named name: String) -> Int? {
        if let known = named[name] { return known }
        if let root = Self.roots.first(where: { Self.name(of: $0) == name }) {
            named[name] = number(of: root)
        } else {
            named[name] = everything().firstIndex { $0.name == name }
        }
        return named[name]
    }

    /// In the order of their numbers.
    mutating func everything() -> [MessageShape] {
        for root in Self.roots { _ = number(of: root) }
        var shapes: [MessageShape] = []
        // Each names those that it holds.
        while shapes.count < places.count { shapes.append(shape(shapes.count)) }
        return shapes
    }

    mutating func number(of descriptor: Descriptor) -> Int {
        let key = UInt(bitPattern: descriptor)
        if let known = numbers[key] { return known }
        numbers[key] = places.count
        places.append(Place(descriptor: descriptor))
        return places.count - 1
    }

    mutating func shape(_ number: Int) -> MessageShape {
        if let shape = places[number].shape { return shape }
        let descriptor = places[number].descriptor
        let name = Self.name(of: descriptor)
        var fields: [FieldShape] = []
        for index in 0..<Int(descriptor.pointee.n_fields) { fields.append(field(descriptor.pointee.fields[index], of: name)) }
        let shape = MessageShape(name: name, fields: fields)
        places[number].shape = shape
        return shape
    }

    /// Without the package: "criu.image.mm_entry".
    private static func name(of descriptor: Descriptor) -> String {
        guard let name = descriptor.pointee.name else { return "" }
        var start = 0
        var dots = 0
        while dots < 2, name[start] != 0 {
            if name[start] == CChar(UInt8(ascii: ".")) { dots += 1 }
            start += 1
        }
        return String(cString: name + start)
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
            return .message(number(of: field.descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)))
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

    init(name: String, fields: [FieldShape]) {
        self.name = name
        self.fields = fields
        var positions = [UInt8](repeating: .max, count: Int(fields.map(\.number).max() ?? 0) + 1)
        for (position, field) in fields.enumerated() { positions[Int(field.number)] = UInt8(position) }
        byNumber = positions
    }

    /// Position in `fields` of the field with this number.
    func position(ofNumber number: UInt64) -> Int? {
        guard number < UInt64(byNumber.count), byNumber[Int(number)] != .max else { return nil }
        return Int(byNumber[Int(number)])
    }

    func position(ofName name: String) -> Int? { fields.firstIndex { $0.name == name } }
}

/// One field of a message.
struct FieldShape: Sendable {
    enum Count: Sendable { case one, maybe, many }
    enum ValueType: Sendable {
        case unsigned32, unsigned64, signed32, signed64, zigzag32, zigzag64, fixed64, bool
        case choice([Int32: String])
        case text, bytes
        /// Number of the message: `Schema.shape(_:)`.
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
