/// Memory of one message on its way to C; all of it goes with this.
final class CMemory {
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit { for block in blocks { block.deallocate() } }

    private func reserve(_ size: Int) -> UnsafeMutableRawPointer {
        let block = UnsafeMutableRawPointer.allocate(byteCount: max(1, size), alignment: 16)
        blocks.append(block)
        return block
    }

    /// A C message: initialised by its generated function, then filled.
    func make<Message>(_ initialize: (UnsafeMutablePointer<Message>) -> Void, _ fill: (inout Message) -> Void)
        -> UnsafeMutablePointer<Message>
    {
        let message = reserve(MemoryLayout<Message>.size).bindMemory(to: Message.self, capacity: 1)
        initialize(message)
        fill(&message.pointee)
        return message
    }

    /// NUL-terminated. What comes after a NUL inside is cut off, as C would.
    func text(_ text: String) -> UnsafeMutablePointer<CChar> {
        let bytes = Array(text.utf8.prefix { $0 != 0 }) + [0]
        let copy = reserve(bytes.count)
        copy.copyMemory(from: bytes, byteCount: bytes.count)
        return copy.assumingMemoryBound(to: CChar.self)
    }

    func list<Element>(_ elements: [Element]) -> UnsafeMutablePointer<Element?> {
        let list = reserve(elements.count * MemoryLayout<Element?>.stride).bindMemory(to: Element?.self, capacity: max(1, elements.count))
        for (index, element) in elements.enumerated() { (list + index).initialize(to: element) }
        return list
    }
}
