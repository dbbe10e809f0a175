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
        bench.workspace.plant("large", bytes(900_000) { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) })
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

    /// One look that fails writes no version off: the next one may find it whole.
    @Test func aFaultOfTheDiskThatPassesBreaksNothing() throws {
        let base = try Deed.bench()
        let orders = Housekeeping.Orders(versions: base.seen.sorted(), atHand: base.seen.max().map { [$0] } ?? [], collects: true)
        let traced = base.copy(seed: 1)
        let housekeeping = Housekeeping(of: agent, in: try traced.open())
        let trace = traced.storeDisk.trace { _ = housekeeping.work(orders) { true } }
        #expect(trace.count > 100)
        for index in trace.indices {
            let bench = base.copy(seed: 1)
            let store = try bench.open()
            let housekeeping = Housekeeping(of: agent, in: store)
            bench.storeDisk.fail(at: bench.storeDisk.operationCount + index + 1, with: .io)
            let outcome = housekeeping.work(orders) { true }
            if case .broken = outcome { Issue.record("operation \(index + 1) ('\(trace[index])'): \(outcome)") }
            bench.storeDisk.forgetTroubles()
            guard case .done = housekeeping.work(orders, while: { true }) else { throw Unexpected(outcome: outcome) }
            for version in base.seen { try store.verify(agent, version) }
        }
    }

    /// What a removal took out of sight and could not make durable may come back: whole, then.
    @Test(arguments: UInt64(1)...16) func whatMayComeBackIsNeeded(seed: UInt64) throws {
        let base = try Deed.bench()
        for version in base.seen.sorted() {
            try base.open().pack(agent, version)
            try base.open().thin(agent, version)
        }
        base.storeDisk.syncAll()
        let going = [VersionNumber(1), VersionNumber(2)]
        let traced = base.copy(seed: seed)
        let trace = try traced.storeDisk.trace { try traced.open().remove(agent, going) }
        for index in trace.indices where trace[index].name == "syncdir" || trace[index].name == "rename" {
            let bench = base.copy(seed: seed)
            bench.storeDisk.fail(at: bench.storeDisk.operationCount + index + 1, with: .io)
            _ = try fault { try bench.open().remove(agent, going) }
            bench.storeDisk.forgetTroubles()
            try bench.open().collect(agent)
            bench.storeDisk.powerCut()
            bench.reboot()
            let store = try bench.open()
            for summary in try store.versions(of: agent) {
                let broken = try fault { try store.verify(agent, summary.version) }
                #expect(broken == nil, "version \(summary.version), operation \(index + 1) ('\(trace[index])')")
            }
        }
    }

    private struct Unexpected: Error { var outcome: Housekeeping.Outcome }
}
