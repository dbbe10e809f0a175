// CriuDriver: dumps and restores of whole process trees through CRIU, over the seam. Acts; what CRIU's words mean is decided in CriuRequests,
// and what keeps a tree from being dumped in Blockers.swift. Documentation: docs/criu.md

public import AgentModel
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
    public func blockers(in sandbox: SandboxID, keeping kept: KeptFiles) -> [Blocker] {
        world.look(into: sandbox, for: .blockers).map {
            findBlockers(in: $0, version: program.version, kernel: kernel, kept: kept.named(in: sandbox, of: world))
        } ?? []
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
    /// Whether the agent goes on afterwards; else it stands still, and whoever asked kills its sandbox, or lets it go on when the images could
    /// not be kept.
    public var leavesRunning: Bool
    public var tcp: TCPHandling
    /// CRIU is not waited for longer than this, and what its memory takes to be written, until the tree stands and after `goOn`. How long it
    /// stands between is up to whoever asked.
    public var timeLimit: Duration
    /// The most the images may take.
    public var room: ByteCount
    /// Who has no more memory for them; nil: they go to a disk.
    public var inMemory: MemoryBound?
    /// Files that are kept with the images. One that is written elsewhere keeps the tree from being dumped.
    public var kept: KeptFiles
    public init(
        sandbox: SandboxID, agent: Int32, images: String, leavesRunning: Bool, tcp: TCPHandling = .close,
        timeLimit: Duration = .seconds(30),
        room: ByteCount = ByteCount(.max), kept: KeptFiles = KeptFiles()
    ) {
        self.sandbox = sandbox
        self.agent = agent
        self.images = images
        self.leavesRunning = leavesRunning
        self.tcp = tcp
        self.timeLimit = timeLimit
        self.room = room
        self.kept = kept
    }
}
