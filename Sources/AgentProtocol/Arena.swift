internal import CProtobufC

/// Owns every C allocation made while one message is read or written; all of it goes when the arena goes.
/// Its limit is the guard against a body that would unpack into more memory than it deserves.
final class Arena {
    private var blocks: [UnsafeMutableRawPointer] = []
    private var free = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var used = 0
    private let limit: Int
    private static let blockSize = 4096

    init(limit: Int) { self.limit = limit }

    deinit { for block in blocks { block.deallocate() } }

    /// Memory aligned to 16 bytes; nil once the limit would be passed.
    func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        let (rounded, overflow) = size.addingReportingOverflow(15)
        guard !overflow, rounded & ~15 <= limit - used else { return nil }
        used += rounded & ~15
        return reserve(rounded & ~15)
    }

    private func reserve(_ size: Int) -> UnsafeMutableRawPointer {
        if size <= free.count, let start = free.baseAddress {
            free = UnsafeMutableRawBufferPointer(rebasing: free[size...])
            return start
        }
        let count = max(size, Self.blockSize)
        let block = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 16)
        blocks.append(block)
        if count > size { free = UnsafeMutableRawBufferPointer(start: block + size, count: count - size) }
        return block
    }

    /// For `unpack`. It must not outlive the arena.
    var allocator: ProtobufCAllocator {
        ProtobufCAllocator(
            alloc: { owner, size in
                guard let owner else { return nil }
                return Unmanaged<Arena>.fromOpaque(owner).takeUnretainedValue().allocate(size)
            },
            free: { _, _ in },  // everything goes with the arena
            allocator_data: Unmanaged.passUnretained(self).toOpaque())
    }
}

// MARK: Building messages

extension Arena {
    /// An arena for a message of our own making: its size is known to be bounded, so nothing is refused.
    static func forWriting() -> Arena { Arena(limit: .max) }

    /// A C message: initialised by its generated function, then filled.
    func make<Message>(_ initialize: (UnsafeMutablePointer<Message>) -> Void, _ fill: (inout Message) -> Void)
        -> UnsafeMutablePointer<Message>
    {
        let message = reserve((MemoryLayout<Message>.size + 15) & ~15).bindMemory(to: Message.self, capacity: 1)
        initialize(message)
        fill(&message.pointee)
        return message
    }

    /// NUL-terminated. A NUL inside, which C could not carry, becomes U+FFFD.
    func text(_ text: String) -> UnsafeMutablePointer<CChar> {
        let bytes = text.utf8.contains(0) ? Array(text.utf8).flatMap { $0 == 0 ? [0xef, 0xbf, 0xbd] : [$0] } : Array(text.utf8)
        let copy = reserve((bytes.count + 16) & ~15)
        copy.copyMemory(from: bytes, byteCount: bytes.count)
        copy.storeBytes(of: 0, toByteOffset: bytes.count, as: UInt8.self)
        return copy.assumingMemoryBound(to: CChar.self)
    }

    /// For a text that people read: cut at a character boundary to the limit.
    func remark(_ text: String) -> UnsafeMutablePointer<CChar> { self.text(text.cut(toBytes: ProtocolLimits.text)) }

    func texts(_ texts: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        typealias Element = UnsafeMutablePointer<CChar>?
        let list = reserve(max(16, texts.count * MemoryLayout<Element>.stride + 15) & ~15).bindMemory(
            to: Element.self, capacity: texts.count)
        for (index, text) in texts.enumerated() { (list + index).initialize(to: self.text(text)) }
        return list
    }

    func data(_ bytes: [UInt8]) -> ProtobufCBinaryData {
        let copy = reserve((bytes.count + 16) & ~15).bindMemory(to: UInt8.self, capacity: max(1, bytes.count))
        copy.initialize(from: bytes, count: bytes.count)
        return ProtobufCBinaryData(len: bytes.count, data: copy)
    }
}

extension String {
    /// The longest beginning of whole characters that has at most `limit` bytes of UTF-8.
    func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var kept = ""
        var count = 0
        for character in self {
            count += character.utf8.count
            guard count <= limit else { break }
            kept.append(character)
        }
        return kept
    }
}
