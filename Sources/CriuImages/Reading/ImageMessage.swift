/// One message of an image, as it was read: its fields by position in its shape, in the order of their numbers.
struct ImageMessage: Hashable, Sendable {
    struct Field: Hashable, Sendable {
        /// Position in the shape's fields.
        var position: Int
        /// At least one; one unless the field repeats.
        var values: [ImageValue]
    }
    let shape: MessageShape
    private(set) var fields: [Field] = []
    /// Fields that the shape does not know, as they were: tags and all, one after the other.
    var unknown: [UInt8] = []

    init(_ shape: MessageShape) { self.shape = shape }

    /// Sets a field, or adds to one that repeats.
    mutating func add(_ value: ImageValue, at position: Int) {
        if let last = fields.last {
            if last.position == position { return fields[fields.count - 1].values.append(value) }
            if last.position > position { return insert(value, at: position) }
        }
        fields.append(Field(position: position, values: [value]))
    }

    /// Out of order, as only other writers than CRIU do.
    private mutating func insert(_ value: ImageValue, at position: Int) {
        let index = fields.firstIndex { $0.position >= position } ?? fields.count
        if index < fields.count, fields[index].position == position { return fields[index].values.append(value) }
        fields.insert(Field(position: position, values: [value]), at: index)
    }

    /// Puts one value in the place of all that a field has.
    mutating func set(_ value: ImageValue, at position: Int) {
        fields.removeAll { $0.position == position }
        insert(value, at: position)
    }

    mutating func clear(_ position: Int) { fields.removeAll { $0.position == position } }

    func has(_ position: Int) -> Bool { values(at: position) != nil }

    func values(at position: Int) -> [ImageValue]? {
        var low = 0
        var high = fields.count
        while low < high {
            let middle = (low + high) / 2
            if fields[middle].position < position { low = middle + 1 } else { high = middle }
        }
        return low < fields.count && fields[low].position == position ? fields[low].values : nil
    }

    static func == (a: ImageMessage, b: ImageMessage) -> Bool {
        a.shape.name == b.shape.name && a.fields == b.fields && a.unknown == b.unknown
    }
    func hash(into hasher: inout Hasher) {
        hasher.combine(shape.name)
        hasher.combine(fields)
    }
}

/// One value. What the bits of a number mean is told by the field's shape.
enum ImageValue: Hashable, Sendable {
    /// Any kind of number, sign-extended to 64 bits; zig-zag numbers already unwound.
    case number(UInt64)
    /// Bytes or text: a path is bytes too, and need not be UTF-8.
    case bytes([UInt8])
    case message(ImageMessage)
}

// MARK: By name

/// For what is looked up; names come from our own source, and a wrong one traps.
extension ImageMessage {
    func values(_ name: String) -> [ImageValue] {
        guard let position = shape.position(ofName: name) else { preconditionFailure("'\(shape.name)' has no field '\(name)'") }
        return values(at: position) ?? []
    }

    func number(_ name: String) -> UInt64? {
        guard case .number(let number)? = values(name).first else { return nil }
        return number
    }

    mutating func set(_ value: ImageValue, _ name: String) {
        guard let position = shape.position(ofName: name) else { preconditionFailure("'\(shape.name)' has no field '\(name)'") }
        set(value, at: position)
    }

    mutating func clear(_ name: String) {
        guard let position = shape.position(ofName: name) else { preconditionFailure("'\(shape.name)' has no field '\(name)'") }
        clear(position)
    }

    func numbers(_ name: String) -> [UInt64] {
        values(name).compactMap { value in
            guard case .number(let number) = value else { return nil }
            return number
        }
    }

    func bytes(_ name: String) -> [UInt8]? {
        guard case .bytes(let bytes)? = values(name).first else { return nil }
        return bytes
    }

    func text(_ name: String) -> String? { bytes(name).map { String(decoding: $0, as: UTF8.self) } }

    func message(_ name: String) -> ImageMessage? {
        guard case .message(let message)? = values(name).first else { return nil }
        return message
    }

    func messages(_ name: String) -> [ImageMessage] {
        values(name).compactMap { value in
            guard case .message(let message) = value else { return nil }
            return message
        }
    }
}
