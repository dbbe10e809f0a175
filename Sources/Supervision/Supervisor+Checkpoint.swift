internal import AgentModel
internal import AgentProtocol
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import EffectLedgers
internal import OutsideWorld
internal import Recovery
internal import Retention
internal import Schedules

/// Taking a checkpoint: hook → prepare → safe point → stand still and copy → go on → commit → tell.
/// Any failure before the commit leaves the agent running and every older version as it was.
extension Supervisor {
    // MARK: Beginning

    /// - Returns: nil with the reason in `whyNot` when no checkpoint can begin now.
    @discardableResult
    func beginCheckpoint(
        _ reason: CheckpointReason, _ kind: CutKind, operators: [ConnectionID] = [], completion: ((MissedVersion?) -> Void)? = nil
    ) -> UInt64? {
        if let run = checkpointRun { return join(run, reason, kind, operators, completion) }
        guard let life, life.end == nil, life.pid != nil else {
            fail(operators, code: "E-AGENT-NOT-RUNNING", notRunning)
            return nil
        }
        callOffRehearsal("a checkpoint is taken")
        deadlines[.turn] = nil  // this one does
        let run = CheckpointRun(
            request: nextRequest(), begun: world.now(), reason: reason, kind: kind, stage: .hook, waiting: operators,
            completion: completion.map { [$0] } ?? [])
        checkpointRun = run
        runHook("before-checkpoint", version: nil, reason: reason.rawValue) { [self] in
            guard checkpointRun?.request == run.request, checkpointRun?.stage == .hook else { return }
            prepareAgent()
        }
        return run.request
    }

    /// One at a time: whoever asks before the cut gets the one on its way, whoever asks after it the next one, for the agent has worked on.
    private func join(
        _ run: CheckpointRun, _ reason: CheckpointReason, _ kind: CutKind, _ operators: [ConnectionID],
        _ completion: ((MissedVersion?) -> Void)?
    ) -> UInt64 {
        let completions = completion.map { [$0] } ?? []
        let isBeforeCut =
            switch run.stage {
            case .hook, .preparing: true
            case .dumping, .cutting, .thawing, .committing: false
            }
        // After a cut to disk it does nothing, so that one does for all who want it there.
        if run.kind.serves(kind), isBeforeCut || run.kind.suspends {
            checkpointRun?.waiting += operators
            checkpointRun?.completion += completions
            if reason == .stop { checkpointRun?.reason = .stop }
            if kind.isNewAnyway { checkpointRun?.kind.isNewAnyway = true }
            return run.request
        }
        let index = checkpointWishes.firstIndex { $0.kind.serves(kind) } ?? checkpointWishes.count
        if index == checkpointWishes.count {
            checkpointWishes.append(CheckpointWish(reason: reason, kind: kind, waiting: [], completion: []))
        }
        if reason == .stop { checkpointWishes[index].reason = .stop }
        if kind.isNewAnyway { checkpointWishes[index].kind.isNewAnyway = true }
        checkpointWishes[index].waiting += operators
        checkpointWishes[index].completion += completions
        return run.request
    }

    /// Begins what was asked for while the last one was being stored.
    private func beginWished() {
        let wished = checkpointWishes
        checkpointWishes = []
        for wish in wished {
            let finish = { (missed: MissedVersion?) in for completion in wish.completion { completion(missed) } }
            if beginCheckpoint(wish.reason, wish.kind, operators: wish.waiting, completion: finish) == nil { finish(.agentGone) }
        }
    }

    private func prepareAgent() {
        guard let run = checkpointRun else { return }
        let current = currentConnection.current
        guard run.kind.mode != .process else { return cut(nil, forced: false) }
        guard current.map({ peers[$0]?.can("prepare") == true }) ?? handsStateOver else { return cut(nil, forced: false) }
        checkpointRun?.stage = .preparing(since: world.now())
        deadlines[.prepared] = world.now() + spec.checkpoint.deadline
        // An agent that is between two connections is asked when it is back, within the same deadline.
        guard let current else { return }
        send(.prepare(request: run.request, deadline: spec.checkpoint.deadline, reason: run.reason), to: current)
    }

