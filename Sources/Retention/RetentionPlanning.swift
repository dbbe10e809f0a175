public import AgentModel

/// Suspect and broken versions kept for whoever wants to know what went wrong. They count in no rule.
public let failedVersionsKept = 3

/// Keeps what `policy` says of the known-good checkpoints, and the last `asides` asides; always the newest checkpoint, the newest known-good, the
/// newest proven and everything pinned; a few of the suspect and broken. The rest goes.
///
/// "Newest" is by number, for a wall clock may be set back; a version's time only says which hour, day, week and month it belongs to.
/// Nothing here depends on the present, so that an agent that rests loses nothing by it; and no rule but the quota depends on when it was asked before:
/// pruning after every version leaves exactly what pruning once, at the end, would leave.
///
/// - Parameter utcOffset: how far ahead of UTC the clock is whose hours and days are meant.
public func planRetention(
    _ versions: [CheckpointSummary], keep policy: RetentionPolicy, asides: Int, utcOffset: Duration
) -> RetentionPlan {
    var planning = RetentionPlanning(versions)
    planning.keepWhatRecoveryNeeds(asides: asides)
    planning.keep(policy, utcOffset: utcOffset)
    planning.keepForLooking(asides: asides)
    if let quota = policy.quota { planning.take(down: quota) }
    return planning.plan
}

/// What may go for room on a disk, first what is missed least: what no rule keeps, what is kept to be looked at only, then checkpoints of the tightest
/// rule, `last` and `within`, then those of hours, of days, of weeks and of months, of each rule the oldest first. A version that several rules keep goes
/// with the widest. What always stays is not among them.
public func orderForRoom(
    _ versions: [CheckpointSummary], keep policy: RetentionPolicy, asides: Int, utcOffset: Duration
) -> [CheckpointSummary] {
    var planning = RetentionPlanning(versions)
    planning.keepWhatRecoveryNeeds(asides: asides)
    planning.keep(policy, utcOffset: utcOffset)
    planning.keepForLooking(asides: asides)
    return planning.leastMissedFirst
}

/// The reasons as they come together, rule by rule.
private struct RetentionPlanning {
    private let newestFirst: [CheckpointSummary]
    private let checkpoints: [CheckpointSummary]
    /// A suspect or broken one never takes a good one's place: no rule sees it.
    private let good: [CheckpointSummary]
    private let asides: [CheckpointSummary]
    private let failed: [CheckpointSummary]
    private var reasons: [VersionNumber: [String]] = [:]
    private var overruled: [VersionNumber: [String]] = [:]
    /// What no quota takes.
    private var needed: Set<VersionNumber> = []
    /// The widest rule that keeps each. Of what is kept for looking only: none.
    private var widest: [VersionNumber: Int] = [:]

    init(_ versions: [CheckpointSummary]) {
        newestFirst = versions.sorted { $0.version > $1.version }
        checkpoints = newestFirst.filter { $0.kind == .checkpoint }
        good = checkpoints.filter(\.isKnownGood)
        asides = newestFirst.filter { $0.kind == .aside && $0.standing.isKnownGood }
        failed = newestFirst.filter { !$0.standing.isKnownGood }
    }

    var plan: RetentionPlan {
        RetentionPlan(
            verdicts: newestFirst.reversed().map { summary in
                RetentionPlan.Verdict(
                    version: summary.version, reasons: reasons[summary.version] ?? [], overruled: overruled[summary.version] ?? [],
                    size: summary.size)
            })
    }

    private mutating func stay(_ chosen: some Sequence<CheckpointSummary>, _ reason: String, width: Int? = nil) {
        for summary in chosen {
            reasons[summary.version, default: []].append(reason)
            if let width { widest[summary.version] = max(width, widest[summary.version] ?? 0) }
        }
    }

    var leastMissedFirst: [CheckpointSummary] {
        func rank(_ summary: CheckpointSummary) -> Int {
            if reasons[summary.version] == nil { return -2 }
            return widest[summary.version] ?? -1
        }
        return newestFirst.filter { !needed.contains($0.version) }.sorted { (rank($0), $0.version) < (rank($1), $1.version) }
    }

    // MARK: Rules

    mutating func keepWhatRecoveryNeeds(asides count: Int) {
        stay(newestFirst.filter(\.pinned), "pinned")
        stay(checkpoints.prefix(1), "newest")
        stay(good.prefix(1), "newest known-good")
        stay(good.filter { $0.standing == .proven }.prefix(1), "newest proven")
        needed = Set(reasons.keys)
        stay(asides.prefix(min(1, max(0, count))), "newest aside")
    }

    mutating func keep(_ policy: RetentionPolicy, utcOffset: Duration) {
        stay(good.prefix(max(0, policy.last)), "last \(policy.last)", width: 0)
        if let within = policy.within, let newest = checkpoints.first {
            stay(good.filter { newest.takenAt - $0.takenAt <= within }, "within \(brief(within))", width: 0)
        }
        keepNewest(of: .hour, policy.hourly, "hourly", utcOffset)
        keepNewest(of: .day, policy.daily, "daily", utcOffset)
        keepNewest(of: .week, policy.weekly, "weekly", utcOffset)
        keepNewest(of: .month, policy.monthly, "monthly", utcOffset)
    }

    /// Of each of the last `count` spans that have one.
    private mutating func keepNewest(of span: CalendarSpan, _ count: Int, _ word: String, _ utcOffset: Duration) {
        var seen: Set<Int64> = []
        let width = 1 + (CalendarSpan.allCases.firstIndex(of: span) ?? 0)
        for summary in good {
            guard seen.count < count else { return }
            guard seen.insert(span.number(of: summary.takenAt, utcOffset: utcOffset)).inserted else { continue }
            stay([summary], "\(word) \(span.name(of: summary.takenAt, utcOffset: utcOffset))", width: width)
        }
    }

    mutating func keepForLooking(asides count: Int) {
        stay(asides.prefix(max(0, count)), "last \(count) asides")
        stay(failed.prefix(failedVersionsKept), "last \(failedVersionsKept) suspect or broken")
    }

    // MARK: Quota

    /// Those go first that no restore begins with, the suspect and broken; then the oldest.
    mutating func take(down quota: ByteCount) {
        let oldestFirst = newestFirst.reversed().filter { reasons[$0.version] != nil }
        var sum = oldestFirst.reduce(0) { saturatingSum($0, $1.size.bytes) }
        let candidates = oldestFirst.filter { !needed.contains($0.version) }
        for summary in candidates.filter({ !$0.standing.isKnownGood }) + candidates.filter(\.standing.isKnownGood) {
            guard sum > quota.bytes else { return }
            overruled[summary.version] = reasons.removeValue(forKey: summary.version)
            sum -= min(sum, summary.size.bytes)
        }
    }
}

/// `2d`, `1h30m`: as it is written in a spec, to the second.
private func brief(_ duration: Duration) -> String {
    var rest = duration.milliseconds / 1000
    var text = ""
    for (unit, letter) in [(Int64(86_400), "d"), (3600, "h"), (60, "m"), (1, "s")] where rest >= unit {
        text += "\(rest / unit)\(letter)"
        rest %= unit
    }
    return text.isEmpty ? "0s" : text
}
