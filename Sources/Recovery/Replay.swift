/// A decision of the journal that deciding again does not give.
public struct ReplayMismatch: Hashable, Sendable, Codable {
    /// The entry's sequence number.
    public var sequence: UInt64
    public var recorded: Decision
    public var decided: Decision
    public init(sequence: UInt64, recorded: Decision, decided: Decision) {
        self.sequence = sequence
        self.recorded = recorded
        self.decided = decided
    }
}

/// Takes every decision of `entries` again from what was written beside it, and compares whole values. Notes are skipped.
/// - Returns: the decisions that differ, in order; empty when the journal and this code agree.
public func replay(_ entries: [JournalEntry]) -> [ReplayMismatch] {
    entries.compactMap { entry in
        guard case .decision(let before, let event, let versions, let settings, let chance, let recorded) = entry.content else {
            return nil
        }
        let decided = decide(before, on: event, at: entry.at, versions: versions, settings: settings, chance: chance)
        return decided == recorded ? nil : ReplayMismatch(sequence: entry.sequence, recorded: recorded, decided: decided)
    }
}
