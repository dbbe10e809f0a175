// SimulatedWorld: the seam's other twin. Everything follows from a seed; nothing is kind. Time is virtual.

public import AgentModel
internal import LaunchPlans
public import OutsideWorld

/// A machine that outlives its supervisors: time, disks, sandboxes and what is going to happen. One thread.
public final class SimulatedMachine {
    /// Something that will happen. `epoch`: only while that supervisor lives (nil: whoever supervises).
    private struct Coming {
        let at: Int64
        let order: UInt64
        let epoch: UInt64?
        let body: () -> Void
    }

    public let store: SimulatedDisk
    public let workspace: SimulatedDisk
    public let staging: SimulatedDisk
    /// Where the doors are: no part of the store's disk.
    public let runtime: SimulatedDisk
    /// Directories beside the workspace, by absolute path.
    public var elsewhere: [String: SimulatedDisk] = [:]
    /// Directories that are gone, as when nothing is mounted there.
    public var isMissing: Set<String> = []
    /// What the agents of this machine do. Changed by a test between lives as it likes.
    public var script: AgentScript
    /// The paid service the agents call. Outside everything: never rolled back.
    public let service = SimulatedService()
    /// One line an event, for whoever reads a failing seed.
    public private(set) var trace: [String] = []
    public private(set) var now: Int64
    public internal(set) var supervisorEpoch: UInt64 = 0
    var sandboxes: [SandboxID: SimulatedSandbox] = [:]
    /// What became of each incarnation, in order.
    public internal(set) var lives: [SimulatedLife] = []
    /// How many tasks were finished.
    public internal(set) var finishedTasks = 0
    /// Most incarnations of the agent that ever ran at one moment.
    public private(set) var mostAtOnce = 0
    /// How often an agent began to run, anew or restored.
    public private(set) var timesRunning = 0
    /// Counts the supervisors' calls to the outside; something can be planned at any of them.
    public private(set) var operations = 0
    /// How often the supervisors wrote to each file, and what is done just after such a write, before it is synced.
    public private(set) var writes: [DiskPath: Int] = [:]
    public var afterWrite: (DiskPath) -> Void = { _ in }
    private var planned: [Int: (SimulatedMachine) -> Void] = [:]
    public internal(set) var supervisorCrashed = false
    /// When each supervisor that did not end by itself died, and what its calendar showed.
    public private(set) var lastMoment: [UInt64: (at: WallTime, calendar: WallTime)] = [:]
    /// A power cut that was planned at an operation of the store's disk takes the whole machine with it.
    public var powerFollowsStore = false
    /// How far the calendar is from where it began to count: a clock that was set. Clocks that decide do not follow it.
    public var calendarOffset: Duration = .zero
    /// From its own time to the clock that decides, as the last supervisor counted; nil: none has been there since it was started.
    var clockOffset: Int64?
    /// Chance in a million that news of a sandbox, of a closed connection or of finished work come a second time, up to a minute later.
    public var repeatsNews = 0
    /// Chances in a million that a launch is refused, and that the agent cannot be executed.
    public var refusesLaunch = 0
    public var failsStart = 0
    /// Every launch is refused with this.
    public var cannotStart: LaunchFault?
    /// What work beside the loop takes longer, as on a slow disk.
    public var workTakes = Duration.zero
    /// Executables in the hooks' directory, and every start of one with its environment.
    public var hooks: [String] = []
    public internal(set) var hookRuns: [SimulatedHookRun] = []
    /// Messages of the protocol over all lives.
    public internal(set) var messagesFromAgents = 0
    public internal(set) var messagesToAgents = 0
    /// When an agent began to hang or told its failure: what it stored just before may be doubted.
    public internal(set) var doubted: [Int64] = []
    /// Looks at the machine just before a supervisor launches a sandbox, the first being 1.
    public var beforeLaunch: (_ number: UInt64) -> Void = { _ in }
    /// What an agent saw that must never be.
    public internal(set) var wrongs: [String] = []

