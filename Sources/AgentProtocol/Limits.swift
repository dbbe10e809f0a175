/// Limits that hold before anything is parsed. Documentation: docs/protocol.md#limits
public enum ProtocolLimits {
    /// Bytes of one frame after its length. Room for 1 MiB of inline state and its envelope.
    public static let frame = (1 << 20) + (64 << 10)
    public static let inlineState = 1 << 20
    public static let key = 512
    public static let text = 4096
    public static let effectResult = 64 << 10
    public static let capabilities = 32
    /// Bytes of a state file's name: one path component.
    public static let fileName = 255
    /// Unknown fields in one message.
    public static let unknownFields = 64
    /// Requests of one connection that are not answered yet.
    public static let openRequests = 64
    /// Bytes of memory for one message while it is read. More than any body within `frame` needs.
    static let memory = 5 << 19
    /// Bytes of one sd_notify datagram.
    public static let datagram = 4096
    /// The agent's own request numbers are 1 to this; the runner's begin above, so that both may be open at once.
    public static let lastAgentRequest: UInt64 = 0xffff_ffff
    public static let firstRunnerRequest: UInt64 = 0x1_0000_0000
    /// From connecting to `hello`.
    public static let helloWithin: Duration = .seconds(5)
    /// The most one `EXTEND_TIMEOUT_USEC` can ask for.
    public static let longestExtension: Duration = .seconds(600)
}
