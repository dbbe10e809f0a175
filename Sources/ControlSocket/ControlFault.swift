/// Why bytes on a control socket are no message.
public enum ControlFault: Error, Hashable, Sendable {
    /// A line, or what there is of it so far, is longer than this many bytes.
    case tooLong(limit: Int)
    /// A whole line that is no message: how it differs.
    case malformed(String)
    /// The peer closed in the middle of a line of this many bytes so far.
    case cutOff(bytes: Int)

    /// A sentence without subject.
    public var sentence: String {
        switch self {
        case .tooLong(let limit): "the line is longer than \(limit) bytes"
        case .malformed(let how): "the line is no message: \(how)"
        case .cutOff(let bytes): "the peer hung up after \(bytes) bytes of a line"
        }
    }
}
