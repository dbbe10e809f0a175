internal import AgentModel
internal import LaunchPlans
internal import OutsideWorld

/// One incarnation's sandbox: outlives its supervisor for the adoption term, remembers the end for whoever takes it over.
final class SimulatedSandbox {
    let id: SandboxID
    let plan: LaunchPlan
    private unowned let machine: SimulatedMachine
    private(set) var agent: SimulatedAgent?
    private(set) var endSeen: ProcessEnd?
    private(set) var isGone = false
    private var orphanedAt: Int64?

    /// What a restore made here, until it is said to be finished.
    struct Restored {
        var memory: SimulatedAgent.Memory
        var isDead: Bool
        /// It does not go on.
        var isStopped = false
        /// It lacks something it had.
        var isOtherwise = false
    }
    var restored: Restored?
    /// What stands here without running.
    private(set) var stopped: Restored?
    private var awaitsRestore = false
    private(set) var awaitsMemory = false
    private var pageTrouble: SimulatedPageTrouble?

    init(id: SandboxID, plan: LaunchPlan, machine: SimulatedMachine) {
        self.id = id
        self.plan = plan
        self.machine = machine
    }

    var isRunning: Bool { agent != nil && !isGone }
    var pid: Int32 { Int32(truncatingIfNeeded: 1000 + id.number) }

    func start() {
        machine.after(machine.delay(1...8)) { [self] in
            guard !isGone, endSeen == nil else { return }
            if machine.draws(machine.failsStart) {
                tell(.failed(LaunchFault(.setUp, "the working directory could not be entered")))
                endSeen = .exited(126)
                return machine.after(machine.delay(4...10)) { [self] in vanish() }
            }
            machine.say("\(id) starts incarnation \(plan.incarnation) (\(plan.origin))")
            let agent = SimulatedAgent(sandbox: self, machine: machine)
            self.agent = agent
            machine.countRunning()
            tell(.started(pid: pid))
            agent.begin()
        }
    }

    /// Stands without an agent, for a restore.
    func prepare() {
        awaitsRestore = true
        machine.after(machine.delay(1...8)) { [self] in
            guard !isGone, endSeen == nil else { return }
            tell(.ready)
        }
    }

    func finishRestore() {
        guard !isGone, endSeen == nil, let restored else { return kill() }
        awaitsRestore = false
        self.restored = nil
        machine.say("\(id) is restored to step \(restored.memory.step)")
        tell(.started(pid: pid))
        guard !restored.isDead else { return end(.signaled(11, outOfMemory: false)) }
        guard !restored.isStopped else {
            if !restored.isOtherwise { machine.rehearsedImages.insert(restored.memory.image) }
            return stopped = restored
        }
        check(restored.memory)
        let agent = SimulatedAgent(sandbox: self, machine: machine)
        self.agent = agent
        machine.countRunning()
        agent.goOn(from: restored.memory)
        if awaitsMemory { machine.after(machine.delay(5...400)) { [self] in pageServerEnds(pageTrouble == nil) } }
    }

    /// A life goes on from what CRIU wrote, byte for byte, on the files of the same moment; and a rehearsal is none. Where memory follows it
    /// may run before its damage is found.
    private func check(_ memory: SimulatedAgent.Memory) {
        if plan.purpose != .life { machine.wrongs.append("\(id) is no life of the agent, and runs") }
        if !awaitsMemory, machine.images[memory.image] != memory {
            machine.wrongs.append("incarnation \(plan.incarnation) goes on from an image that is not what was written")
        }
        let hasBegun = memory.welcomedAs != nil || !machine.script.cooperative
        if hasBegun, machine.images[memory.image] == memory, machine.resultsInWorkspace != memory.step {
            machine.wrongs.append(
                "incarnation \(plan.incarnation) goes on at step \(memory.step), and its workspace holds \(machine.resultsInWorkspace) steps"
            )
        }
    }

    /// Listens after a while; what it serves it has served some time after the restore.
    func servePages(_ trouble: SimulatedPageTrouble?) {
        (awaitsMemory, pageTrouble) = (true, trouble)
        machine.after(machine.delay(1...30)) { [self] in
            guard !isGone, endSeen == nil else { return }
            if trouble == .diesInRestore { return pageServerEnds(false) }
            tell(.memory(.served))
        }
    }

    private func pageServerEnds(_ isComplete: Bool) {
        guard !isGone, endSeen == nil, awaitsMemory else { return }
        awaitsMemory = false
        machine.say("\(id): the page server \(isComplete ? "is done" : "dies")")
        tell(.memory(isComplete ? .complete : .lost(.signaled(9, outOfMemory: false))))
        if !isComplete { kill() }
    }

    /// The main process ends; the rest of the tree follows.
    func end(_ end: ProcessEnd) {
        guard !isGone, endSeen == nil else { return }
        machine.say("\(id) ends: \(end)")
        machine.endCrius(of: id)
        if let agent { machine.ended(plan.incarnation, leaving: agent.memory, stoppedByCriu: agent.isStopped) }
        agent?.die()
        agent = nil
        stopped = nil
        endSeen = end
        machine.after(machine.delay(0...3)) { [self] in tell(.ended(end)) }
        machine.after(machine.delay(4...10)) { [self] in vanish() }
    }

    /// Whoever of it is killed first: a CRIU in it may be gone while the agent still is to be seen.
    func kill() {
        guard endSeen == nil else { return }
        guard machine.hasCriu(in: id) else { return end(.signaled(9, outOfMemory: false)) }
        machine.endCrius(of: id)
        machine.after(machine.delay(0...3)) { [self] in end(.signaled(9, outOfMemory: false)) }
    }

    private func vanish() {
        guard !isGone else { return }
        // Without a supervisor the sandbox keeps the end for the next one.
        guard !machine.supervisorCrashed, machine.world != nil else { return }
        isGone = true
        machine.sandboxes[id] = nil
        tell(.vanished)
        // News may be doubled.
        if machine.random.number(below: 4) == 0 { tell(.vanished) }
    }

    func vanishSilently() {
        if let agent { machine.ended(plan.incarnation, leaving: agent.memory, stoppedByCriu: agent.isStopped) }
        agent?.die()
        agent = nil
        isGone = true
    }

    private func tell(_ news: SandboxNews) { machine.world?.post(.sandbox(id, news)) }

    // MARK: Supervisors

    func lostSupervisor() {
        agent?.connectionLost()
        guard !awaitsRestore, plan.purpose == .life else {
            machine.say("\(id) ends: nobody can finish its restore")
            vanishSilently()
            machine.sandboxes[id] = nil
            return
        }
        // The sandbox's init sees its link broken and lets a frozen agent go on: nobody else would.
        machine.after(machine.delay(0...2)) { [self] in agent?.thaw() }
        let at = machine.now
        orphanedAt = at
        guard let within = plan.adoptWithin else { return }
        machine.after(within) { [self] in
            guard orphanedAt == at, !isGone else { return }
            machine.say("\(id) was not adopted within \(within) and ends")
            vanishSilently()
            machine.sandboxes[id] = nil
        }
    }

    func adopted() {
        orphanedAt = nil
        machine.say("\(id) is adopted")
        if let endSeen {
            machine.after(machine.delay(1...3)) { [self] in tell(.ended(endSeen)) }
            machine.after(machine.delay(4...8)) { [self] in vanish() }
        }
    }
}
