// SimulationStories: the whole supervisor in a machine made from a seed, what goes wrong there, and an oracle that never asks the code
// under test whether it was right. Documentation: docs/simulation.md

public import AgentModel
public import AgentSpecs
import CriuDriver
import CriuRequests
import LaunchPlans
import OutsideWorld
import Recovery
public import SimulatedWorld
import Supervision

/// One seed's story: an agent with a task, its supervisors one after another, and what goes wrong.
public final class Simulation {
    public enum Failure: Error, CustomStringConvertible {
        case broken(story: String, seed: UInt64, step: Int, what: String, trace: [String])

        /// One line.
        public var headline: String {
            switch self {
            case .broken(let story, let seed, let step, let what, _): "\(story), seed \(seed), step \(step): \(what)"
            }
        }
        public var description: String {
            switch self {
            case .broken(_, _, _, _, let trace): headline + "\n" + trace.suffix(80).joined(separator: "\n")
            }
        }
    }

    public let name: String
    public let seed: UInt64
    public let machine: SimulatedMachine
    public var spec: AgentSpec
    public var troubles: [RecurringTrouble] = []
    /// An operator asks something this often, on average.
    public var operatorEvery: Duration?
    public var wishes: [OperatorDesk.Wish] = []
    /// Every supervisor but the first is told to start clean.
    public var startsCleanAgain = false
    /// There is a CRIU, and images of the agent's processes are made.
    public var hasCriu = false
    /// Images are wished for at each launch, some of them before the agent has said a word.
    public var cutsAtOnce = false
    /// An operator who restores takes one of so many newest good versions. nil: any version at all, broken ones and old ones included.
    public var goesBackAtMost: Int?

    // What the parts of the harness share.
    var random: SeededRandom
    var oracle: Oracle
    var desk: OperatorDesk
    var world: SimulatedWorld?
    var isOver = false
    /// Since when the agent stands still under a supervisor.
    var frozenSince: Int64?
    /// Lives that were looked at.
    var livesLookedAt = 0
    var storeMayFail = false
    /// Something waits for one of the next operations.
    var isPlanned = false
    /// The store refused writes for a time, so that what was decided then may be forgotten with its supervisor.
    var hadRefusal: Bool { (struck[.storeFull] ?? 0) + (struck[.storeReadOnly] ?? 0) > 0 }
    var refusedSince: (at: Int64, shown: Int, epoch: UInt64)?
    /// What a part found wrong in a place where it could not throw.
    var complaints: [String] = []
    public internal(set) var struck: [Trouble: Int] = [:]
    public private(set) var steps = 0
    public private(set) var supervisors = 0
    public private(set) var ended: [ProcessEnd] = []
    private let began: Int64
    private(set) var supervisedSince: Int64 = 0
    private var paced = (at: Int64(0), steps: 0)

    public init(_ name: String, seed: UInt64, script: AgentScript, spec: AgentSpec) {
        self.name = name
        self.seed = seed
        self.spec = spec
        machine = SimulatedMachine(seed: seed, script: script)
        random = SeededRandom(seed: seed ^ 0x5eed)
        oracle = Oracle(agent: spec.name)
        desk = OperatorDesk(agent: spec.name)
        began = machine.now
        machine.hooks = ["after-checkpoint", "after-restore", "before-checkpoint", "before-restore", "on-incident"]
    }

    /// What was to come on the machine holds it, and what is on it, for ever.
    deinit { machine.dissolve() }

    public var virtualDays: Double { Double(machine.now - began) / 86_400e9 }

