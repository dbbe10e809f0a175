internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import EffectLedgers
internal import Incidents
internal import OutsideWorld
internal import Recovery
internal import StatusViews

/// What a reader of the status file must see at once when it changes.
struct StatusShown: Equatable {
    var phase: Phase
    var pid: Int32?
    var warnings: [String: String]
    var versions: [CheckpointSummary]
    var unknown: [String]
}

extension StoreFault.Kind {
    /// The disk's own trouble, which may pass; not the request's.
    var isDiskTrouble: Bool {
        switch self {
        case .full, .readOnly, .denied, .memory, .system: true
        case .format, .unsafe, .held, .noSuchAgent, .agentExists, .noSuchVersion, .broken, .damagedPack, .noSuchPart, .noSuchFile, .nothing,
            .refused:
            false
        }
    }
}

/// What is told about the agent, and what the supervisor itself must remember.
extension Supervisor {
    /// The status file follows a change of phase at once and a heartbeat at most this often.
    private static var statusPace: Duration { .seconds(5) }

    private var home: DiskPath { store.directory(of: agent) }

    // MARK: Status

    func writeStatusWhenDue() {
        guard statusChanged else { return }
        let now = world.now()
        if let statusWrittenAt, now - statusWrittenAt < Self.statusPace, statusShown == shownNow {
            if deadlines[.status] == nil { deadlines[.status] = statusWrittenAt + Self.statusPace }
            return
        }
        writeStatus()
    }

    private var shownNow: StatusShown {
        StatusShown(phase: recovery.phase, pid: life?.pid, warnings: warnings, versions: versions, unknown: toldUnknown)
    }

    func writeStatus() {
        statusChanged = false
        deadlines[.status] = nil
        statusWrittenAt = world.now()
        statusShown = shownNow
        // Replaced in one step but not synced: it describes a moment, and a reader of a torn one after a power cut sees none.
        let path = home / "status.json"
        let temporary = home / "status.json.new"
        do throws(FileFault) {
            if try world.store.entry(at: temporary) != nil { try world.store.removeFile(temporary) }
            try world.store.create(temporary, with: Array(statusText().utf8))
            try world.store.rename(temporary, to: path)
        } catch { diskRefused("the status file") }
    }

    func statusText() -> String {
        guard let bytes = try? JSONText.encode(status()) else { return "{}" }
        return String(decoding: bytes, as: UTF8.self)
    }

    func status() -> AgentStatus {
        let now = world.now()
        let wall = world.wallTime()
        func calendar(_ moment: Moment) -> WallTime { wall + (moment - now) }
        var status = AgentStatus(
            agent: agent, state: state, wantedRunning: recovery.wanted == .running, supervisorPID: request.processID, reason: reason,
            command: agentsSpec.command, store: request.place.store, updatedAt: wall)
        status.incarnation = incarnations
        status.restarts = restarts
        status.origin = recovery.phase.origin
        status.lastEnd = lastEnd
        status.next = next(calendar)
        if case .suspended(let version, _, let until) = recovery.phase { status.suspended = .init(version: version, until: until) }
        if let life {
            status.pid = life.pid
            status.startedAt = life.startedAt
            status.lastBeat = life.lastBeat?.time
            status.beganAnew = beganAnew ? true : nil
            status.step = life.beat.step
            status.progress = life.beat.progress
            status.note = life.beat.note
            status.tokens = life.beat.tokens
            status.costMicroUSD = life.beat.costMicroUSD
            let use = world.resources(life.sandbox)
            status.memory = use.memory
            status.cpu = use.cpu
        }
        status.memoryLimit = agentsSpec.limits.memory
        status.latest = versions.last { $0.kind == .checkpoint }
        status.knownGood = versions.last { $0.isKnownGood }?.version
        if let unchangedSince, unchangedSince.version == status.latest?.version { status.nothingNewAt = unchangedSince.lookedAt }
        status.nextCheckpointAt = life == nil ? nil : nextCheckpointAt
        status.rehearsal = lastRehearsal
        status.scrub = scrubReport
        status.unknownEffects = ledger.unknownKeys(running: life?.incarnation)
        status.incident = incident.flatMap { $0.toTell.contains(.closed) ? nil : $0.value.id }
        status.warnings = warnings.values.sorted()
        return status
    }

    private var state: AgentStatus.State {
        switch recovery.phase {
        case .stopped(finished: nil): .stopped
        case .stopped: .finished
        case .launching(.version, _), .starting(.version, _): .restoring
        case .launching, .starting: .starting
        case .running: .running
        case .ending: .stopping
        case .waiting: .waiting
        case .coolingDown: .coolingDown
        case .calledForHelp: .needsHelp
        case .suspended: .suspended
        }
    }

    private func next(_ calendar: (Moment) -> WallTime) -> AgentStatus.Next? {
        switch recovery.phase {
        case .waiting(let origin, let until): AgentStatus.Next(what: "start \(origin.words)", at: calendar(until))
        case .coolingDown(let until): AgentStatus.Next(what: "start again after the cool-down", at: calendar(until))
        case .calledForHelp(_, .some(let at)): AgentStatus.Next(what: "try again", at: calendar(at))
        case .running:
            nextCheckpointAt.map {
                AgentStatus.Next(what: deadlines[.turn] == nil ? "checkpoint" : "checkpoint, or sooner at the agent's turn", at: $0)
            }
        case .suspended(_, _, .some(let until)): AgentStatus.Next(what: "resume", at: until)
        case .stopped, .launching, .starting, .ending, .calledForHelp, .suspended: nil
        }
    }

    // MARK: Memory of the supervisor

