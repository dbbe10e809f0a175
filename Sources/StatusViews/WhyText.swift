internal import AgentModel
public import Recovery

/// How an agent came to be as it is: what happened, what was done about it, and why, oldest first.
public struct WhyText: Sendable {
    public var status: AgentStatus
    /// Oldest first.
    public var entries: [JournalEntry]
    public init(_ status: AgentStatus, entries: [JournalEntry]) {
        self.status = status
        self.entries = entries
    }

    /// The last `limit` decisions that changed something.
    public func text(limit: Int, on paper: Paper) -> String {
        let state = paper.colour ? paint(status.state.rawValue, status.state.tint) : status.state.rawValue
        var text = wrapped("\(status.agent) is \(state): \(printable(status.reasonBesideState)).", width: paper.width, indent: 0) + "\n"
        if let next = status.next { text += "next: \(next.what) \(next.at.distance(from: paper.now)).\n" }
        if status.beganAnew == true, let origin = status.origin { text += "from \(origin.words)\(AgentStatus.anewWords).\n" }
        let told = story.suffix(limit)
        guard !told.isEmpty else { return text }
        text += "\nhow it came to this (times are UTC)\n"
        for step in told { text += self.text(of: step, on: paper) }
        return text
    }

    // MARK: The story

    private struct Step {
        var time: WallTime
        var what: String
        var reason: String
        var actions: [String]
    }

    private var story: [Step] {
        entries.compactMap { entry in
            guard case .decision(let before, let event, _, _, _, let decision) = entry.content else { return nil }
            let actions = decision.actions.filter(Self.matters)
            let changes = !actions.isEmpty || before.phase != decision.state.phase || event.kind == "takeover"
            guard changes else { return nil }
            return Step(time: entry.time, what: event.words(in: before.phase), reason: decision.reason, actions: actions.map(\.words))
        }
    }

    /// Timers are how it is done, not what is done.
    private static func matters(_ action: AgentAction) -> Bool {
        if case .setTimer = action { return false }
        return true
    }

    private func text(of step: Step, on paper: Paper) -> String {
        let clock = step.time.clock(now: paper.now)
        let indent = clock.count + 4
        let blanks = String(repeating: " ", count: indent)
        var text = "  \(clock)  " + wrapped(printable(step.what), width: paper.width, indent: indent) + "\n"
        text += blanks + "so: " + wrapped(printable(step.reason), width: paper.width, indent: indent + 4) + "\n"
        for action in step.actions { text += blanks + "  - " + wrapped(printable(action), width: paper.width, indent: indent + 4) + "\n" }
        return text
    }
}
