internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import CriuDriver
internal import CriuRequests
internal import LaunchPlans
internal import OutsideWorld
internal import Recovery
internal import StatusViews

/// Whether a version's processes can be restored is known once they were: stopped, beside the living agent, compared with their images and
/// thrown away. Never in the way of a checkpoint or a restore. Documentation: docs/recovery.md#rehearsal
extension Supervisor {
    /// Of the host's memory, what a rehearsal leaves free beside what it takes itself.
    private static var memoryReserve: ByteCount { .mebibytes(128) }
    private static var rehearsalAttempts: Int { 2 }

    // MARK: Beginning

    /// A version was stored.
    func considerRehearsal(of version: CheckpointSummary) {
        guard version.parts.process, version.imagesUnusable == nil, rehearsal == nil, wantsRehearsal, mayRehearse else { return }
        rehearsedAt = world.now()
        beginRehearsal(of: version, attempt: 1)
    }

    private var wantsRehearsal: Bool {
        switch spec.checkpoint.rehearsal.when {
        case .never: false
        case .always: true
        case .auto: rehearsedAt.map { world.now() >= $0 + spec.checkpoint.rehearsal.every } ?? true
        }
    }

    /// Nothing that matters more is on its way.
    private var mayRehearse: Bool {
        guard case .running = recovery.phase, let life, life.end == nil else { return false }
        return checkpointRun == nil && checkpointWishes.isEmpty && launchRun == nil && imageRestore == nil && criuMissing == nil
    }

    private func beginRehearsal(of version: CheckpointSummary, attempt: Int) {
        let images = store.isSealed ? nil : try? world.disk(at: store.imagesDirectory(agent, version.version))
        guard images != nil || store.isSealed else { return }
        let run = RehearsalRun(version: version, wish: StandingWish(), began: world.now(), attempt: attempt)
        let work = RehearsalPreparation(
            store: store, agent: agent, version: version, images: images, workspace: agentsSpec.workspaceInside,
            workspaceMode: (try? openWorkspace(of: agentsSpec)?.rootEntry().mode) ?? 0o755, stagingID: stagingID(), wish: run.wish)
        rehearsal = run
        aside {
            work.run()
        } then: { [self] outcome in
            guard rehearsal?.wish === run.wish else {
                if case .ready(let prepared) = outcome { scratchesLeft.append(prepared.scratch) }
                return
            }
            switch outcome {
            case .ready(let prepared): rehearse(prepared)
            case .notRestorable(let why): endRehearsal { self.isNotRestorable(version, why) }
            case .impossible(let why): endRehearsal { self.couldNotRehearse(version, why) }
            }
        }
    }

    private func rehearse(_ prepared: RehearsalPreparation.Prepared) {
        guard let run = rehearsal, let driver = criuDriver else { return }
        rehearsal?.prepared = prepared
        guard !run.isCalledOff else { return endRehearsal {} }
        if let obstacle = memoryObstacle(prepared.size) { return endRehearsal { self.couldNotRehearse(run.version, obstacle) } }
        do {
            var request = RehearsalRequest(
                restore: RestoreRequest(
                    plan: try rehearsalPlan(run.version, prepared), images: prepared.imagesPath,
                    scratch: prepared.scratch.path, tree: prepared.images.tree.withoutConnections),
                shape: prepared.shape)
            request.restore.timeLimit = .seconds(30) + .seconds(Int64(clamping: prepared.size.bytes >> 28))
            let job = try driver.rehearse(request)
            rehearsal?.job = job
            deadlines[.rehearsed] = job.deadline
            statusChanged = true
        } catch let fault as PlanFault {
            endRehearsal { self.couldNotRehearse(run.version, fault.sentence) }
        } catch {
            endRehearsal { self.couldNotRehearse(run.version, (error as? CriuFault)?.because ?? "no sandbox could be made for it") }
        }
    }

    private func rehearsalPlan(_ version: CheckpointSummary, _ prepared: RehearsalPreparation.Prepared) throws(PlanFault) -> LaunchPlan {
        let planner = LaunchPlanner(spec: agentsSpec, facts: request.facts, place: request.launchPlace)
        let plan = try planner.plan(from: .version(version.version), incarnation: incarnations)
        let copy = prepared.copy.flatMap { copy in agentsSpec.workspaceInside.map { LaunchPlan.Bind(host: copy, inside: $0) } }
        return plan.rehearsal(doorsDirectory: request.place.rehearsal.doors, copy: copy, covering: prepared.covered)
    }

    private func memoryObstacle(_ size: ByteCount) -> String? {
        guard let free = world.freeMemory() else { return nil }
        let isEnough = free >= Self.memoryReserve && free.bytes - Self.memoryReserve.bytes >= size.bytes
        return isEnough ? nil : "it takes up to \(size) of memory, and the host has \(free) left"
    }

    // MARK: In the way

