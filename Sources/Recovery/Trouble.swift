internal import AgentModel

// What is remembered of a failure: the open trouble, the death, and whom it speaks against.

extension Draft {
    /// Opens the trouble, if there is none yet.
    mutating func openTrouble(_ fault: Fault) {
        guard state.troubleSince == nil else { return }
        state.troubleSince = now
        state.passedOverBefore = state.passedOver
        actions.append(.openIncident(fault))
    }

    /// Ends the trouble, if there is one, and forgets what was tried.
    mutating func closeTrouble(because reason: String) {
        state.deaths = []
        state.restoreAttempts = []
        state.tried = []
        state.coolDowns = 0
        state.lastCoolDown = nil
        state.escalated = false
        state.exhausted = false
        state.passedOverBefore = nil
        guard state.troubleSince != nil else { return }
        state.troubleSince = nil
        actions.append(.closeIncident(because: reason))
    }

    /// Writes the failure down and blames the version it began from, if the life was short and nothing came of it.
    /// - Parameter healthyUntil: versions committed by then are from before this trouble.
    mutating func blame(_ fault: Fault, _ life: Incarnation, healthyUntil: Moment) {
        let fault = fault.clipped
        openTrouble(fault)
        raiseSound(to: state.watched.last { $0.at <= healthyUntil }?.version)
        if case .missedHeartbeat = fault { suspectImages(of: life, since: healthyUntil) }
        (state.watched, state.images) = ([], [])
        let afterProgress = hasProgressed(life, fault, healthyUntil: healthyUntil)
        if afterProgress, now - life.since >= settings.backOffResetAfter { state.cleanStarts = 0 }
        let isFirstOfItsKind = !state.deaths.contains {
            $0.fault == fault && $0.origin == life.origin && now - $0.at < settings.flappingWithin
        }
        remember(Death(at: now, fault: fault, origin: life.origin, afterProgress: afterProgress))
        let isExcused = fault.comesFromOutside && isFirstOfItsKind
        if !afterProgress, case .version(let version) = life.origin, fault.speaksAgainstVersion, !isExcused {
            state.restoreAttempts = Array((state.restoreAttempts + [life.since]).suffix(Bound.count))
            suspect(version, because: "died \(words(now - life.since)) after a restore: \(fault.sentence)")
        }
    }

    /// `version` failed in this trouble and is not tried in it again.
    mutating func rememberTried(_ version: VersionNumber) {
        state.tried.removeAll { $0 == version }
        state.tried = Array((state.tried + [version]).suffix(Bound.tried))
    }

    mutating func raiseSound(to version: VersionNumber?) {
        guard let version else { return }
        state.soundUpTo = max(version, state.soundUpTo ?? version)
    }

    // MARK: Parts

    /// Of a silent agent a version that is cut of it is no progress, and a probation in which nothing was heard of it is none. (A beat is noted
    /// a little before what is decided about it.)
    private func hasProgressed(_ life: Incarnation, _ fault: Fault, healthyUntil: Moment) -> Bool {
        guard let healthySince = life.healthySince else { return false }
        guard case .missedHeartbeat = fault else { return true }
        guard healthySince <= healthyUntil + .seconds(1) else { return false }
        return healthySince > life.since || healthyUntil - life.since >= settings.probation
    }

    /// An image of an agent that was silent already would go on being so. What it handed over itself it was well enough for.
    private mutating func suspectImages(of life: Incarnation, since healthyUntil: Moment) {
        guard let first = state.images.firstIndex(where: { $0.at > healthyUntil }) else { return }
        var oldest = state.images[first].version
        // Older ones may have been forgotten.
        if first == 0, state.images.count == Bound.watched, case .version(let origin) = life.origin { oldest = origin }
        for version in versions where version.version >= oldest && version.kind == .checkpoint && version.isImageOnly {
            suspect(version.version, because: "its processes were cut after they had fallen silent")
        }
    }

    private mutating func remember(_ death: Death) {
        let limit = max(32, min(settings.flappingDeaths, Bound.count))
        state.deaths = Array((state.deaths + [death]).suffix(limit))
    }

    private mutating func suspect(_ version: VersionNumber, because reason: String) {
        rememberTried(version)
        guard let summary = summary(of: version), summary.isKnownGood else { return }
        actions.append(.mark(version, .suspect, because: reason))
    }
}

extension CheckpointSummary {
    var isImageOnly: Bool { parts.process && !parts.cooperative }
}

extension Fault {
    /// A launch that failed for outside reasons and a supervisor that went say nothing about the version.
    var speaksAgainstVersion: Bool {
        switch self {
        case .ended, .missedHeartbeat, .noSignOfLife, .reportedFailure: true
        case .couldNotStart, .lost: false
        }
    }

    /// A process does not send SIGKILL to itself: somebody did, and once that says nothing about the version. Twice, it may be the kernel
    /// of a host that cannot tell us that memory ran out.
    var comesFromOutside: Bool { self == .ended(.signaled(9, outOfMemory: false)) }

    /// Whether a death of this kind, without progress, counts as flapping. A lost supervisor is not the agent's doing.
    var countsAsFlapping: Bool {
        switch self {
        case .ended, .missedHeartbeat, .noSignOfLife, .reportedFailure, .couldNotStart: true
        case .lost: false
        }
    }

    /// The state stays small, whatever the agent says.
    var clipped: Fault {
        switch self {
        case .couldNotStart(let text): .couldNotStart(String(text.prefix(Bound.text)))
        case .reportedFailure(let text): .reportedFailure(String(text.prefix(Bound.text)))
        case .ended, .missedHeartbeat, .noSignOfLife, .lost: self
        }
    }
}
