import AgentModel
import OutsideWorld
import Testing

@testable import Checkpoints

@Suite struct StoreLimitsTests {
    @Test(arguments: [
        (StoreLimits(), UInt64(8) << 40, UInt64(0), UInt64(1) << 30), (StoreLimits(), 1000, 0, 50), (StoreLimits(), 1000, 70, 70),
        (StoreLimits(keepFree: ByteCount(10)), 1000, 7, 10), (StoreLimits(keepFree: ByteCount(0)), 1000, 7, 7),
    ])
    func whatMustBeFree(_ limits: StoreLimits, _ total: UInt64, _ forecast: UInt64, _ least: UInt64) {
        #expect(limits.leastFree(total: ByteCount(total), forecast: ByteCount(forecast)) == ByteCount(least))
    }

    @Test func theyAreTheStoresOwn() throws {
        let bench = try Bench(seed: 1)
        let store = try bench.open()
        #expect(store.limits() == StoreLimits())
        let limits = StoreLimits(quota: ByteCount(100), keepFree: ByteCount(7))
        try store.set(limits)
        #expect(try bench.open().limits() == limits)
        try bench.storeDisk.replace("limits", with: bytes("nonsense"))
        #expect(store.limits() == StoreLimits())
    }

    @Test func anAgentMayTakeWhatTheOthersLeaveAndItsShareAtLeast() throws {
        let bench = try Bench(seed: 1)
        let store = try bench.open()
        #expect(try store.allowance(of: agent) == nil)
        try bench.work(1)
        _ = try bench.take(1)
        let own = try #require(try store.versions(of: agent).last)
        try store.set(StoreLimits(quota: ByteCount(1000)))
        #expect(try store.allowance(of: agent) == ByteCount(1000))
        try store.addAgent(named("other"))
        #expect(try store.allowance(of: agent) == ByteCount(1000))
        #expect(try store.allowance(of: named("other")) == ByteCount(max(500, 1000 - min(1000, own.size.bytes))))
    }
}
