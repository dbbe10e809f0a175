public import AgentModel
public import Recovery

/// One line of an agent's journal as people and scripts read it.
public struct EventRow: Hashable, Sendable, Encodable {
    public var agent: AgentName
    public var sequence: UInt64
    public var time: WallTime
    /// A stable word: `operator`, `takeover`, `launch`, `health`, `checkpoint`, `death`, `timer`, or the kind of a note.
    public var kind: String
    /// What happened.
    public var what: String
    /// Why it was answered so; nil for notes.
    public var reason: String?
    /// What was done about it.
    public var actions: [String]

    public init(_ entry: JournalEntry, of agent: AgentName) {
        self.agent = agent
        sequence = entry.sequence
        time = entry.time
        switch entry.content {
        case .decision(let before, let event, _, _, _, let decision):
            kind = event.kind(in: before.phase)
            what = event.words(in: before.phase)
            reason = decision.reason
            actions = decision.actions.map(\.words)
        case .note(let kind, let text):
            self.kind = kind
            what = text
            reason = nil
            actions = []
        }
    }
}

extension EventRow: Listable {
    public static var columns: [Column] {
        [
            Column("TIME"),
            Column("AGENT", narrow: .leftOut(order: 1)),
            Column("KIND"),
            Column("WHAT", narrow: .cut(to: 30)),
            Column("REASON", onlyWide: true),
            Column("ACTIONS", onlyWide: true),
        ]
    }

    public func row(at now: WallTime) -> [Cell] {
        [
            Cell(time.clock(now: now)),
            Cell(agent.text),
            Cell(kind, kind == "death" ? .bad : kind == "warning" ? .attention : .plain),
            Cell(what),
            reason.map { Cell($0) } ?? .nothing,
            actions.isEmpty ? .nothing : Cell(actions.joined(separator: "; ")),
        ]
    }

    public var quietValue: String { String(sequence) }
}
