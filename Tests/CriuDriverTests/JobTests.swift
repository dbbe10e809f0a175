import AgentModel
import CriuDriver
import CriuRequests
import LaunchPlans
import OutsideWorld
import SimulatedWorld
import Testing

@testable import CriuImages

/// Jobs against the simulated machine: what the real CRIU does rarely, done as often as we like.
private final class Scene {
    let machine: SimulatedMachine
    let world: SimulatedWorld
    let driver: CriuDriver
    static let images = "/store/staging/1/images"
    static let scratch = "/store/staging/1/scratch"

    init(seed: UInt64) {
        machine = SimulatedMachine(seed: seed, script: AgentScript(steps: 100_000))
        machine.script.cooperative = false
        machine.script.stepTime = 1...10
        world = SimulatedWorld(on: machine)
        for path in [Self.images, Self.scratch] {
            if let path = DiskPath(String(path.dropFirst("/store/".count))) { try? machine.store.makeDirectories(path) }
        }
        let program = CriuProgram(
            path: "/opt/runner-criu/criu", version: CriuVersion(4, 2, 1),
            features: CriuFeatures(dirtyTracking: false, lazyPages: true, pidfdStore: true))
        driver = CriuDriver(world: world, program: program, kernel: KernelVersion(6, 18))
    }

    static let plan: LaunchPlan = {
        guard let agent = AgentName("agent-7") else { preconditionFailure("a bad name") }
        return LaunchPlan(
            agent: agent, origin: .clean, incarnation: 1, arguments: ["agent"], environment: [], workingDirectory: "/workspace",
            isolation: .namespaces(hostName: "agent-7"), doorsDirectory: "/run/doors", doorsInside: "/run/runner",
            adoptWithin: .seconds(60), stopDeadline: .seconds(5))
    }()

    func launch() throws -> (id: SandboxID, pid: Int32) {
        let id = try world.launch(Self.plan)
        while let event = world.next(until: world.now() + .seconds(5)) {
            if case .sandbox(id, .started(let pid)) = event { return (id, pid) }
        }
        throw CriuFault(.dump, .refused(.noSuchProcess))
    }

    func dump(
        _ agent: (id: SandboxID, pid: Int32), leavesRunning: Bool = true, keeping: Bool = true, room: ByteCount = ByteCount(.max)
    ) throws(CriuFault) -> Dump {
        let request = DumpRequest(
            sandbox: agent.id, agent: agent.pid, images: Self.images, leavesRunning: leavesRunning, timeLimit: .seconds(5), room: room)
        let job = try driver.dump(request)
        while true {
            guard let event = world.next(until: job.deadline) else {
                job.timePassed()
                continue
            }
            switch job.take(event) {
            case .standsStill: job.goOn(keeping: keeping)
            case .dumped(let dump): return dump
            case .failed(let fault): throw fault
            case nil: break
            }
        }
    }

    func restore(_ tree: DumpedTree, lazily: Bool = false) throws(CriuFault) -> Restored {
        let job = try driver.restore(
            RestoreRequest(plan: Self.plan, images: Self.images, scratch: Self.scratch, tree: tree, isLazy: lazily, timeLimit: .seconds(5)))
        while true {
            guard let event = world.next(until: job.deadline) else {
                job.timePassed()
                continue
            }
            switch job.take(event) {
            case .restored(let restored): return restored
            case .failed(let fault): throw fault
            case .complete, nil: break
            }
        }
    }

    /// Restored beside the agent, and compared with `shape`.
    func rehearse(_ tree: DumpedTree, _ shape: SetShape = Scene.shape) throws(CriuFault) -> RehearsalNews {
        let plan = Self.plan.rehearsal(doorsDirectory: "/run/rehearsal/doors", copy: nil)
        let restore = RestoreRequest(plan: plan, images: Self.images, scratch: Self.scratch, tree: tree, timeLimit: .seconds(5))
        let job = try driver.rehearse(RehearsalRequest(restore: restore, shape: shape))
        while true {
            guard let event = world.next(until: job.deadline) else {
                job.timePassed()
                continue
            }
            if let news = job.take(event) { return news }
        }
    }

    /// What the simulated agent is.
    static let shape: SetShape = {
        var shape = SetShape(of: ImageDirectory(name: "none", files: []))
        shape.processes = [
            SetShape.Process(
                pid: 1000, parent: 0, group: 1000, session: 1000, name: "agent", isAlive: true, threads: [1000],
                descriptors: [SetShape.Descriptor(number: 1, kind: "PIPE", path: nil)],
                areas: [SetShape.Area(range: 0x10000..<0x11000, protection: 3, isShared: false, path: nil)], pages: 4096)
        ]
        return shape
    }()

