public import AgentModel
internal import AgentProtocol
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import CriuDriver
internal import EffectLedgers
internal import Incidents
public import OutsideWorld
internal import Recovery
internal import Retention
internal import Schedules
internal import StatusViews

/// Runs one agent until it is finished, stopped or parked and the supervisor has nothing more to do.
/// - Returns: how the agent ended, which is what `runner run` exits with.
/// - Throws: before anything was started.
public func supervise(_ request: SupervisorRequest, in world: any World) throws(SupervisionFault) -> ProcessEnd {
    let supervisor = try Supervisor(request, world)
    while true {
        if let end = supervisor.step() { return end }
    }
}

/// One agent's supervisor. Everything happens on the loop's thread: an event is taken, decided, written down, performed.
/// Parts: +Decisions (the ladder), +Launch, +Checkpoint, +Agent (protocol), +Control (operator), +Suspend, +Status, +Incident, +Hooks.
public final class Supervisor {
    let request: SupervisorRequest
    let spec: AgentSpec
    let agent: AgentName
    let world: any World
    let store: CheckpointStore
    let lock: any DiskLock
    let journal: Journal
    let log: AgentLog
    let specDigest: String
    let startedAt: WallTime

    // Decided and remembered.
    var recovery = RecoveryState()
    var reason = "starting"
    /// Without those that are `leaving`.
    var versions: [CheckpointSummary] = []
    /// Being removed by retention, beside the loop.
    var leaving: Set<VersionNumber> = []
    var versionsAreStale = false
    var versionMemory = VersionMemory()
    var incarnations: UInt64 = 0
    var restarts: UInt64 = 0
    var lastEnd: ProcessEnd?
    /// Lives in a row that ended with neither a new version nor a step beyond `highestStep`: see `grantsProgress`.
    var stagnantLives = 0
    var highestStep: UInt64 = 0
    var newVersionThisLife = false
    /// What the living agent was started with, when our spec would start it otherwise.
    var formerSpec: AgentSpec?

    // On their way.
    var life: Life?
    var launchRun: LaunchRun?
    var checkpointRun: CheckpointRun?
    var checkpointWishes: [CheckpointWish] = []
    /// Of cuts that were the last: answered when the supervisor ends, as for a stop.
    var repliesAtEnd: [(ConnectionID, ControlReply)] = []
    var imageRestore: ImageRestore?
    /// Its images may lie in memory, where the store is encrypted.
    var versionLaidOut: VersionNumber?
    var rehearsal: RehearsalRun?
    /// Of rehearsals that are over.
    var scratchesLeft: [Scratch] = []
    var lastRehearsal: RehearsalReport?
    /// When the last one began; nil: none in this life.
    var rehearsedAt: Moment?
    /// Looked for when it is first needed.
    var criuFound: CriuFinding?
    /// An interrupted roll-back is being finished: news and wishes wait, for nothing may be decided on a workspace in between.
    var isBeginning = false
    var endWaitsForCheckpoint = false
    var inbox: [AgentEvent] = []
    var finished: ProcessEnd?
    private var hasLeft = false
    var deadlines = Deadlines()
    var work: [WorkID: () -> Void] = [:]
    var programs: [WorkID: (ProgramResult) -> Void] = [:]
    var lastNumber: UInt64 = 0

    // Who is connected.
    var peers: [ConnectionID: AgentPeer] = [:]
    var currentConnection = CurrentConnection<ConnectionID>()
    var controls: [ConnectionID: LineReader] = [:]
    var repliesOwed: [ConnectionID: OwedReply] = [:]
    /// What operators wished of the ladder while `isBeginning`.
    var wishes: [(ControlRequest, ConnectionID)] = []
    var complaints = Complaints()

