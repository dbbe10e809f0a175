public import AgentModel
internal import CLinuxShims
internal import Glibc
public import LaunchPlans
public import OutsideWorld

/// This machine as a command sees it.
public final class LinuxMachine: Machine {
    public let arguments: [String]
    public let environment: [String: String]
    public let executable: String
    /// Found out when first asked for: most commands never need them.
    public private(set) lazy var facts: HostFacts = findFacts()

    private let findFacts: () -> HostFacts
    private let makeSandboxes: SandboxMaker
    private let archiveHelper: String
    private let readiness: Readiness
    private let clock = LinuxClock(noEarlierThan: nil)
    private let streams = StandardStreams()
    private let changes = ChangeWatches()
    /// Made for commands that go on working for long: from then on nothing else ends them politely.
    private lazy var endRequests = EndRequests()
    /// Whether they are read, and no more obeyed.
    private var takesSignals = false
    /// What `startDetached` executes: this very file, even when its name means a newer one by now.
    private let program: String

    init(
        arguments: [String], environment: [String: String], program: String = "/proc/self/exe",
        archiveHelper: String = ArchiveHelper.found(), facts: @escaping () -> HostFacts, makeSandboxes: @escaping SandboxMaker
    ) {
        self.archiveHelper = archiveHelper
        self.arguments = arguments
        readiness = Readiness(environment)
        self.environment = environment.filter { !Readiness.isOurs($0.key) }
        self.program = program
        executable = linkTarget(of: program) ?? program
        findFacts = facts
        self.makeSandboxes = makeSandboxes
    }

    public var processID: Int32 { getpid() }
    public var userID: UInt32 { geteuid() }

    // MARK: Clock, randomness

    public func now() -> Moment { clock.now() }
    public func wallTime() -> WallTime { clock.wallTime() }
    public func randomNumber() -> UInt64 { kernelRandomNumber() }

    // MARK: Terminal

    public private(set) var outputLoss: OutputLoss?

    public func write(_ bytes: [UInt8], to stream: OutputStream) { streams.write(bytes, to: stream) }
    public func write(_ text: String, to stream: OutputStream) {
        let refused = streams.write(Array(text.utf8), to: stream)
        guard refused != 0, stream == .standardOutput, outputLoss == nil else { return }
        let fault = FileFault(errno: refused, doing: "write the answer to", what: "standard output")
        outputLoss = refused == EPIPE ? .readerLeft : .refused(fault)
    }

    public func isTerminal(_ stream: OutputStream) -> Bool { isatty(stream.descriptor) == 1 }

