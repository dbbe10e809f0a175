internal import AgentModel
internal import CriuRequests
internal import OutsideWorld

/// What can go wrong with a simulated CRIU.
public enum SimulatedCriuTrouble: String, Hashable, Sendable, CaseIterable {
    /// There is none to start.
    case missing
    /// The tree holds something that cannot be dumped.
    case refusesDump
    /// Killed in the middle; one agent in four does not survive that.
    case diesInDump
    /// Never answers; the agent stands still until the connection is closed.
    case hangsInDump
    /// The same, and it does not even end then: the disk it writes to does not answer.
    case staysInDump
    case refusesRestore
    /// Something it needs is used up on this host just now.
    case findsDiskFull
    case diesInRestore
    case hangsInRestore
    /// Says that all is well, and the process is dead.
    case restoresDead
    /// Says that all is well, and something is missing.
    case restoresOtherwise
}

/// What can go wrong with a simulated page server.
public enum SimulatedPageTrouble: String, Hashable, Sendable, CaseIterable {
    /// There is none to start.
    case missing
    /// Killed before the tree runs.
    case diesInRestore
    /// Killed while the tree runs and waits for its memory.
    case diesAfterRestore
}

/// One CRIU at work: says what the real one says, in its order, and takes its time as the seed says.
final class SimulatedCriu {
    private enum Doing {
        case waiting
        case dump(CriuDump, at: CriuMoment.Name)
        case restore(CriuRestore, at: CriuMoment.Name)
        case over
    }

    let id: CriuID
    let start: CriuStart
    private unowned let machine: SimulatedMachine
    private let trouble: SimulatedCriuTrouble?
    private var doing = Doing.waiting
    private var hasLastAnswer = false

    init(id: CriuID, start: CriuStart, machine: SimulatedMachine, trouble: SimulatedCriuTrouble?) {
        self.id = id
        self.start = start
        self.machine = machine
        self.trouble = trouble
    }

    private var sandbox: SimulatedSandbox? { machine.sandboxes[start.sandbox] }

    // MARK: What it hears

    func hear(_ packet: [UInt8]) {
        guard let request = CriuRequest(packet: packet) else { return end(.exited(1)) }
        switch (doing, request) {
        case (.waiting, .dump(let dump)): later { $0.beginDump(dump) }
        case (.waiting, .restore(let restore)): later { $0.beginRestore(restore) }
        case (.dump(let dump, let moment), .goOn(let yes, _)):
            hasLastAnswer = yes && moment == .postDump
            later { $0.goOn(dump, after: moment, yes) }
        case (.restore(let restore, let moment), .goOn(let yes, _)): later { $0.goOn(restore, after: moment, yes) }
        default: end(.exited(1))
        }
    }

    /// Nobody listens any more: a dump gives up, a restore goes on until it wants to say something. A dump that had its last answer may be
    /// brought to its end all the same.
    func hungUp() {
        if trouble != .staysInDump { giveUp() }
    }

    /// It does not outlive its supervisor.
    func supervisorEnded() { giveUp() }

    private func giveUp() {
        if case .dump(let dump, .postDump) = doing, hasLastAnswer, machine.random.coin(), let agent = sandbox?.agent {
            leave(agent, dump)
        } else if case .dump = doing {
            sandbox?.agent?.thaw()
        }
        end(.exited(1))
    }

    /// The sandbox ended, and everything in it.
    func sandboxEnded() { end(.signaled(9, outOfMemory: false)) }

    // MARK: Dump

    private func beginDump(_ dump: CriuDump) {
        reach(.preDump) { .dump(dump, at: $0) }
    }

    private func goOn(_ dump: CriuDump, after moment: CriuMoment.Name, _ yes: Bool) {
        guard let agent = sandbox?.agent else { return fail(.dump, log: "Error (criu/seize.c:1): Can't seize: No such process") }
        guard yes else {
            agent.thaw()
            return fail(.dump, log: "Error (criu/action-scripts.c:140): RPC client reported script error")
        }
        switch moment {
        case .preDump:
            agent.freeze()
            if trouble == .hangsInDump || trouble == .staysInDump { return }
            reach(.queryExternalFiles) { .dump(dump, at: $0) }
        case .queryExternalFiles:
            if trouble == .refusesDump {
                agent.thaw()
                return fail(.dump, log: "pie: 1000: Error (criu/pie/parasite.c:588): send_fds failed (-22)")
            }
            if trouble == .diesInDump {
                agent.thaw()
                if machine.random.number(below: 4) == 0 { sandbox?.end(.signaled(5, outOfMemory: false)) }
                return end(.signaled(9, outOfMemory: false))
            }
            guard writeImages(agent.memory) else {
                agent.thaw()
                return fail(.dump, log: "1000: Error (criu/page-xfer.c:1): Can't write pages: No space left on device")
            }
            reach(.postDump) { .dump(dump, at: $0) }
        default: finish(dump, agent)
        }
    }

