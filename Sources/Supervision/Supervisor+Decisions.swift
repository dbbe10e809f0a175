internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld
internal import Recovery

/// The ladder: every event goes through `decide`, every decision into the journal, then its actions are performed.
extension Supervisor {
    /// Whoever started us in the background is let go then, though a restore still takes its time.
    static var readyAtLast: Duration { .seconds(45) }

    // MARK: Beginning

    /// Finds out what was before this supervisor and goes on from there.
    func begin(after last: JournalEntry?) throws(SupervisionFault) {
        if case .decision(_, _, _, _, _, let decision)? = last?.content { recovery = decision.state }
        deadlines[.ready] = world.now() + Self.readyAtLast
        if let period = spec.checkpoint.scrubEvery { deadlines[.scrub] = world.now() + min(Self.settling, period) }
        readMemory()
        if let from = request.startFrom { restoreScope = RestoreScope(origin: from, workspace: request.rollsBackWorkspace) }
        // A disk that takes nothing must not hide the versions that are there.
        do { for sentence in try store.recover(agent) { note("start", sentence) } } catch { try beginOnTroubledDisk(error) }
        do { versions = try store.versions(of: agent, remembering: &versionMemory) } catch { try beginOnTroubledDisk(error) }
        if recovery.troubleSince != nil, incident == nil {
            // The report was lost between two writes; the trouble was not.
            openIncident(recovery.deaths.last?.fault ?? .lost)
        }
        readLedger()
        let adopted: AdoptedSandbox?
        do { adopted = try world.adopt(agent, doorsDirectory: request.place.doors) } catch {
            throw SupervisionFault(agent: agent, cause: .launch(error))
        }
        try writePlace()
        note("start", "supervisor \(request.processID) began with \(versions.count) versions")
        if request.startFrom == nil, restoreScope?.origin != recovery.phase.coming { restoreScope = nil }  // nobody waits for it any more
        // The file that said so goes away before the launch it is said of.
        if request.startFrom != nil, !request.rollsBackWorkspace { writeMemory() }
        if let adopted {
            compareSpec(with: specOfLiving(adopted.incarnation))
            takeOver(adopted)
        } else {
            writeSpec()
            beginWithoutAgent()
        }
        armSchedule()
        drainInbox()
        if memoryIsBehind { writeMemory() }
        writeStatus()
    }

    private func beginOnTroubledDisk(_ fault: StoreFault) throws(SupervisionFault) {
        switch fault.kind {
        case .full, .readOnly: diskRefused("the store")
        default: throw SupervisionFault(agent: agent, cause: .store(fault))
        }
    }

    /// What was left at a former place is gone by now, and nothing is started before the new one is known.
    private func writePlace() throws(SupervisionFault) {
        let home = store.directory(of: agent)
        guard PlaceFile.read(from: world.store, below: home) != request.place.runtime else { return }
        do { try PlaceFile.write(request.place.runtime, to: world.store, below: home) } catch {
            guard error.kind == .full || error.kind == .readOnly else { throw SupervisionFault(agent: agent, cause: .file(error)) }
            diskRefused("the store")
        }
    }

    private func takeOver(_ adopted: AdoptedSandbox) {
        let origin = recovery.phase.origin ?? .clean
        incarnations = max(incarnations, adopted.incarnation)
        var life = Life(
            sandbox: adopted.id, incarnation: adopted.incarnation, origin: origin, startedAt: world.wallTime(), pid: adopted.pid)
        life.cutStep = cutStep(of: origin)
        life.isFromImages = livingIsFromImages
        life.isUp = true
        self.life = life
        // Its former supervisor may have died in the middle of a cut. Its init lets it go on then; this holds even if that init was late.
        // What is on its way to disk stays as it is there.
        if !isOnDisk {
            world.thaw(adopted.id)
            if wasLeftStanding { world.goOn(in: adopted.id) }
            memoryIsBehind = memoryIsBehind || wasLeftStanding  // if it is stopped again it was somebody else
        }
        if let version = uncheckedPages { comparePages(of: version, in: adopted.id) }
        say("took over the running agent (incarnation \(adopted.incarnation))")
        // Silence is watched again at once in an agent that used to beat, from the first beat on in any other.
        if beatingIncarnation == adopted.incarnation { self.life?.lastBeat = (world.now(), world.wallTime()) }
        inbox.append(.adopted(from: origin))
        inbox.append(.signOfLife)
        if let from = request.startFrom {
            inbox.append(.wantedRestart(from: from))
        } else if recovery.wanted == .stopped {
            // It was being stopped when its supervisor went; whoever starts this one wants it up.
            inbox.append(.wantedRestart(from: nil))
        } else if case .ending(_, _, .operatorSuspend(_, nil)) = recovery.phase {
            // It was on its way to disk, until somebody wants it up: that is now.
            inbox.append(.wantedRunning(from: nil))
        }
        resumeSpeaker(of: adopted.incarnation)
        armHeartbeat()
    }