    public func width(of stream: OutputStream) -> Int? {
        var size = winsize()
        guard ioctl(stream.descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    // MARK: Files

    public var workingDirectory: String {
        guard let path = getcwd(nil, 0) else { return "/" }  // it was removed under us
        defer { free(path) }
        return String(cString: path)
    }

    public func readFile(_ path: String, limit: ByteCount) throws(FileFault) -> [UInt8] {
        let raw = uninterrupted { open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC) }
        if raw < 0 { throw FileFault(errno: -raw, doing: "open", what: path) }
        let file = LinuxFile(raw, name: path)
        var bytes: [UInt8] = []
        while true {
            let part = try file.read(64 << 10)
            if part.isEmpty { return bytes }
            bytes += part
            if UInt64(bytes.count) > limit.bytes { throw FileFault(.tooLarge, doing: "read", what: path) }
        }
    }

    public func mayMake(_ path: String) -> Bool {
        var directory = path
        while access(directory, F_OK) != 0, errno == ENOENT, let slash = directory.lastIndex(of: "/"), slash != directory.startIndex {
            directory = String(directory[..<slash])
        }
        return access(directory.isEmpty ? "/" : directory, W_OK | X_OK) == 0
    }

    public func disk(at absolutePath: String, create: Bool) throws(FileFault) -> any Disk {
        return try LinuxDisk(at: absolutePath, create: create)
    }

    /// `name`, `number`, or either with `:group` behind it. A number needs no entry; without one its group has the same number.
    public func user(_ text: String) -> (userID: UInt32, groupID: UInt32)? {
        let limit = ByteCount.mebibytes(16)
        return UserFiles(
            users: (try? readFile("/etc/passwd", limit: limit)) ?? [], groups: (try? readFile("/etc/group", limit: limit)) ?? []
        )
        .find(text)
    }

    // MARK: CRIU

    public func executableIdentity(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, access(path, X_OK) == 0 else { return nil }
        return "\(status.st_dev):\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    }

    public func askCriu(_ program: String, _ packet: [UInt8], within: Duration) -> CriuReply {
        CriuQuestion(program: program).ask(packet, within: within)
    }

    public var imageSupport: ImageSupport { ImageSupport.found() }

    // MARK: Tools

    public func find(_ program: String) -> String? { findProgram(program, in: environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin") }
    public var isAskedToEnd: Bool {
        takesSignals = true
        return endRequests.wereMade
    }
    public var endSignal: Int32? { takesSignals && endRequests.wereMade ? endRequests.signal : nil }
    public func run(_ tool: Tool, eachLine: (String) -> Void) -> ToolEnd {
        ToolRun(tool: tool, environment: environment.map { "\($0.key)=\($0.value)" }, requests: endRequests).run(eachLine: eachLine)
    }

    // MARK: Archives

    public func pack(
        _ members: [ArchiveMember], below source: String, to output: String, _ compression: ArchiveCompression, tick: () -> Void
    ) throws(ArchiveFault) {
        try helper.pack(members, below: source, to: output, compression, tick: tick)
    }

    public func unpack(
        _ archive: String, into directory: String, wanted: [String], limits: ArchiveLimits, tick: () -> Void
    ) throws(ArchiveFault) {
        try helper.unpack(archive, into: directory, wanted: wanted, limits: limits, tick: tick)
    }

    private var helper: ArchiveHelper {
        ArchiveHelper(path: archiveHelper, requests: takesSignals ? endRequests : nil)
    }

    // MARK: Supervisors

    public func ask(_ socket: String, _ line: [UInt8], within: Duration, each: ([UInt8]) -> Bool) throws(AskFault) {
        try ControlClient(socket, within: within).ask(line, each: each)
    }

    public func makeRoom(upTo size: ByteCount) throws(FileFault) -> any MemoryRoom { try LinuxMemoryRoom(upTo: size) }

    public func world(for place: SupervisorPlace, over store: (any Disk) -> any Disk) throws(FileFault) -> any World {
        mallopt(M_ARENA_MAX, 1)  // the worker's thread shares our heap: a second arena would cost more than it gains
        // A state of a megabyte is held for a moment. Set by hand, this stays: glibc would raise it with the first large piece that is freed,
        // take the next ones from the heap and keep them.
        mallopt(M_MMAP_THRESHOLD, 128 << 10)
        return try LinuxWorld(place, over: store, streams: streams, makeSandboxes: makeSandboxes)
    }

    public func hasRemains(of place: SupervisorPlace) -> Bool { SandboxRemains.all(of: place).contains { $0.isThere() } }

    public func endRemains(of place: SupervisorPlace) -> Bool {
        SandboxRemains.all(of: place).allSatisfy { $0.clear(within: .seconds(10)) }
    }

    public func startDetached(_ arguments: [String], log: String, within: Duration) throws(FileFault) -> BackgroundStart {
        let start = DetachedStart(program: program, arguments: [executable] + arguments, environment: environment, log: log)
        return try start.run(within: within)
    }

    public func sayReady() { readiness.say() }
    public func sayNotStarted(_ code: String, _ sentence: String) { readiness.sayNotStarted(code, sentence) }

    /// The first wait for a path returns at once: what happened to it before the watch stood cannot be known. From then on no change
    /// between two waits for the same path is lost.
    public func waitForChange(_ path: String, within: Duration) { changes.wait(for: path, within: within) }
}

extension OutputStream {
    fileprivate var descriptor: Int32 {
        switch self {
        case .standardOutput: 1
        case .standardError: 2
        }
    }
}

/// Where the link `path` points; nil when it is none.
func linkTarget(of path: String) -> String? {
    var target = [CChar](repeating: 0, count: 4096)
    let count = readlink(path, &target, target.count)
    guard count > 0 else { return nil }
    let text = FileNames.text(of: target.prefix(count).map { UInt8(bitPattern: $0) })
    let mark = " (deleted)"  // proc(5): the file was replaced or removed while it ran
    return text.hasSuffix(mark) ? String(text.dropLast(mark.count)) : text
}
