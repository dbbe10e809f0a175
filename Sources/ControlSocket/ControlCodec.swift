internal import AgentModel

/// One line of JSON a message, and back. Documentation: docs/control-socket.md
public enum ControlCodec {
    /// The line that asks for it, with its end.
    public static func line(_ request: ControlRequest) throws(ControlFault) -> [UInt8] { try encode(request) }

    /// The line that answers, with its end.
    public static func line(_ reply: ControlReply) throws(ControlFault) -> [UInt8] { try encode(reply) }

    /// A line without its end.
    public static func request(_ line: [UInt8]) throws(ControlFault) -> ControlRequest { try decode(line) }

    /// A line without its end.
    public static func reply(_ line: [UInt8]) throws(ControlFault) -> ControlReply { try decode(line) }

    // MARK: Both kinds

    private static func encode(_ message: some Encodable) throws(ControlFault) -> [UInt8] {
        let bytes: [UInt8]
        do { bytes = try JSONText.encode(message) } catch { throw .malformed("it has no JSON form: \(error)") }
        // JSON of one line holds no line end: inside strings it is written as \n.
        guard bytes.count <= LineReader.defaultLimit else { throw .tooLong(limit: LineReader.defaultLimit) }
        return bytes + [UInt8(ascii: "\n")]
    }

    private static func decode<Message: Decodable>(_ line: [UInt8]) throws(ControlFault) -> Message {
        guard line.count <= LineReader.defaultLimit else { throw .tooLong(limit: LineReader.defaultLimit) }
        do { return try JSONText.decode(Message.self, from: line) } catch let error as DecodingError {
            throw .malformed(reason(error))
        } catch { throw .malformed("it is not JSON") }
    }

    private static func reason(_ error: DecodingError) -> String {
        let unknown = "it is not JSON of a known message"
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return context.codingPath.isEmpty ? unknown : "\(path(context)) has another type than expected"
        case .keyNotFound(let key, _): return "'\(key.stringValue)' is missing"
        case .dataCorrupted(let context): return context.codingPath.isEmpty ? unknown : "\(path(context)) is not valid"
        @unknown default: return unknown
        }
    }

    private static func path(_ context: DecodingError.Context) -> String {
        "'" + context.codingPath.map(\.stringValue).joined(separator: ".") + "'"
    }
}
