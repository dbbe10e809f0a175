internal import AgentModel

// What time alone brings: probation survived, waits that are over, trouble that lasts too long.

extension Draft {
    // MARK: Probation

    /// Gives a running agent and its versions what they have earned by `moment`. Done before every event, so that a late timer loses nothing.
    mutating func ripen(until moment: Moment) {
        guard case .running(let origin, let since, let healthySince) = state.phase else { return }
        let before = actions.count
        if moment - since >= settings.probation { survive(origin, since: since, healthySince: healthySince, until: moment) }
        proveWatched(until: moment)
        if actions.count > before, ripened == nil { ripened = "healthy for \(words(settings.probation))" }
    }

    private mutating func survive(_ origin: Origin, since: Moment, healthySince: Moment?, until moment: Moment) {
        state.phase = .running(from: origin, since: since, healthySince: healthySince ?? since)
        if moment - since >= settings.backOffResetAfter { state.cleanStarts = 0 }
        var reason = "it stayed healthy for \(words(settings.probation))"
        if case .version(let version) = origin {
            prove(version, because: "restored, and healthy for \(words(settings.probation))")
            raiseSound(to: version)
            reason += " after a restore of version \(version)"
        }
        if state.troubleSince != nil || healthySince == nil { ripened = "the probation is over: \(reason)" }
        closeTrouble(because: reason)
    }

    private mutating func proveWatched(until moment: Moment) {
        for stored in state.watched where moment - stored.at >= settings.probation {
            prove(stored.version, because: "healthy for \(words(settings.probation)) after the cut")
            raiseSound(to: stored.version)
        }
        state.watched.removeAll { moment - $0.at >= settings.probation }
    }

    private mutating func prove(_ version: VersionNumber, because reason: String) {
        guard let summary = summary(of: version), summary.kind == .checkpoint, summary.standing != .proven, summary.standing != .broken
        else {
            return
        }
        actions.append(.mark(version, .proven, because: reason))
    }

    /// Remembers a new version until it is a probation old. Of versions that follow each other fast only some are kept, the newest always.
    mutating func watch(_ version: VersionNumber) {
        guard state.watched.last.map({ $0.version < version }) ?? true else { return }
        let spacing = Duration.nanoseconds(settings.probation.nanoseconds / 8)
        if let earlier = state.watched.dropLast().last, now - earlier.at < spacing { state.watched.removeLast() }
        state.watched = Array((state.watched + [StoredVersion(version: version, at: now)]).suffix(Bound.watched))
    }

    // MARK: The timer

    mutating func look() -> Answer {
        if callIfOverdue() { return .act("calling a person: the trouble has lasted \(troubleLasted())") }
        return .act(ripened ?? "nothing is due yet")
    }

    mutating func lookForLife(_ life: Incarnation) -> Answer {
        guard now - life.since >= settings.startWithin else { return look() }
        _ = callIfOverdue()
        return end(.noSignOfLife(after: now - life.since), life, healthyUntil: life.since)
    }

    mutating func launchWhenDue(_ origin: Origin, at due: Moment) -> Answer {
        guard now >= due else { return look() }
        _ = callIfOverdue()
        guard stillUsable(origin) else { return .act(launchAfterPause(because: "the wait is over")) }
        return .act(launch(origin, because: "the wait is over"))
    }

    mutating func goOnWhenDue(at due: Moment) -> Answer {
        guard now >= due else { return look() }
        _ = callIfOverdue()
        return .act(launchAfterPause(because: "the cool-down is over"))
    }

    /// A person was called and has not come: a start once in a while, as the settings say. What nothing speaks against goes before a clean
    /// start, which would begin the task anew.
    mutating func retryWhenDue(at due: Moment?) -> Answer {
        guard let due, now >= due else { return look() }
        return .act(launchAfterPause(because: "a person was called, this is the next try"))
    }

    private mutating func callIfOverdue() -> Bool {
        guard let due = escalationTime(), now >= due else { return false }
        callOnce()
        return true
    }

    private func troubleLasted() -> String { state.troubleSince.map { words(now - $0) } ?? "too long" }
}
