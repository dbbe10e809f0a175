import AgentModel
import Retention

/// 2026-11-16, a Monday, at midnight UTC.
let monday = WallTime(rfc3339: "2026-11-16T00:00:00Z") ?? WallTime(seconds: 0)

func version(
    _ number: UInt64, _ standing: Standing = .stored, kind: VersionKind = .checkpoint, pinned: Bool = false, at time: WallTime? = nil,
    size: UInt64 = 100
) -> CheckpointSummary {
    CheckpointSummary(
        version: VersionNumber(number), kind: kind, parts: VersionParts(cooperative: true), standing: standing, reason: .schedule,
        takenAt: time ?? WallTime(seconds: Int64(number)), size: ByteCount(size), pinned: pinned)
}

/// Keeps nothing but what is said, and what is always kept.
func only(
    last: Int = 0, hourly: Int = 0, daily: Int = 0, weekly: Int = 0, monthly: Int = 0, within: Duration? = nil, quota: UInt64? = nil
) -> RetentionPolicy {
    RetentionPolicy(
        last: last, hourly: hourly, daily: daily, weekly: weekly, monthly: monthly, within: within, quota: quota.map { ByteCount($0) })
}

func plan(
    _ versions: [CheckpointSummary], _ policy: RetentionPolicy, asides: Int = 1, utcOffset: Duration = .zero
) -> RetentionPlan {
    planRetention(versions, keep: policy, asides: asides, utcOffset: utcOffset)
}

func reasons(_ plan: RetentionPlan) -> [UInt64: [String]] {
    Dictionary(uniqueKeysWithValues: plan.verdicts.map { ($0.version.number, $0.reasons) })
}

struct Lehmer: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    /// An agent's versions over up to some weeks: of any kind and standing, some pinned, at any distance.
    mutating func versions(upTo count: Int, standings: [Standing] = Standing.allCases) -> [CheckpointSummary] {
        let pace = [60, 1800, 20_000, 200_000][below(4)]
        var time = monday
        return (1...(1 + below(count))).map { number in
            time = time + .seconds(1 + below(pace))
            return version(
                UInt64(number), standings[below(standings.count)], kind: below(4) == 0 ? .aside : .checkpoint, pinned: below(9) == 0,
                at: time, size: UInt64(below(1000)))
        }
    }

    mutating func policy() -> RetentionPolicy {
        only(
            last: below(6), hourly: below(6), daily: below(4), weekly: below(3), monthly: below(3),
            within: below(3) == 0 ? .seconds(1 + below(200_000)) : nil)
    }

    mutating func offset() -> Duration { .seconds(900 * (below(105) - 48)) }
}