    private func beginWithoutAgent() {
        isBeginning = true
        finishInterruptedRestore { [self] in
            isBeginning = false
            // What was wished meanwhile comes after what is found; each wish is decided before the next one is looked at.
            let signalled = inbox
            inbox = []
            goOn(from: recovery.phase)
            inbox += signalled
            drainInbox()
            while finished == nil, !wishes.isEmpty {
                let (wish, id) = wishes.removeFirst()
                obey(wish, id)
                drainInbox()
            }
        }
    }

    private func goOn(from phase: Phase) {
        if case .stopped(let end?) = phase, !journal.endedInPeace, request.startFrom == nil {
            // The former supervisor died between this end and telling it; beginning anew would do the task a second time.
            say("'\(agent)' was finished when the last supervisor died; 'runner run' again starts it anew")
            finish(end)
        } else if let from = request.startFrom {
            // A restart ends what the journal takes for alive before it begins; nothing lives, so that is at once.
            inbox.append(phase.isLive ? .wantedRestart(from: from) : .wantedRunning(from: from))
            // What the last supervisor was just ending is gone, and nobody else will say so.
            if case .ending = phase { inbox.append(.foundLost) }
        } else if case .suspended(_, _, let until) = phase {
            goOnSuspended(until: until)
        } else if case .ending(_, _, .operatorSuspend(_, let until)) = phase {
            goOnSuspended(until: until)
        } else if phase.isLive {
            // Told to stop when the former supervisor went: whoever starts this one wants it up again.
            if recovery.wanted == .stopped { inbox.append(.wantedRunning(from: nil)) }
            inbox.append(.foundLost)
        } else {
            // Also out of a pause of the ladder: whoever starts a supervisor wants the agent up.
            inbox.append(.wantedRunning(from: nil))
        }
    }

    // MARK: Deciding

    func drainInbox() {
        guard !isBeginning else { return }
        while !inbox.isEmpty, finished == nil { decideNow(inbox.removeFirst()) }
        guard finished == nil, !repliesOwed.isEmpty else { return }
        if recovery.wanted == .running {
            for (id, owed) in repliesOwed where owed == .stop {
                let sentence = "could not stop '\(agent)': it was asked to run again meanwhile. Stop it again, if that still holds"
                reply(.failed(code: "E-STOP-FAILED", sentence: sentence), to: id)
            }
        }
        switch recovery.phase {
        case .stopped, .waiting, .coolingDown, .calledForHelp, .suspended: failOwedLaunch(couldNotStart ?? reason)
        case .launching, .starting, .running, .ending: break
        }
    }

    private func decideNow(_ event: AgentEvent) {
        if versionsAreStale { refreshVersions() }
        if case .launchFailed(.couldNotStart(let why), _) = event { couldNotStart = why }
        if case .wantedStopped = event { dropScope() }
        let before = recovery
        let chance = world.randomNumber()
        let now = world.now()
        let decision = decide(before, on: event, at: now, versions: versions, settings: spec.recovery, chance: chance)
        let content = JournalEntry.Content.decision(
            before: before, event: event, versions: versions, settings: spec.recovery, chance: chance, taken: decision)
        if !journal.append(content, at: now, world.wallTime()) { diskRefused("the journal") }
        recovery = decision.state
        if before.phase != recovery.phase || !decision.actions.isEmpty {
            // What cannot be started was told as such; that we then give up is not news and no wish of the operator's.
            reason = startImpossible?.why ?? decision.reason
            if startImpossible == nil { say(decision.reason) }
        }
        statusChanged = true
        for action in decision.actions { perform(action) }
        followIncident(event, decision)
        followSuspension()
        sayReadyWhenNothingIsToBeWaitedFor()
    }