    /// SIGTERM and SIGINT so far: the second one does not wait any longer.
    var timesAskedToStop = 0
    /// The incarnation that was heard to beat, so that a new supervisor watches it from the start.
    var beatingIncarnation: UInt64?
    /// An operator's `stop` said so: no last checkpoint.
    var skipCheckpointOnStop = false
    /// An operator's restart took its last version before it was decided: `stopAgent` takes no second one.
    var isKeptBeforeEnd = false
    /// Why what is being stopped is stopped without a last version.
    var lastVersionMissed: String?
    /// An operator wished to go back to it, and it is looked at whether that can be done.
    var versionAskedFor: VersionNumber?
    /// The same of an operator who waits for the checkpoint before. Held until the wish comes, or another run ends without one.
    var versionSpared: (version: VersionNumber, by: ConnectionID)?
    /// Counts what operators wish of the ladder: the last word holds.
    var wishesTaken: UInt64 = 0
    /// An operator's `restore --only`, until the next launch. nil: all parts.
    var restoreScope: RestoreScope?
    /// Whether the living incarnation is handed the state of its version.
    var restoresState = true
    /// What a former supervisor noted: the living agent's processes were restored from images.
    var livingIsFromImages = false
    var lineage: Lineage?
    /// The same: the living agent was to stand after a cut that was to be its last.
    var wasLeftStanding = false
    /// Its memory pages were not yet compared with what was stored when it began to run.
    var uncheckedPages: VersionNumber?
    var nextCheckpointAt: WallTime?
    /// The newest version, when a later look found nothing that it does not hold, and when that was.
    var unchangedSince: (version: VersionNumber, lookedAt: WallTime)?
    var lastLaunchFault: LaunchFault?
    /// Why the last launch failed, for whoever asked for it.
    var couldNotStart: String?
    /// Whoever waits for a background start goes on.
    var isReady = false
    var saidNotStarted = false
    /// Whether an agent ever ran under this supervisor, and what it ends with when none could.
    var hasStartedAgent = false
    var startImpossible: (end: ProcessEnd, why: String)?
    /// Of the incarnation that ended last, for the incident.
    var lastOrigin = Origin.clean
    var lastFigures = ResourceFigures()

    // The effect ledger.
    var ledger = EffectLedger()
    var ledgerLength = 0
    var ledgerEndsTorn = false
    /// false: what is in the file is not known, so nothing may be begun on the word of what we hold.
    var ledgerIsReadable = true
    /// Counts the programs that introduced themselves in this incarnation: their request numbers are their own.
    var speaker: UInt64 = 0
    var toldUnknown: [String] = []

    // What is told.
    var incident: IncidentDesk?
    /// The last report, where others cannot read it in the store.
    var reportRoom: (any MemoryRoom)?
    var warnings: [String: String] = [:]
    /// The store refused the spec, or the counters; it is given them again when it takes writes.
    var owesSpec = false
    var owesMemory = false
    /// The disk refused a checkpoint, which is still to be made good.
    var checkpointMissed = false
    /// What the last one that was refused by a full disk would have taken; nil: there was none since the last version.
    var neededSpace: ByteCount?
    /// What the images of the last version took, which the next writes anew; 0: it had none, or nobody knows.
    var imagesWritten = ByteCount(0)
    /// Since when there is less free than that.
    var shortSince: Moment?
    /// What removing versions for room was worth, since a cut found none.
    var roomPlan = RoomPlan()
    var isMakingRoom = false
    /// Withdrawn when something else needs the worker.
    var roomWish: StandingWish?
    /// What went for room, and since when nothing was free, while what it held is not collected yet.
    var roomUnfinished: (chosen: [CheckpointSummary], since: Space)?
    /// It was said, and what somebody waits for is stored all the same.
    var isPausedForRoom = false
    var statusChanged = true
    var statusWrittenAt: Moment?
    var statusShown: StatusShown?
    let housekeeping: Housekeeping
    /// What the last version saw of the workspace.
    let workspaceIndex = WorkspaceIndex()
    /// What the last versions had in their pages.
    let pageMemory: PageMemory
    /// While it works; withdrawn when something else needs the worker.
    var houseWish: StandingWish?
    var houseIsDue = true
    /// The last time it failed.
    var housekeepingFailed = false
    /// What was read last of what is stored; nil: not looked at yet, to begin quickly.
    var scrub: ScrubRecord?
    /// While a round is under way.
    var scrubbing: Scrubbing?
    var packsToScrub: [String]?
    /// What was not as it was stored, and is read a second time before anything is said of it.
    var scrubDoubt: String?
    /// The disk did not give all of it in this round.
    var scrubMissedSome = false
    /// While a slice is read.
    var scrubWish: StandingWish?
    /// Versions went since the last collection.
    var collectionIsDue = true
    /// Counters changed. They are written with the launch that follows, else at the end of the step: a death costs one write, not three.
    var memoryIsBehind = false