    /// Runs supervisors one after another until the agent's task is finished, or until `limit` of virtual time is over.
    /// - Returns: whether the task was finished.
    public func run(for limit: Duration) throws -> Bool {
        let end = began + limit.nanoseconds
        desk.safePointWithin = spec.checkpoint.deadline.nanoseconds
        if hasCriu { oracle.machine = machine }
        machine.beforeLaunch = { [unowned self] in look(beforeLaunch: $0) }
        planTroubles()
        planWishes()
        defer { isOver = true }
        while machine.now < end {
            supervisors += 1
            if let result = try superviseOnce(until: end) {
                ended.append(result)
                if machine.finishedTasks > 0 { return true }
            }
            if machine.finishedTasks > 0, saidItsLastWord { return true }
            // Whoever starts supervisors (systemd, a person) takes a moment, sometimes longer than the adoption term.
            machine.pass(.milliseconds(50 + random.number(below: random.number(below: 4) == 0 ? 90_000 : 3000)))
        }
        return machine.finishedTasks > 0
    }

    /// Killed after its last word: whoever starts the next one starts another task.
    private var saidItsLastWord: Bool {
        let last = (try? JournalReading.last(disk: machine.store, directory: Oracle.home(spec.name) / "journal")) ?? nil
        if case .note("end", _)? = last?.content { return true }
        return false
    }

    private func superviseOnce(until end: Int64) throws -> ProcessEnd? {
        let journal = Oracle.home(spec.name) / "journal"
        let world = SimulatedWorld(on: machine, noEarlierThan: (try? JournalReading.last(disk: machine.store, directory: journal))??.at)
        self.world = world
        supervisedSince = machine.now
        defer { self.world = nil }
        let supervisor: Supervisor
        do { supervisor = try Supervisor(request, world) } catch {
            let mayFail = machine.supervisorCrashed || storeMayFail || refusedSince != nil
            machine.killSupervisor(because: "it could not begin: \(error)")
            guard mayFail else { throw failure("a supervisor could not begin: \(error)") }
            return nil
        }
        defer { supervisor.abandon() }
        while machine.now < end {
            steps += 1
            let result = supervisor.step()
            if machine.supervisorCrashed {
                desk.supervisorDied()
                try check(nil)
                return nil
            }
            try check(world)
            if let result {
                if let owed = desk.unanswered(by: world).first { throw failure("the supervisor ended and left '\(owed)' unanswered") }
                return result
            }
            // Released with the last step: who comes next may then begin. A power cut that hit a worker reaches the supervisor a moment later.
            let isHeld = machine.store.isDown || machine.store.lockHolder(Oracle.home(spec.name) / "lock") != nil
            if !isHeld { throw failure("nobody holds the agent's lock") }
        }
        machine.killSupervisor(because: "the story ends")
        return nil
    }

    private var request: SupervisorRequest {
        let finding = CriuFinding(chosen: hasCriu ? Self.criu : nil, tried: [])
        var request = SupervisorRequest(
            spec: spec, facts: Self.facts,
            place: SupervisorPlace(agent: spec.name, store: "/store", runtime: "/run/agent", noEarlierThan: nil),
            launchPlace: LaunchPlace(runtimeDirectory: "/run", storeDirectory: "/store", storeIdentity: "0123456789abcdef"),
            startFrom: startsCleanAgain && supervisors > 1 ? .clean : nil, echo: true,
            processID: Int32(truncatingIfNeeded: supervisors), ready: {})
        request.findCriu = { finding }
        return request
    }

    // MARK: What must hold

    func failure(_ what: String) -> Failure { .broken(story: name, seed: seed, step: steps, what: what, trace: machine.trace) }

    private func check(_ world: SimulatedWorld?) throws {
        // A loop that turns without time passing would never let the machine rest.
        if machine.now - paced.at > 10_000_000_000 { paced = (machine.now, steps) }
        if steps - paced.steps > 20_000 { throw failure("\(steps - paced.steps) steps of the supervisor within ten seconds") }
        if let wrong = oracle.look(at: machine, supervised: world != nil, storeTroubled: refusedSince != nil || storeMayFail) {
            throw failure(wrong)
        }
        if world != nil, let wrong = hangUnseen() { throw failure(wrong) }
        if let world, let wrong = desk.look(at: world, now: machine.now) { throw failure(wrong) }
        if let wrong = complaints.first ?? machine.wrongs.first { throw failure(wrong) }
        if hasCriu, let wrong = lookAtImages() { throw failure(wrong) }
    }

