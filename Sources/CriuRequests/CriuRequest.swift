// CriuRequests: what is said to CRIU and what it says, as values; and what its words and logs mean. Decides. Imports no platform module.
// Documentation: docs/criu.md, proto/criu/rpc.proto

/// One message to a `criu swrk`.
public enum CriuRequest: Hashable, Sendable {
    case version
    /// Which of the features does it and this kernel have?
    case features
    /// Does it work on this kernel?
    case check
    /// Writes what the processor can (cpuinfo.img) into the images directory.
    case describeProcessor(images: Int32)
    /// Compares the processor with the images directory's cpuinfo.img.
    case compareProcessor(images: Int32)
    case dump(CriuDump)
    case restore(CriuRestore)
    /// Answers a moment: whether to go on, with what else lies outside of the tree.
    case goOn(Bool, external: [String])
}

/// What becomes of established TCP connections. Dump and restore of one image must agree.
public enum TCPHandling: String, Hashable, Sendable, Codable {
    /// They are closed in the restored process, which then connects anew.
    case close
    /// They go on, if the other end still waits.
    case keep
}

/// A dump of the tree of `root`.
public struct CriuDump: Hashable, Sendable {
    /// CRIU's descriptor of the directory.
    public var images: Int32
    /// CRIU's descriptor of the directory for its log and its statistics; nil: that of the images.
    public var scratch: Int32?
    /// As the sandbox counts.
    public var root: Int32
    /// Whether the tree goes on afterwards; else it stands still. It is never ended by CRIU: the sandbox's init would see its agent dead and
    /// end everything with it, CRIU included, before that has said its last word.
    public var leavesRunning: Bool
    /// Keys of what lies outside the tree, such as `unix[1234]`.
    public var external: [String]
    public var tcp: TCPHandling
    /// Bytes of a deleted file that are still put into the image.
    public var deletedFileLimit: UInt32
    /// Seconds to stop the tree in.
    public var stopWithin: UInt32
    public init(
        images: Int32, scratch: Int32? = nil, root: Int32, leavesRunning: Bool, external: [String] = [], tcp: TCPHandling = .close,
        deletedFileLimit: UInt32 = 64 << 20, stopWithin: UInt32 = 10
    ) {
        self.images = images
        self.scratch = scratch
        self.root = root
        self.leavesRunning = leavesRunning
        self.external = external
        self.tcp = tcp
        self.deletedFileLimit = deletedFileLimit
        self.stopWithin = stopWithin
    }
}

/// A restore of the tree in a directory.
public struct CriuRestore: Hashable, Sendable {
    /// One of CRIU's own descriptors in place of what the image calls `key`.
    public struct Inherited: Hashable, Sendable {
        /// `pipe:[1234]`, `socket:[1234]` or `tty[8800:1b]`, with the inode at the time of the dump.
        public var key: String
        public var descriptor: Int32
        public init(key: String, descriptor: Int32) {
            self.key = key
            self.descriptor = descriptor
        }
    }
    /// CRIU's descriptor of the directory, in which nothing is changed where there is another for the scratch.
    public var images: Int32
    /// CRIU's descriptor of the directory for its log, its statistics and its sockets; nil: that of the images.
    public var scratch: Int32?
    public var inherited: [Inherited]
    public var tcp: TCPHandling
    /// The tree is left stopped: SIGCONT lets it go on.
    public var leavesStopped: Bool
    /// Memory is brought in by a page server when it is touched.
    public var isLazy: Bool
    /// Whether the processor is compared with the images' cpuinfo.img; without that file CRIU would refuse.
    public var comparesProcessor = true
    public init(
        images: Int32, scratch: Int32? = nil, inherited: [Inherited] = [], tcp: TCPHandling = .close, leavesStopped: Bool = false,
        isLazy: Bool = false
    ) {
        self.images = images
        self.scratch = scratch
        self.inherited = inherited
        self.tcp = tcp
        self.leavesStopped = leavesStopped
        self.isLazy = isLazy
    }
}

/// Names of CRIU's logs in the directory for its scratch.
public enum CriuLogName {
    public static let dump = "dump.log"
    public static let restore = "restore.log"
    public static let pages = "lazy-pages.log"
}
