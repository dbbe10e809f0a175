internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import LaunchPlans
internal import OutsideWorld

/// Linux as one agent's supervisor sees it. Owns the loop; everything else here only registers with it.
final class LinuxWorld: World {
    let store: any Disk
    private let place: SupervisorPlace
    private let loop: EventLoop
    private let clock: LinuxClock
    private let signals: LinuxSignals
    private let sandboxes: any LocatingSandboxTable
    private let doors: LinuxDoors
    private let workers: LinuxWorkers
    private let programs: LinuxPrograms
    private let crius: LinuxCrius
    private let streams: StandardStreams
    private var isRestPlanned = false
    private var ownTerminal: OwnTerminal?
    /// The sandbox that was made or taken over last.
    private var latest: SandboxID?

    /// Takes the signals over for the whole process: see `LinuxSignals`.
    init(_ place: SupervisorPlace, over storeDisk: (any Disk) -> any Disk, streams: StandardStreams, makeSandboxes: SandboxMaker)
        throws(FileFault)
    {
        let store = storeDisk(try LinuxDisk(at: place.store, create: false))
        self.store = store
        self.place = place
        self.streams = streams
        let loop = EventLoop()
        self.loop = loop
        clock =
            DiskPath("agents/\(place.agent)/clock").map {
                LinuxClock(keptAt: $0, on: store, noEarlierThan: place.noEarlierThan)
            } ?? LinuxClock(noEarlierThan: place.noEarlierThan)
        signals = LinuxSignals(loop)
        let sandboxes = makeSandboxes(loop, place)
        self.sandboxes = sandboxes
        doors = LinuxDoors(loop, place) { [weak sandboxes] pid in sandboxes?.sandbox(of: pid) }
        workers = LinuxWorkers(loop)
        programs = LinuxPrograms(loop)
        crius = LinuxCrius(loop) { [weak sandboxes] id in sandboxes?.living(id) }
        restSoon()
    }

    deinit {
        streams.settle(loop)
        ownTerminal = nil
    }

    func next(until deadline: Moment?) -> WorldEvent? {
        let event = loop.next(until: deadline.map(clock.bootNanoseconds))
        if let ownTerminal, case .sandbox(_, .started)? = event { ownTerminal.fit() }
        restSoon()
        return event
    }

    /// Some seconds after the start, and after whatever happens later, the code that only this needed is given back. Nothing happens around
    /// an agent that is silent, so nothing wakes us then; one that beats costs us one such look every few seconds.
    private func restSoon() {
        guard !isRestPlanned else { return }
        isRestPlanned = true
        loop.after(milliseconds: 5000) { [weak self] in
            self?.isRestPlanned = false
            malloc_trim(0)
            ProgramText.giveBack()
        }
    }

    func disk(at absolutePath: String) throws(FileFault) -> any Disk {
        let ours = place.runtime + "/"
        guard absolutePath.hasPrefix(ours), let path = DiskPath(String(absolutePath.dropFirst(ours.count))) else {
            return try LinuxDisk(at: absolutePath, create: false)
        }
        // Agents write below our runtime directory: a link that one of them put there must not lead us away.
        return try LinuxDisk(at: path, of: try LinuxDisk(at: place.runtime, create: false))
    }

    func show(_ bytes: [UInt8], on stream: OutputStream) {
        let isOurs = ownTerminal != nil && stream == .standardError && isatty(2) == 1
        streams.show(isOurs ? OwnTerminal.lines(bytes) : bytes, on: stream, loop)
    }

    // MARK: Terminal

    var terminalSize: LaunchPlan.TerminalSize? { OwnTerminal.size }

    func terminal(of id: SandboxID) -> SandboxTerminal? { sandboxes.living(id)?.terminal }

    func connectTerminal() -> Bool {
        if ownTerminal != nil { return true }
        ownTerminal = OwnTerminal(loop) { [weak self] in self?.latest.flatMap { self?.terminal(of: $0) } }
        ownTerminal?.fit()
        return ownTerminal != nil
    }

    // MARK: Clock, randomness

