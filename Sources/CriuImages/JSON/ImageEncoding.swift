/// Turns JSON as `ImageDecoding` and crit write it, plain or pretty, back into an image. What CRIU wrote comes back byte by byte.
public struct ImageEncoding {
    private var input: JSONInput
    private let sink: ([UInt8]) throws(ImageFault) -> Void
    private let schema = Schema.criu

    /// Writes the image that `json` describes to `sink`, entry by entry.
    /// - Throws: `badText`, with the place in the text; some of the image may have been written.
    public static func encode(_ json: [UInt8], sink: @escaping ([UInt8]) throws(ImageFault) -> Void) throws(ImageFault) {
        guard json.count <= ImageLimits.json else {
            throw ImageFault(.aboveLimit, "it has \(json.count) bytes; no more than \(ImageLimits.json) are read")
        }
        var encoding = ImageEncoding(input: JSONInput(json), sink: sink)
        try encoding.run()
    }

    private mutating func run() throws(ImageFault) {
        var kind: ImageKind?
        var hasEntries = false
        try input.expect("{")
        repeat {
            switch try input.key() {
            case "magic": kind = try magic()
            case "entries":
                guard let kind else { throw fault("'entries' comes before 'magic'") }
                try sink((kind.family.map(Self.word) ?? []) + Self.word(kind.magic))
                try entries(of: kind)
                hasEntries = true
            case let other: throw fault("'\(other)' is neither 'magic' nor 'entries'")
            }
        } while input.takes(",")
        try input.expect("}")
        try input.expectEnd()
        guard hasEntries else { throw fault("'entries' is missing") }
    }

    private mutating func magic() throws(ImageFault) -> ImageKind {
        guard case .text(let name) = try input.value() else { throw fault("'magic' is not a text") }
        let text = String(decoding: name, as: UTF8.self)
        guard let kind = ImageKind.named(text) else { throw fault("'\(text)' is no kind of image") }
        return kind
    }

    private mutating func entries(of kind: ImageKind) throws(ImageFault) {
        try input.expect("[")
        guard !input.takes("]") else { return }
        var number = 0
        var isChunked = false
        repeat {
            let start = input.position
            guard case .object(var object) = try input.value() else { throw fault("an entry is not an object") }
            let extra = object.removeValue(forKey: "extra")
            do throws(ImageFault) {
                switch kind.content {
                case .raw: throw fault("'\(kind.name)' has no entries")
                case .entries(let name, let payload):
                    let message = try MessageBuilder.message(object, as: schema.shape(named: name), in: schema)
                    try write(message)
                    try write(extra, payload, of: message)
                case .pagemap: try write(message(object, number == 0 ? "pagemap_head" : "pagemap_entry"))
                case .ghost:
                    let message = try message(object, number == 0 ? "ghost_file_entry" : "ghost_chunk_entry")
                    guard number == 0 || isChunked else { throw fault("a ghost file without chunks has one entry") }
                    if number == 0 { isChunked = message.number("chunks") == 1 }
                    try write(message)
                    if number > 0 || !isChunked { try write(extra, .bytes([]), of: message) }
                }
            } catch {
                var fault = error
                fault.why = "entry \(number): \(error.why)"
                fault.offset = UInt64(start)
                throw fault
            }
            number += 1
        } while input.takes(",")
        try input.expect("]")
    }

    private func message(_ object: [String: JSONValue], _ name: String) throws(ImageFault) -> ImageMessage {
        try MessageBuilder.message(object, as: schema.shape(named: name), in: schema)
    }

    private func write(_ message: ImageMessage) throws(ImageFault) {
        let bytes = WireWriter.write(message)
        guard bytes.count <= ImageLimits.message else { throw fault("it would have more than \(ImageLimits.message) bytes") }
        try sink(Self.word(UInt32(bytes.count)) + bytes)
    }

    // MARK: What lies behind

    private func write(_ extra: JSONValue?, _ rule: ImageKind.Payload, of message: ImageMessage) throws(ImageFault) {
        switch rule {
        case .nothing: return
        case .bytes(let fields):
            let bytes = try Self.bytes(extra, "extra")
            let announced = fields.reduce(0) { $0 + (message.number($1) ?? 0) }
            guard fields.isEmpty || announced == bytes.count else {
                throw fault("'extra' has \(bytes.count) bytes where \(announced) are announced")
            }
            try sink(bytes)
        case .tcpQueues:
            guard case .object(let queues)? = extra else { throw fault("'extra' is not an object with 'inq' and 'outq'") }
            for (name, field) in [("inq", "inq_len"), ("outq", "outq_len")] {
                let bytes = try Self.bytes(queues[name], name)
                guard message.number(field) == UInt64(bytes.count) else {
                    throw fault("'\(name)' has not '\(field)' bytes")
                }
                try sink(bytes)
            }
        case .sharedMemory:
            if message.number("in_pagemaps") == 1 { return }
            try sink(Self.padded(try Self.bytes(extra, "extra"), message.number("size"), to: 4))
        case .semaphores:
            guard case .array(let values)? = extra, message.number("nsems") == UInt64(values.count) else {
                throw fault("'extra' is not a list of as many numbers as 'nsems' says")
            }
            var bytes: [UInt8] = []
            for value in values {
                guard case .number(let number) = value, number <= 0xffff else { throw fault("a semaphore is not a number of 16 bits") }
                bytes += [UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8)]
            }
            try sink(Self.padded(bytes, UInt64(bytes.count), to: 8))
        case .messageQueue: try write(queue: extra, count: message.number("qnum") ?? 0)
        }
    }

    private func write(queue extra: JSONValue?, count: UInt64) throws(ImageFault) {
        guard case .array(let parts)? = extra, parts.count.isMultiple(of: 2), UInt64(parts.count / 2) == count else {
            throw fault("'extra' is not a list of as many messages, each with its bytes, as 'qnum' says")
        }
        for index in stride(from: 0, to: parts.count, by: 2) {
            guard case .object(let object) = parts[index] else { throw fault("a queued message is not an object") }
            let queued = try message(object, "ipc_msg")
            try write(queued)
            try sink(Self.padded(try Self.bytes(parts[index + 1], "extra"), queued.number("msize"), to: 8))
        }
    }

    private static func bytes(_ value: JSONValue?, _ name: String) throws(ImageFault) -> [UInt8] {
        guard case .text(let text)? = value, let bytes = Base64.decode(text) else { throw ImageFault(.badText, "'\(name)' is not base64") }
        return bytes
    }

    private static func padded(_ bytes: [UInt8], _ announced: UInt64?, to unit: Int) throws(ImageFault) -> [UInt8] {
        guard announced == UInt64(bytes.count) else {
            throw ImageFault(.badText, "'extra' has \(bytes.count) bytes where \(announced ?? 0) are announced")
        }
        return bytes + Array(repeating: 0, count: (unit - bytes.count % unit) % unit)
    }

    private static func word(_ number: UInt32) -> [UInt8] { [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: number >> $0) } }

    private func fault(_ why: String) -> ImageFault { ImageFault(.badText, why, at: UInt64(input.position)) }
}
