/// What an image is, as far as a restore must know. It stands in the manifest of the version that holds the images.
public struct DumpedTree: Hashable, Sendable, Codable {
    /// A connection to the outside that the tree held.
    public struct Connection: Hashable, Sendable, Codable {
        public enum Form: String, Hashable, Sendable, Codable { case stream, packets }
        public var inode: UInt64
        public var form: Form
        public init(inode: UInt64, form: Form) {
            self.inode = inode
            self.form = form
        }
    }
    /// The main process, and the highest number that is in use, as the sandbox counts.
    public var root: Int32
    public var highestProcess: Int32
    /// Inodes of the pipes that were its standard output and error.
    public var outputPipe: UInt64?
    public var errorPipe: UInt64?
    /// Closed in what is restored: the agent connects anew.
    public var connections: [Connection]
    public var tcp: TCPHandling
    public var criu: CriuVersion
    /// CRIU's key of the terminal that was its controlling one, such as `tty[8800:1b]`. nil: it had pipes.
    public var terminal: String?
    /// For a copy beside the living: established connections, where they would be kept, stay the living one's.
    public var withoutConnections: DumpedTree {
        var copy = self
        copy.tcp = .close
        return copy
    }

    public init(
        root: Int32, highestProcess: Int32, outputPipe: UInt64?, errorPipe: UInt64?, connections: [Connection], tcp: TCPHandling,
        criu: CriuVersion, terminal: String? = nil
    ) {
        self.root = root
        self.highestProcess = highestProcess
        self.outputPipe = outputPipe
        self.errorPipe = errorPipe
        self.connections = connections
        self.tcp = tcp
        self.criu = criu
        self.terminal = terminal
    }
}
