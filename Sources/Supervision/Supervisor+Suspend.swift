internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld
internal import Recovery

/// To disk and back: what the agent is becomes a version after which it does nothing, then nothing of it is left but that and its supervisor,
/// until the time comes or somebody wants it up. Where it cannot be kept whole it is not ended.
extension Supervisor {
    /// The calendar may be set anew while it is waited for: it is looked at this often.
    private static var look: Duration { .seconds(60) }

    /// On disk, or everything for that is decided.
    var isOnDisk: Bool {
        switch recovery.phase {
        case .suspended, .ending(_, _, .operatorSuspend): true
        case .stopped, .launching, .starting, .running, .ending, .waiting, .coolingDown, .calledForHelp: false
        }
    }

    // MARK: To disk

    func operatorSuspend(_ id: ConnectionID, until: WallTime?) {
        switch recovery.phase {
        case .suspended(let version, _, _): inbox.append(.wantedSuspended(in: version, until: until))
        case .ending(_, _, .operatorSuspend): break  // answered when it is there
        case .starting, .running: keepForSuspension(id, until: until)
        case .stopped, .launching, .ending, .waiting, .coolingDown, .calledForHelp:
            let next = "'runner status \(agent)' tells what comes next and when"
            refuseSuspension("it is not running", code: "E-AGENT-NOT-RUNNING", next: next)
        }
    }

    private func keepForSuspension(_ id: ConnectionID, until: WallTime?) {
        let wish = wishesTaken
        let runsOn = "It runs on"
        let kind = CutKind(mode: spec.checkpoint.mode, stops: true, suspends: true)
        let begun = beginCheckpoint(.stop, kind) { [self] missed in
            guard wish == wishesTaken else { return }  // answered with what was wished later
            if let missed { return refuseSuspension("what it is could not be kept: \(missed.why)", code: missed.code, next: runsOn) }
            guard let summary = versions.last(where: { $0.kind == .checkpoint }) else { return }
            if let lack = lack(of: summary) {
                return refuseSuspension(lack, code: "E-SUSPEND-FAILED", next: "\(runsOn); 'runner stop \(agent)' ends it all the same")
            }
            inbox.append(.wantedSuspended(in: summary.version, until: until))
            // Decided at once: it must not be let go from where it stands.
            drainInbox()
            if !isOnDisk { refuseSuspension("it is being ended already", code: "E-SUSPEND-FAILED", next: "Ask again when it runs") }
        }
        if begun == nil { refuseSuspension("it is not running", code: "E-AGENT-NOT-RUNNING", next: "Ask again when it runs") }
    }

    /// When all who asked have heard of the cut. Where it stands since then and is not ended, it goes on.
    func letGoOnUnlessOnDisk(stoodSince moment: Moment) {
        guard !isOnDisk, let life, life.end == nil else { return }
        world.goOn(in: life.sandbox)
        memoryIsBehind = true
        forgiveSilence(since: moment)
    }

    /// Why the agent would not come back from this version as it is. nil: it would.
    func lack(of summary: CheckpointSummary) -> String? {
        if summary.parts.process || summary.parts.cooperative && !summary.forced { return nil }
        let what = "version \(summary.version) holds its files and not what it is doing"
        if summary.forced { return "\(what), for it reached no safe point in time" }
        let notes = (try? store.manifest(agent, summary.version))?.notes ?? []
        return what + (notes.first.map { " (\($0))" } ?? "")
    }

    /// All who wait for it are told, for it is the same for all.
    private func refuseSuspension(_ why: String, code: String, next: String) {
        for (id, owed) in repliesOwed where owed == .suspend { fail(id, owed, why, code: code, next: next) }
    }

    // MARK: And back

    func operatorResume(_ id: ConnectionID) {
        switch recovery.phase {
        case .suspended(let version, _, _), .ending(_, _, .operatorSuspend(let version, _)):
            repliesOwed[id] = .resume(version)
            couldNotStart = nil
            inbox.append(.wantedRunning(from: nil))
        case .launching, .starting, .running:
            refuseSuspension("somebody wants it up", code: "E-SUSPEND-FAILED", next: "It runs on")
            reply(.done("'\(agent)' is not suspended, and runs"), to: id)
        case .stopped, .ending, .waiting, .coolingDown, .calledForHelp:
            let next = "'runner restart \(agent)' starts it, 'runner status \(agent)' tells what comes next by itself"
            reply(.failed(code: "E-AGENT-NOT-SUSPENDED", sentence: "could not resume '\(agent)': it is not suspended. \(next)"), to: id)
        }
    }

    /// The time may have come.
    func resumeWhenDue() {
        guard case .suspended(_, _, let until?) = recovery.phase else { return }
        if world.wallTime() >= until { inbox.append(.resumeDue) } else { awaitResume(until) }
    }

    private func awaitResume(_ until: WallTime) {
        deadlines[.resume] = world.now() + max(.zero, min(until - world.wallTime(), Self.look))
    }

    // MARK: Meanwhile

    /// After every decision.
    func followSuspension() {
        guard case .suspended(_, _, let until) = recovery.phase, finished == nil else { return deadlines[.resume] = nil }
        if let until { awaitResume(until) } else { deadlines[.resume] = nil }
        for (id, owed) in repliesOwed where owed == .suspend {
            reply(.done("'\(agent)' is \(suspendedWords); 'runner resume \(agent)' brings it back"), to: id)
        }
        // It was on its way when its supervisor was told to end.
        if timesAskedToStop > 0, !inbox.contains(.supervisorEnds) { inbox.append(.supervisorEnds) }
    }

    /// "suspended in version 42 until 2026-11-22T08:00:00Z"
    private var suspendedWords: String {
        guard case .suspended(let version, _, let until) = recovery.phase else { return "not suspended" }
        return "suspended in version \(version)" + (until.map { " until \(words($0))" } ?? "")
    }

    /// A new supervisor finds it on disk: whoever starts one wants the agent up, unless it was said when it is to come back.
    func goOnSuspended(until: WallTime?) {
        inbox.append(.foundLost)
        guard let until else { return inbox.append(.wantedRunning(from: nil)) }
        guard until > world.wallTime() else { return }
        say("'\(agent)' stays suspended until \(words(until)); 'runner resume \(agent)' brings it back before")
    }

    /// The supervisor was told to end: what is on disk stays there.
    func endOnDisk() {
        timesAskedToStop += 1
        say("'\(agent)' stays suspended; its supervisor ends")
        inbox.append(.supervisorEnds)
        if timesAskedToStop > 1, let life { world.kill(life.sandbox) }
    }

    /// What cannot be done with an agent that is on disk. nil: it is not.
    func whyNotOnDisk(_ doing: String) -> String? {
        guard case .suspended = recovery.phase else { return nil }
        return "could not \(doing) '\(agent)': it is \(suspendedWords), and nothing of it runs. 'runner resume \(agent)' brings it back"
    }
}
