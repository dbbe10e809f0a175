import AgentModel
import AgentSpecs
import Checkpoints
import ControlSocket
import CriuDriver
import CriuRequests
import LaunchPlans
import OutsideWorld
import Recovery

@testable import SimulatedWorld
@testable import Supervision

/// One supervisor after another on a simulated machine, driven step by step to the very moment a test is about. The simulated process does
/// nothing of its own; what it says to the runner is said by a `Program` that the test plays.
final class Scene {
    struct Lost: Error, CustomStringConvertible {
        let what: String
        let trace: [String]
        var description: String { "did not come: \(what)\n" + trace.suffix(60).joined(separator: "\n") }
    }

    let machine: SimulatedMachine
    var spec: AgentSpec
    private(set) var world: SimulatedWorld
    private(set) var supervisor: Supervisor
    /// What the present supervisor ended with.
    private(set) var end: ProcessEnd?
    /// Whoever answers the runner by itself while the scene goes on.
    var programs: [Program] = []

    private final class Counter {
        var count = 0
        var notStarted: [String] = []
        var criu = CriuFinding(chosen: nil, tried: [])
    }
    private let readiness = Counter()

    /// The first supervisor has begun on return.
    /// - Parameter criu: there is one that works.
    init(
        seed: UInt64 = 11, criu: Bool = false, _ change: (inout AgentSpec) -> Void = { _ in },
        before: (SimulatedMachine) -> Void = { _ in }
    ) throws {
        if criu { readiness.criu = CriuFinding(chosen: .simulated, tried: []) }
        var script = AgentScript(steps: 1)
        script.cooperative = false
        script.stepTime = 1_000_000_000...1_000_000_000
        machine = SimulatedMachine(seed: seed, script: script)
        guard let name = AgentName("sim") else { preconditionFailure("a constant name") }
        spec = AgentSpec(name: name, command: ["agent"], workdir: "/workspace", workspace: "/workspace")
        spec.checkpoint.every = nil
        spec.health.heartbeat = nil
        spec.hooks = "/hooks"
        spec.checkpoint.rehearsal.when = .never
        spec.checkpoint.skipUnchanged = false  // most agents here do nothing, and still are to be cut
        change(&spec)
        before(machine)
        world = SimulatedWorld(on: machine)
        supervisor = try Supervisor(Self.request(spec, readiness), world)
    }

    private static func request(_ spec: AgentSpec, _ readiness: Counter) -> SupervisorRequest {
        var request = SupervisorRequest(
            spec: spec,
            facts: HostFacts(
                userID: 0, groupID: 0, kernelRelease: "simulated", hostName: "simulated", processors: 2, memory: .mebibytes(1024),
                namespaces: .available, controlGroups: .none("simulated"), sandboxInit: .available, bootID: "simulated"),
            place: SupervisorPlace(agent: spec.name, store: "/store", runtime: "/run/agent", noEarlierThan: nil),
            launchPlace: LaunchPlace(runtimeDirectory: "/run", storeDirectory: "/store", storeIdentity: "0123456789abcdef"),
            startFrom: nil, echo: true, processID: 1, ready: { readiness.count += 1 })
        request.notStarted = { code, sentence in readiness.notStarted.append("\(code) \(sentence)") }
        request.findCriu = { readiness.criu }
        return request
    }

    // MARK: Supervisors

    /// `kill -9`: the agent lives on, without a supervisor.
    func killSupervisor() {
        programs = []
        machine.killSupervisor(because: "kill -9")
    }

    func cutPower() {
        programs = []
        machine.cutPower()
    }

    /// The next supervisor begins.
    func startSupervisor() throws {
        let journal = home / "journal"
        world = SimulatedWorld(on: machine, noEarlierThan: try JournalReading.last(disk: machine.store, directory: journal)?.at)
        end = nil
        supervisor = try Supervisor(Self.request(spec, readiness), world)
    }

    /// How often `ready` was called, by all supervisors.
    var timesReady: Int { readiness.count }
    /// What whoever waits for `ready` was told instead, by all supervisors.
    var saidNotStarted: [String] { readiness.notStarted }

    // MARK: Going on

    /// Lets things happen until `condition` holds.
    func run(until what: String, within: Duration = .seconds(300), _ condition: () throws -> Bool) throws {
        let limit = machine.now + within.nanoseconds
        while try !condition() {
            for program in programs { program.obey() }
            if try condition() { return }
            guard end == nil, machine.now < limit, !machine.supervisorCrashed else { throw Lost(what: what, trace: machine.trace) }
            // Time passes even when nobody waits for anything.
            machine.plan(after: .seconds(1)) { _ in }
            end = supervisor.step()
        }
    }

    func run(for duration: Duration) throws {
        let end = machine.now + duration.nanoseconds
        // A supervisor that waits for nothing would wait past it: it is told to look around.
        machine.plan(after: duration) { [weak self] _ in self?.world.signalSupervisor(1) }
        try run(until: "\(duration) is over", within: duration * 2) { machine.now >= end }
    }

    func runUntilUp(_ incarnation: UInt64 = 1) throws {
        try run(until: "incarnation \(incarnation) is up") { [self] in
            supervisor.life?.pid != nil && supervisor.incarnations == incarnation && supervisor.imageRestore == nil
        }
    }

    /// A program in the living sandbox that was welcomed.
    func program(resumes: UInt64? = nil) throws -> Program {
        let program = try Program(in: self, resumes: resumes)
        programs.append(program)
        try run(until: "a program is welcomed") { program.isWelcome }
        return program
    }

    // MARK: Operators

    func ask(_ request: ControlRequest) throws -> ConnectionID {
        guard let id = world.operatorSays(try ControlCodec.line(request)) else { throw Lost(what: "a listener", trace: machine.trace) }
        return id
    }

    func reply(to id: ConnectionID) throws -> ControlReply? {
        try world.told[id].map { bytes in try ControlCodec.reply(Array(bytes.dropLast())) }
    }

    /// Asks and waits for the answer.
    func answer(to request: ControlRequest) throws -> ControlReply {
        let id = try ask(request)
        return try answer(on: id)
    }

    func answer(on id: ConnectionID) throws -> ControlReply {
        try run(until: "an answer on \(id)") { world.told[id] != nil }
        guard let reply = try reply(to: id) else { throw Lost(what: "an answer on \(id)", trace: machine.trace) }
        return reply
    }

    /// The newest version, after it was stored.
    @discardableResult
    func checkpoint() throws -> CheckpointSummary {
        guard case .stored(let summary) = try answer(to: .checkpoint(wait: true)) else {
            throw Lost(what: "a version", trace: machine.trace)
        }
        return summary
    }

    // MARK: Looking

    var home: DiskPath { DiskPath("agents/\(spec.name)") ?? "agents" }
    func versions() throws -> [CheckpointSummary] { try supervisor.store.versions(of: spec.name) }
    func said(_ part: String) -> Int { world.shown.count { $0.contains(part) } }
    var file: String? {
        get { machine.workspace.peek("file").map { String(decoding: $0, as: UTF8.self) } }
        set { machine.workspace.plant("file", Array((newValue ?? "").utf8)) }
    }
}

extension CriuProgram {
    static let simulated = CriuProgram(
        path: "/opt/runner-criu/criu", version: CriuVersion(4, 2, 1),
        features: CriuFeatures(dirtyTracking: false, lazyPages: true, pidfdStore: false))
}
