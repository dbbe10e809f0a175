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
    /// The tree runs before its memory is there: a page server brings that in, what is touched first. Where this cannot be had or does not
    /// succeed, all memory is brought in before.
    public var isLazy: Bool
    /// Nothing of the tree runs before `goOn` was said: whoever looks at the images once more has the time of the restore for it. Not where
    /// memory follows.
    public var waitsForWord = false
    /// A restore that takes longer is ended with its sandbox. Some never answer.
    public var timeLimit: Duration
    public init(
        plan: LaunchPlan, images: String, scratch: String, tree: DumpedTree, leavesStopped: Bool = false, isLazy: Bool = false,
        timeLimit: Duration = .seconds(30)
    ) {
        self.plan = plan
        self.images = images
        self.scratch = scratch
        self.tree = tree
        self.leavesStopped = leavesStopped
        self.isLazy = isLazy
        self.timeLimit = timeLimit
    }
}

extension RestoreRequest {
    /// A tree that had a terminal gets one again, whoever looks at it now; its size is part of the image. One that had none gets none.
    var fittingPlan: LaunchPlan {
        var plan = plan
        plan.terminal = tree.terminal == nil ? nil : plan.terminal ?? LaunchPlan.TerminalSize(rows: 24, columns: 80)
        return plan
    }
}

public enum RestoreNews: Hashable, Sendable {
    /// The tree runs in its sandbox, whose further news are the agent's life. It has not yet given a sign of that.
    case restored(Restored)
    /// All memory of a tree that was restored lazily has come, or it ended and needs no more.
    case complete
    /// It did not come about, and nothing of its sandbox is left.
    case failed(CriuFault)
}

public struct Restored: Hashable, Sendable {
    public var sandbox: SandboxID
    /// The main process, as the host counts.
    public var pid: Int32
    /// From the request to the agent's next instruction.
    public var took: Duration
    /// Memory is still to come, and `complete` or `failed` follow. Until then the images are read, and no dump can be made.
    public var awaitsMemory: Bool
    /// Why it was not restored lazily, where that was wanted.
    public var eagerBecause: String?
    public init(sandbox: SandboxID, pid: Int32, took: Duration, awaitsMemory: Bool = false, eagerBecause: String? = nil) {
        self.sandbox = sandbox
        self.pid = pid
        self.took = took
        self.awaitsMemory = awaitsMemory
        self.eagerBecause = eagerBecause
    }
}

/// One restore under way. A stuck one is ended by killing its sandbox, which takes CRIU and all it has made so far with it.
public final class RestoreJob {
    private enum Stage { case preparing, starting, restoring, finishing, filling, clearing, over }

    public let request: RestoreRequest
    /// Made by this job, and the caller's once it is restored. Another one after a lazy restore that did not succeed.
    public private(set) var sandbox: SandboxID
    private let world: any World
    private let program: CriuProgram
    private let began: Moment
    /// When the present try began.
    private var tried: Moment
    /// Whether memory is to follow, as far as is known now.
    public private(set) var isLazy: Bool
    private var eagerBecause: String?
    /// It may have changed files already: whoever tries again must put them back first.
    public private(set) var hasRun = false
    private var isCalledOff = false
    private var hasWord = false
    /// CRIU has made everything and waits for this answer.
    private var held: Bool?
    private var criu: CriuID?
    private var result: CriuResult?
    private var stage = Stage.preparing
    private var fault: CriuFault?

    /// Numbers up to here are left to what the next restore uses itself, and a little more than the first start leaves.
    private static let reservedProcesses: Int32 = 1999
    /// Memory that comes while the agent works may take longer than all at once.
    private static let fillingFactor = 10

    init(_ request: RestoreRequest, driver: CriuDriver) throws(CriuFault) {
        self.request = request
        (world, program) = (driver.world, driver.program)
        began = world.now()
        tried = began
        isLazy = request.isLazy && program.features.lazyPages
        if request.isLazy, !isLazy { eagerBecause = "CRIU and this kernel have no userfaultfd together" }
        do { sandbox = try world.prepare(request.fittingPlan, forRestoreOf: request.tree.root) } catch {
            throw CriuFault(.restore, .sandbox(error))
        }
    }

    /// When `timePassed` wants to be called; nil: never.
    public var deadline: Moment? {
        switch stage {
        case .preparing, .starting, .restoring, .finishing: tried + request.timeLimit
        case .filling: tried + request.timeLimit * Self.fillingFactor
        case .clearing, .over: nil
        }
    }

    public func timePassed() {
        guard let deadline, world.now() >= deadline else { return }
        fail(.timedOut(stage == .filling ? request.timeLimit * Self.fillingFactor : request.timeLimit))
    }