    /// Whether the agent is one that gives its state: a cut without it is then not the whole agent.
    var handsStateOver: Bool {
        life?.preparesItself ?? false || versions.contains { $0.parts.cooperative }
    }

    /// The agent's own wish, at its own safe point.
    func agentSaves(_ agentRequest: UInt64, _ point: SafePoint) {
        guard checkpointRun != nil || hasRoom() else {
            if let current = currentConnection.current {
                send(.aborted(request: agentRequest, reason: "the disk of the store has no room for it"), to: current)
            }
            return
        }
        if let run = checkpointRun {
            switch run.stage {
            case .hook, .preparing: break
            case .dumping, .cutting, .thawing, .committing:
                if let current = currentConnection.current {
                    send(.aborted(request: agentRequest, reason: "another checkpoint is being taken"), to: current)
                }
                return
            }
            // It stands at a safe point and gave its state: that is the cut we were about to ask for.
            checkpointRun?.agentRequest = agentRequest
        } else {
            callOffRehearsal("a checkpoint is taken")
            deadlines[.turn] = nil
            var run = CheckpointRun(
                request: nextRequest(), begun: world.now(), reason: .save, kind: agentsSpec.cut, stage: .hook, waiting: [], completion: [])
            run.agentRequest = agentRequest
            checkpointRun = run
        }
        deadlines[.prepared] = nil
        cut(point, forced: false)
    }

    func agentPrepared(_ request: UInt64, _ point: SafePoint) {
        // A late one crossed `resume` or `aborted` on the way: the agent has its answer.
        guard let run = checkpointRun, run.request == request, case .preparing = run.stage else { return }
        deadlines[.prepared] = nil
        cut(point, forced: false)
    }

    func agentRefused(_ request: UInt64, _ why: String) {
        guard let run = checkpointRun, run.request == request, case .preparing = run.stage else { return }
        abortCheckpoint("the agent refused: \(why)", next: "It runs on, and older versions are untouched")
    }

    /// The agent did not reach a safe point in time: it is cut anyway and the version says so.
    func prepareTimedOut() {
        guard let run = checkpointRun, case .preparing = run.stage else { return }
        note("forced", "the agent reached no safe point within \(spec.checkpoint.deadline.inSeconds) s and is cut anyway")
        cut(nil, forced: true)
    }

    // MARK: Cutting and committing

    private func cut(_ point: SafePoint?, forced: Bool) {
        if beginDump(point, forced: forced) { return }
        cutWithoutImages(point, forced: forced, because: nil)
    }

    /// - Parameter because: why there are no images, if there were to be any.
    func cutWithoutImages(_ point: SafePoint?, forced: Bool, because: String?) {
        guard let life else { return }
        let stoodStillFrom = world.now()
        checkpointRun?.stage = .cutting
        deadlines[.heartbeat] = nil
        var made: CutRequest
        do {
            made = try cutRequest(point, forced: forced, notes: because.map { ["no process part: \($0)"] } ?? [])
            if point == nil { made.lacksMemory = whatMemoryItLacks(because) }
        } catch { return checkpointFailed(error) }
        _ = world.freeze(life.sandbox)
        made.mappedFiles = world.mappedFiles(of: life.sandbox)
        let request = made
        let store = store
        let id = stagingID()
        aside {
            Result { () throws(StoreFault) in try store.cut(request, stagingID: id) }
        } then: { [self] result in
            if let life = self.life { world.thaw(life.sandbox) }
            checkpointRun?.stage = .committing
            forgiveSilence(since: stoodStillFrom)
            switch result {
            case .success(let staged): commit(staged)
            case .failure(let fault): checkpointFailed(fault)
            }
        }
    }

