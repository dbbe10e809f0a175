public import AgentModel
public import LaunchPlans
public import OutsideWorld

extension SimulatedWorld {
    public func prepare(_ plan: LaunchPlan, forRestoreOf root: Int32) throws(LaunchFault) -> SandboxID {
        guard machine.alive("prepare a restore") else { throw LaunchFault(.system, "the supervisor is dead") }
        if machine.draws(machine.refusesLaunch) { throw LaunchFault(.system, "no more processes can be made") }
        let isLife = plan.purpose == .life
        guard isLife || !machine.sandboxes.values.contains(where: { $0.plan.purpose == .rehearsal && !$0.isGone }) else {
            throw LaunchFault(.system, "could not start a second sandbox: a rehearsal of this agent is under way")
        }
        let make = { SimulatedSandbox(id: $0, plan: plan, machine: self.machine) }
        let sandbox = isLife ? machine.addSandbox(make) : machine.addRehearsal(make)
        sandbox.prepare()
        return sandbox.id
    }

    public func finishRestore(in id: SandboxID) {
        guard machine.alive("finish a restore") else { return }
        machine.sandboxes[id]?.finishRestore()
    }

    public func goOn(in id: SandboxID) {
        guard machine.alive("let go on") else { return }
        machine.say("what stands in sandbox \(id) is let go on")
        machine.sandboxes[id]?.agent?.goOn()
    }

    public func raiseProcessNumbers(in id: SandboxID, above pid: Int32) -> Bool {
        machine.alive("raise process numbers") && machine.sandboxes[id] != nil
    }

    public func servePages(_ start: PageServerStart) throws(CriuStartFault) {
        guard machine.alive("start a page server"), let sandbox = machine.sandboxes[start.sandbox] else {
            throw CriuStartFault("could not start a page server: the sandbox is gone")
        }
        let trouble = machine.plannedPageTroubles.isEmpty ? nil : machine.plannedPageTroubles.removeFirst()
        guard trouble != .missing else { throw CriuStartFault("could not start a page server with '\(start.program)': no such file") }
        sandbox.servePages(trouble)
    }

    public func awaitsMemory(_ id: SandboxID) -> Bool { machine.sandboxes[id]?.awaitsMemory ?? false }

    public func startCriu(_ start: CriuStart) throws(CriuStartFault) -> CriuID {
        guard machine.alive("start CRIU") else { throw CriuStartFault("the supervisor is dead") }
        let trouble = machine.drawCriuTrouble()
        guard trouble != .missing else { throw CriuStartFault("could not start CRIU with '\(start.program)': no such file or directory") }
        return machine.addCriu(start, trouble).id
    }

    public func send(_ packet: [UInt8], to id: CriuID) {
        guard machine.alive("send to CRIU") else { return }
        machine.crius[id]?.hear(packet)
    }

    public func hangUp(_ id: CriuID) {
        guard machine.alive("hang up on CRIU") else { return }
        machine.crius[id]?.hungUp()
    }

    public func look(into id: SandboxID, for purpose: LookPurpose) -> TreeSight? {
        guard machine.alive("look into a sandbox"), let sandbox = machine.sandboxes[id] else { return nil }
        if let stopped = sandbox.stopped { return sight(of: stopped, in: sandbox) }
        guard sandbox.isRunning else { return nil }
        let pipe: UInt64 = 100 + id.number
        let output = DescriptorSight(number: 1, target: "pipe:[\(pipe)]", kind: .pipe(inode: pipe))
        let process = ProcessSight(
            pid: 1000, hostPid: sandbox.pid, name: "agent", memoryBytes: 10 << 20, descriptors: [output] + machine.agentHolds)
        return TreeSight(processes: [process], outputPipes: [.standardOutput: pipe], awaitsMemory: sandbox.awaitsMemory)
    }

    /// Agents of this world write into files, and no other way.
    public func mappedFiles(of id: SandboxID) -> Set<UInt64>? { machine.alive("look into a sandbox") ? [] : nil }

    private func sight(of stopped: SimulatedSandbox.Restored, in sandbox: SimulatedSandbox) -> TreeSight {
        let output = DescriptorSight(number: 1, target: "pipe:[\(100 + sandbox.id.number)]", kind: .pipe(inode: 100 + sandbox.id.number))
        let process = ProcessSight(
            pid: 1000, hostPid: sandbox.pid, name: "agent", state: "T", memoryBytes: 10 << 20,
            descriptors: stopped.isOtherwise ? [] : [output],
            shape: ProcessSight.Shape(
                parent: 1, group: 1000, session: 1000, threads: [1000],
                areas: [
                    AreaSight(
                        start: SimulatedImageSet.memory.lowerBound, end: SimulatedImageSet.memory.upperBound, protection: 3,
                        isShared: false,
                        name: nil)
                ]))
        return TreeSight(processes: [process])
    }

    public func place(of path: String, in id: SandboxID) -> String? { path }
    public func sharedMemory(of id: SandboxID) -> (any Disk)? { machine.sharedMemory }
    public func freeMemory() -> ByteCount? { machine.freeMemory }
}

extension SimulatedMachine {
    /// The next CRIU has this trouble; the ones after it have what is drawn.
    public func plan(criu trouble: SimulatedCriuTrouble) { plannedCriuTroubles.append(trouble) }

    /// The next page server has this trouble.
    public func plan(pages trouble: SimulatedPageTrouble) { plannedPageTroubles.append(trouble) }

    func drawCriuTrouble() -> SimulatedCriuTrouble? {
        if !plannedCriuTroubles.isEmpty { return plannedCriuTroubles.removeFirst() }
        return SimulatedCriuTrouble.allCases.first { draws(criuTroubles[$0] ?? 0) }
    }

    func addCriu(_ start: CriuStart, _ trouble: SimulatedCriuTrouble?) -> SimulatedCriu {
        lastCriu += 1
        let criu = SimulatedCriu(id: CriuID(lastCriu), start: start, machine: self, trouble: trouble)
        crius[criu.id] = criu
        if let trouble { say("\(criu.id) will have its trouble: \(trouble.rawValue)") }
        return criu
    }

    /// A directory of the store's disk, as CRIU sees it: what it does there is nothing the supervisor asked for. nil: not one of the store's.
    func images(at path: String) -> (any Disk)? {
        let root = store.rootName + "/"
        guard path.hasPrefix(root), let path = DiskPath(String(path.dropFirst(root.count))) else { return nil }
        return DiskBelow(path, of: store)
    }

    func hasCriu(in sandbox: SandboxID) -> Bool { crius.values.contains { $0.start.sandbox == sandbox } }

    /// CRIUs are children of the supervisor and live in the sandbox: they end with the first of both.
    func endCrius(of sandbox: SandboxID?) {
        for criu in Array(crius.values) where sandbox == nil || criu.start.sandbox == sandbox {
            if sandbox == nil { criu.supervisorEnded() } else { criu.sandboxEnded() }
        }
    }
}
