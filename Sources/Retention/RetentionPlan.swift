// Retention: which versions stay, and why. Decides. Imports no platform module.

public import AgentModel

/// What is to become of every version. Printable: `runner prune --dry-run`.
public struct RetentionPlan: Hashable, Sendable, Codable {
    public struct Verdict: Hashable, Sendable, Codable {
        public var version: VersionNumber
        /// Why it stays, the strongest reason first; empty: it goes.
        public var reasons: [String]
        /// Why it would stay if the quota did not take it; empty in every other case.
        public var overruled: [String] = []
        public var size: ByteCount
        public var isKept: Bool { !reasons.isEmpty }
    }
    /// One for every version, ascending.
    public var verdicts: [Verdict]

    public var kept: [VersionNumber] { verdicts.filter(\.isKept).map(\.version) }
    /// Ascending: the oldest goes first.
    public var removed: [VersionNumber] { verdicts.filter { !$0.isKept }.map(\.version) }
    public var freed: ByteCount {
        ByteCount(verdicts.reduce(0) { sum, verdict in verdict.isKept ? sum : saturatingSum(sum, verdict.size.bytes) })
    }
}

func saturatingSum(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
}