    func kill(_ id: SandboxID) {
        world.kill(id)
        while let event = world.next(until: world.now() + .seconds(5)) { if event == .sandbox(id, .vanished) { return } }
    }

    /// Whether the agent still does its work.
    func works() -> Bool {
        let before = machine.workspace.lineCount
        _ = world.next(until: world.now() + .seconds(1))
        machine.pass(.seconds(1))
        return machine.workspace.lineCount > before
    }
}

extension SimulatedDisk {
    fileprivate var lineCount: Int { (try? read("results", limit: .mebibytes(1)))?.count { $0 == 10 } ?? 0 }
}

private let seeds: ClosedRange<UInt64> = 1...25

@Test(arguments: seeds) func whatWasDumpedGoesOnInAFreshSandbox(seed: UInt64) throws {
    let scene = Scene(seed: seed)
    scene.machine.repeatsNews = 200_000
    let agent = try scene.launch()
    let dump = try scene.dump(agent)
    #expect(scene.works())
    #expect(dump.statistics.frozen > .zero)
    scene.kill(agent.id)
    let restored = try scene.restore(dump.tree)
    #expect(restored.sandbox != agent.id)
    #expect(scene.works())
    // Its output goes through the new sandbox's pipe, and the next dump says so.
    #expect(try scene.dump((restored.sandbox, restored.pid)).tree.outputPipe != dump.tree.outputPipe)
}

@Test(arguments: seeds) func aDumpMayEndTheAgent(seed: UInt64) throws {
    let scene = Scene(seed: seed)
    let agent = try scene.launch()
    _ = try scene.dump(agent, leavesRunning: false)
    #expect(!scene.works())
}

private let died = CriuFault.Kind.died(.signaled(9, outOfMemory: false), lastOutput: "")

/// After each the agent lives on, except where CRIU itself died.
@Test(
    arguments: [
        (.missing, .couldNotStart("could not start CRIU with '/opt/runner-criu/criu': no such file or directory")),
        (.refusesDump, .refused(.unsendableDescriptor)), (.hangsInDump, .timedOut(.seconds(5))), (.diesInDump, died),
    ] as [(SimulatedCriuTrouble, CriuFault.Kind)], seeds)
func aDumpThatFailsIsToldAndTheAgentLives(trouble: (SimulatedCriuTrouble, CriuFault.Kind), seed: UInt64) throws {
    let scene = Scene(seed: seed)
    let agent = try scene.launch()
    scene.machine.plan(criu: trouble.0)
    var told: CriuFault.Kind?
    do { _ = try scene.dump(agent) } catch { told = error.kind }
    #expect(told == trouble.1)
    if trouble.0 != .diesInDump {
        #expect(scene.works())
        // The same goes well without the trouble.
        _ = try scene.dump(agent)
    }
}

@Test(arguments: seeds) func aDumpThatIsNotWantedLeavesTheAgent(seed: UInt64) throws {
    let scene = Scene(seed: seed)
    let agent = try scene.launch()
    #expect(throws: CriuFault.self) { try scene.dump(agent, leavesRunning: false, keeping: false) }
    #expect(scene.works())
}

@Test(
    arguments: [
        (.missing, .couldNotStart("could not start CRIU with '/opt/runner-criu/criu': no such file or directory")),
        (.refusesRestore, .refused(.fileSizeDiffers(path: "/workspace/results", is: 9, was: 4))),
        (.hangsInRestore, .timedOut(.seconds(5))), (.diesInRestore, died),
    ] as [(SimulatedCriuTrouble, CriuFault.Kind)], seeds)
func aRestoreThatFailsLeavesNothing(trouble: (SimulatedCriuTrouble, CriuFault.Kind), seed: UInt64) throws {
    let scene = Scene(seed: seed)
    let agent = try scene.launch()
    let dump = try scene.dump(agent)
    scene.kill(agent.id)
    scene.machine.plan(criu: trouble.0)
    var told: CriuFault.Kind?
    do { _ = try scene.restore(dump.tree) } catch { told = error.kind }
    #expect(told == trouble.1)
    #expect(scene.machine.livingSandbox == nil)
    // The same goes well without the trouble, at once.
    _ = try scene.restore(dump.tree)
    #expect(scene.works())
}

