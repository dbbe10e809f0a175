import AgentModel
import Schedules
import Testing

@Suite struct CheckpointScheduleTests {
    @Test(arguments: [
        (600, "2026-11-21T08:00:00Z", "2026-11-21T08:00:00Z", "2026-11-21T08:10:00.000Z"),
        (600, "2026-11-21T08:00:00Z", "2026-11-21T08:09:59.999Z", "2026-11-21T08:10:00.000Z"),
        (600, "2026-11-21T08:00:00Z", "2026-11-21T08:10:00Z", "2026-11-21T08:20:00.000Z"),
        // Six times were missed; one comes next.
        (600, "2026-11-21T08:00:00Z", "2026-11-21T09:05:00Z", "2026-11-21T09:10:00.000Z"),
        // The clock was set back to before the anchor.
        (600, "2026-11-21T08:00:00Z", "2026-11-21T07:01:00Z", "2026-11-21T07:10:00.000Z"),
    ])
    func equalDistancesAreCountedFromTheAnchor(_ row: (every: Int, anchor: String, now: String, next: String)) throws {
        let anchor = try #require(WallTime(rfc3339: row.anchor))
        let now = try #require(WallTime(rfc3339: row.now))
        #expect(CheckpointSchedule.every(.seconds(row.every)).next(after: now, anchoredAt: anchor)?.description == row.next)
    }

    @Test func neverAndTheEndOfTimeHaveNoNext() throws {
        let now = WallTime(seconds: 0)
        #expect(CheckpointSchedule.never.next(after: now, anchoredAt: now) == nil)
        #expect(CheckpointSchedule.every(.zero).next(after: now, anchoredAt: now) == nil)
        #expect(CheckpointSchedule.every(.seconds(60)).next(after: WallTime(nanoseconds: .max), anchoredAt: now) == nil)
        let cron = try CronExpression(parsing: "* * * * *")
        #expect(CheckpointSchedule.cron(cron, utcOffset: .zero).next(after: WallTime(nanoseconds: .max), anchoredAt: now) == nil)
    }

    @Test func upcomingTimesAreInOrder() throws {
        let now = try #require(WallTime(rfc3339: "2026-11-21T08:38:00Z"))
        let schedule = CheckpointSchedule.cron(try CronExpression(parsing: "0 */6 * * *"), utcOffset: .zero)
        #expect(
            schedule.upcoming(3, after: now, anchoredAt: now).map(\.description)
                == ["2026-11-21T12:00:00.000Z", "2026-11-21T18:00:00.000Z", "2026-11-22T00:00:00.000Z"])
    }

    @Test(arguments: 0..<50)
    func theNextTimeIsAfterNowOnTheGridAndNoFurtherThanOneDistance(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let distance = Int64(1 + random.below(1_000_000_000_000))
        let anchor = WallTime(nanoseconds: Int64(random.below(4_000_000_000)) * 1_000_000_000)
        let now = WallTime(nanoseconds: Int64(random.below(4_000_000_000)) * 1_000_000_007)
        let next = try #require(CheckpointSchedule.every(.nanoseconds(distance)).next(after: now, anchoredAt: anchor))
        #expect(next > now)
        #expect(next.nanoseconds - now.nanoseconds <= distance)
        #expect((next.nanoseconds - anchor.nanoseconds) % distance == 0)
    }
}
