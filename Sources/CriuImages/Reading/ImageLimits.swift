/// Limits kept before anything is allocated. Each is far above what CRIU writes.
enum ImageLimits {
    /// Bytes of one message. 65,530 mappings, the kernel's own limit, take 4 MB.
    static let message: UInt64 = 16 << 20
    /// Values in one message, those of its parts included.
    static let values = 2_000_000
    /// Messages in one another: control groups nest as deep as directories.
    static let depth = 100
    /// Bytes of a JSON text that is turned into an image.
    static let json = 1 << 30
    /// Bytes that are read at once.
    static let chunk = 64 << 10
    /// Processes in one set.
    static let processes = 100_000
    /// In one System V set; the kernel allows 32,000.
    static let semaphores = 65_536
    /// Messages of one System V queue.
    static let queuedMessages = 1_000_000
}
