public import AgentModel
public import CriuRequests
public import LaunchPlans
public import OutsideWorld

/// What is to be restored.
public struct RestoreRequest: Hashable, Sendable {
    /// The sandbox it runs in; its command is not executed.
    public var plan: LaunchPlan
    /// Absolute path of the directory with the images. Nothing is written into it: it may be read-only.
    public var images: String
    /// Absolute path of a directory for CRIU's log, statistics and sockets. Worthless afterwards.
    public var scratch: String
    /// What the dump said of it.
    public var tree: DumpedTree
    /// Left standing, for a rehearsal: SIGCONT would let it go on.
    public var leavesStopped: Bool
    /// A restore that takes longer is ended with its sandbox. Some never answer.
    public var timeLimit: Duration
    public init(
        plan: LaunchPlan, images: String, scratch: String, tree: DumpedTree, leavesStopped: Bool = false, timeLimit: Duration = .seconds(30)
    ) {
        self.plan = plan
        self.images = images
        self.scratch = scratch
        self.tree = tree
        self.leavesStopped = leavesStopped
        self.timeLimit = timeLimit
    }
}

public enum RestoreNews: Hashable, Sendable {
    /// The tree runs in its sandbox, whose further news are the agent's life. It has not yet given a sign of that.
    case restored(Restored)
    /// It did not come about, and nothing of its sandbox is left.
    case failed(CriuFault)
}

public struct Restored: Hashable, Sendable {
    public var sandbox: SandboxID
    /// The main process, as the host counts.
    public var pid: Int32
    /// From the request to the agent's next instruction.
    public var took: Duration
    public init(sandbox: SandboxID, pid: Int32, took: Duration) {
        self.sandbox = sandbox
        self.pid = pid
        self.took = took
    }
}

/// One restore under way. A stuck one is ended by killing its sandbox, which takes CRIU and all it has made so far with it.
public final class RestoreJob {
    private enum Stage { case preparing, restoring, finishing, clearing, over }

    public let request: RestoreRequest
    /// Made by this job, and the caller's once it is restored.
    public let sandbox: SandboxID
    private let world: any World
    private let program: CriuProgram
    private let began: Moment
    private var criu: CriuID?
    private var result: CriuResult?
    private var stage = Stage.preparing
    private var fault: CriuFault?

    /// Numbers up to here are left to what the next restore uses itself, and a little more than the first start leaves.
    private static let reservedProcesses: Int32 = 1999

    init(_ request: RestoreRequest, driver: CriuDriver) throws(CriuFault) {
        self.request = request
        (world, program) = (driver.world, driver.program)
        began = world.now()
        do { sandbox = try world.prepare(request.plan, forRestoreOf: request.tree.root) } catch {
            throw CriuFault(.restore, .sandbox(error))
        }
    }

    /// When `timePassed` wants to be called; nil: never.
    public var deadline: Moment? {
        switch stage {
        case .preparing, .restoring, .finishing: began + request.timeLimit
        case .clearing, .over: nil
        }
    }

    public func timePassed() {
        guard let deadline, world.now() >= deadline else { return }
        fail(.timedOut(request.timeLimit))
    }

    /// The restore is not wanted any more; `failed` follows.
    public func callOff() { fail(.declined) }

    /// Looks at an event of the loop.
    public func take(_ event: WorldEvent) -> RestoreNews? {
        switch event {
        case .sandbox(sandbox, let news): return take(news)
        case .criu(let id, let news) where id == criu: take(news)
        default: break
        }
        return nil
    }

    // MARK: The sandbox

    private func take(_ news: SandboxNews) -> RestoreNews? {
        switch (stage, news) {
        case (.preparing, .ready): start()
        case (.finishing, .started(let pid)):
            stage = .over
            return .restored(Restored(sandbox: sandbox, pid: pid, took: world.now() - began))
        case (.preparing, .failed(let why)), (.finishing, .failed(let why)): fail(.sandbox(why))
        case (.over, _): break
        case (_, .vanished):
            stage = .over
            return .failed(fault ?? CriuFault(.restore, .sandbox(LaunchFault(.system, "the sandbox came to an end"))))
        case (_, .ready), (_, .started), (_, .failed), (_, .ended): break  // `vanished` follows, or it was told twice
        }
        return nil
    }

    // MARK: CRIU

    private func start() {
        let (inherited, gifts) = request.tree.inheritance()
        do {
            let id = try world.startCriu(
                CriuStart(
                    program: program.path, sandbox: sandbox, images: request.images, scratch: request.scratch, joinsControlGroup: true,
                    gifts: gifts))
            criu = id
            stage = .restoring
            let restore = CriuRestore(
                images: CriuStart.images, scratch: CriuStart.scratch, inherited: inherited, tcp: request.tree.tcp,
                leavesStopped: request.leavesStopped)
            world.send(CriuRequest.restore(restore).packet(), to: id)
        } catch { fail(.couldNotStart(error.sentence)) }
    }

    private func take(_ news: CriuNews) {
        guard stage == .restoring else { return }
        switch news {
        case .packet(let bytes): hear(CriuAnswer(packet: bytes))
        case .ended(let end, let output): ended(end, output)
        }
    }

    private func hear(_ word: CriuAnswer?) {
        switch word {
        case .result(let result): self.result = result
        case .moment(let moment):
            var goesOn = true
            if moment.name == .postRestore {
                // All processes are made and none runs: what they make from now on must not take the numbers the next restore needs.
                goesOn = world.raiseProcessNumbers(in: sandbox, above: max(Self.reservedProcesses, request.tree.highestProcess))
            }
            if let criu { world.send(CriuRequest.goOn(goesOn, external: []).packet(), to: criu) }
        case nil: fail(.refused(.other("a message that is none")))
        }
    }

    private func ended(_ end: ProcessEnd, _ output: String) {
        // Only now is the tree the sandbox's own: until then it was CRIU's child.
        if let result, result.succeeded {
            stage = .finishing
            return world.finishRestore(in: sandbox)
        }
        let log = world.criuLog(CriuLogName.restore, in: request.scratch)
        let lines = log?.failures.map(\.text) ?? []
        guard let result else { return fail(.died(end, lastOutput: output), log: lines) }
        let taken: CriuCause? = result.errorNumber == 17 ? .processNumberTaken(nil) : nil  // EEXIST
        fail(.refused(log?.cause ?? taken ?? CriuCause(options: output)), log: lines)
    }

    private func fail(_ kind: CriuFault.Kind, log: [String] = []) {
        guard stage != .clearing, stage != .over else { return }
        fault = CriuFault(.restore, kind, log: log)
        stage = .clearing
        world.kill(sandbox)
    }
}

extension DumpedTree {
    /// What takes the place of the pipes and connections to the outside, in the order of CRIU's descriptors.
    func inheritance() -> (inherited: [CriuRestore.Inherited], gifts: [CriuStart.Gift]) {
        var all: [(key: String, gift: CriuStart.Gift)] = []
        if let outputPipe { all.append(("pipe:[\(outputPipe)]", .output(.standardOutput))) }
        if let errorPipe { all.append(("pipe:[\(errorPipe)]", .output(.standardError))) }
        for connection in connections {
            all.append(("socket:[\(connection.inode)]", connection.form == .stream ? .hungUpStream : .hungUpPackets))
        }
        let inherited = all.enumerated().map { index, one in
            CriuRestore.Inherited(key: one.key, descriptor: CriuStart.firstGift + Int32(index))
        }
        return (inherited, all.map(\.gift))
    }
}
