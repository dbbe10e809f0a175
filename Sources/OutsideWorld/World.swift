public import AgentModel
public import LaunchPlans

/// Time. `now` decides, `wallTime` is shown and stored.
public protocol Clock: AnyObject {
    /// Never goes back, counts sleep of the machine, and continues over restarts: it begins at the wall clock, or at `noEarlierThan` of
    /// the last run when the wall clock was set back.
    func now() -> Moment
    func wallTime() -> WallTime
}

/// Numbers nobody can guess; from a seed in the simulation.
public protocol Randomness: AnyObject {
    func randomNumber() -> UInt64
    /// So many bytes that nobody can guess. In the simulation always the same, so that no story takes another course by them.
    func secret(_ count: Int) -> [UInt8]
}

extension Randomness {
    public func secret(_ count: Int) -> [UInt8] {
        (0..<(count + 7) / 8).flatMap { _ in withUnsafeBytes(of: randomNumber()) { Array($0) } }.prefix(count) + []
    }
}

// MARK: Sandboxes

/// One incarnation's sandbox, counted by the world that made it.
public struct SandboxID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public var description: String { "sandbox \(number)" }
    public static func < (a: SandboxID, b: SandboxID) -> Bool { a.number < b.number }
}

/// Why a sandbox could not be made or its agent not be started.
public struct LaunchFault: Error, Hashable, Sendable, Codable {
    public enum Kind: String, Hashable, Sendable, Codable {
        /// The command is not there: exit status 127.
        case commandNotFound
        /// It is there and cannot be executed: exit status 126.
        case notExecutable
        /// The working directory, user, a mount, the control group …
        case setUp
        case system
    }
    public var kind: Kind
    /// A whole sentence, without the agent's name.
    public var sentence: String
    public init(_ kind: Kind, _ sentence: String) {
        self.kind = kind
        self.sentence = sentence
    }
}

public enum SandboxNews: Hashable, Sendable {
    /// The agent's first instruction is about to run. `pid` as the host counts.
    case started(pid: Int32)
    /// A sandbox without an agent stands, and a restore may begin in it.
    case ready
    /// The sandbox stands but the agent could not be executed in it. `vanished` follows.
    case failed(LaunchFault)
    /// The agent's main process ended. The rest of its tree is being killed; `vanished` follows.
    case ended(ProcessEnd)
    /// Of a page server in it.
    case memory(MemoryNews)
    /// Nothing of the sandbox is left, proved from outside. Always the last news.
    case vanished
}

/// What an incarnation uses and has used. nil: this host cannot tell.
public struct ResourceUse: Hashable, Sendable, Codable {
    public var memory: ByteCount?
    public var memoryPeak: ByteCount?
    public var cpu: Duration?
    public var processes: Int?
    public init(memory: ByteCount? = nil, memoryPeak: ByteCount? = nil, cpu: Duration? = nil, processes: Int? = nil) {
        self.memory = memory
        self.memoryPeak = memoryPeak
        self.cpu = cpu
        self.processes = processes
    }
}

/// A sandbox that outlived its supervisor and was taken over.
public struct AdoptedSandbox: Hashable, Sendable {
    public var id: SandboxID
    public var incarnation: UInt64
    /// Main process as the host counts; nil when it has ended (`ended` news follow at once).
    public var pid: Int32?
    public init(id: SandboxID, incarnation: UInt64, pid: Int32?) {
        self.id = id
        self.incarnation = incarnation
        self.pid = pid
    }
}

public protocol SandboxTable: AnyObject {
    /// Makes a sandbox and starts the agent in it. Returns when the sandbox's init runs; `started` or `failed` come as news.
    func launch(_ plan: LaunchPlan) throws(LaunchFault) -> SandboxID
    /// Takes over the sandbox a former supervisor of this agent left. nil: there is none. On return no sandbox of this agent lives but the
    /// returned one.
    func adopt(_ agent: AgentName, doorsDirectory: String) throws(LaunchFault) -> AdoptedSandbox?
    /// Sends a signal to the agent's main process; nothing when it is gone.
    func signal(_ id: SandboxID, _ signal: Int32)
    /// Kills everything in the sandbox. `ended` (when it had not yet) and `vanished` follow.
    func kill(_ id: SandboxID)
    /// Stops all the agent's processes from running, if this host can. - Returns: whether they are stopped now.
    func freeze(_ id: SandboxID) -> Bool
    func thaw(_ id: SandboxID)
    func resources(_ id: SandboxID) -> ResourceUse
}

// MARK: Doors (sockets others knock at)

/// A connection from outside, counted by the world.
public struct ConnectionID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public var description: String { "connection \(number)" }
    public static func < (a: ConnectionID, b: ConnectionID) -> Bool { a.number < b.number }
}

public enum Door: Hashable, Sendable, CaseIterable {
    /// Stream socket for the cooperative protocol: `<doors>/agent.sock`, mode 0666 inside a 0700 directory the agent's sandbox sees.
    case agent
    /// Datagram socket for sd_notify: `<doors>/notify.sock`.
    case notify
    /// Stream socket for the operator's commands: `<runtime>/<agent>/control.sock`, mode 0600.
    case control
}