    /// Whoever started us in the background waits for this. A start that fails must be told as such; a restore that takes long, or a pause
    /// of the ladder, is written down.
    private func sayReadyWhenNothingIsToBeWaitedFor() {
        guard startImpossible == nil, finished == nil, !isReady else { return }
        switch recovery.phase {
        case .launching, .stopped: break
        case .starting, .running, .ending: sayReady()
        case .waiting, .coolingDown, .calledForHelp, .suspended:
            if !hasStartedAgent, let couldNotStart {
                sayNotStarted(couldNotStart)
            } else if !recovery.phase.isShortPause {
                sayReady()
            }
        }
    }

    func sayReady() {
        guard !isReady else { return }
        isReady = true
        deadlines[.ready] = nil
        request.ready()
    }

    /// Once. It is ready all the same when a later try succeeds.
    private func sayNotStarted(_ why: String) {
        guard !saidNotStarted else { return }
        saidNotStarted = true
        let told = lastLaunchFault?.told(of: agent) ?? "could not start '\(agent)': \(why)"
        request.notStarted(lastLaunchFault?.code ?? "E-RESTART-FAILED", "\(told). Its supervisor goes on trying")
    }

    private func perform(_ action: AgentAction) {
        switch action {
        case .launch(let origin): beginLaunch(origin)
        case .stop(let checkpointFirst, let within): stopAgent(checkpointFirst: checkpointFirst, within: within)
        case .kill: killAgent()
        case .setTimer(let moment): deadlines[.recovery] = moment
        case .mark(let version, let standing, let because): mark(version, standing, because: because)
        case .openIncident(let fault): openIncident(fault)
        case .escalate: escalate()
        case .closeIncident: closeIncident()
        case .finish(let end): finish(end)
        }
    }

    func mark(_ version: VersionNumber, _ standing: Standing, because: String) {
        do {
            try store.mark(agent, version, standing, because: because)
            note("standing", "version \(version) is \(standing.rawValue): \(because)")
        } catch {
            warn("mark \(version)", "could not mark version \(version) as \(standing.rawValue): \(error.sentence), going on")
            // What is decided next must know it even though the disk does not.
            if let index = versions.firstIndex(where: { $0.version == version }) { versions[index].standing = standing }
            return
        }
        refreshVersions()
    }

    private func finish(_ end: ProcessEnd) {
        if memoryIsBehind { writeMemory() }
        if deadlines[.report] != nil { writeReport() }
        writeStatus()
        finished = startImpossible?.end ?? end
    }
}

extension Phase {
    /// A sandbox exists or is being made.
    var isLive: Bool {
        switch self {
        case .launching, .starting, .running, .ending: true
        case .stopped, .waiting, .coolingDown, .calledForHelp, .suspended: false
        }
    }
    /// A start that waits is soon tried.
    var isShortPause: Bool { if case .waiting = self { true } else { false } }
    /// What is about to be launched, and was not yet.
    var coming: Origin? {
        switch self {
        case .launching(let origin, _), .waiting(let origin, _), .ending(_, _, .operatorRestart(let origin)): origin
        case .stopped, .starting, .running, .ending, .coolingDown, .calledForHelp, .suspended: nil
        }
    }
    /// What the living incarnation began from.
    var origin: Origin? {
        switch self {
        case .launching(let origin, _), .starting(let origin, _), .running(let origin, _, _), .ending(let origin, _, _): origin
        case .waiting(let origin, _): origin
        case .suspended(let version, _, _): .version(version)
        case .stopped, .coolingDown, .calledForHelp: nil
        }
    }
}

extension Origin {
    var words: String {
        switch self {
        case .clean: "clean"
        case .version(let version): "from version \(version)"
        }
    }
    var version: VersionNumber? {
        switch self {
        case .clean: nil
        case .version(let version): version
        }
    }
}