    /// What belongs to the version as of now.
    func cutRequest(_ point: SafePoint?, forced: Bool, notes: [String]) throws(StoreFault) -> CutRequest {
        var request = CutRequest(
            agent: agent, kind: .checkpoint, reason: checkpointRun?.reason ?? .operator, takenAt: world.wallTime(), forced: forced,
            step: point?.step ?? life?.beat.step, cooperative: try point.map(part), workspace: openWorkspace(of: agentsSpec),
            excluded: agentsSpec.checkpoint.exclude, incarnation: life?.incarnation ?? incarnations, parent: life?.origin.version,
            effectPosition: UInt64(ledger.position), specDigest: formerSpec.map { digest(of: $0) } ?? specDigest,
            sizeLimit: spec.checkpoint.sizeLimit)
        request.notes = notes
        request.index = workspaceIndex
        request.pages = pageMemory
        return request
    }

    private func part(_ point: SafePoint) throws(StoreFault) -> CooperativePart {
        switch point.state {
        case .inline(let bytes): return CooperativePart(state: .bytes(bytes), schema: point.schema)
        case .file(let name, let size, let sha256):
            let refused = { (why: String) in StoreFault(.refused(why), doing: "take the agent's state", what: self.agent.text) }
            guard let path = DiskPath(name), path.parent == nil else {
                throw refused("'\(name)' is not a file name in the staging directory")
            }
            guard size <= spec.checkpoint.stateLimit.bytes else {
                throw refused(
                    "its state of \(ByteCount(size)) is over the limit of \(spec.checkpoint.stateLimit) ('checkpoint.state_limit')")
            }
            guard let staging = try? world.disk(at: request.place.doors + "/staging") else {
                throw refused("the staging directory is gone")
            }
            return CooperativePart(state: .file(disk: staging, path: path, size: size, sha256: sha256), schema: point.schema)
        }
    }

    func commit(_ staged: StagedCheckpoint) {
        guard let run = checkpointRun else { return }
        // A stopping agent stays at its safe point: what it did now would be lost with it.
        if run.reason != .stop, !run.kind.stops { tellAgent { .resume(request: $0) } }
        let store = store
        let former = versionToCompare(run)
        aside {
            Result { () throws(StoreFault) in try store.commit(staged, unlessIn: former?.version) }
        } then: { [self] result in
            switch result {
            case .success(let summary?): checkpointStored(summary)
            case .success(nil): if let former { foundNothingNew(since: former) }
            case .failure(let fault):
                store.discard(staged)
                checkpointFailed(fault)
            }
        }
    }

    private func checkpointStored(_ summary: CheckpointSummary) {
        guard let run = checkpointRun else { return }
        newVersionThisLife = true
        foundRoom(for: run)
        unchangedSince = nil
        clearWarning("checkpoint")
        tellMissingImages(run, summary)
        diskTakesWritesAgain()
        refreshVersions()
        if !versions.contains(where: { $0.version == summary.version }) { versions.append(summary) }
        inbox.append(.stored(summary.version))
        endRun(run, nil)
        tellAgent(run) { .committed(request: $0, version: summary.version) }
        if run.kind.stops, !run.kind.suspends, life?.end == nil {
            if let why = whyNotStopped(by: run, summary) {
                fail(
                    run.waiting, code: "E-CHECKPOINT-PROCESS",
                    "could not stop '\(agent)': \(why). It runs on; 'runner stop \(agent)' ends it all the same")
            } else {
                stopAfterCut(run, summary)
            }
        } else {
            for id in run.waiting { reply(.stored(summary), to: id) }
        }
        if run.reason == .stop || run.kind.stops { tellAgent(run) { .resume(request: $0) } }
        // The version is durable by itself; who waits for it does not wait for the note of it, too.
        note("checkpoint", "version \(summary.version) stored (\(run.reason.rawValue), \(summary.size)\(summary.forced ? ", forced" : ""))")
        runHook("after-checkpoint", version: summary.version, reason: run.reason.rawValue) {}
        tidy()
        considerRehearsal(of: summary)
    }

    /// - Parameter next: what an operator who waits is told besides: what holds now.
    func abortCheckpoint(_ why: String, next: String, code: String = "E-CHECKPOINT-ABORTED") {
        guard let run = checkpointRun else { return }
        deadlines[.prepared] = nil
        note("checkpoint", "no version stored: \(why)")
        endRun(run, MissedVersion(code: code, why: why, isLoss: life?.end == nil))
        tellAgent(run) { .aborted(request: $0, reason: why) }
        fail(run.waiting, code: code, "could not checkpoint '\(agent)': \(why). \(next)")
    }