    /// Chance in a million of each trouble, drawn for every CRIU that is started.
    public var criuTroubles: [SimulatedCriuTrouble: Int] = [:]
    /// What every agent holds open beside its output. Not changed once a dump was made.
    public var agentHolds: [DescriptorSight] = []
    /// Every sandbox's own /dev/shm; nil: they have none.
    public var sharedMemory: SimulatedDisk?
    /// Of the host's memory, what processes could still take; nil: it does not tell.
    public var freeMemory: ByteCount? = .mebibytes(8192)
    private(set) lazy var imageSet = SimulatedImageSet(holding: agentHolds.filter { $0.kind == .file }.map(\.target))
    /// What CRIU put into each image that was ever made, by its number.
    var images: [UInt64: SimulatedAgent.Memory] = [:]
    /// Images that were restored without a fault in a rehearsal.
    public internal(set) var rehearsedImages: Set<UInt64> = []
    var plannedCriuTroubles: [SimulatedCriuTrouble] = []
    var plannedPageTroubles: [SimulatedPageTrouble] = []
    var crius: [CriuID: SimulatedCriu] = [:]
    var lastCriu: UInt64 = 0

    var random: SeededRandom
    private var coming: [Coming] = []
    private var lastOrder: UInt64 = 0
    private var lastSandbox: UInt64 = 0
    private var lastRehearsal: UInt64 = 0
    weak var world: SimulatedWorld?

    public init(seed: UInt64, script: AgentScript) {
        random = SeededRandom(seed: seed)
        store = SimulatedDisk(seed: seed &+ 1, rootName: "/store")
        workspace = SimulatedDisk(seed: seed &+ 2, rootName: "/workspace")
        staging = SimulatedDisk(seed: seed &+ 3, rootName: "/staging")
        runtime = SimulatedDisk(seed: seed &+ 4, rootName: "/run/agent")
        self.script = script
        now = 1_700_000_000_000_000_000
    }

    // MARK: Time

    /// Plans something. Equal times keep their order.
    func after(_ delay: Duration, epoch: UInt64? = nil, _ body: @escaping () -> Void) {
        lastOrder += 1
        let item = Coming(at: now + max(0, delay.nanoseconds), order: lastOrder, epoch: epoch, body: body)
        var low = 0
        var high = coming.count
        while low < high {  // kept in order, latest first, so that the next one is popped from the end
            let middle = (low + high) / 2
            if (coming[middle].at, coming[middle].order) > (item.at, item.order) { low = middle + 1 } else { high = middle }
        }
        coming.insert(item, at: low)
    }

    /// Lets the next thing happen, if it comes before `deadline`. - Returns: whether something happened.
    func happen(until deadline: Int64?) -> Bool {
        while let next = coming.last {
            if let deadline, next.at > deadline {
                now = max(now, deadline)
                return false
            }
            coming.removeLast()
            now = max(now, next.at)
            if let epoch = next.epoch, epoch != supervisorEpoch || supervisorCrashed { continue }
            next.body()
            return true
        }
        if let deadline { now = max(now, deadline) }
        return false
    }

    /// Lets time pass without a supervisor.
    public func pass(_ duration: Duration) {
        let end = now + duration.nanoseconds
        while happen(until: end) {}
    }

    func delay(_ range: ClosedRange<Int>) -> Duration { .milliseconds(range.lowerBound + random.number(below: range.count)) }

    func draws(_ chanceInAMillion: Int) -> Bool { chanceInAMillion > 0 && random.number(below: 1_000_000) < chanceInAMillion }

    public func say(_ text: @autoclosure () -> String) {
        if trace.count >= 4000 { trace.removeFirst(2000) }
        trace.append("\(WallTime(nanoseconds: now)) \(text())")
    }

    /// A life of the agent begins. `at` nil: clean.
    func began(_ plan: LaunchPlan, at step: UInt64?, fromImage image: UInt64? = nil) {
        let from: UInt64? = if case .version(let version) = plan.origin { version.number } else { nil }
        var life = SimulatedLife(incarnation: plan.incarnation, from: from, began: step)
        (life.image, life.at) = (image, now)
        // What was finished while nobody looked is done again, as far as it was rolled back.
        if image != nil || !script.cooperative { finishedTasks = 0 }
        lives.append(life)
    }
    func ended(_ incarnation: UInt64, leaving memory: SimulatedAgent.Memory, stoppedByCriu: Bool) {
        guard let index = lives.lastIndex(where: { $0.incarnation == incarnation }) else { return }
        lives[index].endedAt = now
        if stoppedByCriu { lives[index].stoodAtItsEnd = memory }
    }
    /// How many steps the results in the workspace hold.
    var resultsInWorkspace: UInt64 {
        let bytes = workspace.peek("results") ?? []
        return UInt64(bytes.count { $0 == UInt8(ascii: "\n") })
    }

