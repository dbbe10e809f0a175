internal import AgentModel

/// A decision in the making: what it is taken from, and the state and actions so far. The leaves of the table are its functions.
struct Draft {
    let before: RecoveryState
    var state: RecoveryState
    let now: Moment
    let versions: [CheckpointSummary]
    let settings: RecoverySettings
    let chance: UInt64
    var actions: [AgentAction] = []
    /// What a running agent earned by time alone, said when nothing else is.
    var ripened: String?

    init(state: RecoveryState, now: Moment, versions: [CheckpointSummary], settings: RecoverySettings, chance: UInt64) {
        self.before = state
        self.state = state
        self.now = now
        self.versions = versions
        self.settings = settings
        self.chance = chance
    }
}

/// What a leaf of the table gives: a reason, and whether anything is done.
enum Answer {
    /// The timer is set anew, even if there is no other action.
    case act(String)
    case nothing(String)
}

/// One life of the agent, as the phase tells it.
struct Incarnation {
    var origin: Origin
    var since: Moment
    /// nil: neither progress nor a survived probation.
    var healthySince: Moment?
    init(_ origin: Origin, _ since: Moment, _ healthySince: Moment? = nil) {
        self.origin = origin
        self.since = since
        self.healthySince = healthySince
    }
}

extension Draft {
    consuming func decision(_ answer: Answer) -> Decision {
        switch answer {
        case .nothing(let reason):
            guard !actions.isEmpty || state != before else { return Decision(state: state, actions: [], reason: reason) }
            return Decision(state: state, actions: actions + [.setTimer(nextWake())], reason: ripened ?? reason)
        case .act(let reason):
            // The end of the supervisor comes last: nothing after it would be done.
            var ordered = actions.filter { !$0.isFinish }
            ordered.append(.setTimer(nextWake()))
            ordered += actions.filter(\.isFinish)
            return Decision(state: state, actions: ordered, reason: reason)
        }
    }

    /// The earliest time at which something is due by itself, never before now. Launching and ending have none: their performer answers
    /// within limits of its own.
    func nextWake() -> Moment? {
        var due: [Moment] = []
        switch state.phase {
        // The end of a suspension is a time of the calendar, which its performer watches.
        case .stopped, .suspended: return nil
        case .launching, .ending: break
        case .starting(_, let since): due.append(since + settings.startWithin)
        case .running(_, let since, _):
            // What was due until now has ripened already.
            due += ([since] + state.watched.map(\.at)).map { $0 + settings.probation }.filter { $0 > now }
        case .waiting(_, let until), .coolingDown(let until): due.append(until)
        case .calledForHelp(_, let retryAt): if let retryAt { due.append(retryAt) }
        }
        if let escalation = escalationTime() { due.append(escalation) }
        return due.min().map { max($0, now) }
    }

    /// When trouble that goes on calls a person, if that is still to come.
    func escalationTime() -> Moment? {
        guard let since = state.troubleSince, let limit = settings.escalateAfter, !state.escalated, state.wanted == .running else {
            return nil
        }
        return since + limit
    }

    func summary(of version: VersionNumber) -> CheckpointSummary? { versions.first { $0.version == version } }
}

extension AgentAction {
    fileprivate var isFinish: Bool {
        if case .finish = self { true } else { false }
    }
}

/// Bounds of what the state remembers, so that it stays small whatever happens.
enum Bound {
    static let tried = 64
    static let spans = 8
    static let watched = 16
    /// Counts in settings above this are taken as this.
    static let count = 1000
    /// Characters of a sentence somebody else wrote.
    static let text = 500
}
