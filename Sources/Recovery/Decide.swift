public import AgentModel

/// What to do about `event`, the state after it, and why. Total: every pair of phase and event has an answer, late and double news included.
///
/// A decision that does anything sets the one timer (or says that none is needed); one in which nothing happens has no actions and leaves
/// the state as it was. `chance` is a random number, used for nothing but the jitter of a wait.
/// Documentation: docs/recovery.md
public func decide(
    _ state: RecoveryState, on event: AgentEvent, at now: Moment, versions: [CheckpointSummary], settings: RecoverySettings, chance: UInt64
) -> Decision {
    var draft = Draft(state: state, now: now, versions: versions, settings: settings, chance: chance)
    if let moment = event.healthyUntil(now) { draft.ripen(until: moment) }
    let answer = draft.answer(event)
    return draft.decision(answer)
}

extension Draft {
    /// The transition table. No `default`: a new phase or event does not compile until it is answered here.
    mutating func answer(_ event: AgentEvent) -> Answer {
        switch (state.phase, event) {

        // MARK: The operator

        case (.stopped, .wantedRunning(let from)), (.stopped, .wantedRestart(let from)),
            (.waiting, .wantedRunning(let from)), (.waiting, .wantedRestart(let from)),
            (.coolingDown, .wantedRunning(let from)), (.coolingDown, .wantedRestart(let from)),
            (.calledForHelp, .wantedRunning(let from)), (.calledForHelp, .wantedRestart(let from)):
            return start(from)
        case (.launching, .wantedRunning), (.starting, .wantedRunning), (.running, .wantedRunning):
            // A start is no restart: what is up stays up, whatever it began from.
            return .nothing("it is up already")
        case (.ending(let origin, let since, let cause), .wantedRunning(let from)):
            return startWhenGone(from, origin: origin, since: since, cause: cause)
        case (.launching(let origin, _), .wantedRestart(let from)), (.starting(let origin, _), .wantedRestart(let from)):
            return restart(origin, from: from, checkpointFirst: false)
        case (.running(let origin, _, _), .wantedRestart(let from)):
            return restart(origin, from: from, checkpointFirst: from == nil)
        case (.ending(let origin, let since, .operatorSuspend(let version, _)), .wantedRestart(let from)):
            return restartWhenGone(from ?? .version(version), origin: origin, since: since)
        case (.ending(let origin, let since, _), .wantedRestart(let from)):
            return restartWhenGone(from, origin: origin, since: since)
        case (.stopped(let finished), .wantedStopped), (.stopped(let finished), .supervisorEnds):
            return stopped(with: finished ?? state.lastEnd ?? .exited(0), finished: finished)
        case (.waiting, .wantedStopped), (.coolingDown, .wantedStopped), (.calledForHelp, .wantedStopped),
            (.waiting, .supervisorEnds), (.coolingDown, .supervisorEnds), (.calledForHelp, .supervisorEnds):
            return stopped(with: state.lastEnd ?? .exited(0), finished: nil)
        case (.launching(let origin, _), .wantedStopped), (.starting(let origin, _), .wantedStopped),
            (.launching(let origin, _), .supervisorEnds), (.starting(let origin, _), .supervisorEnds):
            return stop(origin, checkpointFirst: false)
        case (.running(let origin, _, _), .wantedStopped), (.running(let origin, _, _), .supervisorEnds):
            return stop(origin, checkpointFirst: true)
        case (.ending(_, _, .operatorSuspend), .supervisorEnds):
            return .nothing("it is on its way to disk, and its supervisor ends when it is there")
        case (.ending(let origin, let since, let cause), .wantedStopped), (.ending(let origin, let since, let cause), .supervisorEnds):
            return stayStopped(origin, since: since, cause: cause)

        // MARK: On disk

        case (.starting(let origin, _), .wantedSuspended(let version, let until)),
            (.running(let origin, _, _), .wantedSuspended(let version, let until)):
            return suspend(origin, in: version, until: until)
        case (.suspended(let version, let since, _), .wantedSuspended(_, let until)):
            return suspendOtherwise(version, since: since, until: until)
        case (.ending, .wantedSuspended):
            return .nothing("it is being ended already")
        case (.launching, .wantedSuspended):
            return .nothing("it is just being started, from what is on disk")
        case (.stopped, .wantedSuspended), (.waiting, .wantedSuspended), (.coolingDown, .wantedSuspended),
            (.calledForHelp, .wantedSuspended):
            return .nothing("nothing of it runs: there is nothing to suspend")
        case (.suspended(let version, _, _), .wantedRunning(let from)), (.suspended(let version, _, _), .wantedRestart(let from)):
            return resume(version, from: from)
        case (.suspended(let version, _, .some(let until)), .resumeDue):
            return resume(version, at: until)
        case (.suspended(_, _, nil), .resumeDue):
            return .nothing("a time of before: it is suspended until somebody wants it up")
        case (.suspended, .wantedStopped):
            return stopped(with: .exited(0), finished: nil)
        case (.suspended(let version, _, let until), .supervisorEnds):
            return leaveSuspended(version, until: until)
        case (.stopped, .resumeDue), (.launching, .resumeDue), (.starting, .resumeDue), (.running, .resumeDue), (.ending, .resumeDue),
            (.waiting, .resumeDue), (.coolingDown, .resumeDue), (.calledForHelp, .resumeDue):
            return .nothing("a time of before: it is not suspended")

        // MARK: A new supervisor looks around

        case (.stopped, .adopted(let from)), (.waiting, .adopted(let from)), (.coolingDown, .adopted(let from)),
            (.calledForHelp, .adopted(let from)):
            return adoptUnexpected(from)
        case (.launching, .adopted(let from)):
            return adopt(from, as: .running(from: from, since: now, healthySince: nil))
        case (.starting, .adopted(let from)):
            return adopt(from, as: .starting(from: from, since: now))
        case (.running(let origin, let since, let healthySince), .adopted(let from)):
            return adopt(
                from, as: .running(from: from, since: origin == from ? since : now, healthySince: origin == from ? healthySince : nil))
        case (.ending(_, _, let cause), .adopted):
            return endAgain(cause, because: "it was being ended when the former supervisor went")
        case (.suspended, .adopted(let from)):
            return adoptResumed(from)
        case (.launching(let origin, let since), .foundLost), (.starting(let origin, let since), .foundLost):
            return died(of: .lost, end: .unknown, Incarnation(origin, since), done: false)
        case (.running(let origin, let since, let healthySince), .foundLost):
            return died(of: .lost, end: .unknown, Incarnation(origin, since, healthySince), done: false)
        case (.ending(_, _, let cause), .foundLost):
            return gone(.unknown, done: false, cause: cause)
        case (.stopped, .foundLost), (.waiting, .foundLost), (.coolingDown, .foundLost), (.calledForHelp, .foundLost):
            return .act("nothing ran, so nothing is lost: going on as before")
        case (.suspended(let version, _, let until), .foundLost):
            return staySuspended(version, until: until)

        // MARK: Launching

        case (.launching(let origin, _), .launched):
            return launched(origin)
        case (.launching(let origin, let since), .launchFailed(let fault, let version)),
            (.starting(let origin, let since), .launchFailed(let fault, let version)):
            return launchFailed(fault, version: version, Incarnation(origin, since))
        case (.ending(_, _, let cause), .launched):
            return endAgain(cause, because: "it came up after it was told to end")
        case (.ending(_, _, let cause), .launchFailed):
            return gone(nil, done: false, cause: cause)
        case (.starting, .launched), (.running, .launched):
            return .nothing("double news: it is known to be up")
        case (.running, .launchFailed):
            // It has shown life since. Launching again on this word could make two of it.
            return .nothing("late news: it runs")
        case (.stopped, .launched), (.waiting, .launched), (.coolingDown, .launched), (.calledForHelp, .launched),
            (.stopped, .launchFailed), (.waiting, .launchFailed), (.coolingDown, .launchFailed), (.calledForHelp, .launchFailed),
            (.suspended, .launched), (.suspended, .launchFailed):
            return .nothing("late news of a launch: nothing of it is left")

        // MARK: Signs of life

        case (.launching(let origin, _), .signOfLife):
            // The agent was quicker than the news of its launch. It says this only once, so it counts.
            return alive(origin, since: now)
        case (.starting(let origin, let since), .signOfLife):
            return alive(origin, since: since)
        case (.launching(let origin, _), .progressed):
            return progressed(Incarnation(origin, now))
        case (.starting(let origin, let since), .progressed):
            return progressed(Incarnation(origin, since))
        case (.running(let origin, let since, let healthySince), .progressed):
            return progressed(Incarnation(origin, since, healthySince))
        case (.launching(let origin, _), .stored(let version)):
            return storedLate(version, launching: origin)
        case (.starting(let origin, let since), .stored(let version)):
            return stored(version, Incarnation(origin, since), starting: true)
        case (.running(let origin, let since, let healthySince), .stored(let version)):
            return stored(version, Incarnation(origin, since, healthySince), starting: false)
        case (.ending(let origin, let since, let cause), .stored(let version)):
            return storedWhileEnding(version, origin: origin, since: since, cause: cause)
        case (.running, .signOfLife):
            return .nothing("double news: it is known to live")
        case (.ending, .signOfLife), (.ending, .progressed):
            return .nothing("late news: it is being ended")
        case (.stopped, .signOfLife), (.waiting, .signOfLife), (.coolingDown, .signOfLife), (.calledForHelp, .signOfLife),
            (.stopped, .progressed), (.waiting, .progressed), (.coolingDown, .progressed), (.calledForHelp, .progressed),
            (.suspended, .signOfLife), (.suspended, .progressed):
            return .nothing("late news of an incarnation that is gone")
        case (.stopped, .stored), (.waiting, .stored), (.coolingDown, .stored), (.calledForHelp, .stored):
            return .nothing("late news: the version counts when the next start is chosen")
        case (.suspended, .stored):
            return .nothing("late news: it comes back from the version it is suspended in")

        // MARK: Trouble

        case (.launching(let origin, let since), .ended(let end, let done)), (.starting(let origin, let since), .ended(let end, let done)):
            return died(of: .ended(end), end: end, Incarnation(origin, since), done: done)
        case (.running(let origin, let since, let healthySince), .ended(let end, let done)):
            return died(of: .ended(end), end: end, Incarnation(origin, since, healthySince), done: done)
        case (.ending(_, _, let cause), .ended(let end, let done)):
            return gone(end, done: done, cause: cause)
        case (.starting(let origin, let since), .missedHeartbeat(let silence)):
            return end(.missedHeartbeat(silentFor: silence), Incarnation(origin, since), healthyUntil: now - silence)
        case (.running(let origin, let since, let healthySince), .missedHeartbeat(let silence)):
            return end(.missedHeartbeat(silentFor: silence), Incarnation(origin, since, healthySince), healthyUntil: now - silence)
        case (.starting(let origin, let since), .reportedFailure(let text)):
            return end(.reportedFailure(text), Incarnation(origin, since), healthyUntil: now)
        case (.running(let origin, let since, let healthySince), .reportedFailure(let text)):
            return end(.reportedFailure(text), Incarnation(origin, since, healthySince), healthyUntil: now)
        case (.stopped, .ended), (.waiting, .ended), (.coolingDown, .ended), (.calledForHelp, .ended), (.suspended, .ended):
            return .nothing("double news: it is known to be gone")
        case (.launching, .missedHeartbeat), (.launching, .reportedFailure):
            return .nothing("late news of the incarnation before: a new one is being launched")
        case (.ending, .missedHeartbeat), (.ending, .reportedFailure):
            return .nothing("late news: it is being ended")
        case (.stopped, .missedHeartbeat), (.waiting, .missedHeartbeat), (.coolingDown, .missedHeartbeat),
            (.calledForHelp, .missedHeartbeat), (.stopped, .reportedFailure), (.waiting, .reportedFailure),
            (.coolingDown, .reportedFailure), (.calledForHelp, .reportedFailure), (.suspended, .missedHeartbeat),
            (.suspended, .reportedFailure):
            return .nothing("late news of an incarnation that is gone")

        // MARK: The timer

        case (.stopped, .timerFired), (.suspended, .timerFired):
            return .nothing("a timer of before: nothing is planned")
        case (.launching, .timerFired), (.running, .timerFired), (.ending, .timerFired):
            return look()
        case (.starting(let origin, let since), .timerFired):
            return lookForLife(Incarnation(origin, since))
        case (.waiting(let origin, let until), .timerFired):
            return launchWhenDue(origin, at: until)
        case (.coolingDown(let until), .timerFired):
            return goOnWhenDue(at: until)
        case (.calledForHelp(_, let retryAt), .timerFired):
            return retryWhenDue(at: retryAt)
        }
    }
}

extension AgentEvent {
    /// Until when a running agent was certainly healthy, as this event tells. nil: it tells nothing, for nobody knows since when it is gone.
    func healthyUntil(_ now: Moment) -> Moment? {
        if case .foundLost = self { return nil }
        if case .missedHeartbeat(let silence) = self { return now - silence }
        return now
    }
}