    /// What counts over supervisors and is not part of a decision. `agents/<name>/counters.json`.
    struct Counters: Codable {
        var incarnations: UInt64
        var restarts: UInt64
        var lastEnd: ProcessEnd?
        var stagnantLives: Int
        var highestStep: UInt64
        var incident: String?
        var beatingIncarnation: UInt64?
        var speaker: UInt64?
        var restoreScope: RestoreScope?
        var restoresState: Bool?
        var isFromImages: Bool?
        var lineage: Lineage?
        var isLeftStanding: Bool?
        var uncheckedPages: VersionNumber?
    }

    func readMemory() {
        guard let bytes = try? world.store.read(home / "counters.json", limit: .kibibytes(64)),
            let counters = try? JSONText.decode(Counters.self, from: bytes)
        else { return }  // the first start, or counters lost with the disk: counting begins anew
        incarnations = counters.incarnations
        restarts = counters.restarts
        lastEnd = counters.lastEnd
        stagnantLives = counters.stagnantLives
        highestStep = counters.highestStep
        beatingIncarnation = counters.beatingIncarnation
        speaker = counters.speaker ?? 0
        restoreScope = counters.restoreScope
        restoresState = counters.restoresState ?? true
        livingIsFromImages = counters.isFromImages ?? false
        lineage = counters.lineage
        wasLeftStanding = counters.isLeftStanding ?? false
        uncheckedPages = counters.uncheckedPages
        if let id = counters.incident { readIncident(id) }
    }

    func writeMemory() {
        memoryIsBehind = false
        // A launch on its way may yet become the next supervisor's.
        let scope = restoreScope ?? launchRun.flatMap { $0.cancelled ? nil : $0.scope }
        let counters = Counters(
            incarnations: incarnations, restarts: restarts, lastEnd: lastEnd, stagnantLives: stagnantLives, highestStep: highestStep,
            incident: incident?.value.id, beatingIncarnation: beatingIncarnation, speaker: speaker, restoreScope: scope,
            restoresState: restoresState, isFromImages: livingIsFromImages, lineage: lineage,
            isLeftStanding: checkpointRun?.standsSince == nil ? nil : true,
            uncheckedPages: uncheckedPages)
        guard let bytes = try? JSONText.encode(counters) else { return }
        do throws(FileFault) { try world.store.replace(home / "counters.json", with: bytes) } catch {
            owesMemory = true
            return diskRefused("the counters")
        }
        owesMemory = false
    }

    func clearStaging() {
        guard let staging = try? world.disk(at: request.place.doors + "/staging"), let names = try? staging.names(in: nil) else { return }
        for name in names {
            guard let path = DiskPath(name) else { continue }
            try? staging.removeTree(path)  // what stays is overwritten or refused by name later, going on
        }
    }

    // MARK: A disk that refuses

    /// One clear warning however much is refused; the agent runs on; looked at again every ten seconds.
    func diskRefused(_ what: String) {
        lookAtDiskLater()
        guard warnings["disk"] == nil else { return }
        let (state, remedy) = diskState()
        warn(
            "disk",
            "the store at '\(request.place.store)' \(state) (first refused: \(what)); the agent runs on, older versions are untouched, and "
                + "nothing new is stored until it takes writes again. \(remedy)")
    }

    /// The same trouble, met by a checkpoint: what it needed is known then, and it is made good as soon as it can be.
    func diskRefusedCheckpoint(_ fault: StoreFault) {
        lookAtDiskLater()
        checkpointMissed = true
        if case .full(let needed?, _) = fault.kind { (neededSpace, shortSince) = (needed, nil) }
        warn("disk", "\(fault.sentence); the agent runs on, and nothing new is stored until the store takes writes again")
    }

    func lookAtDiskLater() {
        if deadlines[.diskAgain] == nil { deadlines[.diskAgain] = world.now() + .seconds(10) }
    }

    func diskAgain() {
        guard makeFolders(), journal.flush(), mendLedger(), writeOwed(), diskFault() == nil, !checkpointMissed || hasRoom() else {
            return lookAtDiskLater()
        }
        guard checkpointMissed, case .running = recovery.phase else { return diskTakesWritesAgain() }
        // What was missed is made good now, not at the next round of the schedule; only that shows that there is space for it.
        if beginCheckpoint(.schedule, spec.cut) == nil { diskTakesWritesAgain() }
    }

    /// - Returns: whether the store knows what we know.
    private func writeOwed() -> Bool {
        if owesSpec, !writeSpec() { return false }
        if owesMemory { writeMemory() }
        return !owesMemory
    }

    func diskTakesWritesAgain() {
        guard !isPausedForRoom else { return }
        checkpointMissed = false
        guard warnings["disk"] != nil else { return }
        clearWarning("disk")
        say("the store takes writes again")
        note("warning", "the store takes writes again")
    }

    private func diskState() -> (state: String, remedy: String) {
        switch diskFault()?.kind {
        case .full: ("is full", "Free space, or run 'runner prune \(agent) --dry-run'")
        case .readOnly: ("is read-only", "Look at 'dmesg', and mount it writable again")
        case .denied: ("may not be written", "Give it back to the user who runs this")
        case .some, nil: ("takes nothing at the moment", "Look at the disk with 'df' and 'dmesg'")
        }
    }

    /// What a small file meets. nil: it can be written.
    private func diskFault() -> FileFault? {
        do throws(FileFault) {
            try world.store.replace(home / "disk-probe", with: [UInt8](repeating: 0, count: 4096))
            try world.store.removeFile(home / "disk-probe")
            return nil
        } catch { return error }
    }
}
