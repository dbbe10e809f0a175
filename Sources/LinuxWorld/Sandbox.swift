internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import LaunchPlans
internal import OutsideWorld

/// One living sandbox as its supervisor holds it: the connection to its init, handles of init and agent, the agent's output. It turns what
/// comes from there into news, in this order: started or failed, output, ended, the rest of the output, vanished.
final class Sandbox {
    let id: SandboxID
    let faults: SandboxFaults
    let initHandle: HeldDescriptor
    let remains: SandboxRemains
    let loop: EventLoop
    private let whenVanished: () -> Void
    private(set) var link: HeldDescriptor?
    private(set) var streams: [OutputStream: HeldDescriptor]
    /// The other ends, while a restore needs them.
    private(set) var writers: [OutputStream: HeldDescriptor]
    private(set) var agentHandle: HeldDescriptor?
    /// The agent's terminal, if it has one.
    var terminal: SandboxTerminal?
    private var session: Int32?
    /// A page server runs in it.
    var servesPages = false
    /// Tells when it listens; nil afterwards.
    var pageServerStatus: HeldDescriptor?
    private(set) var isToldStarted = false
    private var hasToldEnd = false
    /// Init saw its last child end.
    private var isEmpty = false
    /// `oom_kill` of the control group when it was last looked at.
    private var knownMemoryKills: UInt64

    /// At most so much is read and posted at a time.
    private static let outputLimit = 64 << 10
    /// An init that does not end its sandbox for so long is ended itself.
    private static let patience: Int64 = 2000

    init(
        id: SandboxID, loop: EventLoop, faults: SandboxFaults, initHandle: HeldDescriptor, link: HeldDescriptor, out: HeldDescriptor,
        err: HeldDescriptor, writers: [OutputStream: HeldDescriptor] = [:], remains: SandboxRemains, knownMemoryKills: UInt64,
        whenVanished: @escaping () -> Void
    ) {
        self.id = id
        self.loop = loop
        self.faults = faults
        self.initHandle = initHandle
        self.link = link
        self.writers = writers
        self.remains = remains
        self.knownMemoryKills = knownMemoryKills
        self.whenVanished = whenVanished
        streams = [.standardOutput: out, .standardError: err]
    }

    /// Begins to watch. What was known at once (`hello` of a sandbox that was taken over) is told first.
    func begin(hello: sandbox_report?, agentHandle: HeldDescriptor?) {
        if let agentHandle { hold(agentHandle) }
        if let hello { tellPast(hello) }
        if let link { loop.watch(link.number) { [weak self] _ in self?.readReports() } }
        loop.watch(initHandle.number) { [weak self] _ in self?.initEnded() }
        if session != nil { watchOutput() }
    }

    /// Only once the start was told, so that no output comes before it.
    private func watchOutput() {
        for (stream, pipe) in streams { loop.watch(pipe.number) { [weak self] _ in self?.readSome(stream) } }
        isToldStarted = true
        watchTerminal()
    }

    /// Stops watching and closes everything. The sandbox lives on.
    func letGo() {
        if let link { loop.forget(link.number) }
        loop.forget(initHandle.number)
        for pipe in streams.values { loop.forget(pipe.number) }
        forgetPageServer()
        terminal?.letGo(loop)
        link = nil
        streams = [:]
        writers = [:]
        agentHandle = nil
    }

    var agentPid: Int32? { agentHandle.flatMap { ProcessLook.pid(ofHandle: $0.number) } }

    // MARK: Orders

    func signal(_ number: Int32) {
        guard let agentHandle else { return }
        _ = shim_process_signal(agentHandle.number, number)  // it may have ended: then nothing is to be done
    }

    func kill() {
        if !send(SANDBOX_KILL) { _ = shim_process_signal(initHandle.number, SIGKILL) }
        loop.after(milliseconds: Self.patience) { [weak self] in
            guard let self, self.link != nil else { return }
            _ = shim_process_signal(self.initHandle.number, SIGKILL)
        }
    }

    /// The restore is complete.
    func finishRestore() {
        if !send(SANDBOX_RESTORED) { kill() }
    }

    private func send(_ kind: sandbox_order_kind) -> Bool {
        guard let link else { return false }
        var order = sandbox_order()
        (order.wire, order.kind) = (UInt32(SANDBOX_WIRE), kind.rawValue)
        return shim_packet_send(link.number, &order, MemoryLayout<sandbox_order>.size, [], 0) == 0
    }

    func resources() -> ResourceUse {
        guard let group = remains.group else { return ResourceUse() }
        knownMemoryKills = hasToldEnd ? knownMemoryKills : group.outOfMemoryKills() ?? knownMemoryKills
        return group.use()
    }

    // MARK: Reports of init

    private func readReports() {
        while let link {
            guard let packet = SandboxPacket.receive(link.number) else { return }
            guard case .report(let report, let handles) = packet else {
                loop.forget(link.number)
                self.link = nil
                return
            }
            take(report, handles)
        }
    }