/// Who is at the other end, told by the kernel (SO_PEERCRED, SCM_CREDENTIALS).
public struct PeerCredentials: Hashable, Sendable {
    public var pid: Int32
    public var userID: UInt32
    /// Whether the peer is inside the sandbox in question; nil: this host cannot tell.
    public var isInside: SandboxID?
    public init(pid: Int32, userID: UInt32, isInside: SandboxID?) {
        self.pid = pid
        self.userID = userID
        self.isInside = isInside
    }
}

public protocol Doors: AnyObject {
    /// Opens the door for business; a stale socket of a dead supervisor is replaced.
    func open(_ door: Door) throws(FileFault)
    /// Queues bytes in order. A peer that leaves more than 8 MiB unread is closed.
    func send(_ bytes: [UInt8], to connection: ConnectionID)
    /// Sends what is queued, then closes. No `closed` event follows.
    func close(_ connection: ConnectionID)
}

// MARK: Work and programs beside the loop

public struct WorkID: Hashable, Sendable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
}

/// What waits for what: work of one lane is done one after the other, in the order it was given; the lanes go side by side.
public enum WorkLane: Hashable, Sendable, CaseIterable {
    /// Somebody waits, perhaps standing still.
    case urgent
    /// What may take long.
    case patient
    /// In one row with `patient`, and its reading and writing comes after everybody else's, where the host can do that.
    case background
}

/// Slow work that owns its inputs and answers with one event.
public protocol Workers: AnyObject {
    /// `body` runs off the loop; `workDone(id)` follows. It leaves its result where the caller can find it.
    func startWork(_ id: WorkID, in lane: WorkLane, _ body: @escaping @Sendable () -> Void)
}

extension Workers {
    public func startWork(_ id: WorkID, _ body: @escaping @Sendable () -> Void) { startWork(id, in: .urgent, body) }
}

/// A hook or another short-lived helper of ours.
public struct Program: Hashable, Sendable {
    public var path: String
    public var arguments: [String]
    /// Complete environment, NAME=value.
    public var environment: [String]
    public var timeLimit: Duration
    /// Text for its standard input.
    public var input: [UInt8]
    public init(path: String, arguments: [String], environment: [String], timeLimit: Duration, input: [UInt8]) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.timeLimit = timeLimit
        self.input = input
    }
}

public enum ProgramResult: Hashable, Sendable {
    case ended(ProcessEnd, lastOutput: String)
    case timedOut(lastOutput: String)
    case couldNotStart(String)
}

public protocol Programs: AnyObject {
    /// Runs it beside the loop; `programEnded(id, …)` follows within its time limit and a second.
    func start(_ id: WorkID, _ program: Program)
    /// Whole paths of the executable files in a directory, sorted by name; empty when there is none.
    func executables(in directory: String) -> [String]
}

// MARK: The whole

public enum OutputStream: String, Hashable, Sendable, Codable {
    case standardOutput = "out"
    case standardError = "err"
}

public enum WorldEvent: Hashable, Sendable {
    /// A signal to the supervisor itself: SIGTERM, SIGINT, SIGHUP, SIGUSR1.
    case signal(Int32)
    case sandbox(SandboxID, SandboxNews)
    /// What the agent wrote, at most 64 KiB at a time.
    case output(SandboxID, OutputStream, [UInt8])
    case connected(ConnectionID, Door, PeerCredentials)
    case received(ConnectionID, [UInt8])
    /// The peer closed or was closed for not reading. Last event of the connection.
    case closed(ConnectionID)
    /// One sd_notify datagram, at most 4 KiB.
    case datagram([UInt8], PeerCredentials)
    case workDone(WorkID)
    case programEnded(WorkID, ProgramResult)
    case criu(CriuID, CriuNews)
}

/// The terminal a person started the runner in.
public protocol PersonsTerminal: AnyObject {
    /// Lines and columns of its window now; nil: there is none.
    var terminalSize: LaunchPlan.TerminalSize? { get }
    /// From now on what is typed goes to the terminal of the agent, whichever sandbox it lives in, and so does the window's size. What the
    /// terminal was before, it is again when the world ends, however it ends. - Returns: whether it is connected.
    func connectTerminal() -> Bool
}

/// All that a supervisor of one agent may touch. Every call is from the loop's thread.
public protocol World: Clock, Randomness, SandboxTable, Doors, Workers, Programs, ProcessImages, PersonsTerminal {
    /// The store's root.
    var store: any Disk { get }
    /// A directory tree elsewhere, such as a workspace or the staging directory; `missing` when it is not there.
    func disk(at absolutePath: String) throws(FileFault) -> any Disk
    /// Writes to the runner's own standard output or error. A closed or full terminal is ignored.
    func show(_ bytes: [UInt8], on stream: OutputStream)
    /// Waits for the next event, or until `deadline` (nil event). The only place where the supervisor waits.
    func next(until deadline: Moment?) -> WorldEvent?
}
