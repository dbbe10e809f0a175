// Retention: which versions stay, and why. Decides. Imports no platform module.

public import AgentModel

/// What is to become of every version. Printable: `runner prune --dry-run`.
public struct RetentionPlan: Hashable, Sendable, Codable {
    public struct Verdict: Hashable, Sendable, Codable {
        public var version: VersionNumber
        /// Why it stays, the strongest reason first; empty: it goes.
        public var reasons: [String]
        public var size: ByteCount
        public var isKept: Bool { !reasons.isEmpty }
    }
    /// One for every version, ascending.
    public var verdicts: [Verdict]

    public var kept: [VersionNumber] { verdicts.filter(\.isKept).map(\.version) }
    /// Ascending: the oldest goes first.
    public var removed: [VersionNumber] { verdicts.filter { !$0.isKept }.map(\.version) }
    public var freed: ByteCount {
        ByteCount(verdicts.reduce(0) { sum, verdict in verdict.isKept ? sum : sum &+ verdict.size.bytes })
    }
}

/// Suspect and broken versions kept for whoever wants to know what went wrong. They count in no other quota.
public let failedVersionsKept = 3

/// Keeps the last `keep` known-good checkpoints and the last `keepAsides` asides; always the newest checkpoint, the newest known-good, the
/// newest proven and everything pinned; a few of the suspect and broken. The rest goes.
public func planRetention(_ versions: [CheckpointSummary], keep: Int, keepAsides: Int) -> RetentionPlan {
    let newestFirst = versions.sorted { $0.version > $1.version }
    let checkpoints = newestFirst.filter { $0.kind == .checkpoint }
    let good = checkpoints.filter(\.isKnownGood)
    let failed = newestFirst.filter { !$0.standing.isKnownGood }
    let asides = newestFirst.filter { $0.kind == .aside && $0.standing.isKnownGood }

    var reasons: [VersionNumber: [String]] = [:]
    func stay(_ chosen: some Sequence<CheckpointSummary>, _ reason: String) {
        for summary in chosen { reasons[summary.version, default: []].append(reason) }
    }
    stay(newestFirst.filter(\.pinned), "pinned")
    stay(checkpoints.prefix(1), "newest")
    stay(good.prefix(1), "newest known-good")
    stay(good.filter { $0.standing == .proven }.prefix(1), "newest proven")
    stay(asides.prefix(min(1, max(0, keepAsides))), "newest aside")
    stay(good.prefix(max(0, keep)), "last \(keep)")
    stay(asides.prefix(max(0, keepAsides)), "last \(keepAsides) asides")
    stay(failed.prefix(failedVersionsKept), "last \(failedVersionsKept) suspect or broken")

    let verdicts = newestFirst.reversed().map { summary in
        RetentionPlan.Verdict(version: summary.version, reasons: reasons[summary.version] ?? [], size: summary.size)
    }
    return RetentionPlan(verdicts: verdicts)
}
