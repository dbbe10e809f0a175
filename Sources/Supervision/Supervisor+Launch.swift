internal import AgentModel
internal import AgentProtocol
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import EffectLedgers
internal import Incidents
internal import LaunchPlans
internal import OutsideWorld
internal import Recovery

/// Starting and ending incarnations: verify, set aside, roll back, launch; stop, kill; and the news of a sandbox.
extension Supervisor {
    // MARK: Launching

    func beginLaunch(_ origin: Origin) {
        callOffRehearsal("the agent is started anew")
        rehearsedAt = nil
        let wished = restoreScope.flatMap { $0.origin == origin ? $0 : nil }
        let run = LaunchRun(number: nextNumber(), origin: origin, scope: wished ?? RestoreScope(origin: origin))
        restoreScope = nil
        versionAskedFor = nil
        versionSpared = nil
        timesAskedToStop = 0
        skipCheckpointOnStop = false
        lastVersionMissed = nil
        couldNotStart = nil
        launchRun = run
        guard case .version(let version) = origin else { return launch(run, restored: nil) }
        runHook("before-restore", version: version, reason: reason) { [self] in
            guard isCurrent(run) else { return }
            restore(run, version)
        }
    }

    /// A restore that is not to come any more, or was answered as failed: what is launched from the same version later is put back whole.
    func dropScope() {
        restoreScope = nil
        memoryIsBehind = true
    }

    func giveUp() {
        launchRun = nil
        memoryIsBehind = true
    }

    private func isCurrent(_ run: LaunchRun) -> Bool {
        guard let launchRun, launchRun.number == run.number else { return false }
        guard !launchRun.cancelled else {
            self.launchRun = nil
            inbox.append(.ended(.unknown, done: false))
            return false
        }
        return true
    }

    func restore(_ run: LaunchRun, _ version: VersionNumber) {
        guard let summary = versions.first(where: { $0.version == version }) else {
            giveUp()
            failOwedRestore(of: version, "there is no such version", code: "E-VERSION-MISSING")
            inbox.append(.launchFailed(.couldNotStart("version \(version) is gone"), version: version))
            return
        }
        let scope = run.scope
        restoresState = scope.state
        let workspace: (any Disk)?
        do throws(FileFault) {
            workspace = scope.workspace && summary.parts.workspace ? try workspaceToRestore() : nil
        } catch {
            giveUp()
            let sentence = "could not restore version \(version): \(error.sentence)"
            warn("restore", sentence)
            failOwedRestore(of: version, error.sentence)
            inbox.append(.launchFailed(.couldNotStart(sentence), version: nil))
            return
        }
        // Images need the workspace of their own cut.
        let needsImages =
            summary.parts.process && summary.imagesUnusable == nil && scope.state && (scope.workspace || !summary.parts.workspace)
            && !run.isWithoutImages
        var job = RollBackJob(
            store: store, agent: agent, version: summary, workspace: workspace,
            excluded: spec.checkpoint.exclude, aside: asideRequest(), asideID: stagingID(),
            readsState: scope.state && !(needsImages && criuMissing == nil))
        job.readsImages = needsImages
        if needsImages {
            if let other = versionLaidOut, other != version { store.closeImages(agent, other) }
            versionLaidOut = version
        }
        job.isFromPacks = run.isFromPacks
        let fixedJob = job
        aside(in: .patient) {
            fixedJob.run()
        } then: { [self] outcome in
            // Only a version that was set aside, or a fault, changed what is there: reading every manifest again would be for nothing.
            if case .ready(_, _, aside: nil) = outcome { statusChanged = true } else { refreshVersions() }
            guard isCurrent(run) else {
                // It may have laid them out after they were put away.
                if needsImages, versionLaidOut == nil { versionLaidOut = version }
                return
            }
            switch outcome {
            case .ready(let state, let images, let setAside):
                clearWarning("restore")
                if let setAside {
                    note("aside", "version \(setAside) holds the workspace as it was before the roll-back to version \(version)")
                }
                guard let images else { return launch(run, restored: state) }
                launch(run, fromImages: images, of: summary, state: state)
            case .broken(let how):
                giveUp()
                failOwedRestore(of: version, "it is broken (\(how))", code: "E-VERSION-BROKEN")
                mark(version, .broken, because: how)
                inbox.append(.launchFailed(.couldNotStart("version \(version) is broken: \(how)"), version: version))
            case .unreadable(let how):
                giveUp()
                let why = "version \(version) cannot be read now (\(how))"
                warn("restore", "\(why). Look at 'dmesg' and at the disk")
                failOwedRestore(of: version, why)
                inbox.append(.launchFailed(.couldNotStart(why), version: version))
            case .failed(let sentence):
                giveUp()
                warn("restore", sentence)
                failOwedRestore(of: version, sentence)
                inbox.append(.launchFailed(.couldNotStart(sentence), version: nil))
            }
        }
    }

