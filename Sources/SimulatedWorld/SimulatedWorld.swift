public import AgentModel
public import LaunchPlans
public import OutsideWorld

/// One supervisor's hold on a simulated machine. After the supervisor's death every call does nothing.
public final class SimulatedWorld: World {
    public let machine: SimulatedMachine
    public let store: any Disk
    private let epoch: UInt64
    /// From the machine's own time to the clock that decides.
    private let clockOffset: Int64
    private var pending: [WorldEvent] = []
    private var openDoors: Set<Door> = []
    private var peers: [ConnectionID: SimulatedAgent?] = [:]
    /// What the supervisor told an operator's connection.
    public private(set) var told: [ConnectionID: [UInt8]] = [:]
    private var lastConnection: UInt64 = 0
    /// Sentences shown on the terminal.
    public private(set) var shown: [String] = []

    /// A new supervisor takes the machine over; a former one must be dead.
    /// - Parameter noEarlierThan: the last moment the agent's journal knows; the clock that decides begins there at the earliest.
    public init(on machine: SimulatedMachine, noEarlierThan: Moment? = nil) {
        machine.supervisorEpoch += 1
        machine.supervisorCrashed = false
        self.machine = machine
        epoch = machine.supervisorEpoch
        // As the one before it counted: a calendar that was set meanwhile is no time that passed.
        let begun = machine.clockOffset ?? machine.calendarOffset.nanoseconds
        clockOffset = noEarlierThan.map { max(begun, $0.nanoseconds - machine.now) } ?? begun
        machine.clockOffset = clockOffset
        store = SupervisedDisk(machine.store, machine, epoch: epoch)
        machine.world = self
    }

    private var isAlive: Bool { machine.supervisorEpoch == epoch && !machine.supervisorCrashed }

    // MARK: Clock, randomness