    /// The task's own truth, once it is finished, and everything that must hold of any story's end.
    public func checkEnd(finished: Bool) throws {
        machine.store.forgetTroubles()
        takeAgain()
        if finished { try checkFinishedTask() }
        if let wrong = oracle.lookAtEverything(at: machine) { throw failure(wrong) }
        let reading: JournalReading
        do { reading = try JournalReading(disk: machine.store, directory: Oracle.home(spec.name) / "journal") } catch {
            throw failure("the journal cannot be read: \(error)")
        }
        if let mismatch = replay(reading.entries).first {
            throw failure("decision \(mismatch.sequence) of the journal replays differently")
        }
        let numbers = reading.entries.map(\.sequence)
        if zip(numbers, numbers.dropFirst()).contains(where: { $0 >= $1 }) { throw failure("the journal's numbers do not grow") }
        if let wrong = lookAtLines(numbers) { throw failure(wrong) }
        let mayTear = supervisors + struck.values.reduce(0, +)
        if reading.damagedLines > mayTear { throw failure("\(reading.damagedLines) lines of the journal are damaged") }
        if let wrong = oracle.tellings(machine.hookRuns, forgets: storeMayFail || hadRefusal) { throw failure(wrong) }
        if !storeMayFail, !hadRefusal, let wrong = oneIncidentATime() { throw failure(wrong) }
        if let wrong = lookAtTheEnd(endedByItself: finished) { throw failure(wrong) }
    }

    private func checkFinishedTask() throws {
        guard let results = machine.workspace.peek("results") else { throw failure("there is no results file") }
        let expected = (1...machine.script.steps).map { "step \($0)\n" }.joined()
        guard results == Array(expected.utf8) else {
            throw failure("the results are not every step exactly once:\n\(String(decoding: results.suffix(2000), as: UTF8.self))")
        }
        for step in 1...machine.script.steps where machine.script.cooperative {
            let count = machine.service.executions["step-\(step)"] ?? 0
            guard count == 1 else { throw failure("the keyed call of step \(step) was executed \(count) times") }
        }
    }

    /// No step that was known to be durable is lost. Holds where only deaths happen, not where a version is doubted, damaged or left.
    public func checkNothingLost() throws {
        var durable: UInt64 = 0
        var before: SimulatedLife?
        for life in machine.lives {
            let began = life.began ?? 0
            // Only a life that began from the durable step, and of which nobody knows that it did one more, speaks against it.
            let excuse = before.map { !$0.progressHeard } ?? false
            if began < durable, !excuse {
                throw failure("incarnation \(life.incarnation) began at step \(began), and step \(durable) was durable")
            }
            durable = max(began, life.committed ?? 0)
            before = life
        }
        if hasCriu, let wrong = stepsLostOfVersions() { throw failure(wrong) }
    }

    /// The most steps that a life had to do again.
    var mostLost: UInt64 {
        zip(machine.lives, machine.lives.dropFirst()).map { before, next in
            let reached = before.reached ?? before.began ?? 0
            return reached - min(reached, next.began ?? 0)
        }.max() ?? 0
    }

    private static let criu = CriuProgram(
        path: "/opt/runner-criu/criu", version: CriuVersion(4, 2, 1),
        features: CriuFeatures(dirtyTracking: false, lazyPages: true, pidfdStore: false))

    static let facts = HostFacts(
        userID: 0, groupID: 0, kernelRelease: "simulated", hostName: "simulated", processors: 2, memory: .mebibytes(1024),
        namespaces: .available, controlGroups: .none("simulated"), sandboxInit: .available, bootID: "simulated")
}
