// EffectLedgers: what an agent did to the outside world, remembered across every restore. Decides; the caller keeps the file.
// Documentation: docs/effects.md

public import AgentModel

/// One effect, by its key, as far as anybody knows.
public struct EffectEntry: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
        /// Begun and not ended. Once the incarnation that began it is gone, nobody knows whether it happened.
        case open
        /// It happened; `settled`: a person said so.
        case done(result: [UInt8], settled: Bool)
        /// A person said that it did not happen: it may be begun again.
        case undone
    }

    public var key: String
    public var description: String
    public var idempotent: Bool
    /// The last time it was begun, by which incarnation and with which request.
    public var begunAt: WallTime
    public var incarnation: UInt64
    public var request: UInt64
    /// How often it was begun.
    public var attempts: Int
    public var outcome: Outcome
    /// When it got its outcome; nil while it is open.
    public var endedAt: WallTime?
}

/// What an agent asks before an effect.
public struct EffectRequest: Hashable, Sendable {
    /// Names the effect, not the attempt. 1 to 512 bytes, no control characters.
    public var key: String
    public var description: String
    /// Doing it again with this key is harmless.
    public var idempotent: Bool
    public var incarnation: UInt64
    /// The agent's number; the same number in the same incarnation is the same question asked again.
    public var request: UInt64
    public init(key: String, description: String = "", idempotent: Bool, incarnation: UInt64, request: UInt64) {
        self.key = key
        self.description = description
        self.idempotent = idempotent
        self.incarnation = incarnation
        self.request = request
    }
}

/// What happens to an effect that was open when its incarnation ended.
public enum UnknownRule: String, Hashable, Sendable, Codable, CaseIterable {
    /// It waits for a person.
    case hold
    /// It is done again when the agent said both times that this is harmless; else it waits.
    case retryIfIdempotent = "retry-if-idempotent"
}

public enum LedgerVerdict: Hashable, Sendable {
    /// Begun; do it.
    case proceed
    case done(result: [UInt8])
    /// Do not do it; a rule or a person settles it.
    case unknown
    case recorded
    /// Not recorded, and why: a whole sentence. After a begin: do not do it.
    case denied(String)
}

/// An answer, and the record that must be durable before the answer is given. Append it, make it durable, `apply` it, then answer.
public struct LedgerAnswer: Hashable, Sendable {
    public var verdict: LedgerVerdict
    public var record: LedgerRecord?
    public init(_ verdict: LedgerVerdict, _ record: LedgerRecord? = nil) {
        self.verdict = verdict
        self.record = record
    }
}

/// How much one agent may make the runner remember.
public struct LedgerLimits: Hashable, Sendable {
    public var keys = 100_000
    /// Keys begun and not ended at once.
    public var open = 256
    /// Of all records together, room for the results of open effects included.
    public var bytes = 64 << 20
    public var key = 512
    public var description = 4_096
    public var result = 64 << 10
    public init() {}
}

/// Why a person's wish about the ledger could not be met.
public enum LedgerFault: Error, Hashable, Sendable {
    case noSuchKey(String)
    case notOpen(String)
    case stillRunning(String)
    case resultTooLong(key: String, bytes: Int, limit: Int)

    public var code: String {
        switch self {
        case .noSuchKey: "E-EFFECT-NO-KEY"
        case .notOpen: "E-EFFECT-NOT-OPEN"
        case .stillRunning: "E-EFFECT-RUNNING"
        case .resultTooLong: "E-EFFECT-RESULT"
        }
    }

    public var sentence: String {
        switch self {
        case .noSuchKey(let key):
            "could not settle effect '\(key)': the ledger has no such key. Look at the open ones in the agent's status."
        case .notOpen(let key):
            "could not settle effect '\(key)': its outcome is known already. Nothing needs to be done."
        case .stillRunning(let key):
            "could not settle effect '\(key)': the agent that began it is still running. Wait for it, or stop the agent first."
        case .resultTooLong(let key, let bytes, let limit):
            "could not settle effect '\(key)': its result has \(bytes) bytes and may have \(limit). Give a shorter one."
        }
    }
}
