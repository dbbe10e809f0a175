public import AgentModel
public import LaunchPlans

/// Why a supervisor could not be asked.
public enum AskFault: Error, Hashable, Sendable {
    /// Nobody listens there: no supervisor of this agent runs.
    case nobody
    case denied
    /// It was asked and did not answer in time, or hung up.
    case noAnswer
    case system(Int32)
}

/// What a CRIU outside of every sandbox answered to one question.
public enum CriuReply: Hashable, Sendable {
    case packet([UInt8])
    /// It ended, or the time did, without an answer.
    case silent(lastOutput: String)
    case couldNotStart(String)
}

/// What a kernel has that makes process images cheaper, and what this process may do.
public struct ImageSupport: Hashable, Sendable, Codable {
    /// It searches page maps itself (PAGEMAP_SCAN, Linux 6.7).
    public var scansPageMaps: Bool
    /// Clocks go on after a restore as if no time had passed.
    public var timeNamespaces: Bool
    /// Limits of processes of other users may be read and set: without it only agents of the runner's own user are dumped.
    public var mayChangeLimits: Bool
    public init(scansPageMaps: Bool, timeNamespaces: Bool, mayChangeLimits: Bool) {
        self.scansPageMaps = scansPageMaps
        self.timeNamespaces = timeNamespaces
        self.mayChangeLimits = mayChangeLimits
    }
}

/// What became of a start of this program in the background.
public enum BackgroundStart: Hashable, Sendable {
    /// It said that it is ready, and goes on by itself.
    case ready
    /// It ended before; with what exit status (nil: a signal ended it) and what it wrote till then.
    case ended(status: Int32?, output: String)
    /// It said that it could not start what it is for, and goes on trying by itself: a stable code and a whole sentence.
    case notStarted(code: String, sentence: String)
    /// None of it, and the time is over: it goes on by itself.
    case silent
}

/// Why what was written to standard output did not get there.
public enum OutputLoss: Hashable, Sendable {
    /// Whoever read it hung up, and wants no more.
    case readerLeft
    case refused(FileFault)
}

/// A program that works for a command.
public struct Tool: Hashable, Sendable {
    public var path: String
    /// Without the program's name.
    public var arguments: [String]
    public var input: [UInt8]
    /// Of what it writes to its standard output. More ends it.
    public var outputLimit: ByteCount
    public init(_ path: String, _ arguments: [String], input: [UInt8] = [], outputLimit: ByteCount) {
        self.path = path
        self.arguments = arguments
        self.input = input
        self.outputLimit = outputLimit
    }
}

/// How it ended.
public enum ToolEnd: Hashable, Sendable {
    case ended(ProcessEnd, output: [UInt8])
    /// It wrote more than it may.
    case tooMuchOutput
    /// Somebody asked this command to end, and it was ended.
    case stopped
    case couldNotStart(String)
}

/// The machine as a command sees it: what the front needs and the supervisor does not.
public protocol Machine: Clock, Randomness {
    /// Without the program's name.
    var arguments: [String] { get }
    var environment: [String: String] { get }
    var workingDirectory: String { get }
    var facts: HostFacts { get }
    /// Path of the running executable.
    var executable: String { get }
    /// Number of this process.
    var processID: Int32 { get }
    /// Whose rights this process has; told without finding out all of `facts`.
    var userID: UInt32 { get }

    func write(_ text: String, to stream: OutputStream)
    /// Bytes that need not be text.
    func write(_ bytes: [UInt8], to stream: OutputStream)
    /// The first part of the answer that standard output did not take; nil: it took all of it.
    var outputLoss: OutputLoss? { get }
    func isTerminal(_ stream: OutputStream) -> Bool
    /// Columns of the terminal; nil: not one.
    func width(of stream: OutputStream) -> Int?

    /// Any file by absolute path, at most `limit` bytes, following links: for spec files and the like that the caller owns.
    func readFile(_ path: String, limit: ByteCount) throws(FileFault) -> [UInt8]
    /// Whether this user may make something at an absolute path: in it, or in the nearest directory above it that there is.
    func mayMake(_ path: String) -> Bool
    /// A directory tree. `create`: made with mode 0700 when missing, with what is missing above it.
    func disk(at absolutePath: String, create: Bool) throws(FileFault) -> any Disk
    /// User and group number of a name or number, from /etc/passwd.
    func user(_ text: String) -> (userID: UInt32, groupID: UInt32)?

    /// What tells an executable file from every other and from its own later contents; nil: there is none at this absolute path.
    func executableIdentity(_ path: String) -> String?
    /// Starts the CRIU at `program` outside of every sandbox, asks it one thing, and ends it.
    func askCriu(_ program: String, _ packet: [UInt8], within: Duration) -> CriuReply
    var imageSupport: ImageSupport { get }