    /// It is not waited for: what its sandbox holds is gone in milliseconds.
    func callOffRehearsal(_ why: String) {
        guard let run = rehearsal, !run.isCalledOff else { return }
        rehearsal?.isCalledOff = true
        run.wish.withdraw()
        run.job?.callOff()
        note("rehearsal", "version \(run.version.version) is not rehearsed: \(why)")
    }

    // MARK: News

    func hearRehearsal(_ event: WorldEvent) {
        guard let run = rehearsal, let news = run.job?.take(event) else { return }
        endRehearsal { [self] in
            switch news {
            case .rehearsed(let rehearsed): isRehearsed(run.version, rehearsed)
            case .differs(let what): isNotRestorable(run.version, "what is restored is not what was dumped: \(Self.some(of: what))")
            case .failed(let fault): failed(run, fault)
            }
        }
    }

    func rehearsalTimedOut() {
        rehearsal?.job?.timePassed()
        deadlines[.rehearsed] = rehearsal?.job?.deadline
    }

    private static func some(of what: [String]) -> String {
        what.prefix(3).joined(separator: "; ") + (what.count > 3 ? " and \(what.count - 3) more" : "")
    }

    private func endRehearsal(_ then: () -> Void) {
        let scratch = rehearsal?.prepared?.scratch
        rehearsal = nil
        deadlines[.rehearsed] = nil
        statusChanged = true
        if let scratch { scratchesLeft.append(scratch) }
        then()
    }

    /// After every step. A copy of many files takes seconds to remove, and the worker is needed: by a cut, for which the agent stands still, and by
    /// a restore.
    func removeScratches() {
        guard !scratchesLeft.isEmpty, checkpointRun == nil, launchRun == nil, imageRestore == nil else { return }
        let (store, scratches) = (store, scratchesLeft)
        scratchesLeft = []
        aside(in: .patient) {
            for scratch in scratches { store.discard(scratch) }
        } then: { _ in
        }
    }

    private func failed(_ run: RehearsalRun, _ fault: CriuFault) {
        guard !run.isCalledOff else { return }
        for line in fault.log.suffix(5) { note("criu", line) }
        switch fault.kind {
        // Nothing that is said of the host is said of the version.
        case .sandbox, .couldNotStart, .declined, .blocked, .noRoom, .memoryLost, .sharedMemory:
            return couldNotRehearse(run.version, fault.because)
        case .refused, .died, .timedOut: break
        }
        guard fault.mayPass, run.attempt < Self.rehearsalAttempts else {
            // A host that is slow, or ends CRIU, is no fault of the version; what CRIU says is.
            guard fault.speaksOfImages else { return couldNotRehearse(run.version, fault.because) }
            return isNotRestorable(run.version, fault.because)
        }
        note("rehearsal", "version \(run.version.version), try \(run.attempt): \(fault.because)")
        if mayRehearse { beginRehearsal(of: run.version, attempt: run.attempt + 1) }
    }

    // MARK: What comes of it

    private func isRehearsed(_ version: CheckpointSummary, _ rehearsed: Rehearsed) {
        let took = (rehearsed.took.inSeconds * 100).rounded() / 100
        let words = "restored in \(took) s beside the living agent (\(rehearsed.processes) processes, \(rehearsed.memory))"
        report(version, took: rehearsed.took, memory: rehearsed.memory, nil)
        clearWarning("rehearsal")
        // What it has earned meanwhile is more, and what it lost stays lost.
        guard versions.first(where: { $0.version == version.version })?.standing == .stored else {
            return note("rehearsal", "version \(version.version) is \(words)")
        }
        mark(version.version, .rehearsed, because: words)
    }

    /// Its images are of no use. What the agent handed over at the same cut is; a version without that is passed over by the ladder.
    private func isNotRestorable(_ version: CheckpointSummary, _ why: String) {
        guard versions.contains(where: { $0.version == version.version }) else { return }
        report(version, took: nil, memory: nil, why)
        let told = "the processes of version \(version.version) could not be restored in a rehearsal: \(why)"
        warn("rehearsal", told)
        guard version.parts.cooperative else { return mark(version.version, .suspect, because: told) }
        do throws(StoreFault) { try store.markImagesUnusable(agent, version.version, because: why) } catch {
            warn("mark \(version.version)", "\(error.sentence), going on")
        }
        note("rehearsal", "\(told). Its state can be, and is what a restore of it uses")
        refreshVersions()
    }

    private func couldNotRehearse(_ version: CheckpointSummary, _ why: String) {
        note("rehearsal", "version \(version.version) is not rehearsed: \(why)")
    }

    private func report(_ version: CheckpointSummary, took: Duration?, memory: ByteCount?, _ problem: String?) {
        lastRehearsal = RehearsalReport(version: version.version, at: world.wallTime(), took: took, memory: memory, problem: problem)
        statusChanged = true
    }
}
