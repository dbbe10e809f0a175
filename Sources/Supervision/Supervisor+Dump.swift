internal import AgentModel
internal import AgentProtocol
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import CriuDriver
internal import CriuRequests
internal import EffectLedgers
internal import LaunchPlans
internal import OutsideWorld
internal import Recovery

/// The process part of a checkpoint: CRIU stops the agent and writes its images, the rest is copied while it stands still, it goes on.
/// Where there can be no images the cut is taken without them. Documentation: docs/criu.md
extension Supervisor {
    /// For a CRIU that nobody listens to any more.
    private static var patience: Duration { .seconds(60) }

    /// An agent that was handed its state has it after this.
    private static var takingIn: Duration { .seconds(5) }

    // MARK: Beginning

    /// - Returns: false: this cut is taken without images.
    func beginDump(_ point: SafePoint?, forced: Bool) -> Bool {
        guard let run = checkpointRun, let life, run.kind.mode != .cooperative else { return false }
        if let obstacle = imageObstacle(point) {
            withoutImages(point, forced: forced, obstacle)
            return true
        }
        guard let pid = life.pid, let driver = criuDriver else { return false }
        let began = world.now()
        let opened: OpenedCut
        do {
            _ = try cutRequest(point, forced: forced, notes: [])  // what it handed over is looked at before it stands still for it
            opened = try store.openCut(agent, stagingID: stagingID(), room: spec.checkpoint.sizeLimit)
        } catch {
            checkpointFailed(error)
            return true
        }
        do throws(CriuFault) {
            var request = DumpRequest(sandbox: life.sandbox, agent: pid, images: opened.images, leavesRunning: !run.kind.stops)
            request.tcp = spec.checkpoint.tcp == .keep ? .keep : .close
            request.room = min(spec.checkpoint.sizeLimit, (try? world.store.freeSpace()) ?? ByteCount(.max), opened.room ?? ByteCount(.max))
            request.inMemory = opened.bound
            request.kept = keptFiles
            let job = try driver.dump(request)
            checkpointRun?.dump = Dumping(job: job, opened: opened, point: point, forced: forced, began: began)
            if run.kind.stops {
                checkpointRun?.standsSince = began
                writeMemory()  // who takes the agent over must know that it may have been left standing
            }
            checkpointRun?.stage = .dumping
            deadlines[.heartbeat] = nil
            deadlines[.dumped] = job.deadline
        } catch {
            store.discard(opened)
            withoutImages(point, forced: forced, Obstacle(error))
        }
        return true
    }

    /// Why there can be no images of this agent, as far as that is known before CRIU is asked.
    private func imageObstacle(_ point: SafePoint?) -> Obstacle? {
        if let why = criuMissing { return Obstacle(why) }
        return point == nil ? openEffect ?? stateOnItsWay : nil
    }

    /// An image of an agent that has not taken in yet what it is to go on from would never be handed it again.
    private var stateOnItsWay: Obstacle? {
        guard let life, !life.isFromImages, !life.signOfLife, restoresState, case .version(let origin) = life.origin,
            versions.first(where: { $0.version == origin })?.parts.cooperative ?? false
        else { return nil }
        // Not every agent says something.
        if let welcomedAt = life.welcomedAt, world.now() - welcomedAt >= Self.takingIn { return nil }
        return Obstacle("the agent has not yet taken in the state of version \(origin), from which it goes on", passes: true)
    }

    /// An image of an agent in the middle of an effect would do it a second time: that it may is in its memory already.
    private var openEffect: Obstacle? {
        guard let life, let key = ledger.openKey(of: life.incarnation) else { return nil }
        return Obstacle("the agent is in the middle of the effect '\(key)', which an image of it would do a second time", passes: true)
    }

    /// In mode `process` there is no version then.
    private func withoutImages(_ point: SafePoint?, forced: Bool, _ obstacle: Obstacle) {
        // Told when there is a version without: on a full disk there will be none, which is told as such.
        if !obstacle.passes { checkpointRun?.missesImages = obstacle.why }
        note("checkpoint", "no process part: \(obstacle.why)")
        guard checkpointRun?.kind.mode == .process else { return cutWithoutImages(point, forced: forced, because: obstacle.why) }
        abortCheckpoint(
            "its processes cannot be put into an image: \(obstacle.why)",
            next: "It runs on, and older versions are untouched. '--mode cooperative' does without", code: "E-CHECKPOINT-PROCESS")
    }

    // MARK: Under way

    func hearDump(_ event: WorldEvent) {
        guard let dump = checkpointRun?.dump, let news = dump.job.take(event) else { return }
        switch news {
        case .standsStill: copyTheRest(dump)
        case .dumped(let images): dumped(dump, images)
        case .failed(let fault): dumpFailed(dump, fault)
        }
    }

    func dumpTimedOut() {
        guard let dump = checkpointRun?.dump else { return }
        if dump.isHungUp, let life {
            // It neither ends nor lets the agent go on: a disk that does not answer, for one.
            tell("CRIU does not end: '\(agent)' is killed, and restored from its last version")
            checkpointRun?.dump?.isKilled = true
            return world.kill(life.sandbox)
        }
        dump.job.timePassed()
        deadlines[.dumped] = dump.job.deadline ?? world.now() + Self.patience
        if dump.job.deadline == nil { checkpointRun?.dump?.isHungUp = true }
    }