    func now() -> Moment { clock.now() }
    func wallTime() -> WallTime { clock.wallTime() }
    func randomNumber() -> UInt64 { kernelRandomNumber() }

    // MARK: Sandboxes

    func launch(_ plan: LaunchPlan) throws(LaunchFault) -> SandboxID {
        try admitUser(of: plan)
        let id = try sandboxes.launch(plan)
        latest = id
        return id
    }

    private func admitUser(of plan: LaunchPlan) throws(LaunchFault) {
        guard let user = plan.userID else { return }
        do { try DoorPlaces(place).admit(userID: user, groupID: plan.groupID) } catch {
            throw LaunchFault(.setUp, "could not \(error.doing) '\(error.what)' for user \(user)")
        }
    }
    func adopt(_ agent: AgentName, doorsDirectory: String) throws(LaunchFault) -> AdoptedSandbox? {
        let adopted = try sandboxes.adopt(agent, doorsDirectory: doorsDirectory)
        latest = adopted?.id
        ownTerminal?.fit()
        return adopted
    }
    func signal(_ id: SandboxID, _ signal: Int32) { sandboxes.signal(id, signal) }
    func kill(_ id: SandboxID) { sandboxes.kill(id) }
    func freeze(_ id: SandboxID) -> Bool { sandboxes.freeze(id) }
    func thaw(_ id: SandboxID) { sandboxes.thaw(id) }
    func resources(_ id: SandboxID) -> ResourceUse { sandboxes.resources(id) }

    // MARK: Doors

    func open(_ door: Door) throws(FileFault) { try doors.open(door) }
    func send(_ bytes: [UInt8], to connection: ConnectionID) { doors.send(bytes, to: connection) }
    func close(_ connection: ConnectionID) { doors.close(connection) }

    // MARK: Work and programs

    func startWork(_ id: WorkID, in lane: WorkLane, _ body: @escaping @Sendable () -> Void) { workers.startWork(id, in: lane, body) }
    func start(_ id: WorkID, _ program: Program) { programs.start(id, program) }
    func executables(in directory: String) -> [String] { programs.executables(in: directory) }

    // MARK: Process images

    func prepare(_ plan: LaunchPlan, forRestoreOf root: Int32) throws(LaunchFault) -> SandboxID {
        if plan.purpose == .life { try admitUser(of: plan) }
        let id = try sandboxes.prepare(plan, forRestoreOf: root)
        if plan.purpose == .life { latest = id }
        return id
    }
    func finishRestore(in id: SandboxID) { sandboxes.finishRestore(in: id) }
    func raiseProcessNumbers(in id: SandboxID, above pid: Int32) -> Bool { sandboxes.living(id)?.raiseProcessNumbers(above: pid) ?? false }
    func servePages(_ start: PageServerStart) throws(CriuStartFault) {
        guard let sandbox = sandboxes.living(start.sandbox) else {
            throw CriuStartFault("could not start a page server: the sandbox is gone")
        }
        try sandbox.servePages(start)
    }
    func awaitsMemory(_ id: SandboxID) -> Bool { sandboxes.living(id)?.servesPages ?? false }
    func goOn(in id: SandboxID) { sandboxes.living(id)?.goOn() }
    func startCriu(_ start: CriuStart) throws(CriuStartFault) -> CriuID { try crius.start(start) }
    func send(_ packet: [UInt8], to id: CriuID) { crius.send(packet, to: id) }
    func hangUp(_ id: CriuID) { crius.hangUp(id) }
    func look(into id: SandboxID, for purpose: LookPurpose) -> TreeSight? { sandboxes.living(id)?.look(for: purpose) }
    func mappedFiles(of id: SandboxID) -> Set<UInt64>? { sandboxes.living(id)?.mappedFiles() }
    func place(of path: String, in id: SandboxID) -> String? { sandboxes.living(id)?.place(of: path) }
    func sharedMemory(of id: SandboxID) -> (any Disk)? { sandboxes.living(id)?.sharedMemory() }
    func freeMemory() -> ByteCount? { KernelFiles.kibibytes("/proc/meminfo", field: "MemAvailable") }
}
