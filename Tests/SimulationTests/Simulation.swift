import AgentModel
import AgentSpecs
import LaunchPlans
import OutsideWorld
import Recovery
import SimulatedWorld
import Supervision

/// One seed's story: an agent with a task, its supervisors one after another, and what goes wrong. Checks its own record of what must hold
/// after every step; never asks the code under test whether it was right.
struct Simulation {
    /// What goes wrong around the agent; what goes wrong in it is in its script.
    struct Troubles {
        /// Chances in a million, drawn at every event the supervisor takes.
        var agentKilled = 0
        var agentKilledForMemory = 0
        var supervisorKilled = 0
        var powerCut = 0
        var diskFull = 0
        var diskReadOnly = 0
        var strangers = 0
        /// The supervisor dies at this operation of its first life (named faults at every operation).
        var crashAtOperation: Int?
        init() {}
    }

    enum Failure: Error, CustomStringConvertible {
        case broken(seed: UInt64, step: Int, what: String, trace: [String])
        var description: String {
            switch self {
            case .broken(let seed, let step, let what, let trace):
                "seed \(seed), step \(step): \(what)\n" + trace.suffix(60).joined(separator: "\n")
            }
        }
    }

    let seed: UInt64
    let machine: SimulatedMachine
    var spec: AgentSpec
    var troubles = Troubles()
    private var random: SeededRandom
    private var oracle = Oracle()
    private(set) var steps = 0
    private(set) var supervisors = 0
    private(set) var ended: [ProcessEnd] = []
    private(set) var virtualStart: Int64

    init(seed: UInt64, script: AgentScript, spec: AgentSpec) {
        self.seed = seed
        self.spec = spec
        machine = SimulatedMachine(seed: seed, script: script)
        random = SeededRandom(seed: seed ^ 0x5eed)
        virtualStart = machine.now
    }

    var virtualDays: Double { Double(machine.now - virtualStart) / 86_400e9 }

    /// Runs supervisors one after another until the agent's task is finished, or until `limit` of virtual time is over.
    mutating func run(for limit: Duration) throws -> Bool {
        machine.crashAtOperation = troubles.crashAtOperation
        let end = machine.now + limit.nanoseconds
        while machine.now < end {
            supervisors += 1
            if let result = try superviseOnce(until: end) {
                ended.append(result)
                if machine.finishedTasks > 0 { return true }
            }
            // Whoever starts supervisors (systemd, a person) takes a moment, sometimes longer than the adoption term.
            machine.pass(.milliseconds(50 + random.number(below: random.number(below: 4) == 0 ? 90_000 : 3000)))
        }
        return machine.finishedTasks > 0
    }

    private mutating func superviseOnce(until end: Int64) throws -> ProcessEnd? {
        let world = SimulatedWorld(on: machine)
        let request = SupervisorRequest(
            spec: spec, facts: Self.facts,
            place: SupervisorPlace(agent: spec.name, store: "/store", runtime: "/run/agent", noEarlierThan: nil),
            launchPlace: LaunchPlace(runtimeDirectory: "/run", storeDirectory: "/store", storeIdentity: "0123456789abcdef"), startFrom: nil,
            echo: true, processID: Int32(supervisors), ready: {})
        let supervisor: Supervisor
        do { supervisor = try Supervisor(request, world) } catch {
            guard machine.supervisorCrashed || hasDiskTrouble else { throw failure("a supervisor could not begin: \(error)") }
            machine.killSupervisor(because: "it could not begin")
            endDiskTrouble()
            return nil
        }
        while machine.now < end {
            steps += 1
            let result = supervisor.step()
            try check()
            if machine.supervisorCrashed { return nil }
            if let result { return result }
            makeTrouble(world)
            if machine.supervisorCrashed { return nil }
        }
        machine.killSupervisor(because: "the story ends")
        return nil
    }

    // MARK: Trouble

    private var hasDiskTrouble: Bool { diskTroubleUntil != nil }
    private var diskTroubleUntil: Int64?

    private func draws(_ chance: Int, _ random: inout SeededRandom) -> Bool { chance > 0 && random.number(below: 1_000_000) < chance }

