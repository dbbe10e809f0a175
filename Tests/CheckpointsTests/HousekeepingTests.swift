import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

@Suite struct HousekeepingTests {
    /// Whoever ends in the middle of a pack takes it back; the next one does it whole.
    @Test func whatIsGivenUpIsNotLeftBehind() throws {
        let bench = try Bench(seed: 1)
        let store = try bench.open()
        bench.workspace.plant("large", (0..<900_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) })
        try bench.work(1)
        let version = try store.commit(store.cut(bench.request(1), stagingID: "made")).version
        let housekeeping = Housekeeping(of: agent, in: store)
        let orders = Housekeeping.Orders(versions: [version], atHand: [version], collects: false)
        let packs = store.directory(of: agent) / "packs"
        let outcome = housekeeping.work(orders) { (try? bench.storeDisk.names(in: packs))?.isEmpty ?? true }
        guard case .stopped = outcome else { throw Unexpected(outcome: outcome) }
        #expect(try bench.storeDisk.names(in: packs) == ["new"])
        housekeeping.abandon()
        #expect(try bench.storeDisk.names(in: packs).isEmpty && !store.isPacked(agent, version))
        guard case .done = housekeeping.work(orders, while: { true }) else { throw Unexpected(outcome: outcome) }
        #expect(try bench.storeDisk.names(in: packs).count == 1 && store.isPacked(agent, version))
        housekeeping.abandon()
        try store.thin(agent, version)
        try store.verify(agent, version)
    }

    private struct Unexpected: Error { var outcome: Housekeeping.Outcome }
}
