/// Reads the entries of one image, in order, without holding more than one.
///
///     IMAGE ::= [FAMILY] MAGIC { ENTRY }      ENTRY ::= LENGTH MESSAGE PAYLOAD
///
/// FAMILY, MAGIC and LENGTH are 4 bytes each, little-endian. What PAYLOAD is, the kind tells. inventory.img has no FAMILY, and neither
/// has any image of version 1.
struct EntryReader {
    let kind: ImageKind
    private var cursor: ImageCursor
    private let schema = Schema.criu
    private var count = 0
    private var isChunked = false

    /// - Throws: `notAnImage` when the first bytes are no magic, `rawBytes` when there can be no entries.
    init(_ file: ImageFile) throws(ImageFault) {
        cursor = ImageCursor(file)
        let named = ImageKind.of(fileName: file.name)?.kind
        if let named, named.isRaw { throw ImageFault(.rawBytes, "it holds plain bytes and no entries") }
        let first = try cursor.number("a magic number")
        let isFamily = first == ImageKind.commonFamily || first == ImageKind.serviceFamily
        let magic = isFamily ? try cursor.number("a magic number") : first
        guard let kind = named?.magic == magic ? named : ImageKind.of(magic: magic) else {
            throw ImageFault(.notAnImage, "\(hexadecimal(magic)) is no magic number of an image", at: isFamily ? 4 : 0)
        }
        if let named, named.magic != magic {
            throw ImageFault(
                .notAnImage, "its name says '\(named.name)' and its magic number \(hexadecimal(magic)) says '\(kind.name)'",
                at: isFamily ? 4 : 0)
        }
        if isFamily, first != kind.family {
            throw ImageFault(.notAnImage, "it begins with \(hexadecimal(first)), which is not how '\(kind.name)' begins", at: 0)
        }
        self.kind = kind
    }

    /// Where the next entry begins.
    var offset: UInt64 { cursor.offset }

    /// The next entry; nil at the end of the file.
    mutating func next() throws(ImageFault) -> ImageEntry? {
        guard cursor.left > 0 else { return nil }
        defer { count += 1 }
        switch kind.content {
        case .raw: return nil
        case .pagemap: return ImageEntry(message: try message(count == 0 ? "pagemap_head" : "pagemap_entry"))
        case .entries(let name, let payload):
            let message = try message(name)
            return ImageEntry(message: message, payload: try read(payload, of: message))
        case .ghost: return try ghost()
        }
    }

    private mutating func message(_ name: String) throws(ImageFault) -> ImageMessage {
        let start = cursor.offset + 4
        let bytes = try cursor.frame()
        do throws(ImageFault) { return try WireReader.read(bytes, as: schema.shape(named: name)) } catch {
            var fault = error
            fault.offset = start + (error.offset ?? 0)
            throw fault
        }
    }

    // MARK: What lies behind

    private mutating func ghost() throws(ImageFault) -> ImageEntry {
        guard count == 0 else {
            let message = try message("ghost_chunk_entry")
            return ImageEntry(message: message, payload: .bytes(try cursor.skip(message.number("len") ?? 0, "a chunk")))
        }
        let message = try message("ghost_file_entry")
        isChunked = message.number("chunks") == 1
        return ImageEntry(message: message, payload: isChunked ? .none : .bytes(try cursor.skip(cursor.left, "the content")))
    }

    private mutating func read(_ rule: ImageKind.Payload, of message: ImageMessage) throws(ImageFault) -> ImageEntry.Payload {
        switch rule {
        case .nothing: return .none
        case .bytes(let fields):
            return .bytes(try cursor.skip(fields.reduce(0) { $0 + (message.number($1) ?? 0) }, "a payload"))
        case .tcpQueues:
            let received = try cursor.skip(message.number("inq_len") ?? 0, "a queue")
            return .queues(received: received, unsent: try cursor.skip(message.number("outq_len") ?? 0, "a queue"))
        case .sharedMemory:
            // Its pages are in pagemap-shmem-….img; crit shows that as no bytes.
            if message.number("in_pagemaps") == 1 { return .bytes(ImageBlob(offset: cursor.offset, count: 0)) }
            return .bytes(try padded(message.number("size") ?? 0, to: 4))
        case .semaphores:
            let count = message.number("nsems") ?? 0
            guard count <= ImageLimits.semaphores else {
                throw ImageFault(.aboveLimit, "a set of \(count) semaphores is announced", at: cursor.offset)
            }
            return .semaphores(try padded(count * 2, to: 8))
        case .messageQueue: return .messages(try queue(of: message.number("qnum") ?? 0))
        }
    }

    private mutating func queue(of count: UInt64) throws(ImageFault) -> [ImageEntry.QueuedMessage] {
        guard count <= ImageLimits.queuedMessages else {
            throw ImageFault(.aboveLimit, "a queue of \(count) messages is announced", at: cursor.offset)
        }
        var messages: [ImageEntry.QueuedMessage] = []
        for _ in 0..<count {
            let message = try message("ipc_msg")
            messages.append(.init(message: message, content: try padded(message.number("msize") ?? 0, to: 8)))
        }
        return messages
    }

    /// So many bytes, and behind them as many as make the number a multiple of `unit`.
    private mutating func padded(_ count: UInt64, to unit: UInt64) throws(ImageFault) -> ImageBlob {
        let blob = try cursor.skip(count, "a payload")
        _ = try cursor.skip((unit - count % unit) % unit, "the rest of a word")
        return blob
    }
}

/// One entry of an image: a message and what lies behind it.
struct ImageEntry: Hashable, Sendable {
    struct QueuedMessage: Hashable, Sendable {
        var message: ImageMessage
        var content: ImageBlob
    }
    enum Payload: Hashable, Sendable {
        case none
        case bytes(ImageBlob)
        case queues(received: ImageBlob, unsent: ImageBlob)
        /// Two bytes each, little-endian.
        case semaphores(ImageBlob)
        case messages([QueuedMessage])
    }
    var message: ImageMessage
    var payload: Payload = .none
}

/// `0x58313116`
func hexadecimal(_ number: some BinaryInteger) -> String { "0x" + String(number, radix: 16) }
