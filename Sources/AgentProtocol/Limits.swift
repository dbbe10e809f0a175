/// Limits that hold before anything is parsed.
public enum ProtocolLimits {
    /// Bytes of one frame after its length. Room for 1 MiB of inline state and its envelope.
    public static let frame = (1 << 20) + (64 << 10)
    public static let inlineState = 1 << 20
    public static let key = 512
    public static let text = 4096
    public static let effectResult = 64 << 10
    public static let capabilities = 32
}
