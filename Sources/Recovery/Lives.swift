internal import AgentModel

// One incarnation: up, alive, healthy, and its end.

extension Draft {
    // MARK: Coming up

    mutating func launched(_ origin: Origin) -> Answer {
        guard asksForLife(origin) else {
            state.phase = .running(from: origin, since: now, healthySince: nil)
            return .act("running \(words(origin)): its process is up, and nothing more is asked of it")
        }
        state.phase = .starting(from: origin, since: now)
        return .act("up \(words(origin)): waiting \(words(settings.startWithin)) for its first sign of life")
    }

    mutating func alive(_ origin: Origin, since: Moment) -> Answer {
        state.phase = .running(from: origin, since: since, healthySince: nil)
        return .act("running \(words(origin)): it gave a sign of life")
    }

    mutating func adopt(_ origin: Origin, as phase: Phase) -> Answer {
        state.phase = phase
        return .act("going on with it as it is: it outlived its former supervisor")
    }

    /// The journal says that nothing runs, yet something does: the last words of the former supervisor were not written.
    mutating func adoptUnexpected(_ origin: Origin) -> Answer {
        guard state.wanted == .running else {
            state.phase = .ending(from: origin, since: now, cause: .operatorStop)
            actions.append(.stop(checkpointFirst: true, within: settings.stopWithin))
            return .act("stopping it: it was found alive and the operator wants it down")
        }
        return adopt(origin, as: .running(from: origin, since: now, healthySince: nil))
    }

    private func asksForLife(_ origin: Origin) -> Bool {
        switch (settings.signOfLife, origin) {
        case (.always, _): true
        case (.never, _): false
        case (.auto, .version(let version)): summary(of: version)?.parts.cooperative ?? false
        case (.auto, .clean):
            versions.filter { $0.kind == .checkpoint }.max { $0.version < $1.version }?.parts.cooperative ?? false
        }
    }

    // MARK: Health

    mutating func progressed(_ life: Incarnation) -> Answer {
        guard life.healthySince == nil else { return .nothing("it is known to make progress") }
        prosper(life)
        return .act("running \(words(life.origin)): it made progress")
    }

    mutating func stored(_ version: VersionNumber, _ life: Incarnation, starting: Bool) -> Answer {
        let summary = summary(of: version)
        if summary?.isKnownGood ?? true { watch(version) }
        if summary?.isImageOnly ?? false {
            state.images = Array((state.images + [StoredVersion(version: version, at: now)]).suffix(Bound.watched))
        }
        // A forced cut is our doing, and so is one without the agent's own state while we still wait for its first word.
        let shown = !(summary?.forced ?? false) && (!starting || (summary?.parts.cooperative ?? true))
        guard shown, life.healthySince == nil else { return .act("version \(version) is stored") }
        prosper(life)
        return .act("version \(version) is stored: it made progress")
    }

    /// The cut was taken of the incarnation before; the one being launched does not descend from it.
    mutating func storedLate(_ version: VersionNumber, launching origin: Origin) -> Answer {
        passOver(origin, through: max(version, versions.map(\.version).max() ?? version))
        return .act("version \(version) came too late for this launch")
    }

    /// The last checkpoint before a restart is what the restart goes on from.
    mutating func storedWhileEnding(_ version: VersionNumber, origin: Origin, since: Moment, cause: EndingCause) -> Answer {
        guard case .operatorRestart(let target) = cause, state.followsCheckpoint, target.precedes(version),
            summary(of: version)?.isKnownGood ?? false
        else { return .nothing("late news: it is being ended") }
        state.phase = .ending(from: origin, since: since, cause: .operatorRestart(from: .version(version)))
        return .act("version \(version) is stored: the restart goes on from it")
    }

    private mutating func prosper(_ life: Incarnation) {
        state.phase = .running(from: life.origin, since: life.since, healthySince: now)
        state.restoreAttempts = []
        if case .version(let version) = life.origin { state.tried.removeAll { $0 == version } }
    }

    // MARK: Ending it

    /// It runs and must not go on like this.
    mutating func end(_ fault: Fault, _ life: Incarnation, healthyUntil: Moment) -> Answer {
        blame(fault, life, healthyUntil: healthyUntil)
        state.phase = .ending(from: life.origin, since: now, cause: .fault(fault.clipped))
        switch fault {
        case .reportedFailure:
            // It still talks, so it may end by itself.
            actions.append(.stop(checkpointFirst: false, within: settings.stopWithin))
            return .act("stopping it: \(fault.clipped.sentence)")
        case .ended, .missedHeartbeat, .noSignOfLife, .couldNotStart, .lost:
            actions.append(.kill)
            return .act("killing it: \(fault.sentence)")
        }
    }

    mutating func endAgain(_ cause: EndingCause, because why: String) -> Answer {
        switch cause {
        case .operatorStop, .operatorRestart: actions.append(.stop(checkpointFirst: false, within: settings.stopWithin))
        // What it is, is on disk: whatever else it did would be done twice.
        case .fault, .operatorSuspend: actions.append(.kill)
        }
        return .act("ending it: \(why)")
    }

    // MARK: Gone

    /// It ended by itself.
    mutating func died(of fault: Fault, end: ProcessEnd, _ life: Incarnation, done: Bool) -> Answer {
        state.lastEnd = end
        if done || end == .exited(0), let answer = ended(well: end, done: done) { return answer }
        blame(fault, life, healthyUntil: now)
        return recover()
    }

    /// What was being ended is gone. `end` nil: it never came up.
    mutating func gone(_ end: ProcessEnd?, done: Bool, cause: EndingCause) -> Answer {
        (state.watched, state.images) = ([], [])
        if let end { state.lastEnd = end }
        switch cause {
        case .operatorSuspend(let version, let until):
            return suspended(end, done: done, in: version, until: until)
        case .operatorStop:
            return stopped(with: end ?? state.lastEnd ?? .exited(0), finished: done ? end : nil)
        case .operatorRestart(let from):
            return .act(launch(from, because: "the operator wants a restart"))
        case .fault(.reportedFailure):
            // Many a program answers SIGTERM with status 0: no sign that its work is done.
            return recover()
        case .fault:
            if let end, done || end == .exited(0), let answer = ended(well: end, done: done) { return answer }
            return recover()
        }
    }

    /// nil: the restart policy does not take it for an end.
    private mutating func ended(well end: ProcessEnd, done: Bool) -> Answer? {
        let why = done ? "its work is done" : "it exited with status 0"
        switch settings.restart {
        case .onFailure, .never:
            closeTrouble(because: why)
            return finish(end, because: why)
        case .always:
            // A task that is done is begun anew; an exit without that word is a death like any other.
            guard done else { return nil }
            closeTrouble(because: why)
            return .act(wait(toLaunch: .clean, because: "\(why), and restart is 'always'"))
        }
    }

    mutating func launchFailed(_ fault: Fault, version: VersionNumber?, _ life: Incarnation) -> Answer {
        guard let version else {
            blame(fault, life, healthyUntil: now)
            return recover()
        }
        // The version was at fault, not the agent: neither a death nor a failed restore is counted. Each version fails so only once.
        openTrouble(fault.clipped)
        rememberTried(version)
        return .act(launchNext(because: "version \(version) could not be used (\(fault.clipped.sentence))"))
    }
}

extension Origin {
    fileprivate func precedes(_ version: VersionNumber) -> Bool {
        switch self {
        case .clean: true
        case .version(let own): own < version
        }
    }
}
