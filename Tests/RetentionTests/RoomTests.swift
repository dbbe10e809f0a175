import AgentModel
import Testing

@testable import Retention

@Suite struct RoomTests {
    private static let start = WallTime(seconds: 1_795_248_000)  // midnight

    private func version(_ number: UInt64, hour: Int, _ change: (inout CheckpointSummary) -> Void = { _ in }) -> CheckpointSummary {
        var summary = CheckpointSummary(
            version: VersionNumber(number), parts: VersionParts(cooperative: true), reason: .schedule,
            takenAt: Self.start + .seconds(3600 * hour), size: ByteCount(100))
        change(&summary)
        return summary
    }

    @Test func whatIsMissedLeastGoesFirst() {
        let versions = [
            version(1, hour: 0) { $0.pinned = true }, version(2, hour: 1),  // of its day
            version(3, hour: 30) { $0.kind = .aside }, version(4, hour: 31) { $0.standing = .suspect },
            version(5, hour: 32), version(6, hour: 33), version(7, hour: 33) { $0.standing = .proven }, version(8, hour: 34),
            version(9, hour: 34), version(10, hour: 34),
        ]
        let policy = RetentionPolicy(last: 3, hourly: 3, daily: 2, weekly: 0, monthly: 0)
        let order = orderForRoom(versions, keep: policy, asides: 1, utcOffset: .zero).map(\.version.number)
        // 6 is kept by nothing; 3 and 4 to be looked at; 8 and 9 are of the last; 5 is of an hour; 2 of a day. 1, 7 and 10 always stay.
        #expect(order == [6, 3, 4, 8, 9, 5, 2])
    }

    @Test func nothingGoesWhereAllWouldNotDo() {
        let order = (1...5).map { version(UInt64($0), hour: $0) }
        #expect(RoomPlan().step(order, missing: ByteCount(501)).isEmpty)
        #expect(RoomPlan().step(order, missing: ByteCount(150)).map(\.version.number) == [1, 2])
        #expect(RoomPlan().step([], missing: ByteCount(1)).isEmpty)
    }

    @Test func whatTheFirstGaveTellsWhatTheRestIsWorth() {
        let order = (1...5).map { version(UInt64($0), hour: $0) }
        var plan = RoomPlan()
        plan.took(ByteCount(200), for: ByteCount(100))
        #expect(plan.step(order, missing: ByteCount(100)).map(\.version.number) == [1, 2])
        #expect(plan.step(order, missing: ByteCount(251)).isEmpty)
        plan = RoomPlan()
        plan.took(ByteCount(200), for: ByteCount(0))
        #expect(plan.step(order, missing: ByteCount(1)).isEmpty)
    }

    @Test func onlySoManyGoAtOnce() {
        let order = (1...100).map { version(UInt64($0), hour: $0) }
        #expect(RoomPlan().step(order, missing: ByteCount(5000)).count == 8)
    }
}
