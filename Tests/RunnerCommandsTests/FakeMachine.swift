import AgentModel
import ControlSocket
import CriuRequests
import LaunchPlans
import OutsideWorld
import SimulatedWorld

/// A machine in memory: a command's arguments go in, what it wrote and asked comes out.
final class FakeMachine: Machine {
    var arguments: [String]
    var environment: [String: String] = ["RUNNER_STORE": "/store", "HOME": "/home/ada", "PATH": "/usr/bin"]
    var workingDirectory = "/home/ada"
    var executable = "/usr/bin/runner"
    var processID: Int32 = 4711
    var userID: UInt32 = 1000
    var terminals: Set<OutputStream> = []
    var columns: Int?
    var disks: [String: SimulatedDisk] = [:]
    var diskFaults: [String: FileFault.Kind] = [:]
    var files: [String: String] = [:]
    /// Where nothing can be made.
    var closed: Set<String> = []
    var fileFaults: [String: FileFault.Kind] = [:]
    /// What a supervisor answers. nil: none runs.
    var supervisor: ((ControlRequest) -> Result<ControlReply, AskFault>)?
    /// The only socket at which it listens. nil: at any.
    var supervisorSocket: String?
    /// Runtime directories whose sandbox left processes, and those that survive everything.
    var remains: Set<String> = []
    var immortals: Set<String> = []
    var detached = BackgroundStart.ready
    /// What standard output does with an answer.
    var outputLoss: OutputLoss?
    /// Called at every wait for a change, before time passes.
    var onWait: (() -> Void)?
    /// Called whenever a name is drawn by lot.
    var onRandomNumber: (() -> Void)?
    var namespaces = HostFacts.Availability.missing("only root may make them")
    var sandboxInit = HostFacts.Availability.available
    var archiveHelper = HostFacts.Availability.available
    var controlGroups = HostFacts.ControlGroups.none("no control group is delegated to this user")

    /// Locks that others hold.
    var held: [any DiskLock] = []

    /// Programs on the PATH, and what became of each start.
    var tools: [String: (Tool) -> ToolEnd] = [:]
    /// Somebody pressed Ctrl-C.
    var isAskedToEnd: Bool {
        get {
            if endSignal == nil, endsWhen?() ?? false { endSignal = 2 }
            return endSignal != nil
        }
        set { endSignal = newValue ? 2 : nil }
    }
    var endSignal: Int32?
    /// Somebody presses it as soon as this is so.
    var endsWhen: (() -> Bool)?
    func find(_ program: String) -> String? { tools[program] == nil ? nil : program }
    /// What each of them tells while it runs.
    var toolLines: [String] = []
    func run(_ tool: Tool, eachLine: (String) -> Void) -> ToolEnd {
        toolLines.forEach(eachLine)
        return tools[tool.path]?(tool) ?? .couldNotStart("it is gone")
    }

    private(set) var output = ""
    /// What was written as bytes.
    private(set) var outputBytes: [UInt8] = []
    private(set) var errors = ""
    private(set) var asked: [ControlRequest] = []
    /// How long each of them would have been waited for.
    private(set) var patience: [Duration] = []
    private(set) var startedDetached: [[String]] = []
    private(set) var saidReady = false
    private var moment: Int64 = 1_795_250_280_000_000_000  // 2026-11-21T08:38:00Z

    init(_ arguments: String...) { self.arguments = arguments }

    var facts: HostFacts {
        HostFacts(
            userID: userID, groupID: userID, kernelRelease: "6.18.0", hostName: "host", processors: 2, memory: ByteCount(4_000_000_000),
            namespaces: namespaces, controlGroups: controlGroups, sandboxInit: sandboxInit, archiveHelper: archiveHelper, bootID: "boot")
    }

    // MARK: Clock, randomness

    func now() -> Moment { Moment(nanoseconds: moment) }
    func wallTime() -> WallTime { WallTime(nanoseconds: moment) }
    func randomNumber() -> UInt64 {
        onRandomNumber?()
        return 0x0123_4567_89ab_cdef
    }
    func pass(_ span: Duration) { moment += span.nanoseconds }

    // MARK: Terminal

