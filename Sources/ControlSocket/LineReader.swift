/// Cuts a stream of bytes into lines, however they arrive. Keeps at most one unfinished line of at most `limit` bytes.
///
///     stream = *( line LF )
///     line   = 1*limit( any byte but LF )     ; empty lines are skipped
public struct LineReader: Sendable {
    /// Bytes of one line without its end, for both directions.
    public static let defaultLimit = 64 << 10

    public let limit: Int
    private var unfinished: [UInt8] = []

    public init(limit: Int = LineReader.defaultLimit) { self.limit = limit }

    /// Takes the next bytes of the stream.
    /// - Returns: the lines they complete, without their ends.
    /// - Throws: `tooLong`; the stream is then of no more use.
    public mutating func push(_ bytes: [UInt8]) throws(ControlFault) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for part in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if part.offset > 0 {
                if !unfinished.isEmpty { lines.append(unfinished) }
                unfinished = []
            }
            guard unfinished.count + part.element.count <= limit else { throw .tooLong(limit: limit) }
            unfinished += part.element
        }
        return lines
    }

    /// Call it when the peer has closed.
    /// - Throws: `cutOff` when a line was not finished.
    public func finish() throws(ControlFault) {
        if !unfinished.isEmpty { throw .cutOff(bytes: unfinished.count) }
    }
}
