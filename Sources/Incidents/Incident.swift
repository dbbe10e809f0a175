public import AgentModel
public import Recovery

/// One trouble of one agent, from the first fault to its end: all that a person needs who was not there.
/// `agents/<name>/incidents/<id>/incident.json` is this value, `report.md` its `report()`. Bounded in size whatever happens.
public struct Incident: Hashable, Sendable, Codable {
    /// A version that did not help, and why.
    public struct Tried: Hashable, Sendable, Codable {
        public var version: VersionNumber
        public var why: String
        public init(version: VersionNumber, why: String) {
            self.version = version
            self.why = why
        }
    }
    /// What happened and what was decided.
    public struct Step: Hashable, Sendable, Codable {
        public var time: WallTime
        public var happened: String
        public var decided: String
        public init(time: WallTime, happened: String, decided: String) {
            self.time = time
            self.happened = happened
            self.decided = decided
        }
    }

    /// One path component, in the order of time. See `identity(openedAt:)`.
    public var id: String
    public var agent: AgentName
    /// Absolute path.
    public var store: String
    public var command: [String]
    public var openedAt: WallTime
    public var closedAt: WallTime?
    public var closedBecause: String?
    /// The fault that began it.
    public var fault: Fault
    public var origin: Origin
    public var incarnation: UInt64
    /// Failures since, the first included.
    public var deaths: Int = 1
    /// The last lines the agent wrote before the first failure, oldest first.
    public private(set) var logLines: [String] = []
    public var resources = ResourceFigures()
    public private(set) var tried: [Tried] = []
    /// The first steps and the last ones.
    public private(set) var timeline: [Step] = []
    /// Steps between the first and the last that were left out.
    public private(set) var omitted: Int = 0
    public var escalatedAt: WallTime?
    /// Why the agent is as it is now: the reason of the last decision.
    public private(set) var now: String = ""
    /// What comes next by itself; nil: nothing, or nothing with a time.
    public var nextAt: WallTime?
    /// Nothing of the agent runs or is planned until a person acts.
    public private(set) var parked = false
    /// Its supervisor has ended too.
    public private(set) var finished = false
    /// The newest version that may be restored, as the store said last.
    public var knownGood: VersionNumber?

    public init(
        id: String, agent: AgentName, store: String, command: [String], openedAt: WallTime, fault: Fault, origin: Origin,
        incarnation: UInt64
    ) {
        self.id = id
        self.agent = agent
        self.store = store
        self.command = command
        self.openedAt = openedAt
        self.fault = fault
        self.origin = origin
        self.incarnation = incarnation
    }

    public var cause: Cause { Cause(fault) }

    /// `20261121T083800.123Z`: sorts by time and is safe as a file name.
    public static func identity(openedAt time: WallTime) -> String { time.description.filter { $0 != "-" && $0 != ":" } }
}

// MARK: Gathering

extension Incident {
    /// Bounds, so that an incident that lasts for weeks still fits on a page.
    public enum Limit {
        public static let logLines = 50
        /// Characters of a line or sentence.
        public static let line = 500
        public static let firstSteps = 20
        public static let lastSteps = 80
        public static let tried = 64
    }

    /// Keeps the last of `lines`, shortened.
    public mutating func keep(logLines lines: [String]) {
        logLines = lines.suffix(Limit.logLines).map { String($0.prefix(Limit.line)) }
    }

    /// Takes note of one decision, the one that opened the incident included. Decisions in which nothing happens are left out.
    /// - Parameter nextAt: the calendar time of the decision's timer, if it set one.
    public mutating func record(_ event: AgentEvent, _ decision: Decision, at time: WallTime, nextAt: WallTime?) {
        guard !decision.doesNothing else { return }
        append(Step(time: time, happened: clip(event.sentence), decided: clip(decision.reason)))
        now = clip(decision.reason)
        self.nextAt = nextAt
        parked = decision.state.phase.isParked
        if case .stopped = decision.state.phase { finished = true } else { finished = false }
        if decision.isFailure(event), timeline.count + omitted > 1 { deaths += 1 }
        if case .launchFailed(let fault, let version?) = event { note(Tried(version: version, why: clip(fault.sentence))) }
        for action in decision.actions { note(action, at: time) }
    }

    private mutating func note(_ action: AgentAction, at time: WallTime) {
        switch action {
        case .mark(let version, .suspect, let reason), .mark(let version, .broken, let reason):
            note(Tried(version: version, why: clip(reason)))
        case .escalate: escalatedAt = escalatedAt ?? time
        case .closeIncident(let reason):
            closedAt = time
            closedBecause = clip(reason)
        case .mark, .launch, .stop, .kill, .setTimer, .openIncident, .finish: break
        }
    }

    private mutating func note(_ entry: Tried) {
        tried.removeAll { $0.version == entry.version }
        tried = Array((tried + [entry]).suffix(Limit.tried))
    }

    private mutating func append(_ step: Step) {
        timeline.append(step)
        guard timeline.count > Limit.firstSteps + Limit.lastSteps else { return }
        timeline.remove(at: Limit.firstSteps)
        omitted += 1
    }
}

private func clip(_ text: String) -> String { String(text.prefix(Incident.Limit.line)) }

extension Phase {
    fileprivate var isParked: Bool {
        switch self {
        case .stopped, .calledForHelp(_, retryAt: nil): true
        case .launching, .starting, .running, .ending, .waiting, .coolingDown, .calledForHelp, .suspended: false
        }
    }
}

extension Decision {
    /// Whether the event was a failure that was counted, not the end of what was being ended already.
    fileprivate func isFailure(_ event: AgentEvent) -> Bool {
        switch event {
        case .missedHeartbeat, .reportedFailure, .launchFailed, .foundLost: true
        case .ended: state.deaths.last.map { if case .ended = $0.fault { true } else { false } } ?? false
        case .timerFired: if case .ending = state.phase { true } else { false }
        case .wantedRunning, .wantedStopped, .wantedRestart, .wantedSuspended, .resumeDue, .supervisorEnds, .adopted, .launched,
            .signOfLife,
            .progressed, .stored:
            false
        }
    }
}