    /// Takes the agent's lock, puts the store in order, finds out what was, and begins. Nothing is started when it throws.
    public init(_ request: SupervisorRequest, _ world: any World) throws(SupervisionFault) {
        self.request = request
        self.world = world
        spec = request.spec
        agent = request.spec.name
        startedAt = world.wallTime()
        let agent = request.spec.name
        do {
            let identity = { hexadecimalIdentity(world.randomNumber()) }
            store = try CheckpointStore.open(world.store, create: true, identity: identity)
            try store.addAgent(agent)
            lock = try store.lock(agent, holder: "runner (pid \(request.processID)) since \(startedAt)")
            try Self.checkPlace(request.place, in: store)
            pageMemory = PageMemory(secret: world.secret(PageMemory.secretSize))
            housekeeping = Housekeeping(of: agent, in: store, pageMemory)
        } catch { throw SupervisionFault(agent: agent, cause: .store(error)) }
        let home = store.directory(of: agent)
        var last: JournalEntry?
        do {
            for folder in Self.folders { try world.store.makeDirectories(home / folder) }
            journal = try Journal(disk: world.store, directory: home / "journal", last: &last)
        } catch {
            // A full or read-only store must not keep the agent from running: go on with what can be read.
            guard error.kind == .full || error.kind == .readOnly else { throw SupervisionFault(agent: agent, cause: .file(error)) }
            do { journal = try Journal(disk: world.store, directory: home / "journal", last: &last) } catch {
                throw SupervisionFault(agent: agent, cause: .file(error))
            }
        }
        log = AgentLog(disk: world.store, directory: home / "log", turnOverSize: spec.log.size, kept: spec.log.keep)
        specDigest = digest(of: spec)
        do {
            for door in Door.allCases { try world.open(door) }
        } catch { throw SupervisionFault(agent: agent, cause: .file(error)) }
        try begin(after: last)
    }

    /// Handles one event, or one passed deadline. - Returns: how the agent ended, once there is nothing more to do.
    public func step() -> ProcessEnd? {
        if finished == nil {
            if let event = world.next(until: deadlines.nearest) {
                take(event)
            } else {
                for kind in deadlines.due(at: world.now()) { passed(kind) }
            }
            drainInbox()
            if memoryIsBehind { writeMemory() }
            writeStatusWhenDue()
            removeScratches()
            keepHouse()
        }
        if finished != nil {
            scrubWish?.withdraw()  // it only reads
            guard houseWish == nil, leaving.isEmpty, !isMakingRoom else { return waitForHousekeeping() }
            leave()
        }
        return finished
    }

    /// Whoever takes the agent's lock next must find the house at rest.
    private func waitForHousekeeping() -> ProcessEnd? {
        houseWish?.withdraw()
        roomWish?.withdraw()
        if let event = world.next(until: nil) { take(event) }
        return nil
    }