    /// The tree may run.
    public func goOn() {
        hasWord = true
        guard stage == .restoring, let held else { return }
        self.held = nil
        answer(held)
    }

    /// The restore is not wanted any more; `failed` follows.
    public func callOff() {
        isCalledOff = true
        fail(.declined)
    }

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
        case (.preparing, .ready): begin()
        case (.starting, .memory(.served)): ask()
        case (.finishing, .started(let pid)):
            let awaits = world.awaitsMemory(sandbox)
            stage = awaits ? .filling : .over
            return .restored(
                Restored(sandbox: sandbox, pid: pid, took: world.now() - began, awaitsMemory: awaits, eagerBecause: eagerBecause))
        case (.preparing, .failed(let why)), (.finishing, .failed(let why)): fail(.sandbox(why))
        case (.over, _): break
        case (.filling, .memory(.complete)), (.filling, .ended):
            stage = .over
            return .complete
        case (_, .memory(.lost(let end))):
            fail(.memoryLost(end), log: world.criuLog(CriuLogName.pages, in: request.scratch)?.failures.map(\.text) ?? [])
        case (_, .vanished): return vanished()
        case (_, .ready), (_, .started), (_, .failed), (_, .ended), (_, .memory): break  // `vanished` follows, or it was told twice
        }
        return nil
    }

    /// Nothing of the sandbox is left. What did not succeed lazily is tried once more with all memory first.
    private func vanished() -> RestoreNews? {
        let fault = fault ?? CriuFault(.restore, .sandbox(LaunchFault(.system, "the sandbox came to an end")))
        stage = .over
        guard isLazy, !hasRun, !isCalledOff else { return .failed(fault) }
        (isLazy, eagerBecause) = (false, fault.because)
        (self.fault, criu, result, held, tried) = (nil, nil, nil, nil, world.now())
        do { sandbox = try world.prepare(request.fittingPlan, forRestoreOf: request.tree.root) } catch {
            return .failed(CriuFault(.restore, .sandbox(error)))
        }
        stage = .preparing
        return nil
    }

    // MARK: Page server

    private func begin() {
        if isLazy {
            do {
                try world.servePages(
                    PageServerStart(program: program.path, sandbox: sandbox, images: request.images, scratch: request.scratch))
            } catch { (isLazy, eagerBecause) = (false, error.sentence) }  // nothing has happened yet in this sandbox
        }
        guard restoreSharedMemory() else { return }
        stage = .starting
        start()
        // CRIU looks for the page server as soon as it is asked.
        if !isLazy { ask() }
    }

    /// Before CRIU opens and maps what is in it.
    private func restoreSharedMemory() -> Bool {
        guard let memory = world.sharedMemory(of: sandbox) else { return true }
        do throws(FileFault) {
            try SharedMemory.restore(from: try world.disk(at: request.images), to: memory)
            return true
        } catch {
            fail(.sharedMemory(error))
            return false
        }
    }

    // MARK: CRIU

    /// In a lazy restore both CRIUs start at the same time.
    private func start() {
        do {
            criu = try world.startCriu(
                CriuStart(
                    program: program.path, sandbox: sandbox, images: request.images, scratch: request.scratch, joinsControlGroup: true,
                    gifts: request.tree.inheritance().gifts))
        } catch { fail(.couldNotStart(error.sentence)) }
    }

    private func ask() {
        guard stage == .starting, let criu else { return }
        stage = .restoring
        var restore = CriuRestore(
            images: CriuStart.images, scratch: CriuStart.scratch, inherited: request.tree.inheritance().inherited, tcp: request.tree.tcp,
            leavesStopped: request.leavesStopped, isLazy: isLazy)
        restore.comparesProcessor = hasProcessor
        world.send(CriuRequest.restore(restore).packet(), to: criu)
    }

    /// Images that others made mostly do not tell the processor.
    private var hasProcessor: Bool { (try? world.disk(at: request.images).entry(at: "cpuinfo.img")) ?? nil != nil }

    private func take(_ news: CriuNews) {
        guard stage == .starting || stage == .restoring else { return }
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
            if moment.name == .preResume { hasRun = true }
            if moment.name == .postRestore {
                // All processes are made and none runs: what they make from now on must not take the numbers the next restore needs.
                goesOn = world.raiseProcessNumbers(in: sandbox, above: max(Self.reservedProcesses, request.tree.highestProcess))
                if request.waitsForWord, !hasWord, !isLazy { return held = goesOn }
            }
            answer(goesOn)
        case nil: fail(.refused(.other("a message that is none")))
        }
    }

    private func answer(_ goesOn: Bool) {
        if let criu { world.send(CriuRequest.goOn(goesOn, external: []).packet(), to: criu) }
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
        if let terminal { all.append((terminal, .terminal)) }
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