    private func take(_ report: sandbox_report, _ handles: [HeldDescriptor]) {
        switch sandbox_report_kind(report.kind) {
        case SANDBOX_READY: tell(.ready)
        case SANDBOX_STARTED:
            writers = [:]
            if let handle = handles.first { hold(handle) }
            tell(.started(pid: session ?? 0))
            watchOutput()
        case SANDBOX_FAILED: tellFailure(report)
        case SANDBOX_TERMINAL: if let handle = handles.first { hold(terminal: handle) }
        case SANDBOX_PAGES: pageServerEnded(status: report.pages)
        case SANDBOX_ENDED:
            agentHandle = nil
            drain(all: false)
            tellEnd(status: report.status)
        case SANDBOX_EMPTY:
            isEmpty = true
            drain(all: true)
            _ = send(SANDBOX_ACKNOWLEDGE)
        default: break  // a later init may say more; what we need is told by its death
        }
    }

    /// What happened before we came.
    private func tellPast(_ hello: sandbox_report) {
        servesPages = hello.pages == 1
        switch sandbox_phase(hello.phase) {
        case SANDBOX_OVER:
            drain(all: hello.empty == 1)
            tellEnd(status: hello.status)
        case SANDBOX_NEVER_RAN: tellFailure(hello)
        default: return
        }
        isEmpty = hello.empty == 1
        if isEmpty { _ = send(SANDBOX_ACKNOWLEDGE) }
    }

    private func hold(_ handle: HeldDescriptor) {
        agentHandle = handle
        session = ProcessLook.pid(ofHandle: handle.number)
    }

    func tell(_ news: SandboxNews) { loop.post(.sandbox(id, news)) }

    private func tellFailure(_ report: sandbox_report) {
        hasToldEnd = true
        tell(.failed(faults.fault(step: report.step, error: report.error, index: report.index)))
    }

    private func tellEnd(status: Int32) {
        hasToldEnd = true
        let signal = status & 0x7f  // see wait(2): 0 for an exit, whose status is the next byte
        guard signal != 0 else { return tell(.ended(.exited(status >> 8 & 0xff))) }
        let kills = remains.group?.outOfMemoryKills() ?? 0
        tell(.ended(.signaled(signal, outOfMemory: signal == SIGKILL && kills > knownMemoryKills)))
    }

    // MARK: Output

    /// - Returns: whether there was something.
    @discardableResult private func readSome(_ stream: OutputStream) -> Bool {
        guard let pipe = streams[stream] else { return false }
        var count = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.outputLimit) { buffer, length in
            count = read(pipe.number, buffer.baseAddress, Self.outputLimit)
            length = max(0, count)
        }
        if count > 0 {
            loop.post(.output(id, stream, bytes))
        } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
            loop.forget(pipe.number)
            streams[stream] = nil
        }
        return count > 0
    }

    /// Reads what the pipes hold now. `all`: nobody is left who could write, so until they are empty.
    private func drain(all: Bool) {
        drainTerminal()
        for stream in [OutputStream.standardOutput, .standardError] {
            var held = streams[stream].map { Int(shim_pipe_held($0.number)) } ?? 0
            while held > 0, readSome(stream) {
                // A living writer could go on for ever: without `all` no more is read than was there.
                held = all ? streams[stream].map { Int(shim_pipe_held($0.number)) } ?? 0 : held - Self.outputLimit
            }
        }
    }

    // MARK: The end

    private func initEnded() {
        readReports()  // its last words may still wait
        loop.forget(initHandle.number)
        _ = shim_process_reap(initHandle.number)  // ECHILD when another started it: then that one's reaper does
        if let link { loop.forget(link.number) }
        link = nil
        forgetPageServer()
        var remains = remains
        remains.session = session
        settle(remains, wait: 5)
    }

    /// Looks from outside until nothing is left. There is no limit: as long as a process lives, a second copy of the agent must not.
    private func settle(_ remains: SandboxRemains, wait: Int64) {
        for _ in 0..<remains.looksNeeded(initSawTheEnd: isEmpty) where !remains.sweep() {
            loop.after(milliseconds: wait) { [weak self] in self?.settle(remains, wait: min(wait * 2, 1000)) }
            return
        }
        agentHandle = nil
        writers = [:]
        drain(all: true)
        if !hasToldEnd { tell(.ended(.unknown)) }
        hasToldEnd = true
        for pipe in streams.values { loop.forget(pipe.number) }
        streams = [:]
        terminal?.letGo(loop)
        terminal = nil
        removeGroup(tries: 50)
    }

    /// The kernel may hold a group for a moment after its last process ended.
    private func removeGroup(tries: Int) {
        if let group = remains.group, !group.remove(), tries > 0 {
            loop.after(milliseconds: 5) { [weak self] in self?.removeGroup(tries: tries - 1) }
            return
        }
        // An empty group that cannot be removed is renewed by the next launch.
        tell(.vanished)
        whenVanished()
    }
}
