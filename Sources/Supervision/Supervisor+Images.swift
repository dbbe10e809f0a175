internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import CriuDriver
internal import CriuRequests
internal import LaunchPlans
internal import OutsideWorld
internal import Recovery

/// A restore of processes on its way.
struct ImageRestore {
    let job: RestoreJob
    let run: LaunchRun
    let version: CheckpointSummary
    let images: MadeImages
    let scratch: Scratch
    /// The tree runs, and waits for its memory.
    var pid: Int32?
    /// The operator or the ladder changed its mind.
    var isCalledOff = false
    /// Its memory pages are being compared with what was stored, or were.
    var isCompared = false
    /// Its memory pages are not what was stored, or cannot be read.
    var damage: StoreFault?
    /// What was stored is in packs, too: the next try takes it from there.
    var isPacked = false
}

/// The strongest part of a version: its processes go on where they were cut. Where they cannot, the next part is tried.
/// Documentation: docs/criu.md
extension Supervisor {
    /// Tries of one version's images, each in a fresh sandbox, where the fault may pass.
    private static var attempts: Int { 2 }

    // MARK: CRIU

    /// What dumps and restores here. nil: nothing does.
    var criuDriver: CriuDriver? {
        findCriu().chosen.map { CriuDriver(world: world, program: $0, kernel: KernelVersion(release: request.facts.kernelRelease)) }
    }

    /// Why no process is put into an image here, and what would change that. nil: they can be.
    var criuMissing: String? {
        guard request.facts.userID == 0 else { return "that takes root" }
        if case .missing(let why) = request.facts.namespaces { return "there are no namespaces: \(why)" }
        let finding = findCriu()
        guard finding.chosen == nil else { return nil }
        guard let tried = finding.tried.first, let problem = tried.problem else {
            return "there is no CRIU ('runner doctor' tells where it is looked for)"
        }
        return "'\(tried.path)' \(problem) ('runner doctor' tells more)"
    }

    private func findCriu() -> CriuFinding {
        if let criuFound { return criuFound }
        let finding = request.findCriu()
        criuFound = finding
        return finding
    }

    // MARK: Restoring

    /// - Parameter state: of the same version, for a process that is started anew because its images do not do here.
    func launch(_ run: LaunchRun, fromImages images: MadeImages, of version: CheckpointSummary, state: StoredState?) {
        var obstacle = obstacle(to: images)
        if let obstacle { warn("images", "the processes of version \(version.version) cannot go on where they were: \(obstacle)") }
        // Of images that came from elsewhere nobody knows it.
        if obstacle == nil, !images.startedWith.isEmpty, images.startedWith != digest(ofStartOf: spec) {
            // Whoever changed that may want another process, or mistyped it. What was handed over is not lost by it.
            let why = "command, environment, user or directories of '\(agent)' were changed since"
            obstacle = why
            clearWarning("images")
            if version.parts.cooperative {
                note("start", "the processes of version \(version.version) are not restored: \(why)")
            } else {
                let next = "Change them back and 'runner restore \(agent)@\(version.version)' for what it had in memory"
                warn("images", "'\(agent)' begins anew on the files of version \(version.version), for \(why). \(next)")
            }
        }
        guard obstacle != nil else { return restore(run, images, of: version) }
        store.closeImages(agent, version.version)
        var plain = run
        plain.isWithoutImages = true
        launchRun = plain
        restore(plain, version.version)
    }

    /// Why no image of that kind can be restored here and now, whichever version it is of.
    private func obstacle(to images: MadeImages) -> String? {
        if let criuMissing { return criuMissing }
        guard let program = criuDriver?.program else { return "there is no CRIU" }
        guard images.tree.criu <= program.version else {
            return "their images were made by CRIU \(images.tree.criu), and \(program.version) here is older"
        }
        return nil
    }

    private func restore(_ run: LaunchRun, _ images: MadeImages, of version: CheckpointSummary) {
        livingIsFromImages = true
        resumeLineage(of: version)
        guard let driver = criuDriver, let plan = planLaunch(run) else { return }
        let scratch: Scratch
        do { scratch = try store.openScratch(agent, stagingID: stagingID()) } catch {
            return inbox.append(.launchFailed(.couldNotStart(error.sentence), version: nil))
        }
        let directory = store.imagesDirectory(agent, version.version)
        var tree = images.tree
        // Where there is no network nothing is at the other end.
        if plan.network == .none || run.closesConnections { tree.tcp = .close }
        var request = RestoreRequest(plan: plan, images: directory, scratch: scratch.path, tree: tree)
        request.waitsForWord = true
        request.isLazy = spec.restore.memory == .lazy && !run.isEager
        // A slow disk reads 64 MiB a second, and CRIU and the comparison read the same bytes.
        request.timeLimit = .seconds(30) + .seconds(Int64(clamping: version.size.bytes >> 26))
        do throws(CriuFault) {
            let job = try driver.restore(request)
            imageRestore = ImageRestore(job: job, run: run, version: version, images: images, scratch: scratch)
            deadlines[.restored] = job.deadline
            // The agent runs, and may knock, a little before CRIU has said its last word.
            beginLife(in: job.sandbox, plan)
            if job.isLazy { leavePagesUnchecked(version.version) } else { comparePages(for: job) }
        } catch {
            store.discard(scratch)
            if case .sandbox(let fault) = error.kind { return inbox.append(.launchFailed(.couldNotStart(fault.sentence), version: nil)) }
            withoutImages(of: version, run, error)
        }
    }

