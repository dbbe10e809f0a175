import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

/// What is known to be damaged harms no version that comes after.
@Suite struct DoubtTests {
    private let packs: DiskPath = "agents/agent-7/packs"

    /// Version 1, in packs alone, and one bit of its first pack's content flipped.
    private func bench() throws -> Incremental {
        let bench = try Incremental()
        try bench.take()
        try bench.store().thin(agent, VersionNumber(1))
        let pack = try #require(bench.disk.peekNames(packs).sorted().first)
        bench.disk.damage(packs / pack, offset: 40, bit: 3)
        return bench
    }

    private func isMarked(_ bench: Incremental) -> Bool { bench.disk.peekNames(packs).contains { $0.hasSuffix(".damaged") } }

    /// Whoever finds it.
    @Test(arguments: ["packs", "thin", "scrub", "housekeeping"])
    func nothingIsBuiltOnADamagedPack(finder: String) throws {
        let bench = try bench()
        // Before anybody knows, a version may rest on it.
        try bench.take(packs: finder != "housekeeping")
        let store = try bench.store()
        switch finder {
        case "packs": #expect(try store.verifyPacks(agent).contains { $0.damage != nil })
        case "thin": #expect(try fault { try store.thin(agent, VersionNumber(2)) } != nil)
        case "scrub":
            let scrubbing = Scrubbing(of: agent, in: store)
            while case .goesOn = scrubbing.work(VersionNumber(1), while: { true }) {}
        default:
            let orders = Housekeeping.Orders(versions: [VersionNumber(1), VersionNumber(2)], atHand: [], collects: false)
            _ = Housekeeping(of: agent, in: store).work(orders) { true }
        }
        #expect(isMarked(bench), "by \(finder)")
        let third = try bench.take()
        try store.verify(agent, third)
        try store.verifyPacked(agent, third)
        try store.thin(agent, third)
        let fourth = try bench.take()
        try store.verify(agent, fourth)
        try store.verifyPacked(agent, fourth)
    }

    /// The mark goes with the damage, or with the pack.
    @Test func aMarkIsTakenAway() throws {
        let bench = try bench()
        let store = try bench.store()
        _ = try store.verifyPacks(agent)
        #expect(isMarked(bench))
        // Collected, it would lose its mark: it stays as long as it is needed.
        let third = try bench.take()
        try store.collect(agent)
        #expect(isMarked(bench))
        let pack = try #require(bench.disk.peekNames(packs).first { $0.hasSuffix(".damaged") }).dropLast(8)
        bench.disk.damage(packs / String(pack), offset: 40, bit: 3)
        #expect(try store.verifyPacks(agent).allSatisfy { $0.damage == nil })
        #expect(!isMarked(bench))
        bench.disk.damage(packs / String(pack), offset: 40, bit: 3)
        _ = try store.verifyPacks(agent)
        try store.remove(agent, [VersionNumber(1)])
        try store.collect(agent)
        #expect(!isMarked(bench) && !bench.disk.peekNames(packs).contains(String(pack)))
        try store.verifyPacked(agent, third)
    }

    /// Somebody collects what a packing under way took to be there.
    @Test func aVersionNamesNothingThatWasCollected() throws {
        let bench = try Incremental(files: 40)
        try bench.take()
        bench.index.forget()
        try bench.take(packs: false)
        let store = try bench.store()
        let packing = try #require(try store.beginPacking(agent, VersionNumber(2)))
        var pieces = 0
        _ = try packing.work {
            pieces += 1
            return pieces < 30
        }
        try store.remove(agent, [VersionNumber(1)])
        bench.held[VersionNumber(1)] = nil
        try store.collect(agent)
        #expect(try fault { _ = try packing.work { true } } != nil)
        #expect(try !store.isPacked(agent, VersionNumber(2)))
        try store.pack(agent, VersionNumber(2))
        try store.thin(agent, VersionNumber(2))
        try bench.check()
    }
}
