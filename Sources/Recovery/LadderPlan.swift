public import AgentModel

/// What would happen next to an agent that died now and again and again, step by step. `runner plan` prints it.
public struct LadderPlan: Hashable, Sendable, Encodable {
    public struct Step: Hashable, Sendable, Encodable {
        /// From now to this step, if every launch succeeded and every life ended at once.
        public var after: Duration
        /// What is supposed to happen: "it crashes", "the wait is over".
        public var supposing: String
        /// What would be decided.
        public var decision: String
        public init(after: Duration, supposing: String, decision: String) {
            self.after = after
            self.supposing = supposing
            self.decision = decision
        }

        private enum Key: String, CodingKey { case after, supposing, decision }

        /// `after` in seconds, as every duration a program is given.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(after.inSeconds, forKey: .after)
            try container.encode(supposing, forKey: .supposing)
            try container.encode(decision, forKey: .decision)
        }
    }
    public var steps: [Step]
    public init(steps: [Step]) { self.steps = steps }

    /// One line a step: "+12.5 s  it crashes: restoring version 40 (stored): …".
    public var sentences: [String] { steps.map { "+\(words($0.after))  if \($0.supposing): \($0.decision)" } }
}

/// Supposes that the agent crashes now, and every later incarnation as soon as it is up, until the ladder ends or `limit` steps are taken.
/// Decides with `decide` itself, so the plan cannot differ from what is done; waits are shown without their random part.
public func explain(
    _ state: RecoveryState, versions: [CheckpointSummary], settings: RecoverySettings, at now: Moment, limit: Int = 40
) -> LadderPlan {
    var walk = LadderWalk(state: state, versions: versions, settings: settings, began: now, now: now)
    while walk.steps.count < limit, let (event, supposing) = walk.next() { walk.take(event, supposing) }
    return LadderPlan(steps: walk.steps)
}

/// A life of nothing but deaths.
private struct LadderWalk {
    var state: RecoveryState
    var versions: [CheckpointSummary]
    let settings: RecoverySettings
    let began: Moment
    var now: Moment
    var timer: Moment?
    var steps: [LadderPlan.Step] = []

    init(state: RecoveryState, versions: [CheckpointSummary], settings: RecoverySettings, began: Moment, now: Moment) {
        self.state = state
        self.versions = versions
        self.settings = settings
        self.began = began
        self.now = now
    }

    /// nil: nothing more happens by itself.
    mutating func next() -> (AgentEvent, supposing: String)? {
        switch state.phase {
        case .stopped: return steps.isEmpty ? (.wantedRunning(from: nil), "it is started") : nil
        case .launching, .starting, .running: return (.ended(.signaled(11, outOfMemory: false), done: false), "it crashes")
        case .ending: return (.ended(.signaled(11, outOfMemory: false), done: false), "it is gone")
        case .waiting(_, let until):
            now = max(now, until)
            return (.timerFired, "the wait is over")
        case .coolingDown(let until):
            now = max(now, until)
            return (.timerFired, "the cool-down is over")
        case .calledForHelp: return nil
        case .suspended(_, _, let until):
            guard steps.isEmpty else { return nil }
            return until == nil ? (.wantedRunning(from: nil), "it is resumed") : (.resumeDue, "the time it is suspended until has come")
        }
    }

    mutating func take(_ event: AgentEvent, _ supposing: String) {
        let decision = decide(state, on: event, at: now, versions: versions, settings: settings, chance: 0)
        steps.append(LadderPlan.Step(after: now - began, supposing: supposing, decision: decision.reason))
        state = decision.state
        for case .mark(let version, let standing, _) in decision.actions {
            for index in versions.indices where versions[index].version == version { versions[index].standing = standing }
        }
    }
}