/// Why a lazy restore was not one; nil: it was.
private let lazyTroubles: [(pages: SimulatedPageTrouble?, criu: SimulatedCriuTrouble?, because: String?)] = [
    (nil, nil, nil),
    (.missing, nil, "could not start a page server with '/opt/runner-criu/criu': no such file"),
    (.diesInRestore, nil, "the page server that brings its memory in ended too early (signal 9)"),
    (nil, .diesInRestore, "CRIU ended without an answer (signal 9)"), (nil, .hangsInRestore, "CRIU did not finish within 5 s"),
]

@Test(arguments: 0..<lazyTroubles.count, seeds) func aLazyRestoreFallsBackByItself(trouble: Int, seed: UInt64) throws {
    let scene = Scene(seed: seed)
    let agent = try scene.launch()
    let dump = try scene.dump(agent)
    scene.kill(agent.id)
    if let pages = lazyTroubles[trouble].pages { scene.machine.plan(pages: pages) }
    if let criu = lazyTroubles[trouble].criu { scene.machine.plan(criu: criu) }
    let restored = try scene.restore(dump.tree, lazily: true)
    #expect(restored.eagerBecause == lazyTroubles[trouble].because)
    #expect(restored.awaitsMemory == (restored.eagerBecause == nil))
    #expect(scene.works())
}

/// Called off while a try that failed is cleared away: there is no next one.
@Test(arguments: 1..<lazyTroubles.count, seeds) func aRestoreThatIsNotWantedAnyMoreIsNotTriedAgain(trouble: Int, seed: UInt64) throws {
    let scene = Scene(seed: seed)
    let agent = try scene.launch()
    let dump = try scene.dump(agent)
    scene.kill(agent.id)
    if let pages = lazyTroubles[trouble].pages { scene.machine.plan(pages: pages) }
    if let criu = lazyTroubles[trouble].criu { scene.machine.plan(criu: criu) }
    let job = try scene.driver.restore(
        RestoreRequest(
            plan: Scene.plan, images: Scene.images, scratch: Scene.scratch, tree: dump.tree, isLazy: true, timeLimit: .seconds(5)))
    let first = job.sandbox
    var news: RestoreNews?
    while news == nil {
        if let event = scene.world.next(until: job.deadline) { news = job.take(event) } else { job.timePassed() }
        // It is being cleared away.
        if job.deadline == nil { job.callOff() }
    }
    if case .missing? = lazyTroubles[trouble].pages { return }  // nothing had happened yet: it is the same try, without it
    guard case .failed = news else {
        Issue.record("\(String(describing: news))")
        return
    }
    #expect(job.sandbox == first && !job.hasRun)
    #expect(scene.machine.livingSandbox == nil)
}

/// What has not come yet would be missing in the image, and nobody would know.
@Test(arguments: seeds) func memoryThatIsStillToComeIsNotDumped(seed: UInt64) throws {
    let scene = Scene(seed: seed)
    let agent = try scene.launch()
    let dump = try scene.dump(agent)
    scene.kill(agent.id)
    let restored = try scene.restore(dump.tree, lazily: true)
    var told: CriuFault?
    do { _ = try scene.dump((restored.sandbox, restored.pid)) } catch { told = error }
    #expect(told?.mayPass == true)
    #expect(
        told?.sentence == "could not dump the process tree: 'agent' (process 1000) is still getting its memory back from a lazy restore. "
            + "Try again in a moment")
    var complete = false
    while !complete, let event = scene.world.next(until: scene.world.now() + .seconds(5)) {
        complete = event == .sandbox(restored.sandbox, .memory(.complete))
    }
    _ = try scene.dump((restored.sandbox, restored.pid))
}

/// The agent is dead then: there is nothing it could go on with.
@Test(arguments: seeds) func anAgentWhosePagesAreLostIsEnded(seed: UInt64) throws {
    let scene = Scene(seed: seed)
    let agent = try scene.launch()
    let dump = try scene.dump(agent)
    scene.kill(agent.id)
    scene.machine.plan(pages: .diesAfterRestore)
    let restored = try scene.restore(dump.tree, lazily: true)
    var news: [SandboxNews] = []
    while news.last != .vanished, let event = scene.world.next(until: scene.world.now() + .seconds(5)) {
        if case .sandbox(restored.sandbox, let one) = event { news.append(one) }
    }
    let killed = ProcessEnd.signaled(9, outOfMemory: false)
    #expect(news.prefix(3) == [.memory(.lost(killed)), .ended(killed), .vanished])
}

private let notThere = "could not start CRIU with '/opt/runner-criu/criu': no such file or directory"

