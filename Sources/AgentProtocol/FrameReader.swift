/// Cuts a stream of bytes, pushed in pieces of any size, into the bodies of frames.
///
///     FRAME ::= LENGTH BODY      LENGTH ::= 4 bytes, little-endian, at most `ProtocolLimits.frame`
///
/// It holds at most one unfinished frame and the last piece pushed, when every push is followed by `next()` until that gives nil.
public struct FrameReader: Sendable {
    private var buffer: [UInt8] = []
    private var start = 0

    public init() {}

    /// Bytes of a frame that has begun and is not complete.
    public var pending: Int { buffer.count - start }

    public mutating func push(_ bytes: [UInt8]) {
        if start == buffer.count {
            buffer = bytes
            start = 0
        } else {
            buffer.append(contentsOf: bytes)
        }
    }

    /// The body of the next whole frame; nil: more bytes are needed.
    /// - Throws: `frameTooLong` as soon as the length is known. The reader is then of no more use.
    public mutating func next() throws(ProtocolFault) -> [UInt8]? {
        guard pending >= 4 else { return nil }
        let length = (0..<4).reduce(0) { $0 | Int(buffer[start + $1]) << (8 * $1) }
        guard length <= ProtocolLimits.frame else { throw .frameTooLong(bytes: length) }
        guard pending >= 4 + length else {
            dropRead()
            return nil
        }
        let body = Array(buffer[start + 4..<start + 4 + length])
        start += 4 + length
        return body
    }

    /// Forgets what was handed out, once per piece and not once per frame.
    private mutating func dropRead() {
        guard start > 0 else { return }
        buffer.removeFirst(start)
        start = 0
    }
}

/// `body` with its length before it.
func framed(_ count: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Void) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 4 + count) { buffer, initialized in
        guard let start = buffer.baseAddress else { return }
        for index in 0..<4 { (start + index).initialize(to: UInt8(truncatingIfNeeded: count >> (8 * index))) }
        fill(start + 4)
        initialized = 4 + count
    }
}