    private func finish(_ dump: CriuDump, _ agent: SimulatedAgent) {
        let statistics = DumpStatistics(freezing: .microseconds(200), frozen: machine.delay(5...80), pagesWritten: 1000)
        write(DumpStatistics.fileName, statistics.file(), in: start.scratch)
        leave(agent, dump)
        say(.result(CriuResult(.dump, succeeded: true)))
        end(.exited(0))
    }

    private func leave(_ agent: SimulatedAgent, _ dump: CriuDump) {
        if !dump.leavesRunning { agent.stop() }
        agent.thaw()
    }

    // MARK: Restore

    private func beginRestore(_ restore: CriuRestore) {
        if trouble == .hangsInRestore { return }
        reach(.preRestore) { .restore(restore, at: $0) }
    }

    private func goOn(_ restore: CriuRestore, after moment: CriuMoment.Name, _ yes: Bool) {
        guard yes else { return fail(.restore, log: "Error (criu/action-scripts.c:140): RPC client reported script error") }
        switch moment {
        case .preRestore:
            guard let sandbox, let memory = readMemory() else {
                return fail(.restore, log: "Error (criu/image.c:1): Unexpected EOF on (empty-image)")
            }
            if trouble == .refusesRestore {
                return fail(.restore, log: "1000: Error (criu/files-reg.c:2192): File workspace/results has bad size 9 (expect 4)")
            }
            if trouble == .findsDiskFull {
                return fail(.restore, log: "1000: Error (criu/files-reg.c:1): Can't create ghost file: No space left on device")
            }
            if trouble == .diesInRestore { return end(.signaled(9, outOfMemory: false)) }
            sandbox.restored = SimulatedSandbox.Restored(
                memory: memory, isDead: trouble == .restoresDead, isStopped: restore.leavesStopped,
                isOtherwise: trouble == .restoresOtherwise)
            reach(.postRestore) { .restore(restore, at: $0) }
        case .postRestore: reach(.preResume) { .restore(restore, at: $0) }
        default:
            say(.result(CriuResult(.restore, succeeded: true, root: 1000)))
            end(.exited(0))
        }
    }

    // MARK: What it says

    private func reach(_ moment: CriuMoment.Name, _ next: (CriuMoment.Name) -> Doing) {
        doing = next(moment)
        say(.moment(CriuMoment(name: moment, pid: 1000)))
    }

    private func fail(_ kind: CriuResult.Kind, log line: String) {
        write(kind == .dump ? CriuLogName.dump : CriuLogName.restore, Array("(00.012345) \(line)\n".utf8), in: start.scratch)
        say(.result(CriuResult(kind, succeeded: false)))
        end(.exited(1))
    }

    /// - Returns: whether it is written: a full disk is CRIU's trouble as well.
    @discardableResult
    private func write(_ name: String, _ bytes: [UInt8], in directory: String) -> Bool {
        guard let path = DiskPath(name), let disk = machine.images(at: directory) else { return false }
        do throws(FileFault) {
            if try disk.entry(at: path) != nil { try disk.removeFile(path) }
            try disk.open(path, .createNew(mode: 0o600)).write(bytes)
            return true
        } catch { return false }
    }

    private func writeImages(_ memory: SimulatedAgent.Memory) -> Bool {
        var memory = memory
        // The same memory is the same image, as it is for the real one.
        memory.image = UInt64(machine.images.count)
        if machine.images[memory.image] != memory {
            memory.image += 1
            machine.images[memory.image] = memory
        }
        guard let bytes = try? JSONText.encode(memory) else { return false }
        let all = machine.imageSet.files + [(SimulatedImageSet.pages, SimulatedImageSet.page(bytes))]
        return all.allSatisfy { write($0.name.text, $0.bytes, in: start.images) }
    }

    private func readMemory() -> SimulatedAgent.Memory? {
        guard let bytes = try? machine.images(at: start.images)?.read(SimulatedImageSet.pages, limit: .mebibytes(1)) else { return nil }
        return try? JSONText.decode(SimulatedAgent.Memory.self, from: bytes)
    }

    private func say(_ answer: CriuAnswer) { machine.world?.post(.criu(id, .packet(answer.packet()))) }

    private func end(_ end: ProcessEnd) {
        if case .over = doing { return }
        doing = .over
        machine.say("\(id) ends: \(end)")
        machine.crius[id] = nil
        machine.world?.post(.criu(id, .ended(end, lastOutput: "")))
    }

    private func later(_ body: @escaping (SimulatedCriu) -> Void) {
        machine.after(machine.delay(1...25)) { [self] in
            if case .over = doing { return }
            body(self)
        }
    }
}