    func damaged(_ version: VersionNumber, _ fault: StoreFault) {
        guard case .broken(let part, let how) = fault.kind else { return warn("restore", fault.sentence) }
        mark(version, .broken, because: "\(part): \(how)")
    }

    func hearRestore(_ event: WorldEvent) {
        guard let restore = imageRestore else { return }
        let news = restore.job.take(event)
        if life?.sandbox != restore.job.sandbox { life?.sandbox = restore.job.sandbox }
        deadlines[.restored] = restore.job.deadline
        switch news {
        case .restored(let restored):
            comparePagesOnce(restore)
            self.restored(restore, restored)
        case .complete: if let pid = restore.pid { restoreSucceeded(restore, pid) }
        case .failed(let fault):
            restoreEnded(restore)
            restoreFailed(restore, fault)
        case nil: if !restore.job.isLazy { comparePagesOnce(restore) }  // it fell back, and waits for the word
        }
    }

    private func restored(_ restore: ImageRestore, _ restored: Restored) {
        // Whoever used to beat is watched from now on, for one that hangs in its image would never beat again.
        if restore.images.beats ?? false { alive() }
        note(
            "restored",
            "its processes go on from version \(restore.version.version)" + (restored.awaitsMemory ? "; their memory follows" : ""))
        if let why = restored.eagerBecause { note("restored", "all memory came first: \(why)") }
        // Before all memory is there it can still fail, and counts as not yet running.
        imageRestore?.pid = restored.pid
        if !restored.awaitsMemory { restoreSucceeded(restore, restored.pid) }
    }

    private func restoreSucceeded(_ restore: ImageRestore, _ pid: Int32) {
        restoreEnded(restore)
        store.closeImages(agent, restore.version.version)
        clearWarning("images")
        started(pid)
    }

    private func restoreEnded(_ restore: ImageRestore) {
        if imageRestore?.isCompared == false, uncheckedPages == restore.version.version { uncheckedPages = nil }
        imageRestore = nil
        deadlines[.restored] = nil
        store.discard(restore.scratch)
    }

    func restoreTimedOut() {
        guard let restore = imageRestore else { return }
        restore.job.timePassed()
        deadlines[.restored] = imageRestore?.job.deadline
    }

    func callOffRestore() {
        if imageRestore?.pid != nil, let version = imageRestore?.version.version {
            lastVersionMissed = "its memory was still coming back; it goes on from version \(version) again"
        }
        imageRestore?.isCalledOff = true
        imageRestore?.job.callOff()
    }

    private func restoreFailed(_ restore: ImageRestore, _ fault: CriuFault) {
        dropPeers()
        life = nil
        // A try that ran nothing is made again at once, from where they are.
        var isTriedAgain = false
        defer { if !isTriedAgain { store.closeImages(agent, restore.version.version) } }
        guard !restore.isCalledOff else { return inbox.append(.ended(.unknown, done: false)) }
        if let damage = restore.damage {
            guard restore.isPacked, !restore.run.isFromPacks, case .broken(let part, let how) = damage.kind else {
                return restoreFailed(restore, damage)
            }
            note("restored", "the images of version \(restore.version.version) are taken from packs: \(part): \(how)")
            var again = restore.run
            again.isFromPacks = true
            launchRun = again
            return self.restore(again, restore.version.version)
        }
        note("criu", "version \(restore.version.version), try \(restore.run.tries + 1): \(fault.sentence)")
        for line in fault.log.suffix(5) { note("criu", line) }
        guard fault.mayPass || restore.job.hasRun, restore.run.tries + 1 < Self.attempts else {
            return withoutImages(of: restore.version, restore.run, fault)
        }
        var again = restore.run
        again.tries += 1
        again.closesConnections = true  // what was to be kept may be what was in the way
        guard restore.job.hasRun else {
            isTriedAgain = true
            return self.restore(again, restore.images, of: restore.version)
        }
        // It ran: what it changed is put back with all else, and all memory comes first.
        again.isEager = true
        launchRun = again
        self.restore(again, restore.version.version)
    }

    /// As when the damage is found before: an older version is next.
    private func restoreFailed(_ restore: ImageRestore, _ damage: StoreFault) {
        giveUp()
        let version = restore.version.version
        damaged(version, damage)
        if case .broken(let part, let how) = damage.kind {
            failOwedRestore(of: version, "it is broken (\(part): \(how))", code: "E-VERSION-BROKEN")
            inbox.append(.launchFailed(.couldNotStart("version \(version) is broken: \(part): \(how)"), version: version))
        } else {
            failOwedRestore(of: version, damage.sentence)
            inbox.append(.launchFailed(.couldNotStart(damage.sentence), version: nil))
        }
    }

    /// These images did not do: what the agent handed over at the same cut does, else an older version.
    private func withoutImages(of version: CheckpointSummary, _ run: LaunchRun, _ fault: CriuFault) {
        let why = "the processes of version \(version.version) could not be restored: \(fault.because)"
        warn("images", why)
        guard !version.parts.cooperative else {
            var plain = run
            plain.isWithoutImages = true
            plain.tries += 1
            launchRun = plain
            return restore(plain, version.version)
        }
        giveUp()
        failOwedRestore(of: version.version, why)
        if fault.speaksOfImages { mark(version.version, .suspect, because: why) }
        // Where the fault is the host's, the same version is tried again after a wait: another would lose what this one holds.
        inbox.append(.launchFailed(.couldNotStart(why), version: fault.isOfTheMoment ? nil : version.version))
    }
}
