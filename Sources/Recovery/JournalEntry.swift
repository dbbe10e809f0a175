public import AgentModel

/// One line of an agent's journal: a decision with everything it was taken from, or a note. Written before anything is done.
/// `runner why`, `runner events` and `runner replay` read it. Documentation: docs/journal.md
public struct JournalEntry: Hashable, Sendable, Codable {
    public enum Content: Hashable, Sendable, Codable {
        /// `decide(before, on: event, at:, versions:, settings:, chance:)` gave `decision`.
        case decision(
            before: RecoveryState, event: AgentEvent, versions: [CheckpointSummary], settings: RecoverySettings, chance: UInt64,
            taken: Decision)
        /// Something else worth knowing later. `kind` is a stable word: "checkpoint", "forced", "warning", "hook", "effect", "start".
        case note(kind: String, text: String)
    }
    public var sequence: UInt64
    public var at: Moment
    public var time: WallTime
    public var content: Content
    public init(sequence: UInt64, at: Moment, time: WallTime, content: Content) {
        self.sequence = sequence
        self.at = at
        self.time = time
        self.content = content
    }
}