    func reached(_ step: UInt64, of incarnation: UInt64) {
        if let index = lives.lastIndex(where: { $0.incarnation == incarnation }) { lives[index].reached = step }
    }
    /// It told a step; a supervisor that lives on for a second has taken it in.
    func heardProgress(of incarnation: UInt64) {
        after(.seconds(1), epoch: supervisorEpoch) { [self] in
            if let index = lives.lastIndex(where: { $0.incarnation == incarnation }) { lives[index].progressHeard = true }
        }
    }
    func committed(_ step: UInt64, of incarnation: UInt64) {
        if let index = lives.lastIndex(where: { $0.incarnation == incarnation }) { lives[index].committed = step }
    }

    /// Does `body` when that much time has passed, whoever supervises then.
    public func plan(after delay: Duration, _ body: @escaping (SimulatedMachine) -> Void) {
        after(delay) { [unowned self] in body(self) }
    }

    /// What the living agent says of itself: nil when none lives.
    public var livingPID: Int32? { sandboxes.values.first { $0.isRunning }?.pid }

    /// Since when the living agent hangs. nil: it does not.
    public var hangingSince: Int64? { sandboxes.values.first { $0.isRunning }?.agent?.hangsSince }

    /// What is on the machine of sandboxes and of CRIU.
    public var standing: [String] { sandboxes.keys.sorted().map { "\($0)" } + crius.keys.sorted().map { "\($0)" } }

    /// Whether the living agent stands still and nobody has let it go on.
    public var isLivingAgentFrozen: Bool { sandboxes.values.contains { $0.agent?.frozen ?? false } }

    /// The connection of the agent breaks, for no fault of its own.
    public func breakConnection() { for sandbox in sandboxes.values { sandbox.agent?.connectionBreaks() } }

    /// Nothing will happen on it any more.
    public func dissolve() {
        coming = []
        planned = [:]
        sandboxes = [:]
    }

    // MARK: Supervisors

    /// Counts a call of the supervisor to the outside. - Returns: false once it is dead: the call must do nothing.
    func alive(_ what: @autoclosure () -> String) -> Bool {
        guard !supervisorCrashed else { return false }
        operations += 1
        if powerFollowsStore, store.isDown {
            cutPower()
            return false
        }
        guard let body = planned.removeValue(forKey: operations) else { return true }
        say("at operation \(operations) (\(what())):")
        body(self)
        return !supervisorCrashed
    }

    /// Does `body` just before the supervisors' operation with this number, counted from 1 over all of them.
    public func plan(at operation: Int, _ body: @escaping (SimulatedMachine) -> Void) { planned[operation] = body }

    func wrote(_ path: DiskPath) {
        writes[path, default: 0] += 1
        afterWrite(path)
    }

    /// The supervisor dies at once; its descriptors close; its agents live on.
    public func killSupervisor(because reason: String) {
        guard !supervisorCrashed else { return }
        say("supervisor dies: \(reason)")
        supervisorCrashed = true
        noteLastMoment()
        store.processDied()
        endCrius(of: nil)
        for sandbox in sandboxes.values { sandbox.lostSupervisor() }
    }

    private func noteLastMoment() {
        lastMoment[supervisorEpoch] = (WallTime(nanoseconds: now), WallTime(nanoseconds: now) + calendarOffset)
    }

    /// Power goes: everything running is gone, and of what was not synced the seed keeps what it likes.
    public func cutPower() {
        clockOffset = nil
        say("power cut")
        if !supervisorCrashed { noteLastMoment() }
        supervisorCrashed = true
        for sandbox in sandboxes.values { sandbox.vanishSilently() }
        sandboxes.removeAll()
        crius.removeAll()
        for disk in [store, workspace, staging, runtime] + elsewhere.values {
            disk.powerCut()
            disk.restart()
        }
    }

