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

    /// A pack of deltas is whole as far as it goes.
    @Test func damageIsToldOfThePackThatHasIt() throws {
        let bench = try Incremental()
        var random = SeededRandom(seed: 11)
        var model = (0..<65_536).map { _ in UInt8.random(in: 0...255, using: &random) }
        try bench.write("model", model)
        try bench.take()
        let first = try #require(bench.disk.peekNames(packs).first)
        for place in stride(from: 100, to: model.count, by: 16_384) { model[place] ^= 1 }
        bench.clock.pass(.seconds(10))
        try bench.write("model", model)
        try bench.take()
        for version in bench.held.keys.sorted() { try bench.store().thin(agent, version) }
        let second = try #require(bench.disk.peekNames(packs).first { $0 != first })
        let blocks = try #require(bench.disk.peek(packs / first)).count
        bench.disk.damage(packs / first, offset: blocks / 2, bit: 3)
        let found = try bench.store().verifyPacks(agent)
        #expect(
            found.map(\.damage) == [
                PackDamage(how: "its bytes are not what was stored"),
                PackDamage(how: "its bytes are not what was stored", base: first),
            ])
        #expect(found.last?.damage?.words.contains("it rests on pack '\(first)', which is damaged") == true)
        #expect(bench.disk.peekNames(packs).filter { $0.hasSuffix(".damaged") } == [first + ".damaged"])
        // Its own damage goes before another's.
        bench.disk.damage(packs / second, offset: 40, bit: 3)
        #expect(try bench.store().verifyPacks(agent).map { $0.damage?.base } == [nil, nil])
    }

    /// What was read whole is so until somebody finds that it is not.
    @Test func whatWasReadWholeIsReadAgainOnceItIsInDoubt() throws {
        let bench = try bench()
        let store = try bench.store()
        let first = VersionNumber(1)
        let name = try #require(store.verifiedName(agent, first))
        let names = Set(bench.disk.peekNames(packs))
        let now = bench.clock.now
        let record = VerifiedRecord(at: now, versions: [name], packs: names)
        #expect(store.keepVerified(agent, record) && store.verified(agent, at: now) == record)
        var passed: Set<String> = []
        #expect(try store.verifyPacks(agent, passing: names, passed: { passed.insert($0) }).isEmpty && passed == names)
        // Somebody else finds it.
        #expect(try store.verifyPacks(agent).contains { $0.damage != nil })
        #expect(store.verified(agent, at: now) == nil && store.verifiedName(agent, first) == nil)
        #expect(try store.verifyPacks(agent, passing: names).contains { $0.damage != nil })
        // One that rests on other packs is still what it was.
        let second = try bench.take()
        try store.thin(agent, second)
        #expect(store.verifiedName(agent, second) != nil)
        #expect(store.keepVerified(agent, record))
        try store.mark(agent, second, .broken, because: "its disk says so")
        #expect(store.verified(agent, at: now) == nil && store.verifiedName(agent, second) == nil)
    }

    @Test func muchIsRemembered() throws {
        let bench = try Incremental()
        let store = try bench.store()
        let record = VerifiedRecord(at: bench.clock.now, versions: Set((1...20_000).map { "\($0) 0123456789abcdef +----" }))
        #expect(store.keepVerified(agent, record) && store.verified(agent, at: bench.clock.now) == record)
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
