import AgentModel
import Retention
import Testing

private func version(
    _ number: UInt64, _ standing: Standing = .stored, kind: VersionKind = .checkpoint, pinned: Bool = false
) -> CheckpointSummary {
    CheckpointSummary(
        version: VersionNumber(number), kind: kind, parts: VersionParts(cooperative: true), standing: standing, reason: .schedule,
        takenAt: WallTime(seconds: Int64(number)), size: ByteCount(100), pinned: pinned)
}

private func reasons(_ plan: RetentionPlan) -> [UInt64: [String]] {
    Dictionary(uniqueKeysWithValues: plan.verdicts.map { ($0.version.number, $0.reasons) })
}

struct RetentionExample: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let versions: [CheckpointSummary]
    var keep = 2
    var asides = 1
    let reasons: [UInt64: [String]]
}

private let failed = "last 3 suspect or broken"

private let examples = [
    RetentionExample(testDescription: "nothing to do for nothing", versions: [], reasons: [:]),
    RetentionExample(
        testDescription: "the oldest goes", versions: [version(1), version(2), version(3)],
        reasons: [1: [], 2: ["last 2"], 3: ["newest", "newest known-good", "last 2"]]),
    RetentionExample(
        testDescription: "the newest proven outlives the last",
        versions: [version(1, .proven), version(2, .proven), version(3), version(4), version(5)],
        reasons: [1: [], 2: ["newest proven"], 3: [], 4: ["last 2"], 5: ["newest", "newest known-good", "last 2"]]),
    RetentionExample(
        testDescription: "suspect and broken ones take no good one's place",
        versions: [version(1), version(2), version(3, .suspect), version(4, .broken), version(5, .suspect), version(6, .suspect)],
        reasons: [
            1: ["last 2"], 2: ["newest known-good", "last 2"], 3: [], 4: [failed], 5: [failed], 6: ["newest", failed],
        ]),
    RetentionExample(
        testDescription: "pins stay, whatever they are",
        versions: [version(1, .broken, pinned: true), version(2, pinned: true), version(3), version(4), version(5)],
        reasons: [
            1: ["pinned", failed], 2: ["pinned"], 3: [], 4: ["last 2"], 5: ["newest", "newest known-good", "last 2"],
        ]),
    RetentionExample(
        testDescription: "asides have their own quota and are never known-good",
        versions: [version(1), version(2, kind: .aside), version(3, kind: .aside), version(4, kind: .aside)], asides: 2,
        reasons: [
            1: ["newest", "newest known-good", "last 2"], 2: [], 3: ["last 2 asides"], 4: ["newest aside", "last 2 asides"],
        ]),
    RetentionExample(
        testDescription: "keeping none keeps what is always kept",
        versions: [version(1, .proven), version(2), version(3, kind: .aside)], keep: 0, asides: 0,
        reasons: [1: ["newest proven"], 2: ["newest", "newest known-good"], 3: []]),
]

@Test(arguments: examples)
func everyVersionStaysForAReasonOrGoes(_ example: RetentionExample) {
    #expect(reasons(planRetention(example.versions, keep: example.keep, keepAsides: example.asides)) == example.reasons)
}

/// What must hold for any versions whatever, told without the plan's own rules.
@Test func retentionNeverTakesWhatRecoveryNeeds() {
    for seed in UInt64(1)...2000 {
        var random = Lehmer(state: seed)
        let versions = (1...(1 + random.below(25))).map { number in
            let standing = Standing.allCases[random.below(Standing.allCases.count)]
            return version(UInt64(number), standing, kind: random.below(4) == 0 ? .aside : .checkpoint, pinned: random.below(9) == 0)
        }
        let (keep, asides) = (random.below(6), random.below(4))
        let plan = planRetention(versions.shuffled(using: &random), keep: keep, keepAsides: asides)
        let kept = Set(plan.kept)
        #expect(plan.verdicts.map(\.version) == versions.map(\.version), "seed \(seed)")
        #expect(kept.isDisjoint(with: plan.removed), "seed \(seed)")
        for summary in versions where summary.pinned { #expect(kept.contains(summary.version), "seed \(seed)") }
        let needed = [
            versions.last { $0.kind == .checkpoint }, versions.last { $0.isKnownGood },
            versions.last { $0.isKnownGood && $0.standing == .proven },
        ]
        for summary in needed { if let summary { #expect(kept.contains(summary.version), "seed \(seed)") } }
        // Good ones go only when `keep` newer good ones stay.
        for gone in versions where gone.isKnownGood && !kept.contains(gone.version) {
            #expect(
                versions.filter { $0.isKnownGood && $0.version > gone.version && kept.contains($0.version) }.count >= keep, "seed \(seed)")
        }
        // Doing it changes nothing any more when done again.
        let left = versions.filter { kept.contains($0.version) }
        #expect(planRetention(left, keep: keep, keepAsides: asides).removed.isEmpty, "seed \(seed)")
        // Nothing grows without bound.
        let bound = keep + asides + failedVersionsKept + 3 + versions.filter(\.pinned).count
        #expect(kept.count <= bound, "seed \(seed)")
    }
}

private struct Lehmer: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 29)
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
