import AgentModel
import CriuDriver
import CriuRequests
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// The CRIU that works here; nil: none. `dev/install-criu` provides one.
let criuFinding: CriuFinding = {
    let machine = LinuxMachine(
        arguments: [], environment: ["PATH": "/usr/bin:/bin"], facts: { HostProbe.facts(initPath: SandboxFixture.initPath) },
        makeSandboxes: { loop, place in LinuxSandboxes(loop: loop, place: place, initPath: SandboxFixture.initPath) })
    return CriuProbe(machine, kernelRelease: machine.facts.kernelRelease, memory: nil).find()
}()
let hasCriu = criuFinding.chosen != nil && canIsolate
let kernelHere = KernelVersion(release: HostProbe.facts(initPath: SandboxFixture.initPath).kernelRelease)

/// A world of its own in which agents are started, dumped, killed and restored. What they write is kept by line.
final class CriuStage {
    // In this order: what is left of a failed test is ended by the fixture once the world has let go of it.
    private(set) var world: LinuxWorld
    private(set) var driver: CriuDriver
    let fixture: SandboxFixture
    private(set) var text: [OutputStream: [UInt8]] = [:]
    /// Who connected to the agents' door.
    private(set) var peers: [PeerCredentials] = []
    private var images = 0
    private var scratches = 0

    /// - Parameter needsCriu: false: nothing is dumped in this test, and it runs without CRIU as well.
    init(needsCriu: Bool = true) throws {
        let none = CriuProgram(
            path: "/none", version: CriuVersion(0, 0), features: CriuFeatures(dirtyTracking: false, lazyPages: false, pidfdStore: false))
        let program = needsCriu ? try #require(criuFinding.chosen) : none
        fixture = try SandboxFixture()
        #expect(KernelFiles.makeDirectories(fixture.place.store) == 0)
        world = try Self.makeWorld(fixture.place)
        driver = CriuDriver(world: world, program: program, kernel: kernelHere)
    }

    private static func makeWorld(_ place: SupervisorPlace) throws -> LinuxWorld {
        try LinuxWorld(place, over: { $0 }, streams: StandardStreams()) { loop, place in
            LinuxSandboxes(loop: loop, place: place, initPath: SandboxFixture.initPath)
        }
    }

    /// As if this supervisor had ended: another one comes to the same place.
    func replaceSupervisor() throws -> AdoptedSandbox? {
        world = try Self.makeWorld(fixture.place)
        driver = CriuDriver(world: world, program: driver.program, kernel: kernelHere)
        return try world.adopt(fixture.agent, doorsDirectory: fixture.place.doors)
    }

    // MARK: Events

    /// Every event until `pick` gives something, at most 30 seconds.
    @discardableResult
    func wait<Picked>(_ why: String, _ pick: (WorldEvent) throws -> Picked?) throws -> Picked {
        let end = world.now() + .seconds(30)
        while let event = world.next(until: end) {
            note(event)
            if let picked = try pick(event) { return picked }
        }
        print("waited in vain for \(why); output \(lines.suffix(3)), errors \(errors.suffix(600))")
        Issue.record("waited in vain for \(why); output \(lines.suffix(3)), errors \(errors.suffix(600))")
        throw NothingCame()
    }

    func note(_ event: WorldEvent) {
        if case .output(_, let stream, let bytes) = event { text[stream, default: []] += bytes }
        if case .connected(_, .agent, let peer) = event { peers.append(peer) }
    }

    /// Whole lines of the standard output so far.
    var lines: [Substring] { String(decoding: text[.standardOutput] ?? [], as: UTF8.self).split(separator: "\n") }
    var errors: String { String(decoding: text[.standardError] ?? [], as: UTF8.self) }
    func forgetOutput() { text = [:] }

    /// Waits until so many lines more have come.
    func hear(_ count: Int) throws {
        let wanted = lines.count + count
        try wait("\(count) lines") { _ in lines.count >= wanted ? () : nil }
    }

    // MARK: Lives

    func launch(_ plan: LaunchPlan) throws -> (id: SandboxID, pid: Int32) {
        let id = try world.launch(plan)
        let pid = try wait("the start") { event -> Int32? in
            if case .sandbox(id, .failed(let fault)) = event { throw fault }
            if case .sandbox(id, .started(let pid)) = event { return pid }
            return nil
        }
        return (id, pid)
    }

    func crash(_ id: SandboxID) throws {
        world.kill(id)
        try wait("the end of the sandbox") { $0 == .sandbox(id, .vanished) ? () : nil }
    }

    // MARK: Dump and restore

    /// The directory of the agents, which every test that rolls files back keeps itself.
    var kept: KeptFiles { KeptFiles(workspace: fixture.root + "/work") }

    func blockers(in sandbox: SandboxID) -> [Blocker] { driver.blockers(in: sandbox, keeping: kept) }

    func newImages() -> String {
        images += 1
        let path = fixture.root + "/hidden/images-\(images)"
        #expect(KernelFiles.makeDirectories(path, mode: 0o700) == 0)
        return path
    }

    func newScratch() -> String {
        scratches += 1
        let path = fixture.root + "/hidden/scratch-\(scratches)"
        #expect(KernelFiles.makeDirectories(path, mode: 0o700) == 0)
        return path
    }

    /// - Parameter whileStanding: is called while the tree stands still; whether the images are wanted.
    func dump(
        _ agent: (id: SandboxID, pid: Int32), into images: String, leavesRunning: Bool = true, tcp: TCPHandling = .close,
        timeLimit: Duration = .seconds(20), whileStanding: (DumpedTree) throws -> Bool = { _ in true }
    ) throws -> Dump {
        let job = try driver.dump(
            DumpRequest(
                sandbox: agent.id, agent: agent.pid, images: images, leavesRunning: leavesRunning, tcp: tcp, timeLimit: timeLimit,
                kept: kept))
        return try wait("the dump") { event in
            switch job.take(event) {
            case .standsStill(let tree): job.goOn(keeping: try whileStanding(tree))
            case .dumped(let dump): return dump
            case .failed(let fault): throw fault
            case nil: break
            }
            return nil
        }
    }

    func restore(
        _ plan: LaunchPlan, from images: String, _ tree: DumpedTree, leavesStopped: Bool = false, lazily: Bool = false,
        timeLimit: Duration = .seconds(20), onEvent: (WorldEvent) -> Void = { _ in }
    ) throws -> Restored {
        let request = RestoreRequest(
            plan: plan, images: images, scratch: newScratch(), tree: tree, leavesStopped: leavesStopped, isLazy: lazily,
            timeLimit: timeLimit)
        let job = try driver.restore(request)
        while true {
            let event = world.next(until: job.deadline ?? world.now() + .seconds(30))
            guard let event else {
                job.timePassed()
                continue
            }
            note(event)
            onEvent(event)
            switch job.take(event) {
            case .restored(let restored): return restored
            case .failed(let fault): throw fault
            case .complete, nil: break
            }
        }
    }
}