    func write(_ text: String, to stream: OutputStream) {
        switch stream {
        case .standardOutput: output += text
        case .standardError: errors += text
        }
    }
    func write(_ bytes: [UInt8], to stream: OutputStream) {
        if stream == .standardOutput { outputBytes += bytes }
        write(String(decoding: bytes, as: UTF8.self), to: stream)
    }
    func isTerminal(_ stream: OutputStream) -> Bool { terminals.contains(stream) }
    func width(of stream: OutputStream) -> Int? { columns }

    // MARK: Files

    func readFile(_ path: String, limit: ByteCount) throws(FileFault) -> [UInt8] {
        if let kind = fileFaults[path] { throw FileFault(kind, doing: "read", what: path) }
        guard let text = files[path] else { throw FileFault(.missing, doing: "open", what: path) }
        return Array(text.utf8)
    }
    func mayMake(_ path: String) -> Bool { !closed.contains(path) }
    func disk(at absolutePath: String, create: Bool) throws(FileFault) -> any Disk {
        if let kind = diskFaults[absolutePath] { throw FileFault(kind, doing: "open the directory", what: absolutePath) }
        if let disk = disks[absolutePath] { return disk }
        guard create else { throw FileFault(.missing, doing: "open the directory", what: absolutePath) }
        let disk = SimulatedDisk(seed: 1, rootName: absolutePath)
        disks[absolutePath] = disk
        return disk
    }
    func user(_ text: String) -> (userID: UInt32, groupID: UInt32)? { nil }

    // MARK: CRIU

    /// What stands at these paths and answers.
    var crius: [String: (_ request: CriuRequest) -> CriuReply] = [:]
    private(set) var criuQuestions = 0
    func executableIdentity(_ path: String) -> String? { crius[path] == nil ? nil : "1:2 3" }
    func askCriu(_ program: String, _ packet: [UInt8], within: Duration) -> CriuReply {
        criuQuestions += 1
        guard let criu = crius[program], let request = CriuRequest(packet: packet) else { return .couldNotStart("there is none") }
        return criu(request)
    }
    var imageSupport = ImageSupport(scansPageMaps: true, timeNamespaces: true, mayChangeLimits: true)

    /// Archives that were made or planted, by path; and how the next one fails.
    var archives: [String: FakeArchive] = [:]
    var archiveFault: ArchiveFault?
    /// Called before an archive is made.
    var onPack: (() -> Void)?
    /// What each that was taken apart was allowed.
    var archiveLimits: [ArchiveLimits] = []

    // MARK: Supervisors

    func ask(_ socket: String, _ line: [UInt8], within: Duration, each: ([UInt8]) -> Bool) throws(AskFault) {
        guard let supervisor, supervisorSocket ?? socket == socket else { throw .nobody }
        guard let request = try? ControlCodec.request(Array(line.dropLast())) else { throw .system(22) }
        asked.append(request)
        patience.append(within)
        let reply = try supervisor(request).get()
        guard let answer = try? ControlCodec.line(reply) else { throw .system(22) }
        _ = each(Array(answer.dropLast()))
    }
    /// What there is of memory for rooms, and who has no more.
    var memory: (free: ByteCount, bound: MemoryBound) = (ByteCount(.max), .host)
    func makeRoom(upTo size: ByteCount) throws(FileFault) -> any MemoryRoom {
        let (disk, size) = (SimulatedDisk(seed: 1, rootName: "/room"), min(size, memory.free))
        if memory.free < ByteCount(.max) { disk.setCapacity(size) }
        return SimulatedRoom(disk, size: size, bound: memory.bound)
    }
    func world(for place: SupervisorPlace, over store: (any Disk) -> any Disk) throws(FileFault) -> any World {
        SimulatedWorld(on: SimulatedMachine(seed: 1, script: AgentScript(steps: 1)))
    }
    func hasRemains(of place: SupervisorPlace) -> Bool { [place.runtime, place.former].contains { $0.map(remains.contains) ?? false } }
    func endRemains(of place: SupervisorPlace) -> Bool {
        for runtime in [place.runtime, place.former].compactMap({ $0 }) where !immortals.contains(runtime) { remains.remove(runtime) }
        return !hasRemains(of: place)
    }
    func startDetached(_ arguments: [String], log: String, within: Duration) throws(FileFault) -> BackgroundStart {
        startedDetached.append(arguments)
        return detached
    }
    func sayReady() { saidReady = true }
    func sayNotStarted(_ code: String, _ sentence: String) {}
    func waitForChange(_ path: String, within: Duration) {
        onWait?()
        pass(within)
    }
}