    /// Another supervisor may have come and gone between our look at its place and the lock, and left an agent where we would not look.
    private static func checkPlace(_ place: SupervisorPlace, in store: CheckpointStore) throws(StoreFault) {
        guard let known = PlaceFile.read(from: store.disk, below: store.directory(of: place.agent)), known != place.runtime,
            known != place.former
        else { return }
        throw StoreFault(.held(by: "a runner that was just started at '\(known)'"), doing: "lock the agent", what: place.agent.text)
    }

    /// The last of all. Whoever finds the journal without the note knows that the end was not told. Whoever waits for the end may start the
    /// next supervisor at once, so the answer comes after the lock is let go, and nothing is written any more.
    private func leave() {
        guard !hasLeft else { return }
        note(Journal.endNote, "supervisor \(request.processID) ended")
        hasLeft = true
        if let scratch = rehearsal?.prepared?.scratch { scratchesLeft.append(scratch) }  // its sandbox ends with us
        for scratch in scratchesLeft { store.discard(scratch) }
        housekeeping.abandon()
        lock.release()
        answerAtEnd()
        answerAllOwed()
        for id in controls.keys.sorted() { world.close(id) }
        for id in peers.keys.sorted() { world.close(id) }
    }

    /// Nothing that is on its way comes to an end any more, as when its process dies: for whoever goes on in the same process, as a
    /// simulation does. What waits for an answer would hold its supervisor for ever.
    public func abandon() {
        work = [:]
        programs = [:]
        checkpointRun = nil
        checkpointWishes = []
        imageRestore = nil
        rehearsal = nil
        houseWish = nil
        scrubWish = nil
        leaving = []
        isMakingRoom = false
    }

    private static var folders: [String] { ["journal", "log", "effects", "incidents"] }

    /// A full disk may have refused them at the beginning; nothing can be written into what is not there. - Returns: whether all are there.
    func makeFolders() -> Bool {
        do throws(FileFault) {
            for folder in Self.folders { try world.store.makeDirectories(store.directory(of: agent) / folder) }
            return true
        } catch { return false }
    }

    // MARK: Dispatch

    private func take(_ event: WorldEvent) {
        hearDump(event)
        hearRestore(event)
        hearRehearsal(event)
        switch event {
        case .signal(let number): signalled(number)
        case .sandbox(let id, let news): sandbox(id, news)
        case .output(_, let stream, let bytes): output(bytes, from: stream)
        case .connected(let id, .agent, let peer): agentConnected(id, peer)
        case .connected(let id, .control, let peer): controlConnected(id, peer)
        case .connected(let id, .notify, _): world.close(id)  // a datagram door has no connections
        case .received(let id, let bytes): received(id, bytes)
        case .closed(let id): closed(id)
        case .datagram(let bytes, let peer): datagram(bytes, peer)
        case .workDone(let id): work.removeValue(forKey: id)?()
        case .programEnded(let id, let result): programs.removeValue(forKey: id)?(result)
        case .criu: break  // heard by whoever started it
        }
    }

    private func passed(_ kind: Deadlines.Kind) {
        switch kind {
        case .recovery: inbox.append(.timerFired)
        case .checkpointSchedule: scheduledCheckpoint()
        case .turn: turnDidNotCome()
        case .scrub: scrubWhenDue()
        case .prepared: prepareTimedOut()
        case .dumped: dumpTimedOut()
        case .restored: restoreTimedOut()
        case .rehearsed: rehearsalTimedOut()
        case .stopped: stopTimedOut()
        case .heartbeat: heartbeatDue()
        case .hello: helloDue()
        case .status: statusChanged = true
        case .report: writeReport()
        case .diskAgain: diskAgain()
        case .ready: sayReady()
        case .resume: resumeWhenDue()
        }
    }

    private func received(_ id: ConnectionID, _ bytes: [UInt8]) {
        if peers[id] != nil {
            agentReceived(id, bytes)
        } else {
            controlReceived(id, bytes)
        }
    }