    private func copyTheRest(_ dump: Dumping) {
        checkpointRun?.stage = .cutting
        deadlines[.dumped] = nil
        // Begun since CRIU was asked.
        if dump.point == nil, openEffect != nil { return dump.job.goOn(keeping: false) }
        var made: CutRequest
        do { made = try cutRequest(dump.point, forced: dump.forced, notes: []) } catch {
            checkpointRun?.dump?.copied = .failure(error)
            return dump.job.goOn(keeping: false)
        }
        made.mappedFiles = life.flatMap { world.mappedFiles(of: $0.sandbox) }
        let request = made
        let store = store
        let opened = dump.opened
        aside {
            Result { () throws(StoreFault) in try store.copy(request, into: opened, images: true) }
        } then: { [self] result in
            guard checkpointRun?.dump?.job === dump.job else { return }
            checkpointRun?.dump?.copied = result
            checkpointRun?.stage = .thawing
            switch result {
            case .success: dump.job.goOn(keeping: true)
            case .failure: dump.job.goOn(keeping: false)
            }
            deadlines[.dumped] = dump.job.deadline
        }
    }

    private func dumped(_ dump: Dumping, _ images: Dump) {
        endDump(dump)
        switch checkpointRun?.dump?.copied {
        case .success(var staged)?:
            staged.images = MadeImages(
                tree: images.tree, frozen: images.statistics.frozen.inMicroseconds, kernel: request.facts.kernelRelease,
                startedWith: digest(ofStartOf: agentsSpec), beats: life?.lastBeat != nil)
            checkpointRun?.stage = .committing
            checkpointRun?.imagesWritten = ByteCount(min(images.statistics.pagesWritten, 1 << 48) * 4096)
            commit(staged)
        case .failure(let fault)?:
            store.discard(dump.opened)
            checkpointFailed(fault)
        case nil:
            store.discard(dump.opened)
            checkpointFailed(StoreFault(.refused("CRIU ended too early"), doing: "take a checkpoint of", what: agent.text))
        }
    }

    private func dumpFailed(_ dump: Dumping, _ fault: CriuFault) {
        endDump(dump)
        // It may have been left standing all the same.
        letStandingGoOn()
        store.discard(dump.opened)
        if case .failure(let fault)? = checkpointRun?.dump?.copied { return checkpointFailed(fault) }
        checkpointRun?.dump = nil
        for line in fault.log.suffix(5) { note("criu", line) }
        guard isThere, !dump.isKilled else {
            return abortCheckpoint("the agent ended meanwhile", next: "'runner status \(agent)' tells what comes next and when")
        }
        let obstacle = fault.kind == .declined ? openEffect : nil
        withoutImages(dump.point, forced: dump.forced, obstacle ?? Obstacle(fault))
    }

    /// The news of its end may still be on its way. What a dead agent left is no version: it would be newer than the last with its images.
    private var isThere: Bool {
        guard let life, life.end == nil, let pid = life.pid else { return false }
        return world.look(into: life.sandbox, for: .connections)?.processes.contains { $0.hostPid == pid && $0.state != "Z" } ?? false
    }

    /// What stands for a cut that was to be its last, and cannot be kept, goes on as if nothing had been.
    func letStandingGoOn() {
        guard let since = checkpointRun?.standsSince else { return }
        checkpointRun?.standsSince = nil
        memoryIsBehind = true
        guard let life, life.end == nil else { return }
        world.goOn(in: life.sandbox)
        forgiveSilence(since: since)
    }

    private func endDump(_ dump: Dumping) {
        deadlines[.dumped] = nil
        forgiveSilence(since: dump.began)
    }

    /// A version is stored. Said once, until one has images again.
    func tellMissingImages(_ run: CheckpointRun, _ summary: CheckpointSummary) {
        if summary.parts.process {
            clearWarning("images")
            return clearWarning("process")
        }
        if let why = run.missesImages { warn("process", "checkpoints of '\(agent)' hold no image of its processes: \(why)") }
    }

    // MARK: A last cut

    /// `checkpoint --stop`: what was cut is kept, and nothing of the agent runs after it.
    func stopAfterCut(_ run: CheckpointRun, _ summary: CheckpointSummary) {
        skipCheckpointOnStop = true
        repliesAtEnd += run.waiting.map { ($0, .stored(summary)) }
        inbox.append(.wantedStopped)
        drainInbox()
        if summary.parts.process, let life { world.kill(life.sandbox) }
    }

    /// It was to go on at the very instruction. nil: it will, or that was not asked for, or there is no CRIU here.
    func whyNotStopped(by run: CheckpointRun, _ summary: CheckpointSummary) -> String? {
        guard run.kind.mode != .cooperative, criuDriver != nil, criuMissing == nil else { return nil }
        return lack(of: summary)
    }

    func answerAtEnd() {
        let replies = repliesAtEnd
        repliesAtEnd = []
        for (id, reply) in replies { self.reply(reply, to: id) }
    }
}

/// Why a cut has no images.
private struct Obstacle {
    let why: String
    /// The next one may have some.
    let passes: Bool
    init(_ why: String, passes: Bool = false) {
        self.why = why
        self.passes = passes
    }
    init(_ fault: CriuFault) {
        why = fault.because
        passes = false
    }
}

extension AgentSpec {
    /// The cut that is taken when nobody says otherwise.
    var cut: CutKind { CutKind(mode: checkpoint.mode) }
}

extension Duration {
    fileprivate var inMicroseconds: UInt64 { UInt64(max(0, nanoseconds / 1000)) }
}
