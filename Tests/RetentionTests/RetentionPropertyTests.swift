import AgentModel
import Retention
import Testing

/// What must hold for any versions and any policy whatever, told without the plan's own rules.
@Suite struct RetentionPropertyTests {
    @Test func retentionNeverTakesWhatRecoveryNeeds() {
        for seed in UInt64(1)...2000 {
            var random = Lehmer(state: seed)
            let versions = random.versions(upTo: 40)
            var policy = random.policy()
            if random.below(2) == 0 { policy.quota = ByteCount(UInt64(random.below(20_000))) }
            let plan = plan(versions.shuffled(using: &random), policy, asides: random.below(4), utcOffset: random.offset())
            let kept = Set(plan.kept)
            #expect(plan.verdicts.map(\.version) == versions.map(\.version), "seed \(seed)")
            #expect(kept.isDisjoint(with: plan.removed), "seed \(seed)")
            for summary in versions where summary.pinned { #expect(kept.contains(summary.version), "seed \(seed)") }
            let needed = [
                versions.last { $0.kind == .checkpoint }, versions.last { $0.isKnownGood },
                versions.last { $0.isKnownGood && $0.standing == .proven },
            ]
            for summary in needed { if let summary { #expect(kept.contains(summary.version), "seed \(seed)") } }
            for verdict in plan.verdicts { #expect(kept.contains(verdict.version) == !verdict.reasons.isEmpty, "seed \(seed)") }
        }
    }

    @Test func planningAgainRemovesNothing() {
        for seed in UInt64(1)...2000 {
            var random = Lehmer(state: seed)
            let versions = random.versions(upTo: 60)
            var policy = random.policy()
            if random.below(2) == 0 { policy.quota = ByteCount(UInt64(random.below(20_000))) }
            let (asides, offset) = (random.below(4), random.offset())
            let first = plan(versions, policy, asides: asides, utcOffset: offset)
            let kept = Set(first.kept)
            let again = plan(versions.filter { kept.contains($0.version) }, policy, asides: asides, utcOffset: offset)
            #expect(again.removed.isEmpty, "seed \(seed)")
            // Nor does a version stay for other reasons than before. Only the quota takes newer ones than it leaves, if those are pinned.
            if policy.quota == nil { #expect(again.verdicts == first.verdicts.filter(\.isKept), "seed \(seed)") }
        }
    }

    @Test func aPolicyThatKeepsMoreKeepsThoseToo() {
        for seed in UInt64(1)...2000 {
            var random = Lehmer(state: seed)
            let versions = random.versions(upTo: 60)
            let policy = random.policy()
            let (asides, offset) = (random.below(4), random.offset())
            var more = policy
            more.last += random.below(3)
            more.hourly += random.below(3)
            more.daily += random.below(3)
            more.weekly += random.below(2)
            more.monthly += random.below(2)
            if random.below(2) == 0 { more.within = (policy.within ?? .zero) + .seconds(random.below(100_000)) }
            let less = Set(plan(versions, policy, asides: asides, utcOffset: offset).kept)
            #expect(less.isSubset(of: plan(versions, more, asides: asides + random.below(2), utcOffset: offset).kept), "seed \(seed)")
        }
    }

    @Test func aLargerQuotaKeepsThoseTooAndASmallerOneIsKept() {
        for seed in UInt64(1)...2000 {
            var random = Lehmer(state: seed)
            let versions = random.versions(upTo: 40)
            var policy = random.policy()
            let free = plan(versions, policy)
            policy.quota = ByteCount(UInt64(random.below(10_000)))
            let small = plan(versions, policy)
            policy.quota = ByteCount((policy.quota?.bytes ?? 0) + UInt64(random.below(5000)))
            let large = plan(versions, policy)
            #expect(Set(small.kept).isSubset(of: large.kept), "seed \(seed)")
            #expect(Set(large.kept).isSubset(of: free.kept), "seed \(seed)")
            // What the quota leaves fits, or nothing is left that it may take.
            let sizes = Dictionary(uniqueKeysWithValues: versions.map { ($0.version, $0.size.bytes) })
            let sum = large.kept.reduce(0) { $0 + (sizes[$1] ?? 0) }
            let untouchable: Set = ["pinned", "newest", "newest known-good", "newest proven"]
            #expect(
                sum <= policy.quota?.bytes ?? 0 || large.verdicts.allSatisfy { !$0.isKept || !untouchable.isDisjoint(with: $0.reasons) },
                "seed \(seed)")
        }
    }

    @Test func nothingGrowsWithoutBound() throws {
        for seed in UInt64(1)...2000 {
            var random = Lehmer(state: seed)
            let versions = random.versions(upTo: 200)
            var policy = random.policy()
            policy.within = nil
            let asides = random.below(4)
            let bound = try #require(policy.bound) + asides + failedVersionsKept + 3 + versions.filter(\.pinned).count
            #expect(plan(versions, policy, asides: asides).kept.count <= bound, "seed \(seed)")
        }
    }

    /// Each rule told once more, the slow way: by looking from every version at all newer ones.
    @Test func everyRuleKeepsWhatItSays() {
        for seed in UInt64(1)...1000 {
            var random = Lehmer(state: seed)
            let versions = random.versions(upTo: 60)
            let policy = random.policy()
            let plan = plan(versions, policy)
            let good = versions.filter(\.isKnownGood)
            for verdict in plan.verdicts {
                let words = Set(verdict.reasons.flatMap { $0.split(separator: " ").prefix(1) })
                guard let summary = good.first(where: { $0.version == verdict.version }) else {
                    #expect(words.isDisjoint(with: ["hourly", "daily", "weekly", "monthly", "within"]), "seed \(seed)")
                    continue
                }
                let newer = good.filter { $0.version > summary.version }
                func stays(_ count: Int, _ span: (WallTime) -> String) -> Bool {
                    let own = span(summary.takenAt)
                    let others = Set(newer.map { span($0.takenAt) })
                    return !others.contains(own) && others.count < count
                }
                #expect(words.contains("hourly") == stays(policy.hourly) { String($0.description.prefix(13)) }, "seed \(seed)")
                #expect(words.contains("daily") == stays(policy.daily) { String($0.description.prefix(10)) }, "seed \(seed)")
                #expect(words.contains("monthly") == stays(policy.monthly) { String($0.description.prefix(7)) }, "seed \(seed)")
                // All of them are later than a certain Monday.
                #expect(
                    words.contains("weekly") == stays(policy.weekly) { String(($0 - monday).components.seconds / 604_800) }, "seed \(seed)")
            }
        }
    }
}