@Test(arguments: seeds) func aRehearsalLeavesTheAgentAndItsImagesAlone(seed: UInt64) throws {
    let scene = Scene(seed: seed)
    scene.machine.repeatsNews = 200_000
    let agent = try scene.launch()
    let dump = try scene.dump(agent)
    let news = try scene.rehearse(dump.tree)
    guard case .rehearsed(let rehearsed) = news else {
        Issue.record("\(news)")
        return
    }
    #expect(rehearsed.processes == 1)
    #expect(scene.machine.rehearsals == 0)
    #expect(scene.works())
    #expect(scene.machine.mostAtOnce == 1)
    scene.kill(agent.id)
    _ = try scene.restore(dump.tree)
    #expect(scene.works())
}

@Test(
    arguments: [
        (.missing, .failed(CriuFault(.restore, .couldNotStart(notThere)))),
        (
            .refusesRestore,
            .failed(
                CriuFault(
                    .restore, .refused(.fileSizeDiffers(path: "/workspace/results", is: 9, was: 4)),
                    log: ["File workspace/results has bad size 9 (expect 4)"]))
        ),
        (.hangsInRestore, .failed(CriuFault(.restore, .timedOut(.seconds(5))))),
        (.diesInRestore, .failed(CriuFault(.restore, died))),
        (.restoresDead, .differs(["process 1000 ('agent') is not there"])),
        (.restoresOtherwise, .differs(["process 1000 ('agent') lacks descriptor 1"])),
    ] as [(SimulatedCriuTrouble, RehearsalNews)], seeds)
func aRehearsalFindsWhatCannotBeRestored(trouble: (SimulatedCriuTrouble, RehearsalNews), seed: UInt64) throws {
    let scene = Scene(seed: seed)
    let agent = try scene.launch()
    let dump = try scene.dump(agent)
    scene.machine.plan(criu: trouble.0)
    #expect(try scene.rehearse(dump.tree) == trouble.1)
    #expect(scene.machine.rehearsals == 0)
    #expect(scene.works())
}

@Test func whatIsSeenBeforeIsNotTried() throws {
    let scene = Scene(seed: 1)
    let agent = try scene.launch()
    scene.machine.agentHolds = [DescriptorSight(number: 9, target: "anon_inode:[io_uring]", kind: .anonymous("io_uring"))]
    var told = ""
    do { _ = try scene.dump(agent) } catch { told = error.sentence }
    #expect(
        told
            == "could not dump the process tree: fd 9 of 'agent' (process 1000) is an io_uring; CRIU cannot dump it. Turn io_uring off in the program"
    )
}

/// Whose memory it is that there is no more of decides what one can do.
@Test(arguments: [
    (
        MemoryBound.host,
        "the host's memory and 'checkpoint.size_limit' leave, which it must for a moment where the store is encrypted. Free memory or raise the limit"
    ),
    (
        .controlGroup("/cg/a"),
        "the memory limit of the control group '/cg/a', in which the runner is, and 'checkpoint.size_limit' leave, which it must for a moment where the store is encrypted. Raise them"
    ),
    (
        .groupAbove("/cg/a"),
        "the memory limit of a control group above '/cg/a', in which the runner is, and 'checkpoint.size_limit' leave, which it must for a moment where the store is encrypted. Raise them"
    ),
]) func whoHasNoMoreMemoryForImagesIsNamed(bound: MemoryBound, rest: String) {
    let fault = CriuFault(.dump, .noRoom(needed: .mebibytes(300), free: .mebibytes(20), inMemory: bound))
    #expect(fault.because == "its memory of 314.5 MB does not fit beside itself into the 20.9 MB that \(rest)")
}

/// /dev/shm is looked at when the images are there: both together have the room that there is.
@Test(arguments: [(ByteCount.mebibytes(40), false), (.mebibytes(60), true)] as [(ByteCount, Bool)])
func sharedMemoryTakesRoomAsWell(room: ByteCount, fits: Bool) throws {
    let scene = Scene(seed: 3)
    let memory = SimulatedDisk(seed: 9, rootName: "/dev/shm")
    scene.machine.sharedMemory = memory
    memory.plant("large", [UInt8](repeating: 0, count: 50 << 20))
    scene.machine.agentHolds = [DescriptorSight(number: 5, target: "/dev/shm/large", kind: .file, writesInPlace: true)]
    let agent = try scene.launch()
    var told: CriuFault?
    do { _ = try scene.dump(agent, room: room) } catch { told = error }
    if fits {
        #expect(told == nil)
    } else if case .noRoom(let needed, room, _)? = told?.kind {
        #expect(needed > .mebibytes(50))
    } else {
        Issue.record("\(String(describing: told))")
    }
    #expect(scene.works())
}
