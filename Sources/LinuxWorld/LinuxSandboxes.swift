package import AgentModel
internal import CLinuxShims
internal import Glibc
package import LaunchPlans
package import OutsideWorld

/// The sandboxes of one agent on this machine: at most one lives at a time, and at most one rehearsal beside it. `runner-init` stands between us and the agent, so our death
/// does not touch it: the next supervisor of the same place adopts what it finds.
package final class LinuxSandboxes: SandboxTable {
    private let loop: EventLoop
    private let place: SupervisorPlace
    private let initPath: String
    private let bootID: String
    private(set) var sandboxes: [SandboxID: Sandbox] = [:]
    private var count: UInt64
    /// Rehearsals, in a place of their own.
    private var beside: LinuxSandboxes?
    /// Numbers of rehearsals begin here, so that each names one sandbox.
    private static let firstBeside: UInt64 = 1 << 32

    /// How long an init may take to say hello, and the rest of a sandbox to die, before adoption is given up. Both take milliseconds.
    private static let helloLimit: Int32 = 3000
    private static let clearLimit = Duration.seconds(10)
    /// A program that a dead supervisor was just starting holds the supervisor's connection until it is executed.
    private static let refusalLimit = Duration.milliseconds(500)

    /// - Parameter initPath: absolute path of the `runner-init` executable.
    package convenience init(loop: EventLoop, place: SupervisorPlace, initPath: String) {
        self.init(loop: loop, place: place, initPath: initPath, after: 0)
    }

    private init(loop: EventLoop, place: SupervisorPlace, initPath: String, after count: UInt64) {
        self.loop = loop
        self.place = place
        self.initPath = initPath
        self.count = count
        bootID = HostProbe.bootID()
    }

    deinit { letGo() }

    /// Leaves the sandboxes to the next supervisor.
    package func letGo() {
        for sandbox in sandboxes.values { sandbox.letGo() }
        sandboxes = [:]
        beside?.letGo()
    }

    private var recordPath: String { place.runtime + "/sandbox" }

    /// NAME=value by which every process of this agent's sandboxes is known from outside.
    package var mark: String { Self.mark(initSocket: place.initSocket) }

    static func mark(initSocket: String) -> String { "RUNNER_SANDBOX=" + digest(initSocket) }

    /// FNV-1a, 64 bits: a short name for a path that need not be shown to the agent.
    private static func digest(_ text: String) -> String {
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }

    private func nextID() -> SandboxID {
        count += 1
        return SandboxID(count)
    }

    // MARK: Launch

    package func launch(_ plan: LaunchPlan) throws(LaunchFault) -> SandboxID {
        guard plan.purpose == .life else { throw LaunchFault(.setUp, "could not start an agent in a rehearsal: it is only for restores") }
        return try make(plan, restoreRoot: nil)
    }

    /// As `launch`, without an agent: `root` will be restored into it.
    package func prepare(_ plan: LaunchPlan, forRestoreOf root: Int32) throws(LaunchFault) -> SandboxID {
        guard case .namespaces = plan.isolation, root > 1 else {
            throw LaunchFault(.setUp, "could not prepare a restore: process images need namespaces, and this host has none for us")
        }
        guard plan.purpose == .rehearsal, !isBeside else { return try make(plan, restoreRoot: root) }
        let table = beside ?? LinuxSandboxes(loop: loop, place: place.rehearsal, initPath: initPath, after: Self.firstBeside)
        beside = table
        return try table.prepare(plan, forRestoreOf: root)
    }

    private func make(_ plan: LaunchPlan, restoreRoot: Int32?) throws(LaunchFault) -> SandboxID {
        try refuseSecond()
        let group = plan.controlGroup.flatMap { ControlGroup($0) }
        do {
            if let group, let planned = plan.controlGroup { try group.make(planned) }
            return try spawn(plan, group, restoreRoot)
        } catch {
            tidy(group)
            throw error
        }
    }

    private func refuseSecond() throws(LaunchFault) {
        let connection = sandboxes.isEmpty ? shim_packet_connect(place.initSocket) : -1
        if connection >= 0 { close(connection) }
        guard sandboxes.isEmpty, connection < 0 else {
            throw LaunchFault(.system, "could not start a second sandbox: one of this agent still lives. Adopt it, or wait for its end")
        }
    }

    private func spawn(_ plan: LaunchPlan, _ group: ControlGroup?, _ restoreRoot: Int32?) throws(LaunchFault) -> SandboxID {
        var hasNamespaces = false
        if case .namespaces = plan.isolation { hasNamespaces = true }
        // A rehearsal has doors at which nobody listens.
        let directory = plan.purpose == .rehearsal ? place.doors + "/staging" : place.runtime
        let made = KernelFiles.makeDirectories(directory, mode: 0o700)
        guard made == 0 else { throw LaunchFault(.setUp, "could not make the directory '\(directory)': \(sentence(errno: made))") }
        let namespaces =
            !hasNamespaces ? SHIM_NAMESPACES_OURS : plan.network == .none ? SHIM_NAMESPACES_OWN_AND_NETWORK : SHIM_NAMESPACES_OWN

        // 1. All that init gets from us, numbered by its place (sandbox_wire.h).
        let memory = try SandboxPlanFile(plan, group: group, mark: mark, restoreRoot: restoreRoot).memory()
        let nothing = try hold(open("/dev/null", O_RDWR | O_CLOEXEC), "open '/dev/null'")
        let listener = try hold(shim_packet_listen(place.initSocket), "open the socket '\(place.initSocket)'")
        let link = try connectedPair()
        let (out, err) = (try heldPipe(), try heldPipe())
        var given = [nothing, nothing, nothing, memory, link.theirs, listener, out.reading, out.writing, err.reading, err.writing]
        given += try group?.openMembership() ?? []
        if let freezer = group?.freezerFile { given.append(try hold(open(freezer, O_WRONLY | O_CLOEXEC), "open '\(freezer)'")) }

        // 2. The record is written before, so that there is no moment at which a sandbox lives and nobody can find its rest.
        var record = SandboxRecord(bootID: bootID, hasNamespaces: hasNamespaces, group: group)
        try keep(record)
        var handle: Int32 = -1
        let pid = withCStrings([[initPath, plan.agent.text], [mark]]) { lists in
            shim_process_spawn(initPath, lists[0], lists[1], given.map(\.number), given.count, Int32(namespaces.rawValue), &handle)
        }
        guard pid >= 0 else { throw LaunchFault(.system, "could not start the sandbox with '\(initPath)': \(sentence(errno: -pid))") }
        let initHandle = HeldDescriptor(handle)
        record.initProcess = ProcessLook.facts(of: pid).map { .init(pid: pid, startTime: $0.startTime) }
        _ = record.write(to: recordPath)  // without the pid the mark still finds it

        // 3. From here on it lives, whatever becomes of us.
        let remains = SandboxRemains(mark: mark, session: nil, group: group, hasNamespaces: hasNamespaces)
        let faults = SandboxFaults(plan: plan, groups: group?.paths ?? [])
        let id = enter { id, whenVanished in
            Sandbox(
                id: id, loop: loop, faults: faults, initHandle: initHandle, link: link.ours, out: out.reading, err: err.reading,
                writers: restoreRoot == nil ? [:] : [.standardOutput: out.writing, .standardError: err.writing], remains: remains,
                knownMemoryKills: 0, whenVanished: whenVanished)
        }
        sandboxes[id]?.begin(hello: nil, agentHandle: nil)
        return id
    }

    private func enter(_ make: (SandboxID, @escaping () -> Void) -> Sandbox) -> SandboxID {
        let id = nextID()
        sandboxes[id] = make(id) { [weak self] in
            self?.sandboxes[id] = nil
            self?.tidy(nil)
        }
        return id
    }

    private func keep(_ record: SandboxRecord) throws(LaunchFault) {
        let result = record.write(to: recordPath)
        guard result == 0 else { throw LaunchFault(.setUp, "could not write '\(recordPath)': \(sentence(errno: result))") }
    }

    private func hold(_ descriptor: Int32, _ what: String) throws(LaunchFault) -> HeldDescriptor {
        // Shims return -errno, system calls -1.
        guard descriptor >= 0 else {
            throw LaunchFault(.setUp, "could not \(what): \(sentence(errno: descriptor == -1 ? errno : -descriptor))")
        }
        return HeldDescriptor(descriptor)
    }

    private func heldPipe() throws(LaunchFault) -> (reading: HeldDescriptor, writing: HeldDescriptor) {
        do {
            let pipe = try makePipe()
            return (HeldDescriptor(pipe.readEnd), HeldDescriptor(pipe.writeEnd))
        } catch { throw LaunchFault(.system, "could not make a pipe for the agent's output: \(error.kind)") }
    }

    private func connectedPair() throws(LaunchFault) -> (ours: HeldDescriptor, theirs: HeldDescriptor) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw LaunchFault(.system, "could not make a connection to the sandbox: \(sentence(errno: errno))")
        }
        return (HeldDescriptor(ends[0]), HeldDescriptor(ends[1]))
    }

    /// Removes what a sandbox that is gone, or never was, leaves in the file system.
    private func tidy(_ group: ControlGroup?) {
        _ = group?.remove()  // the next launch renews it
        unlink(place.initSocket)
        unlink(recordPath)
        guard isBeside else { return }
        for directory in [place.doors + "/staging", place.doors, place.runtime] { rmdir(directory) }
    }

    // MARK: Adoption

    package func adopt(_ agent: AgentName, doorsDirectory: String) throws(LaunchFault) -> AdoptedSandbox? {
        guard sandboxes.isEmpty else {
            throw LaunchFault(.system, "could not look for a former sandbox: one of this agent is supervised here already")
        }
        try clearFormerPlace(agent)
        try clearRehearsal(agent)
        let record = SandboxRecord.read(recordPath)
        let deadline = shim_boottime_ns() + Self.refusalLimit.nanoseconds
        var connection = shim_packet_connect(place.initSocket)
        while connection >= 0 {
            switch takeOver(HeldDescriptor(connection), record) {
            case .taken(let adopted): return adopted
            case .silent: connection = -ETIMEDOUT
            case .refused where shim_boottime_ns() < deadline:
                usleep(10_000)
                connection = shim_packet_connect(place.initSocket)
            case .refused:
                throw LaunchFault(.system, "could not take over the agent's sandbox: another supervisor holds it. Stop that one first")
            }
        }
        try clearRemains(record, agent, wasThere: connection != -ENOENT)
        return nil
    }

    /// Nobody there can be taken over any more, and nobody there may write on beside the next one.
    private func clearFormerPlace(_ agent: AgentName) throws(LaunchFault) {
        guard let former = place.former else { return }
        let remains = SandboxRemains(in: former)
        guard remains.clear(within: Self.clearLimit) else { throw doesNotDie(agent, remains.mark) }
    }

    /// One whose supervisor died ends by itself; here that is proved, before the agent goes on.
    private func clearRehearsal(_ agent: AgentName) throws(LaunchFault) {
        guard beside == nil, KernelFiles.isDirectory(place.rehearsal.runtime) else { return }
        let table = LinuxSandboxes(loop: loop, place: place.rehearsal, initPath: initPath, after: Self.firstBeside)
        try table.clearRemains(SandboxRecord.read(table.recordPath), agent, wasThere: true)
    }

    private func doesNotDie(_ agent: AgentName, _ mark: String) -> LaunchFault {
        LaunchFault(
            .system,
            "could not end what is left of the former sandbox of '\(agent)': a process does not die. Look with 'ps axe | grep \(mark)'")
    }

    private enum Takeover {
        case taken(AdoptedSandbox)
        /// Init has another supervisor.
        case refused
        /// Whoever listens there is no init that could be taken over.
        case silent
    }

    private func takeOver(_ link: HeldDescriptor, _ record: SandboxRecord?) -> Takeover {
        guard case .report(let hello, var handles)? = SandboxPacket.receive(link.number, within: Self.helloLimit) else { return .silent }
        guard sandbox_report_kind(hello.kind) != SANDBOX_REFUSED else { return .refused }
        guard sandbox_report_kind(hello.kind) == SANDBOX_HELLO, handles.count >= 3 else { return .silent }
        // Whoever restored into it is gone, and nobody else can finish that.
        guard sandbox_phase(hello.phase) != SANDBOX_AWAITING else { return .silent }
        let (initHandle, out, err) = (handles.removeFirst(), handles.removeFirst(), handles.removeFirst())

        let group = record?.group
        let isOver = sandbox_phase(hello.phase) == SANDBOX_OVER || sandbox_phase(hello.phase) == SANDBOX_NEVER_RAN
        let remains = SandboxRemains(mark: mark, session: nil, group: group, hasNamespaces: record?.hasNamespaces ?? false)
        let id = enter { id, whenVanished in
            Sandbox(
                id: id, loop: loop, faults: SandboxFaults(plan: nil, groups: group?.paths ?? []), initHandle: initHandle, link: link,
                out: out, err: err, remains: remains, knownMemoryKills: isOver ? 0 : group?.outOfMemoryKills() ?? 0,
                whenVanished: whenVanished)
        }
        if hello.terminal == 1, case .report(let told, let masters)? = SandboxPacket.receive(link.number, within: Self.helloLimit),
            sandbox_report_kind(told.kind) == SANDBOX_TERMINAL, let master = masters.first
        {
            sandboxes[id]?.hold(terminal: master)
        }
        sandboxes[id]?.begin(hello: hello, agentHandle: handles.first)
        return .taken(AdoptedSandbox(id: id, incarnation: hello.incarnation, pid: sandboxes[id]?.agentPid))
    }

    /// No init answers: kills what may be left of the last sandbox, and proves that nothing is.
    private func clearRemains(_ record: SandboxRecord?, _ agent: AgentName, wasThere: Bool) throws(LaunchFault) {
        guard record != nil || wasThere else { return }  // no sandbox was ever made here, or its end was seen
        guard record?.bootID ?? bootID == bootID else { return tidy(nil) }  // it went down with the machine
        let remains = SandboxRemains(mark: mark, session: nil, group: record?.group, hasNamespaces: false)
        guard endInit(record?.initProcess), remains.clear(within: Self.clearLimit) else { throw doesNotDie(agent, mark) }
        tidy(record?.group)
    }

    /// - Returns: whether the init of the record is gone.
    private func endInit(_ process: SandboxRecord.Process?) -> Bool {
        guard let process else { return true }
        let number = shim_process_open(process.pid)
        guard number >= 0 else { return true }
        let handle = HeldDescriptor(number)
        guard ProcessLook.facts(of: process.pid)?.startTime == process.startTime else { return true }
        _ = shim_process_signal(handle.number, SIGKILL)
        return ProcessLook.hasEnded(handle: handle.number, within: Self.helloLimit)
    }

    // MARK: The living

    func living(_ id: SandboxID) -> Sandbox? { sandboxes[id] ?? beside?.sandboxes[id] }
    /// The agent's and the rehearsal's.
    var all: [SandboxID: Sandbox] { sandboxes.merging(beside?.sandboxes ?? [:]) { own, _ in own } }
    private var isBeside: Bool { count >= Self.firstBeside }

    package func signal(_ id: SandboxID, _ signal: Int32) { living(id)?.signal(signal) }
    package func kill(_ id: SandboxID) { living(id)?.kill() }
    package func freeze(_ id: SandboxID) -> Bool { living(id)?.remains.group?.freeze() ?? false }
    package func thaw(_ id: SandboxID) { living(id)?.remains.group?.thaw() }
    func finishRestore(in id: SandboxID) { living(id)?.finishRestore() }
    package func resources(_ id: SandboxID) -> ResourceUse { living(id)?.resources() ?? ResourceUse() }
}

/// Lists of C strings, each ended by NULL, that live while `body` runs.
func withCStrings<Result>(_ lists: [[String]], _ body: ([[UnsafeMutablePointer<CChar>?]]) -> Result) -> Result {
    let copies = lists.map { $0.map { strdup($0) } + [nil] }
    defer { for copy in copies.joined() { free(copy) } }
    return body(copies)
}