    // MARK: Sandboxes

    func addSandbox(_ make: (SandboxID) -> SimulatedSandbox) -> SimulatedSandbox {
        lastSandbox += 1
        beforeLaunch(lastSandbox)
        let sandbox = make(SandboxID(lastSandbox))
        sandboxes[sandbox.id] = sandbox
        return sandbox
    }

    /// Numbered apart: it is no life of the agent.
    func addRehearsal(_ make: (SandboxID) -> SimulatedSandbox) -> SimulatedSandbox {
        lastRehearsal += 1
        let sandbox = make(SandboxID((1 << 32) + lastRehearsal))
        sandboxes[sandbox.id] = sandbox
        return sandbox
    }

    /// Sandboxes beside the agent's own.
    public var rehearsals: Int { sandboxes.values.count { $0.plan.purpose == .rehearsal } }

    /// To be called when an agent has begun to run: before that its sandbox does not count.
    func countRunning() {
        timesRunning += 1
        mostAtOnce = max(mostAtOnce, sandboxes.values.count { $0.isRunning })
    }

    /// The sandbox of the living agent, if there is one.
    public var livingSandbox: SandboxID? { sandboxes.values.first { $0.isRunning }?.id }

    /// Stops the agent's processes from outside, as an operator's `kill -STOP` does.
    public func stopAgent() { for sandbox in sandboxes.values { sandbox.agent?.stop() } }

    /// Kills the agent's main process from outside, as an operator's `kill -9` or the out-of-memory killer does.
    public func killAgent(outOfMemory: Bool = false) {
        for sandbox in sandboxes.values where sandbox.isRunning { sandbox.end(.signaled(9, outOfMemory: outOfMemory)) }
    }
}

/// What became of one incarnation of the agent.
public struct SimulatedLife: Hashable, Sendable {
    public var incarnation: UInt64
    /// The version it was started from; nil: none.
    public var from: UInt64?
    /// The step it was handed; nil: a clean start.
    public var began: UInt64?
    /// The last step it did; nil: it did none.
    public var reached: UInt64?
    /// The newest step it was told is durable.
    public var committed: UInt64?
    /// A supervisor knows for certain that it did a step.
    public var progressHeard = false
    /// The image it was restored from; nil: it was started.
    public var image: UInt64?
    public var at: Int64 = 0
    public var endedAt: Int64?
    /// What was in its memory when it was killed where CRIU had left it standing.
    var stoodAtItsEnd: SimulatedAgent.Memory?
}

extension SimulatedMachine {
    /// The number of the image of which these are the pages, and the step that is in it. nil: nothing that can be read.
    public func lookInto(pages: [UInt8]) -> (image: UInt64, step: UInt64, hasBegun: Bool)? {
        guard let memory = try? JSONText.decode(SimulatedAgent.Memory.self, from: pages) else { return nil }
        return (memory.image, memory.step, memory.welcomedAs != nil || !script.cooperative)
    }

    /// What stood at the end of the former life, and what the next one was made of: whether they are the same. nil: it did not stand, or the
    /// next one is no image.
    public func cameBackAsItWas(_ former: SimulatedLife, _ next: SimulatedLife) -> Bool? {
        guard var stood = former.stoodAtItsEnd, let image = next.image, let memory = images[image] else { return nil }
        stood.image = image
        stood.mustStop = memory.mustStop  // a signal that came while it stood
        return memory == stood
    }
}

/// A hook that was started.
public struct SimulatedHookRun: Hashable, Sendable {
    public var name: String
    /// Which supervisor started it.
    public var supervisor: UInt64
    public var at: WallTime
    public var environment: [String]
    public func value(_ name: String) -> String? {
        environment.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
    }
}

/// A service outside that is paid by the call. Remembers keys, so that a repeated key returns the old answer.
public final class SimulatedService {
    public private(set) var executions: [String: Int] = [:]
    public private(set) var replays = 0

    /// - Parameter remembers: false: the service cannot know that it did this before, and does it again.
    func call(_ key: String, remembers: Bool) -> [UInt8] {
        if remembers, executions[key] != nil { replays += 1 } else { executions[key, default: 0] += 1 }
        return Array("answer to \(key)".utf8)
    }
}