    private func launch(_ run: LaunchRun, restored: StoredState?) {
        livingIsFromImages = false
        beginLineage(hasState: restored != nil)
        guard let plan = planLaunch(run) else { return }
        if restored == nil { tellStartAnew(run) }
        start(plan, restored: restored)
    }

    /// The next incarnation begins: counted, written down, planned.
    func planLaunch(_ run: LaunchRun) -> LaunchPlan? {
        launchRun = nil
        forgetFormerSpec()
        if incarnations > 0, recovery.troubleSince != nil, !run.isAgain { restarts += 1 }
        incarnations += 1
        speaker = 0
        writeMemory()
        noteStart()
        leaveRollBack()
        clearStaging()
        do throws(PlanFault) {
            let planner = LaunchPlanner(spec: spec, facts: request.facts, place: request.launchPlace)
            var plan = try planner.plan(from: run.origin, incarnation: incarnations)
            if request.givesTerminal { plan.terminal = world.terminalSize ?? LaunchPlan.TerminalSize(rows: 24, columns: 80) }
            return plan
        } catch {
            inbox.append(.launchFailed(.couldNotStart(error.sentence), version: nil))
            return nil
        }
    }

    private func start(_ plan: LaunchPlan, restored: StoredState?) {
        do throws(LaunchFault) {
            let sandbox = try world.launch(plan)
            beginLife(in: sandbox, plan)
            life?.restored = restored
        } catch { couldNotLaunch(error) }
    }

    func beginLife(in sandbox: SandboxID, _ plan: LaunchPlan) {
        for (index, loss) in plan.losses.enumerated() { warn("loss \(index)", loss) }
        life = Life(sandbox: sandbox, incarnation: incarnations, origin: plan.origin, startedAt: world.wallTime())
        life?.cutStep = cutStep(of: plan.origin)
        life?.userID = plan.userID
        life?.isFromImages = livingIsFromImages
        tellUnknown()
        newVersionThisLife = false
        lastLaunchFault = nil
    }

    /// A command that was never there is a mistake to be told at once, as a shell does, not a failure to recover from.
    private func couldNotLaunch(_ fault: LaunchFault) {
        lastLaunchFault = fault
        let isMistake = fault.kind == .commandNotFound || fault.kind == .notExecutable
        if isMistake, !hasStartedAgent {
            let why = fault.told(of: agent)
            startImpossible = (.exited(fault.kind == .commandNotFound ? 127 : 126), why)
            tell(why)
            inbox.append(.wantedStopped)
        }
        inbox.append(.launchFailed(.couldNotStart(fault.sentence), version: nil))
    }

    /// The agent's own step at the cut; a clean start begins before the first step.
    func cutStep(of origin: Origin) -> UInt64? {
        guard let version = origin.version else { return nil }
        return versions.first { $0.version == version }?.step
    }

    func stagingID() -> String { "\(agent)-\(world.wallTime().seconds)-\(nextNumber())" }

    func asideRequest() -> CutRequest? {
        guard let workspace = openWorkspace(of: spec) else { return nil }
        var request = CutRequest(
            agent: agent, kind: .aside, reason: .aside, takenAt: world.wallTime(), workspace: workspace,
            excluded: spec.checkpoint.exclude, incarnation: incarnations, parent: (life?.origin ?? lastOrigin).version,
            effectPosition: UInt64(ledger.position), specDigest: specDigest, sizeLimit: spec.checkpoint.sizeLimit)
        request.index = workspaceIndex
        return request
    }

