internal import AgentModel

/// The supervisor's timers: at most one of each kind, the nearest is what the loop waits for.
struct Deadlines {
    enum Kind: Hashable, CaseIterable {
        /// The ladder's one timer.
        case recovery
        case checkpointSchedule
        /// A checkpoint that is due has waited long enough for the agent's turn.
        case turn
        /// The agent should have answered `prepare`.
        case prepared
        /// The processes have stood still for their images long enough.
        case dumped
        /// The processes should have been restored from their images.
        case restored
        /// The rehearsal should be over.
        case rehearsed
        /// The agent should have ended.
        case stopped
        case heartbeat
        /// A connection owes its hello.
        case hello
        /// The status file is behind.
        case status
        /// The incident's report is behind.
        case report
        /// The disk refused something: look again.
        case diskAgain
        /// Something of what is stored is to be read again.
        case scrub
        /// Whoever waits for a background start has waited long enough.
        case ready
        /// The time it is suspended until may have come.
        case resume
    }
    private var moments: [Kind: Moment] = [:]

    subscript(kind: Kind) -> Moment? {
        get { moments[kind] }
        set { moments[kind] = newValue }
    }
    var nearest: Moment? { moments.values.min() }

    /// Takes out what is due at `now`, earliest first.
    mutating func due(at now: Moment) -> [Kind] {
        let due = Kind.allCases.filter { kind in moments[kind].map { $0 <= now } ?? false }.sorted {
            (moments[$0] ?? now) < (moments[$1] ?? now)
        }
        for kind in due { moments[kind] = nil }
        return due
    }
}
