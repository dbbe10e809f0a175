internal import AgentModel

// The rungs: restore, walk back, start clean after a wait, cool down, call a person.

extension Draft {
    /// Nothing runs after a failure: which rung comes next.
    mutating func recover() -> Answer {
        guard state.wanted == .running else { return stopped(with: state.lastEnd ?? .unknown, finished: nil) }
        guard let death = state.deaths.last else { return .act(launchNext(because: "it is gone")) }
        let why = death.fault.sentence
        if settings.restart == .never { return finish(state.lastEnd ?? .unknown, because: "\(why), and restart is 'never'") }
        guard !death.afterProgress, death.fault.countsAsFlapping else { return .act(launchNext(because: why)) }
        if let end = ladderEnd() { return callForHelp(because: "\(why), \(end)") }
        if flaps() { return coolDown(because: why) }
        return .act(launchNext(because: why))
    }

    /// The next start by itself: the version again when only its launch failed, else the latest known-good, else clean after a wait.
    mutating func launchNext(because why: String) -> String {
        if let again = unblamedOrigin() { return wait(toLaunch: again, because: why) }
        switch choose(doubting: doubts()) {
        case .restore(let version): return launch(.version(version.version), because: why)
        case .clean(let reason): return wait(toLaunch: .clean, because: "\(reason); \(why)")
        }
    }

    /// The next start now, because a pause is over.
    mutating func launchAfterPause(because why: String) -> String {
        if let again = unblamedOrigin() { return launch(again, because: why) }
        switch choose(doubting: doubts()) {
        case .restore(let version): return launch(.version(version.version), because: why)
        case .clean(let reason):
            countStart()
            return launch(.clean, because: "\(why) and \(reason)")
        }
    }

    /// Where a launch failed for outside reasons nothing speaks against what it was from: it is tried again.
    func unblamedOrigin() -> Origin? {
        guard let death = state.deaths.last, case .couldNotStart = death.fault else { return nil }
        return stillUsable(death.origin) ? death.origin : nil
    }

    func stillUsable(_ origin: Origin) -> Bool {
        switch origin {
        case .clean: true
        case .version(let version): !state.tried.contains(version) && (summary(of: version)?.isKnownGood ?? false)
        }
    }

    mutating func launch(_ origin: Origin, because why: String) -> String {
        passOver(origin, through: versions.map(\.version).max())
        if state.troubleSince == nil, case .version(let version) = origin { raiseSound(to: version) }
        (state.watched, state.images) = ([], [])
        state.lastEnd = nil
        state.followsCheckpoint = false
        state.phase = .launching(from: origin, since: now)
        actions.append(.launch(from: origin))
        return "\(doing(origin)): \(why)"
    }

    // MARK: Waiting

    mutating func wait(toLaunch origin: Origin, because why: String) -> String {
        let delay = backOff()
        countStart()
        guard delay > .zero else { return launch(origin, because: why) }
        state.phase = .waiting(toLaunch: origin, until: now + delay)
        return "\(doing(origin)) in \(words(delay)): \(why)"
    }

    private mutating func countStart() { state.cleanStarts = min(state.cleanStarts + 1, Bound.count) }

    /// initial × factor^n, at most the maximum, and a random part of it on top.
    private func backOff() -> Duration {
        var seconds = settings.backOffInitial.inSeconds
        let longest = settings.backOffMaximum.inSeconds
        for _ in 0..<state.cleanStarts where seconds > 0 && seconds < longest { seconds *= max(1, settings.backOffFactor) }
        let drawn = Double(chance >> 11) / Double(1 << 53)
        return .fractional(seconds: min(max(seconds, 0), max(longest, 0)) * (1 + max(0, settings.backOffJitter) * drawn))
    }

    // MARK: Cool-down

    private func flaps() -> Bool { flappingDeaths() >= max(1, min(settings.flappingDeaths, Bound.count)) }

    private func flappingDeaths() -> Int {
        state.deaths.count { death in
            !death.afterProgress && death.fault.countsAsFlapping && now - death.at < settings.flappingWithin
                && (state.lastCoolDown.map { death.at > $0 } ?? true)
        }
    }

    private mutating func coolDown(because why: String) -> Answer {
        let deaths = flappingDeaths()
        state.coolDowns = min(state.coolDowns + 1, Bound.count)
        state.lastCoolDown = now
        state.phase = .coolingDown(until: now + settings.coolDown)
        return .act(
            "cooling down for \(words(settings.coolDown)): \(counted(deaths, "death")) within \(words(settings.flappingWithin)) without progress; \(why)"
        )
    }

    // MARK: Help

    /// Why the ladder has no rung left. nil: it has.
    private func ladderEnd() -> String? {
        if state.exhausted { return "and the ladder has no rung left" }
        if state.coolDowns > 0, state.coolDowns >= settings.coolDownsBeforeEscalation {
            return "again after \(counted(state.coolDowns, "cool-down"))"
        }
        if settings.coolDownsBeforeEscalation <= 0, flaps() {
            return "the last of \(counted(flappingDeaths(), "death")) within \(words(settings.flappingWithin)) without progress"
        }
        if state.cleanStarts >= max(1, settings.cleanStartsBeforeEscalation) {
            return "after \(counted(state.cleanStarts, "start")) with back-off"
        }
        return nil
    }

    private mutating func callForHelp(because why: String) -> Answer {
        state.exhausted = true
        let said = state.escalated ? "a person was called already" : "calling a person"
        callOnce()
        switch settings.whenExhausted {
        case .park:
            state.phase = .calledForHelp(since: now, retryAt: nil)
            return .act("\(said) and leaving it down: \(why)")
        case .retry:
            state.phase = .calledForHelp(since: now, retryAt: now + settings.retryEvery)
            return .act("\(said), next start in \(words(settings.retryEvery)): \(why)")
        }
    }

    mutating func callOnce() {
        guard !state.escalated else { return }
        state.escalated = true
        actions.append(.escalate)
    }

    // MARK: The end

    /// The agent is done for good, as its restart policy says.
    mutating func finish(_ end: ProcessEnd, because why: String) -> Answer {
        state.phase = .stopped(finished: end)
        actions.append(.finish(end))
        return .act("finished: \(why)")
    }
}
