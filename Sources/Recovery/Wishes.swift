internal import AgentModel

// The operator's wishes. They go before everything the ladder had planned, and begin it anew.

extension Draft {
    mutating func start(_ from: Origin?) -> Answer {
        let (origin, why) = chosenStart(from)
        beginAnew(because: "the operator started it")
        return .act(launch(origin, because: why))
    }

    /// What runs is asked to end, and is started from there once it is gone.
    mutating func restart(_ origin: Origin, from: Origin?, checkpointFirst: Bool) -> Answer {
        let (target, _) = chosenStart(from)
        beginAnew(because: "the operator restarted it")
        state.phase = .ending(from: origin, since: now, cause: .operatorRestart(from: target))
        state.followsCheckpoint = from == nil
        actions.append(.stop(checkpointFirst: checkpointFirst, within: settings.stopWithin))
        return .act("stopping it, then starting \(words(target)): the operator wants a restart")
    }

    mutating func restartWhenGone(_ from: Origin?, origin: Origin, since: Moment) -> Answer {
        let (target, _) = chosenStart(from)
        beginAnew(because: "the operator restarted it")
        state.phase = .ending(from: origin, since: since, cause: .operatorRestart(from: target))
        state.followsCheckpoint = from == nil
        return .act("it is being ended already; then starting \(words(target)): the operator wants a restart")
    }

    mutating func startWhenGone(_ from: Origin?, origin: Origin, since: Moment, cause: EndingCause) -> Answer {
        switch cause {
        case .operatorStop:
            return restartWhenGone(from, origin: origin, since: since)
        case .operatorSuspend(let version, _):
            return restartWhenGone(from ?? .version(version), origin: origin, since: since)
        case .operatorRestart, .fault:
            guard let from else { return .nothing("it is started again as soon as it is gone") }
            return restartWhenGone(from, origin: origin, since: since)
        }
    }

    mutating func stop(_ origin: Origin, checkpointFirst: Bool) -> Answer {
        state.wanted = .stopped
        state.phase = .ending(from: origin, since: now, cause: .operatorStop)
        actions.append(.stop(checkpointFirst: checkpointFirst, within: settings.stopWithin))
        return .act("stopping it (it has \(words(settings.stopWithin))): the operator wants it down")
    }

    mutating func stayStopped(_ origin: Origin, since: Moment, cause: EndingCause) -> Answer {
        if case .operatorStop = cause { return .nothing("it is being stopped already") }
        state.wanted = .stopped
        state.phase = .ending(from: origin, since: since, cause: .operatorStop)
        return .act("it is being ended and stays down: the operator wants it down")
    }

    /// Nothing runs, and the operator wants it so.
    mutating func stopped(with end: ProcessEnd, finished: ProcessEnd?) -> Answer {
        state.wanted = .stopped
        closeTrouble(because: "the operator stopped it")
        state.cleanStarts = 0
        state.phase = .stopped(finished: finished)
        actions.append(.finish(end))
        return .act("stopped: the operator wants it down")
    }

    // MARK: Parts

    mutating func beginAnew(because reason: String) {
        state.wanted = .running
        closeTrouble(because: reason)
        state.cleanStarts = 0
    }

    /// The operator's word, else the newest known-good, else the newest the ladder left behind in this trouble, else clean. A run that ended
    /// well is not continued: its task is done.
    private func chosenStart(_ from: Origin?) -> (Origin, why: String) {
        if let from { return (from, "the operator asked for it") }
        if case .stopped(finished: .some(.exited(0))) = state.phase { return (.clean, "its last run ended well, this is a new one") }
        switch choose(doubting: false, forgetting: true) {
        case .restore(let version): return (.version(version.version), "the operator wants it up")
        case .clean:
            // Nobody mends the cause and asks for a restart in order to begin from nothing.
            guard let left = leftInThisTrouble() else { return (.clean, "the operator wants it up and there is no version to go on from") }
            return (.version(left.version), "the operator wants it up, and the ladder had passed it over")
        }
    }
}