    /// A roll-back that a crash cut short is done again before anything else: it is idempotent, and its aside was stored before it began.
    func finishInterruptedRestore(then proceed: @escaping () -> Void) {
        guard let record = (try? store.restoreRecord(agent)) ?? nil, let workspace = workspaceToFinish(record) else { return proceed() }
        let version = record.version
        let store = store
        let agent = agent
        let excluded = spec.checkpoint.exclude + (record.excluded ?? [])
        let isOurs = workspace.rootName == spec.workspace
        let place = isOurs ? "" : " in '\(workspace.rootName)', where it began and which is no longer the agent's"
        aside(in: .patient) {
            Result { () throws(StoreFault) in
                _ = try store.restoreWorkspace(agent, version, to: workspace, excluded: excluded)
            }
        } then: { [self] result in
            switch result {
            case .success: note("start", "finished the interrupted roll-back to version \(version)\(place)")
            case .failure(let fault): warn("restore", fault.sentence)
            }
            proceed()
        }
    }

    /// Where an interrupted roll-back began, and nowhere else: files of another workspace were never set aside for it.
    private func workspaceToFinish(_ record: RestoreRecord) -> (any Disk)? {
        let unfinished = "the roll-back to version \(record.version) was cut off"
        guard let path = record.workspace else {
            warn(
                "unfinished",
                "\(unfinished) by an older release, which did not note in which workspace: nothing is done about it. Look at the workspace; "
                    + "'runner restore \(agent)@\(record.version)' does it again")
            return nil
        }
        do throws(FileFault) { return try world.disk(at: path) } catch {
            warn("unfinished", "\(unfinished) in '\(path)' and is not finished: \(error.sentence). No other workspace is touched for it")
            return nil
        }
    }

    /// Whoever starts the agent on the workspace as it is (clean, or with the state only) after a roll-back that was told to have failed lets
    /// it be: finished later, it would take away what the agent does from now on.
    private func leaveRollBack() {
        guard warnings["restore"] != nil || warnings["unfinished"] != nil else { return }
        guard let record = (try? store.restoreRecord(agent)) ?? nil else { return }
        guard record.workspace == nil || record.workspace == spec.workspace else { return }
        do throws(StoreFault) {
            try store.endRestore(agent)
            note("start", "the roll-back to version \(record.version) stays unfinished: the agent starts on the workspace as it is")
        } catch { warn("unfinished", error.sentence) }
    }

    // MARK: Ending

    func stopAgent(checkpointFirst: Bool, within: Duration) {
        guard life != nil, imageRestore == nil else { return cancelLaunch() }
        guard checkpointFirst, spec.checkpoint.onStop, !skipCheckpointOnStop, !isKeptBeforeEnd else { return askToEnd(within) }
        let begun = beginCheckpoint(.stop, spec.cut) { [self] missed in
            if let missed, missed.isLoss { lastVersionMissed = missed.why }
            askToEnd(within)
        }
        if begun == nil { askToEnd(within) }
    }

    /// Asks by the protocol where the agent understands it, by the stop signal otherwise.
    private func askToEnd(_ within: Duration) {
        guard let life, life.end == nil else { return }
        deadlines[.heartbeat] = nil
        if let current = currentConnection.current, peers[current]?.can("stop") == true {
            send(.stop(deadline: within, reason: reason), to: current)
        } else {
            world.signal(life.sandbox, spec.stop.signal)
        }
        deadlines[.stopped] = world.now() + within
    }

    func stopTimedOut() {
        guard let life, life.end == nil else { return }
        say("\(agent) did not end in time and is killed")
        world.kill(life.sandbox)
    }

    func killAgent() {
        guard let life, imageRestore == nil else { return cancelLaunch() }
        world.kill(life.sandbox)
    }