    public func now() -> Moment { Moment(nanoseconds: machine.now + clockOffset) }
    public func wallTime() -> WallTime { WallTime(nanoseconds: machine.now) + machine.calendarOffset }
    public func randomNumber() -> UInt64 { machine.random.next() }
    public func secret(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 157 &+ 11) } }

    // MARK: Waiting

    public func next(until deadline: Moment?) -> WorldEvent? {
        while isAlive {
            if !pending.isEmpty { return pending.removeFirst() }
            guard machine.happen(until: deadline.map { $0.nanoseconds - clockOffset }) || !pending.isEmpty else { return nil }
        }
        return nil
    }

    func post(_ event: WorldEvent) {
        guard isAlive else { return }
        pending.append(event)
        guard event.canBeDoubled, machine.repeatsNews > 0, machine.random.number(below: 1_000_000) < machine.repeatsNews else { return }
        let late = machine.random.coin() ? machine.delay(0...100) : machine.delay(0...60_000)
        machine.after(late, epoch: epoch) { [weak self] in
            self?.machine.say("once more: \(event)")
            self?.pending.append(event)
        }
    }

    // MARK: Sandboxes

    public func launch(_ plan: LaunchPlan) throws(LaunchFault) -> SandboxID {
        guard machine.alive("launch") else { throw LaunchFault(.system, "the supervisor is dead") }
        if let fault = machine.cannotStart { throw fault }
        if machine.draws(machine.refusesLaunch) { throw LaunchFault(.system, "no more processes can be made") }
        let sandbox = machine.addSandbox { SimulatedSandbox(id: $0, plan: plan, machine: machine) }
        sandbox.start()
        return sandbox.id
    }

    public func adopt(_ agent: AgentName, doorsDirectory: String) throws(LaunchFault) -> AdoptedSandbox? {
        guard machine.alive("adopt"),
            let sandbox = machine.sandboxes.values.first(where: { $0.plan.agent == agent && $0.plan.purpose == .life && !$0.isGone })
        else { return nil }
        sandbox.adopted()
        return AdoptedSandbox(id: sandbox.id, incarnation: sandbox.plan.incarnation, pid: sandbox.endSeen == nil ? sandbox.pid : nil)
    }

    public func signal(_ id: SandboxID, _ signal: Int32) {
        guard machine.alive("signal") else { return }
        machine.sandboxes[id]?.agent?.askedToStop()
    }
    public func kill(_ id: SandboxID) {
        guard machine.alive("kill") else { return }
        machine.sandboxes[id]?.kill()
    }
    public func freeze(_ id: SandboxID) -> Bool {
        guard machine.alive("freeze"), let agent = machine.sandboxes[id]?.agent else { return false }
        agent.freeze()
        return true
    }
    public func thaw(_ id: SandboxID) {
        guard machine.alive("thaw") else { return }
        machine.sandboxes[id]?.agent?.thaw()
    }
    public func resources(_ id: SandboxID) -> ResourceUse { ResourceUse() }

    // MARK: Doors

    public func open(_ door: Door) throws(FileFault) {
        guard machine.alive("open door") else { throw FileFault(.system(5), doing: "open", what: "door") }
        openDoors.insert(door)
    }

    /// A peer connects. - Returns: nil when nobody listens.
    func peerConnects(_ door: Door, agent: SimulatedAgent?, inside: SandboxID?, userID: UInt32 = 0) -> ConnectionID? {
        guard isAlive, openDoors.contains(door) else { return nil }
        lastConnection += 1
        let id = ConnectionID(lastConnection)
        peers[id] = agent
        post(.connected(id, door, PeerCredentials(pid: 1, userID: userID, isInside: inside)))
        return id
    }

    /// An operator's command: connects, sends. What comes back is found in `told`.
    public func operatorSays(_ bytes: [UInt8]) -> ConnectionID? {
        guard let id = peerConnects(.control, agent: nil, inside: nil) else { return nil }
        post(.received(id, bytes))
        return id
    }

    /// Somebody knocks at a door and sends whatever it likes.
    public func strangerSays(_ bytes: [UInt8], at door: Door = .agent, inside: SandboxID?, userID: UInt32 = 0) -> ConnectionID? {
        guard let id = peerConnects(door, agent: nil, inside: inside, userID: userID) else { return nil }
        post(.received(id, bytes))
        return id
    }

    func peerSent(_ id: ConnectionID, _ bytes: [UInt8]) {
        guard peers[id] != nil, !bytes.isEmpty else { return }
        post(.received(id, bytes))
    }

    func peerClosed(_ id: ConnectionID) {
        guard peers.removeValue(forKey: id) != nil else { return }
        post(.closed(id))
    }

    public func send(_ bytes: [UInt8], to connection: ConnectionID) {
        guard machine.alive("send"), let peer = peers[connection] else { return }
        told[connection, default: []] += bytes
        guard let agent = peer else { return }
        machine.after(.microseconds(50 + machine.random.number(below: 2000)), epoch: epoch) { [weak self] in
            guard self?.peers[connection] != nil else { return }
            agent.received(bytes)
        }
    }

    public func close(_ connection: ConnectionID) {
        guard machine.alive("close") else { return }
        guard let peer = peers.removeValue(forKey: connection), let agent = peer else { return }
        machine.after(.milliseconds(2)) { agent.connectionLost() }
    }

    // MARK: Work and programs

    public func startWork(_ id: WorkID, in lane: WorkLane, _ body: @escaping @Sendable () -> Void) {
        guard machine.alive("start work") else { return }
        machine.after(machine.delay(1...40) + machine.workTakes, epoch: epoch) { [weak self] in
            body()
            self?.post(.workDone(id))
        }
    }

    public func start(_ id: WorkID, _ program: Program) {
        guard machine.alive("start program") else { return }
        machine.hookRuns.append(
            SimulatedHookRun(
                name: program.arguments.first ?? "", supervisor: epoch, at: WallTime(nanoseconds: machine.now),
                environment: program.environment))
        machine.after(machine.delay(1...50), epoch: epoch) { [weak self] in
            self?.post(.programEnded(id, .ended(.exited(0), lastOutput: "")))
        }
    }
    public func executables(in directory: String) -> [String] { machine.hooks.map { "\(directory)/\($0)" }.sorted() }

    // MARK: Rest

    public func disk(at absolutePath: String) throws(FileFault) -> any Disk {
        if machine.isMissing.contains(absolutePath) { throw FileFault(.missing, doing: "open the directory", what: absolutePath) }
        if absolutePath.hasSuffix("/staging") { return machine.staging }
        let inStore = machine.store.rootName + "/"
        if absolutePath.hasPrefix(inStore), let path = DiskPath(String(absolutePath.dropFirst(inStore.count))) {
            guard try store.entry(at: path)?.kind == .directory else {
                throw FileFault(.missing, doing: "open the directory", what: absolutePath)
            }
            return DiskBelow(path, of: store)
        }
        if absolutePath.hasPrefix("/run/") { return machine.runtime }
        return SupervisedDisk(machine.elsewhere[absolutePath] ?? machine.workspace, machine, epoch: epoch)
    }
    public var terminalSize: LaunchPlan.TerminalSize? { nil }
    public func connectTerminal() -> Bool { false }
    public func show(_ bytes: [UInt8], on stream: OutputStream) {
        let text = String(decoding: bytes, as: UTF8.self)
        machine.say(text.hasSuffix("\n") ? String(text.dropLast()) : text)
        shown.append(text)
    }

    /// A signal to the supervisor itself.
    public func signalSupervisor(_ number: Int32) { post(.signal(number)) }
}

extension WorldEvent {
    /// Bytes come once, in order; of news a careless world may tell twice.
    fileprivate var canBeDoubled: Bool {
        switch self {
        case .sandbox, .closed, .workDone, .programEnded, .datagram: true
        case .signal, .output, .connected, .received, .criu: false
        }
    }
}
