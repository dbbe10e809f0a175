import AgentModel
import Recovery

/// What must hold of every decision, kept by a bookkeeper of its own that sees only events and actions and never asks the code under test.
struct Oracle {
    /// Something of the agent runs, or a launch of it is under way.
    private var busy = false
    private var up = false
    private var progress = false
    private var upSince: Moment?
    private var origin: Origin?
    /// Until when an earlier `ended` counts as told: ending it is under way.
    private var ending = false
    /// What the operator named since the last launch: only such a version need not be known-good.
    private var asked: Set<Origin> = []
    private var onDisk: VersionNumber?
    private var trouble = false
    private var calls = 0
    /// Versions that surely died young in this trouble.
    private var failed: Set<VersionNumber> = []
    var violations: [String] = []

    /// Before the decision: what the news itself changes.
    mutating func hear(_ event: AgentEvent, at now: Moment, versions: [CheckpointSummary], probation: Duration) {
        switch event {
        case .wantedRunning(let from), .wantedRestart(let from): if let from { asked.insert(from) }
        case .wantedStopped, .supervisorEnds, .timerFired: break
        // The version it is on disk in is what it is: whatever was said of it since, it comes back from that.
        case .wantedSuspended(let version, _):
            if let version = onDisk ?? (busy && !ending ? version : nil) { asked.insert(.version(version)) }
        case .resumeDue: if let onDisk { asked.insert(.version(onDisk)) }
        case .adopted(let from):
            // How healthy an adopted agent is is not for this bookkeeper to know: take it as healthy.
            if !busy { ending = false }
            (busy, up, origin, progress) = (true, true, from, true)
        case .launched: comeUp(now)
        case .signOfLife: comeUp(now)
        case .progressed: if busy, !ending { comeUp(now); makeProgress() }
        case .stored(let version):
            if up, !ending, versions.first(where: { $0.version == version })?.forced != true { makeProgress() }
        case .missedHeartbeat, .reportedFailure: if up, !ending { blame(now, probation) }
        case .ended(let end, _):
            // One kill from outside is excused; which one, this bookkeeper does not follow.
            if busy, !ending, end != .signaled(9, outOfMemory: false) { blame(now, probation) }
            leave()
        case .launchFailed(_, let version):
            if let version, busy, !up, !ending { failed.insert(version) }
            if !up { leave() }
        case .foundLost: leave()
        }
    }

    /// After it: whether what is done may be done.
    mutating func see(_ decision: Decision, at now: Moment, versions: [CheckpointSummary]) {
        let timers = decision.actions.filter { if case .setTimer = $0 { true } else { false } }
        check(timers.count == (decision.actions.isEmpty ? 0 : 1), "\(timers.count) timers in \(decision.actions)")
        for action in decision.actions { see(action, at: now, versions: versions) }
        let state = decision.state
        check(state.deaths.count <= 32 && state.tried.count <= 64 && state.watched.count <= 16, "the state grows")
        check(state.passedOver.count <= 8 && state.restoreAttempts.count <= 1000, "the state grows")
        check(state.deaths.allSatisfy { $0.fault.sentence.count < 600 }, "a sentence is not bounded")
        check((state.troubleSince != nil) == trouble, "the incident and the trouble differ")
        // An end that was wanted, or well, speaks against nothing.
        if !trouble { failed = [] }
        if case .suspended(let version, _, _) = state.phase {
            check(!busy, "suspended while something runs")
            check(!trouble && state.deaths.isEmpty, "suspended in trouble")
            onDisk = version
        } else {
            onDisk = nil
        }
        if case .finish = decision.actions.last { check(!busy, "finished while something runs") }
        check(decision.reason.count < 1200 && !decision.reason.isEmpty, "the reason has \(decision.reason.count) characters")
    }

    // MARK: Parts

    private mutating func see(_ action: AgentAction, at now: Moment, versions: [CheckpointSummary]) {
        switch action {
        case .launch(let from):
            check(!busy, "launched while something runs")
            if case .version(let number) = from, !asked.contains(from) { checkRestore(number, versions) }
            asked = []
            (busy, up, progress, ending, origin, upSince) = (true, false, false, false, from, nil)
        case .stop, .kill: ending = true
        case .setTimer(let moment): check(moment.map { $0 >= now } ?? true, "a timer in the past")
        case .mark: break
        case .openIncident:
            check(!trouble, "opened twice")
            trouble = true
        case .escalate:
            calls += 1
            let times = calls
            check(trouble && times == 1, "called \(times) times")
        case .closeIncident:
            check(trouble, "closed, but not open")
            (trouble, calls, failed) = (false, 0, [])
        case .finish: check(!busy, "finished while something runs")
        }
    }

    private mutating func checkRestore(_ number: VersionNumber, _ versions: [CheckpointSummary]) {
        let summary = versions.first { $0.version == number }
        check(summary?.kind == .checkpoint, "restored \(number), which is no checkpoint")
        check(
            summary.map { $0.standing != .suspect && $0.standing != .broken } ?? false,
            "restored \(number): \(String(describing: summary?.standing))")
        check(!failed.contains(number), "restored \(number) again, which died young in this trouble")
    }

    private mutating func comeUp(_ now: Moment) {
        guard busy, !ending else { return }
        up = true
        upSince = upSince ?? now
    }

    private mutating func makeProgress() {
        progress = true
        if case .version(let number) = origin { failed.remove(number) }
    }

    private mutating func blame(_ now: Moment, _ probation: Duration) {
        guard case .version(let number) = origin, !progress, upSince.map({ now - $0 < probation }) ?? true else { return }
        failed.insert(number)
    }

    private mutating func leave() {
        (busy, up, ending, progress) = (false, false, false, false)
    }

    private mutating func check(_ holds: Bool, _ text: @autoclosure () -> String) {
        if !holds { violations.append(text()) }
    }
}
