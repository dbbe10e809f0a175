// CriuDriver: dumps and restores of whole process trees through CRIU, over the seam. Acts; what CRIU's words mean is decided in CriuRequests,
// and what keeps a tree from being dumped in Blockers.swift. Documentation: docs/criu.md

public import CriuRequests
public import OutsideWorld

/// A CRIU that was found to work here.
public struct CriuProgram: Hashable, Sendable, Codable {
    /// Absolute.
    public var path: String
    public var version: CriuVersion
    public var features: CriuFeatures
    public init(path: String, version: CriuVersion, features: CriuFeatures) {
        self.path = path
        self.version = version
        self.features = features
    }
}

/// Starts dumps and restores. Each is a job that the owner of the loop gives every event to, and that answers with news:
///
///     let job = try driver.dump(request)
///     while let event = world.next(until: job.deadline) … for news in job.take(event) { … }      nil event: job.timePassed()
///
/// Events are looked at, not taken away: news of a sandbox is still the caller's to hear.
public struct CriuDriver {
    let world: any World
    public let program: CriuProgram
    let kernel: KernelVersion

    /// - Parameter kernel: what runs here (`HostFacts.kernelRelease`).
    public init(world: any World, program: CriuProgram, kernel: KernelVersion) {
        self.world = world
        self.program = program
        self.kernel = kernel
    }

    /// What would keep the sandbox's tree from being dumped now; empty: nothing that can be seen from outside.
    public func blockers(in sandbox: SandboxID) -> [Blocker] {
        world.look(into: sandbox, for: .blockers).map { findBlockers(in: $0, version: program.version, kernel: kernel) } ?? []
    }

    /// Begins a dump.
    /// - Throws: when something keeps the tree from being dumped, or CRIU cannot be started. The tree is as it was.
    public func dump(_ request: DumpRequest) throws(CriuFault) -> DumpJob { try DumpJob(request, driver: self) }

    /// Begins a restore into a fresh sandbox.
    /// - Throws: when the sandbox cannot be made.
    public func restore(_ request: RestoreRequest) throws(CriuFault) -> RestoreJob { try RestoreJob(request, driver: self) }
}

/// What is to be dumped.
public struct DumpRequest: Hashable, Sendable {
    public var sandbox: SandboxID
    /// The agent's main process, as the host counts.
    public var agent: Int32
    /// Absolute path of an empty directory with mode 0700. What a failed dump leaves in it is worthless.
    public var images: String
    /// Whether the agent goes on afterwards; else its sandbox is killed, and no instruction of it runs after the cut.
    public var leavesRunning: Bool
    public var tcp: TCPHandling
    /// The tree is not kept standing longer than this.
    public var timeLimit: Duration
    public init(
        sandbox: SandboxID, agent: Int32, images: String, leavesRunning: Bool, tcp: TCPHandling = .close, timeLimit: Duration = .seconds(60)
    ) {
        self.sandbox = sandbox
        self.agent = agent
        self.images = images
        self.leavesRunning = leavesRunning
        self.tcp = tcp
        self.timeLimit = timeLimit
    }
}

/// What an image is, as far as a restore must know. Belongs into the manifest of the version that holds the images.
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
    public init(
        root: Int32, highestProcess: Int32, outputPipe: UInt64?, errorPipe: UInt64?, connections: [Connection], tcp: TCPHandling,
        criu: CriuVersion
    ) {
        self.root = root
        self.highestProcess = highestProcess
        self.outputPipe = outputPipe
        self.errorPipe = errorPipe
        self.connections = connections
        self.tcp = tcp
        self.criu = criu
    }
}