    private mutating func makeTrouble(_ world: SimulatedWorld) {
        if let until = diskTroubleUntil, machine.now > until { endDiskTrouble() }
        if draws(troubles.agentKilled, &random) { machine.killAgent() }
        if draws(troubles.agentKilledForMemory, &random) { machine.killAgent(outOfMemory: true) }
        if draws(troubles.supervisorKilled, &random) { machine.killSupervisor(because: "kill -9") }
        if draws(troubles.powerCut, &random) { machine.cutPower() }
        if diskTroubleUntil == nil, draws(troubles.diskFull, &random) { beginDiskTrouble { $0.setCapacity($0.used) } }
        if diskTroubleUntil == nil, draws(troubles.diskReadOnly, &random) { beginDiskTrouble { $0.setReadOnly(true) } }
        if draws(troubles.strangers, &random) {
            let bytes = (0..<random.number(below: 200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            _ = world.strangerSays(bytes, inside: machine.livingSandbox)
        }
    }

    private mutating func beginDiskTrouble(_ begin: (SimulatedDisk) -> Void) {
        machine.say("the store's disk refuses from now on")
        begin(machine.store)
        diskTroubleUntil = machine.now + Duration.seconds(30 + random.number(below: 600)).nanoseconds
    }

    private mutating func endDiskTrouble() {
        machine.say("the store's disk takes writes again")
        diskTroubleUntil = nil
        machine.store.setCapacity(nil)
        machine.store.setReadOnly(false)
    }

    // MARK: What must hold

    private func failure(_ what: String) -> Failure { .broken(seed: seed, step: steps, what: what, trace: machine.trace) }

    private mutating func check() throws {
        if let wrong = oracle.look(at: machine, agent: spec.name, keep: spec.checkpoint.keep) { throw failure(wrong) }
    }

    /// The task's own truth, once it is finished.
    func checkFinishedTask() throws {
        guard let results = try? machine.workspace.read("results", limit: .mebibytes(16)) else { throw failure("there is no results file") }
        let expected = (1...machine.script.steps).map { "step \($0)\n" }.joined()
        guard results == Array(expected.utf8) else {
            throw failure("the results are not every step exactly once:\n\(String(decoding: results, as: UTF8.self))")
        }
        for step in 1...machine.script.steps where machine.script.cooperative {
            let count = machine.service.executions["step-\(step)"] ?? 0
            guard count == 1 else { throw failure("the keyed call of step \(step) was executed \(count) times") }
        }
    }

    /// No step that was known to be durable is lost. Holds where only deaths happen, not where a version is doubted.
    func checkNothingLost() throws {
        var durable: UInt64 = 0
        var before: SimulatedLife?
        for life in machine.lives {
            let began = life.began ?? 0
            // Only a life that began from the durable step and did not do one more speaks against it.
            let excuse = before.map { $0.reached == nil } ?? false
            if began < durable, !excuse {
                throw failure("incarnation \(life.incarnation) began at step \(began), and step \(durable) was durable")
            }
            durable = max(began, life.committed ?? 0)
            before = life
        }
    }

    static let facts = HostFacts(
        userID: 0, groupID: 0, kernelRelease: "simulated", hostName: "simulated", processors: 2, memory: .mebibytes(1024),
        namespaces: .available, controlGroups: .none("simulated"), sandboxInit: .available, bootID: "simulated")
}

/// The simulation's own memory of the store: what was once a version stays byte for byte what it was until it is removed; numbers are
/// never used twice; the last version never goes.
struct Oracle {
    private var manifests: [String: [UInt8]] = [:]
    private var everStored: Set<String> = []
    private var looked = 0

    mutating func look(at machine: SimulatedMachine, agent: AgentName, keep: Int) -> String? {
        if machine.mostAtOnce > 1 { return "\(machine.mostAtOnce) incarnations ran at once" }
        looked += 1
        guard looked % 16 == 0 else { return nil }
        let prefix = "agents/\(agent)/versions/"
        var present: [String: [UInt8]] = [:]
        for (path, content) in machine.store.contents() where path.text.hasPrefix(prefix) && path.text.hasSuffix("/manifest.json") {
            guard case .file(let bytes) = content.kind else { continue }
            let parts = path.text.dropFirst(prefix.count).split(separator: "/")
            guard parts.count == 2 else { continue }
            present[String(parts[0])] = bytes
        }
        for (number, bytes) in present {
            if let before = manifests[number], before != bytes { return "version \(number) is not what it was" }
            if manifests[number] == nil, everStored.contains(number) { return "number \(number) was used twice" }
        }
        if present.isEmpty, !manifests.isEmpty { return "the last version is gone" }
        manifests = present
        everStored.formUnion(present.keys)
        return nil
    }
}