    /// Writes an archive as the new file `output`, mode 0600, which is then on stable storage. Files of the members lie below `source`. Both are
    /// absolute paths.
    /// - Parameter tick: called now and then, for whoever shows how far it is.
    /// - Throws: `ArchiveFault`; the file is gone then.
    func pack(
        _ members: [ArchiveMember], below source: String, to output: String, _ compression: ArchiveCompression, tick: () -> Void
    ) throws(ArchiveFault)
    /// Takes an archive apart into an existing directory: absolute paths both. Files get mode 0600, directories 0700. Nothing is synced.
    /// - Parameter wanted: names of members, or of directories with '/' behind them; all others are passed over.
    /// - Throws: `ArchiveFault`; some members may be there then.
    func unpack(
        _ archive: String, into directory: String, wanted: [String], limits: ArchiveLimits, tick: () -> Void
    ) throws(ArchiveFault)

    /// Absolute path of an executable file of this name, in the directories of PATH that nobody but root and this user may change; nil: there is none.
    func find(_ program: String) -> String?
    /// Runs a program to its end. It ends with this process.
    /// - Parameter eachLine: gets every line it writes to its standard error, as it comes.
    func run(_ tool: Tool, eachLine: (String) -> Void) -> ToolEnd
    /// Whether somebody asked this command to end (SIGINT, SIGTERM, SIGHUP). Once this was asked, such a signal ends nothing by itself.
    var isAskedToEnd: Bool { get }
    /// The first of these signals, by its number. nil: none came, or nobody asked for them yet.
    var endSignal: Int32? { get }

    /// Connects to a control socket, sends one line, gives every line that comes back to `each` until it returns false or the peer closes.
    func ask(_ socket: String, _ line: [UInt8], within: Duration, each: ([UInt8]) -> Bool) throws(AskFault)
    /// An empty directory in memory.
    /// - Parameter size: what is written into it at most.
    func makeRoom(upTo size: ByteCount) throws(FileFault) -> any MemoryRoom
    /// The world a supervisor of this agent lives in. Takes the standard signals over.
    /// - Parameter store: gives the disk that the store lies on for the one on which its files do: another where it is encrypted.
    func world(for place: SupervisorPlace, over store: (any Disk) -> any Disk) throws(FileFault) -> any World
    /// Whether processes of a sandbox of this place, or of its former one, live: with an init or without.
    func hasRemains(of place: SupervisorPlace) -> Bool
    /// Ends them; for whoever holds the agent's lock. - Returns: whether nothing of them is left.
    func endRemains(of place: SupervisorPlace) -> Bool
    /// Starts this program anew in the background, cut off from the terminal (own session, `log` as its output).
    /// Returns when it said that it is ready, ended, or the time is over.
    func startDetached(_ arguments: [String], log: String, within: Duration) throws(FileFault) -> BackgroundStart
    /// Tells whoever started this process detached, or systemd, that it is ready.
    func sayReady()
    /// Tells whoever started this process detached why it is not ready yet: a stable code and a whole sentence.
    func sayNotStarted(_ code: String, _ sentence: String)
    /// Waits until the file at an absolute path changes, appears or is replaced, or until the time is over.
    func waitForChange(_ path: String, within: Duration)
}

/// Where a supervisor of one agent lives.
public struct SupervisorPlace: Hashable, Sendable {
    public var agent: AgentName
    /// Absolute path of the store.
    public var store: String
    /// Absolute path of this agent's own runtime directory: `control.sock`, `init.sock`, `doors/`.
    public var runtime: String
    /// Another runtime directory in which a sandbox of this agent may have been, and nobody can be asked any more; nil: there is none.
    public var former: String?
    /// The last moment the agent's journal knows, so that the clock never goes back.
    public var noEarlierThan: Moment?
    public init(agent: AgentName, store: String, runtime: String, former: String? = nil, noEarlierThan: Moment?) {
        self.agent = agent
        self.store = store
        self.runtime = runtime
        self.former = former
        self.noEarlierThan = noEarlierThan
    }
    /// What `runtime` lies in, as that of every agent that is kept at the same place.
    public var directoryOfAll: String { runtime.lastIndex(of: "/").map { String(runtime[..<$0]) } ?? runtime }
    public var controlSocket: String { runtime + "/control.sock" }
    /// Listening socket that `runner-init` keeps for the next supervisor.
    public var initSocket: String { runtime + "/init.sock" }
    /// The directory an agent sees: `agent.sock`, `notify.sock`, `staging/`.
    public var doors: String { runtime + "/doors" }
    /// Where a rehearsal stands, with a record, an init's socket and doors of its own, so that nothing of it is taken for the agent's.
    public var rehearsal: SupervisorPlace {
        SupervisorPlace(agent: agent, store: store, runtime: runtime + "/rehearsal", noEarlierThan: noEarlierThan)
    }
}