    private func closed(_ id: ConnectionID) {
        if peers[id] != nil {
            agentClosed(id)
        } else {
            controls[id] = nil
            repliesOwed[id] = nil
        }
    }

    /// SIGTERM and SIGINT: checkpoint, stop, end with the agent's status. SIGUSR1: checkpoint now. SIGHUP: nothing to read anew yet.
    private func signalled(_ number: Int32) {
        switch number {
        case 15 where isOnDisk, 2 where isOnDisk: endOnDisk()
        case 15, 2:
            inbox.append(.wantedStopped)
            guard timesAskedToStop > 0 else {
                timesAskedToStop = 1
                return say("\(number == 2 ? "interrupted" : "asked to stop"): stopping \(agent); once more kills it")
            }
            say("asked again: killing \(agent)")
            if let life { world.kill(life.sandbox) }
        case 10: _ = beginCheckpoint(.operator, spec.cut)
        default: break
        }
    }

    private func output(_ bytes: [UInt8], from stream: OutputStream) {
        if request.echo { world.show(bytes, on: stream) }
        if !log.take(bytes, from: stream, at: world.wallTime()) { diskRefused("the agent's log") }
    }

    // MARK: Small tools of the parts

    func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    /// A number for a request of ours to the agent: above the range of the agent's own. Documentation: docs/protocol.md#numbers-of-requests
    func nextRequest() -> UInt64 { (1 << 32) + nextNumber() }

    /// Runs `body` beside the loop, then `then` with its result on the loop.
    /// - Parameter lane: `patient` for what may take long, and for what must not go on beside that: whatever takes versions or packs away, and
    ///   restores, which read them.
    func aside<Result: Sendable>(
        in lane: WorkLane = .urgent, _ body: @escaping @Sendable () -> Result, then: @escaping (Result) -> Void
    ) {
        // They go on behind this.
        if lane == .patient {
            houseWish?.withdraw()
            scrubWish?.withdraw()
            roomWish?.withdraw()
        }
        let id = WorkID(nextNumber())
        let box = ResultBox<Result>()
        work[id] = {
            guard let result = box.take() else { preconditionFailure("work \(id.number) was said to be done and left no result") }
            then(result)
        }
        world.startWork(id, in: lane) { box.put(body()) }
    }

    /// A sentence for whoever watches: terminal and log.
    func say(_ sentence: String) {
        // Words of the agent may stand in it: nothing that a terminal would obey, and one line.
        let sentence = printable(sentence)
        if request.echo { world.show(Array("runner: \(sentence)\n".utf8), on: .standardError) }
        if !log.say(sentence, at: world.wallTime()) { diskRefused("the agent's log") }
    }

    /// As `say`, also to those who do not want to see the agent: it is why the runner ends.
    func tell(_ sentence: String) {
        say(sentence)
        if !request.echo { world.show(Array("runner: \(printable(sentence))\n".utf8), on: .standardError) }
    }

    func note(_ kind: String, _ text: String) {
        guard !hasLeft else { return }
        if !journal.append(.note(kind: kind, text: text), at: world.now(), world.wallTime()) { diskRefused("the journal") }
    }

    /// Says `sentence` once, until `clearWarning` of the same key.
    func warn(_ key: String, _ sentence: String) {
        guard warnings[key] == nil else { return }
        warnings[key] = sentence
        statusChanged = true
        say("warning: \(sentence)")
        if key != "disk" { note("warning", sentence) }
    }

    func clearWarning(_ key: String) {
        if warnings.removeValue(forKey: key) != nil { statusChanged = true }
    }

    /// An unreadable store keeps the list we have, and is asked again before that list decides anything.
    func refreshVersions() {
        let fresh = try? store.versions(of: agent, remembering: &versionMemory)
        versionsAreStale = fresh == nil
        if let fresh { versions = fresh.filter { !leaving.contains($0.version) } }
        statusChanged = true
    }
}