    private func cancelLaunch() {
        if imageRestore != nil { return callOffRestore() }
        guard launchRun != nil else { return inbox.append(.ended(.unknown, done: false)) }
        launchRun?.cancelled = true
    }

    // MARK: News

    func sandbox(_ id: SandboxID, _ news: SandboxNews) {
        // Late news of a sandbox that was given up; and whoever restores into one hears of it by itself.
        guard life?.sandbox == id, imageRestore == nil else { return }
        switch news {
        case .started(let pid): started(pid)
        case .ready, .memory: break  // only a sandbox that was prepared for a restore says so
        case .failed(let fault): life?.couldNotStart = fault
        case .ended(let end):
            life?.end = end
            // Recorded at once: what is decided about it waits until nothing of the sandbox is left, and that takes the kernel milliseconds.
            note("ended", isOnDisk ? "its processes are gone from memory" : "the agent ended: \(end.words)")
        case .vanished: vanished()
        }
    }

    func started(_ pid: Int32) {
        guard life?.isUp == false else { return }  // told twice
        life?.isUp = true
        life?.pid = pid
        hasStartedAgent = true
        answerAtEnd()  // it was wanted up again meanwhile
        sayReady()
        statusChanged = true
        inbox.append(.launched)
        if life?.spokeEarly == true { signOfLife() }
        if case .version(let version) = life?.origin { runHook("after-restore", version: version, reason: reason) {} }
        answerOwedLaunch(by: life?.origin ?? .clean)
    }

    /// Nothing of the sandbox is left. A checkpoint whose copy is already whole is finished first: what it holds must count in the decision.
    private func vanished() {
        if let run = checkpointRun {
            switch run.stage {
            case .hook, .preparing:
                abortCheckpoint(
                    "the agent ended before it was at a safe point", next: "'runner status \(agent)' tells what comes next and when")
            case .dumping, .cutting, .thawing, .committing:
                endWaitsForCheckpoint = true
                return
            }
        }
        lifeIsOver()
    }

    func lifeIsOver() {
        endWaitsForCheckpoint = false
        guard let life else { return }
        if !log.endOfOutput(at: world.wallTime()) { diskRefused("the agent's log") }
        dropPeers()
        deadlines[.stopped] = nil
        deadlines[.heartbeat] = nil
        deadlines[.prepared] = nil
        let end = life.end ?? .unknown
        if !newVersionThisLife, (life.beat.step ?? 0) <= highestStep { stagnantLives += 1 } else { stagnantLives = 0 }
        highestStep = max(highestStep, life.beat.step ?? 0)
        lastOrigin = life.origin
        lastFigures = figures(of: life)
        self.life = nil
        if let fault = life.couldNotStart {
            couldNotLaunch(fault)
            failOwedLaunch(fault.sentence, code: fault.code)
        } else {
            if !isOnDisk { lastEnd = end }  // no end of what it does
            lastLaunchFault = nil
            inbox.append(.ended(end, done: life.saidDone))
        }
        memoryIsBehind = true
    }

    func dropPeers() {
        for id in peers.keys.sorted() { world.close(id) }
        peers.removeAll()
        currentConnection = CurrentConnection()
        deadlines[.hello] = nil
    }

    private func figures(of life: Life) -> ResourceFigures {
        let use = world.resources(life.sandbox)
        var figures = ResourceFigures()
        figures.memory = use.memory
        figures.memoryPeak = use.memoryPeak
        figures.memoryLimit = spec.limits.memory
        figures.cpu = use.cpu
        figures.processes = use.processes.map { UInt64($0) }
        figures.uptime = world.wallTime() - life.startedAt
        figures.step = life.beat.step
        return figures
    }

    /// A step beyond the cut is progress, and a death after it is forgiven. An agent that dies at the same place again and again would be
    /// forgiven for ever: after twice the flapping count of lives without a new version or a step never reached before, only that counts.
    func grantsProgress(_ step: UInt64) -> Bool {
        guard step > (life?.cutStep ?? 0) else { return false }
        return stagnantLives < 2 * spec.recovery.flappingDeaths || step > highestStep
    }
}
