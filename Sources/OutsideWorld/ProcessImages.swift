public import AgentModel
public import LaunchPlans

/// A running CRIU, counted by the world that started it.
public struct CriuID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public var description: String { "criu \(number)" }
    public static func < (a: CriuID, b: CriuID) -> Bool { a.number < b.number }
}

/// Which CRIU to start, where, and with what in its hands. It hears requests on descriptor `socket`.
public struct CriuStart: Hashable, Sendable {
    /// A descriptor that a restored process gets in place of one it had.
    public enum Gift: Hashable, Sendable {
        /// The pipe through which the sandbox's output reaches the supervisor.
        case output(OutputStream)
        /// A connected stream socket whose other end is closed already: whoever reads it learns that it must connect anew.
        case hungUpStream
        /// The same, for packets.
        case hungUpPackets
        /// The agent's side of the sandbox's terminal.
        case terminal
    }

    /// The numbers of its descriptors.
    public static let socket: Int32 = 3
    public static let images: Int32 = 4
    public static let scratch: Int32 = 5
    public static let firstGift: Int32 = 6

    /// Absolute path of the program.
    public var program: String
    public var sandbox: SandboxID
    /// Absolute path of the directory the images lie in or are written to. Opened outside: it need not be visible in the sandbox.
    public var images: String
    /// Absolute path of the directory for its log and its sockets; may be that of the images.
    public var scratch: String
    /// A restore runs in the agent's control group, because what it makes is born where it is itself. A dump must not: it would stop itself.
    public var joinsControlGroup: Bool
    /// Descriptors `firstGift`, `firstGift` + 1 …
    public var gifts: [Gift]
    public init(program: String, sandbox: SandboxID, images: String, scratch: String, joinsControlGroup: Bool, gifts: [Gift]) {
        self.program = program
        self.sandbox = sandbox
        self.images = images
        self.scratch = scratch
        self.joinsControlGroup = joinsControlGroup
        self.gifts = gifts
    }
}

/// Which page server to start, where, and what it serves: memory of a tree that is restored without it, and gets it when it is touched.
public struct PageServerStart: Hashable, Sendable {
    /// Absolute path of CRIU.
    public var program: String
    public var sandbox: SandboxID
    /// Absolute path of the directory of the images.
    public var images: String
    /// Absolute path of the directory for its log and its socket, by which the restore finds it: that of the restore's own scratch.
    public var scratch: String
    public init(program: String, sandbox: SandboxID, images: String, scratch: String) {
        self.program = program
        self.sandbox = sandbox
        self.images = images
        self.scratch = scratch
    }
}

public enum MemoryNews: Hashable, Sendable {
    /// The page server listens: a restore that needs it may begin.
    case served
    /// All memory has come, and the page server has ended.
    case complete
    /// It ended before that. Everything in the sandbox is being killed: the kernel gives zeros for what is missing.
    case lost(ProcessEnd)
}

public enum CriuNews: Hashable, Sendable {
    /// One message of it.
    case packet([UInt8])
    /// It ended and was reaped; with the last it wrote to its standard error, at most 4 KiB. Always the last news.
    case ended(ProcessEnd, lastOutput: String)
}

/// Why a CRIU could not be started; a whole sentence.
public struct CriuStartFault: Error, Hashable, Sendable {
    public var sentence: String
    public init(_ sentence: String) { self.sentence = sentence }
}

/// What is looked for in a tree, and so how long it takes.
public enum LookPurpose: Hashable, Sendable {
    /// Everything that can keep it from being dumped.
    case blockers
    /// All that can be compared with an image: of a tree that stands still, for what runs changes meanwhile.
    case shape
    /// Only process numbers, pipes, sockets and files: the tree stands still meanwhile. All else is left out.
    case connections
}

/// Images of whole process trees: CRIU inside sandboxes, and sandboxes to restore into.
public protocol ProcessImages: AnyObject {
    /// Makes a sandbox in which no agent is started. `ready`, or `failed` and `vanished`, come as news; then a restore may begin in it.
    /// - Parameter root: the number that the restored tree's root has inside.
    func prepare(_ plan: LaunchPlan, forRestoreOf root: Int32) throws(LaunchFault) -> SandboxID
    /// The restore is complete and CRIU has ended: from now on the tree's root is the sandbox's agent. `started` follows, and `ended` at once
    /// when it has died meanwhile.
    func finishRestore(in id: SandboxID)
    /// Lets everything in the sandbox go on that a dump left standing.
    func goOn(in id: SandboxID)
    /// Lets the next process inside be numbered above `pid`, so that the numbers a restore uses itself stay free. - Returns: whether it is so.
    func raiseProcessNumbers(in id: SandboxID, above pid: Int32) -> Bool

    /// Starts a page server in a sandbox that was prepared for a restore. It ends with the sandbox, and stays when the supervisor goes.
    func servePages(_ start: PageServerStart) throws(CriuStartFault)
    /// Whether some of the sandbox's memory is still to come: an image of it would silently lack that.
    func awaitsMemory(_ id: SandboxID) -> Bool

    /// Starts CRIU inside the sandbox. What it says comes as `criu` events.
    func startCriu(_ start: CriuStart) throws(CriuStartFault) -> CriuID
    /// Sends one message. One that has ended hears nothing.
    func send(_ packet: [UInt8], to id: CriuID)
    /// Closes the connection: a CRIU that waits for a message gives up, and so does a dump, which leaves the tree as it was.
    func hangUp(_ id: CriuID)

    /// The sandbox's processes and what they hold, seen from outside; nil when it is gone.
    func look(into id: SandboxID, for purpose: LookPurpose) -> TreeSight?
    /// Inodes of all files that the sandbox's processes map so that others see what they write: as long as a page of one is dirty, no time tells of
    /// it. nil: that cannot be told.
    func mappedFiles(of id: SandboxID) -> Set<UInt64>?
    /// The path by which the sandbox's descriptors are told to be open (`DescriptorSight.target`) where `path` leads inside it: without links.
    /// nil: nothing is there, or it cannot be told.
    func place(of path: String, in id: SandboxID) -> String?
    /// The sandbox's own /dev/shm; nil: it has none, or is gone.
    func sharedMemory(of id: SandboxID) -> (any Disk)?
    /// What processes could still take of the host's memory; nil: it does not tell.
    func freeMemory() -> ByteCount?
}