    func checkpointFailed(_ fault: StoreFault) {
        guard let run = checkpointRun else { return }
        // Stopped for a cut that was to be its last, and cannot be kept.
        letStandingGoOn()
        if fault.kind.isDiskTrouble {
            diskRefusedCheckpoint(fault)
        } else if case .nothing = fault.kind, run.reason == .schedule {
            warn("checkpoint", "\(fault.sentence)")
        } else {
            warn("checkpoint", "\(fault.sentence); the agent runs on and older versions are untouched")
        }
        note("checkpoint", "no version stored: \(fault.sentence)")
        endRun(run, MissedVersion(code: fault.code, why: fault.reason, isLoss: fault.kind != .nothing && life?.end == nil))
        tellAgent(run) { .aborted(request: $0, reason: fault.sentence) }
        fail(run.waiting, code: fault.code, fault.sentence)
    }

    /// Order matters: a stopping agent must learn of `stop` before it is let go from its safe point.
    func endRun(_ run: CheckpointRun, _ missed: MissedVersion?) {
        checkpointRun = nil
        statusChanged = true
        // Whoever had it spared has the answer by now, and wished for nothing: gone, perhaps.
        if let spared = versionSpared, !run.waiting.contains(spared.by), controls[spared.by] == nil { versionSpared = nil }
        armSchedule()
        for completion in run.completion { completion(missed) }
        if run.kind.suspends { letGoOnUnlessOnDisk(stoodSince: run.begun) }
        armHeartbeat()
        if endWaitsForCheckpoint { lifeIsOver() }
        beginWished()
    }

    private func tellAgent(_ message: (UInt64) -> RunnerMessage) {
        if let run = checkpointRun { tellAgent(run, message) }
    }

    func tellAgent(_ run: CheckpointRun, _ message: (UInt64) -> RunnerMessage) {
        guard let current = currentConnection.current else { return }
        // A save carries the agent's number; a prepare ours; a save that answered a prepare both.
        if let agentRequest = run.agentRequest { send(message(agentRequest), to: current) }
        if run.agentRequest == nil || run.reason != .save { send(message(run.request), to: current) }
    }

    // MARK: Schedule and tidying

    func armSchedule() {
        deadlines[.turn] = nil
        let now = world.wallTime()
        guard let schedule = try? spec.checkpointSchedule(), let at = schedule.next(after: now, anchoredAt: startedAt) else { return }
        nextCheckpointAt = at
        deadlines[.checkpointSchedule] = world.now() + max(.zero, at - now)
    }

    /// Removes what retention lets go, beside the loop.
    func tidy() {
        houseIsDue = true
        remove(spec.checkpoint.retention(of: versions))
        keepStoresQuota()
    }

    /// What the ladder holds on to stays while the trouble lasts.
    var heldVersions: Set<VersionNumber> {
        let coming = [recovery.phase.coming, launchRun?.origin, restoreScope?.origin].map { $0?.version }
        let used = [recovery.phase.origin?.version, rehearsal?.version.version, imageRestore?.version.version, versionAskedFor]
        return Set(recovery.tried + (coming + used + [versionSpared?.version]).compactMap(\.self))
    }

    func remove(_ plan: RetentionPlan) {
        let held = heldVersions
        let removed = plan.removed.filter { !held.contains($0) }
        guard !removed.isEmpty else { return }
        // From now on nobody chooses them.
        leaving.formUnion(removed)
        versions.removeAll { leaving.contains($0.version) }
        let store = store
        let agent = agent
        aside(in: .patient) {
            do throws(StoreFault) {
                try store.remove(agent, removed)
                return nil as String?
            } catch { return error.sentence }
        } then: { [self] fault in
            leaving.subtract(removed)
            (houseIsDue, collectionIsDue) = (true, true)
            refreshVersions()
            if let fault { warn("tidy", fault) } else { clearWarning("tidy") }
        }
    }
}
