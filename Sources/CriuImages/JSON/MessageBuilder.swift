/// Makes messages of JSON objects.
enum MessageBuilder {
    /// - Throws: `badText`: a name that the message does not have, a value that is not of its field's type, a field that must be there.
    static func message(_ object: [String: JSONValue], as shape: MessageShape, in schema: Schema) throws(ImageFault) -> ImageMessage {
        var contents: [(position: Int, value: JSONValue)] = []
        var message = ImageMessage(shape)
        for (name, value) in object {
            if name == FieldNames.unknown {
                message.unknown = try bytes(value, name)
            } else {
                guard let position = FieldNames.position(ofName: name, in: shape, among: { object[$0] != nil }) else {
                    throw ImageFault(.badText, "'\(shape.name)' has no field '\(name)'")
                }
                contents.append((position, value))
            }
        }
        for (position, value) in contents.sorted(by: { $0.position < $1.position }) {
            let field = shape.fields[position]
            guard field.count == .many else {
                message.add(try self.value(value, of: field, in: schema), at: position)
                continue
            }
            guard case .array(let values) = value else { throw wrong(value, field) }
            for value in try addresses(values, of: field) ?? values {
                message.add(try self.value(value, of: field, in: schema), at: position)
            }
        }
        for (position, field) in shape.fields.enumerated() where field.count == .one && !message.has(position) {
            throw ImageFault(.badText, "'\(shape.name)' has no '\(field.name)'")
        }
        return message
    }

    /// The words of the one address that such a field may be written as.
    private static func addresses(_ values: [JSONValue], of field: FieldShape) throws(ImageFault) -> [JSONValue]? {
        guard field.presentation == .address, values.count == 1, case .text(let text) = values[0] else { return nil }
        guard let words = Addresses.words(of: String(decoding: text, as: UTF8.self)) else { throw wrong(values[0], field) }
        return words.map { .number(UInt64($0)) }
    }

    private static func value(_ value: JSONValue, of field: FieldShape, in schema: Schema) throws(ImageFault) -> ImageValue {
        switch (field.type, value) {
        case (.message(let shape), .object(let object)): return .message(try message(object, as: schema.shape(shape), in: schema))
        case (.text, .text(let text)): return .bytes(text)
        case (.bytes, .text(let text)):
            return .bytes(field.presentation == .quoted ? QuotedPrintable.decode(text) : try bytes(value, field.name))
        case (.bool, .bool(let bool)): return .number(bool ? 1 : 0)
        case (.choice(let names), .text(let text)):
            let name = String(decoding: text, as: UTF8.self)
            guard let number = names.first(where: { $0.value == name })?.key else { throw wrong(value, field) }
            return .number(UInt64(bitPattern: Int64(number)))
        case (.message, _), (.text, _), (.bytes, _), (.bool, _): throw wrong(value, field)
        case (_, .number(let number)): return .number(try fitting(number, value, field))
        case (_, .text(let text)):
            guard let number = field.presentation.number(of: String(decoding: text, as: UTF8.self)) else { throw wrong(value, field) }
            return .number(try fitting(number, value, field))
        default: throw wrong(value, field)
        }
    }

    private static func fitting(_ number: UInt64, _ value: JSONValue, _ field: FieldShape) throws(ImageFault) -> UInt64 {
        let fits: Bool =
            switch field.type {
            case .unsigned32: number <= 0xffff_ffff
            case .signed32, .zigzag32, .choice: Int32(exactly: Int64(bitPattern: number)) != nil
            default: true
            }
        guard fits else { throw wrong(value, field) }
        return number
    }

    private static func bytes(_ value: JSONValue, _ name: String) throws(ImageFault) -> [UInt8] {
        guard case .text(let text) = value, let bytes = Base64.decode(text) else { throw ImageFault(.badText, "'\(name)' is not base64") }
        return bytes
    }

    private static func wrong(_ value: JSONValue, _ field: FieldShape) -> ImageFault {
        let shown: String =
            switch value {
            case .number(let number): "\(Int64(bitPattern: number))"
            case .text(let text) where text.count < 60: "'\(String(decoding: text, as: UTF8.self))'"
            default: value.kindName
            }
        return ImageFault(.badText, "\(shown) is no value of '\(field.name)'")
    }
}
