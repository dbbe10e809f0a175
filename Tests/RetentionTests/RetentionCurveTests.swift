import AgentModel
import Retention
import Testing

/// Pruning after every version, as a supervisor does, leaves what pruning once at the end would leave: what goes today is missed by no later day.
@Suite struct RetentionCurveTests {
    @Test(arguments: [RetentionPolicy(), only(last: 3, hourly: 6, daily: 14, weekly: 2, monthly: 1, within: .seconds(7200)), .onlyLast(10)])
    func twoWeeksOfAVersionEveryFiveMinutes(_ policy: RetentionPolicy) throws {
        let offset = Duration.seconds(3600)
        var whole: [CheckpointSummary] = []
        var kept: [CheckpointSummary] = []
        var most = 0
        for number in 1...(14 * 288) {
            let next = version(UInt64(number), at: monday + .seconds(300 * number))
            whole.append(next)
            kept.append(next)
            let left = Set(plan(kept, policy, utcOffset: offset).kept)
            kept.removeAll { !left.contains($0.version) }
            most = max(most, kept.count)
            guard number % 97 == 0 || number == 14 * 288 else { continue }
            #expect(kept.map(\.version) == plan(whole, policy, utcOffset: offset).kept, "after \(number)")
        }
        if let bound = policy.bound { #expect(most <= bound + 2) }
    }

    /// What stays of two weeks by default: a line from every five minutes to a week, told version by version.
    @Test func theDefaultThinsOutWithAge() {
        let versions = (1...(14 * 288)).map { version(UInt64($0), at: monday + .seconds(300 * $0)) }
        let plan = plan(versions, RetentionPolicy())
        // The last was taken at midnight, which begins an hour, a day and a week of its own.
        let minutes = plan.kept.map { (14 * 288 - Int($0.number)) * 5 }
        let last = (0..<10).map { $0 * 5 }
        let hours = [0] + (0..<23).map { $0 * 60 + 5 }
        let days = [0] + (0..<6).map { $0 * 1440 + 5 }
        let weeks = [0, 5, 10_085]
        #expect(minutes.sorted() == Set(last + hours + days + weeks).sorted())
        #expect(plan.kept.count == 38)
    }

    /// The same at any pace, with versions that go bad at once, asides, pins, and a clock that is set back and forth.
    @Test func pruningOftenOrOnceIsTheSame() {
        for seed in UInt64(1)...300 {
            var random = Lehmer(state: seed)
            var policy = random.policy()
            // It alone looks at distances, which mean nothing on a clock that is set.
            policy.within = nil
            let (asides, offset) = (random.below(3), random.offset())
            let whole = random.versions(upTo: 120).map { summary in
                guard random.below(20) == 0 else { return summary }
                var summary = summary
                summary.takenAt = summary.takenAt + .seconds(random.below(400_000) - 200_000)
                return summary
            }
            var kept: [CheckpointSummary] = []
            for summary in whole {
                kept.append(summary)
                guard random.below(3) != 0 else { continue }
                let left = Set(plan(kept, policy, asides: asides, utcOffset: offset).kept)
                kept.removeAll { !left.contains($0.version) }
            }
            #expect(
                plan(kept, policy, asides: asides, utcOffset: offset).kept == plan(whole, policy, asides: asides, utcOffset: offset).kept,
                "seed \(seed)")
        }
    }
}
