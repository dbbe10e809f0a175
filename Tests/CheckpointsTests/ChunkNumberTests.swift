import AgentModel
import OutsideWorld
import SimulatedWorld
import Testing

@testable import Checkpoints

/// Numbers of chunks, over all packs there ever were.
@Suite struct ChunkNumberTests {
    /// Keeps what each number was given to, as somebody would who has a copy of every pack.
    private final class Attic {
        private var chunks: [ChunkNumber: ChunkID] = [:]
        private var seen: Set<DiskPath> = []
        /// In the order of their first sight: packs of which a later one gave a number once more would be told here.
        func look(into disk: SimulatedDisk, _ context: String) throws {
            let directory: DiskPath = "agents/agent-7/packs"
            guard try disk.entry(at: directory) != nil else { return }
            let shelf = try PackShelf(in: directory, on: disk)
            for name in shelf.names where seen.insert(directory / name.text).inserted {
                let pack = try shelf.open(name)
                for (chunk, id) in zip(pack.index.chunks, try pack.identities()) {
                    if let known = chunks.updateValue(id, forKey: chunk.number), known != id {
                        Issue.record("number \(chunk.number) was given twice: \(context)")
                        return
                    }
                }
            }
        }
    }

    @Test(arguments: 1...60)
    func aNumberNamesOneChunkForEver(seed: UInt64) throws {
        let story = try Story(seed: seed &+ 30_000)
        let attic = Attic()
        for deed in 1...16 {
            let context = "seed \(seed), deed \(deed)"
            if deed % 4 == 0 { try story.troubledDeed(context) } else { try story.deed() }
            try attic.look(into: story.disk, context)
            guard deed % 5 == 0 else { continue }
            // The newest goes, and with it the highest numbers.
            try story.packAll()
            if let newest = story.versions.keys.max(), story.versions.count > 1, !story.record.pinned.contains(newest) {
                try story.store().remove(agent, [newest])
                story.versions[newest] = nil
            }
            try story.packAll()
            try attic.look(into: story.disk, context)
        }
        try story.takeStock("seed \(seed), at the end")
    }

    /// One version in packs, and another behind it that is gone, with the highest numbers.
    private func shortened() throws -> (Story, ChunkNumber) {
        let story = try Story(seed: 5)
        try story.commit()
        try story.packAll()
        story.now.files["more"] = story.dice.bytes(100_000)
        try story.commit()
        try story.packAll()
        let highest = try PackShelf(of: agent, on: story.disk).highest
        let newest = try #require(story.versions.keys.max())
        try story.store().remove(agent, [newest])
        story.versions[newest] = nil
        try story.packAll()
        let shelf = try PackShelf(of: agent, on: story.disk)
        #expect(shelf.highest < highest)
        return (story, highest)
    }

    @Test func numbersGoOnBehindAPackThatWent() throws {
        let (story, highest) = try shortened()
        #expect(try PackShelf(of: agent, on: story.disk).firstFree() == highest + 1)
        #expect(story.disk.peekNames("agents/agent-7").filter { $0.hasPrefix("chunks-") } == ["chunks-\(highest + 1)"])
    }

    @Test func aLostMarkIsMadeAnewFarAway() throws {
        let (story, highest) = try shortened()
        try story.disk.removeFile(DiskPath(stringLiteral: "agents/agent-7/chunks-\(highest + 1)"))
        _ = try story.store().recover(agent)
        #expect(try PackShelf(of: agent, on: story.disk).firstFree() > highest + 1)
        try story.takeStock("after a mark was lost")
    }

    @Test func whatIsPulledLeavesTheNumbersOfThePlaceAlone() throws {
        let (story, highest) = try shortened()
        let remote = SimulatedDisk(seed: 9, rootName: "/remote")
        try sync(story, to: remote)
        let elsewhere = SimulatedDisk(seed: 10, rootName: "/elsewhere")
        let store = try CheckpointStore.open(elsewhere, create: true) { "fedcba9876543210" }
        try store.addAgent(agent)
        let there = try PackShelf(of: agent, on: story.disk).highest
        try CopyIn(of: store, by: DirectoryCarrier(remote)).take(agent, story.versions.keys.sorted(), as: nil, stagingID: "in") { _ in }
        #expect(try PackShelf(of: agent, on: elsewhere).lowest > there && there < highest)
    }

    /// A number far away takes no room, however many lie between.
    @Test func gapsCostNothing() throws {
        let story = try Story(seed: 6)
        try story.commit()
        try story.packAll()
        try story.disk.create(DiskPath(stringLiteral: "agents/agent-7/chunks-\(ChunkNumber(1) << 44)"), with: [])
        for round in 0..<3 {
            story.now.files["more"] = story.dice.bytes(50_000 + round)
            try story.commit()
            try story.packAll()
        }
        #expect(try PackShelf(of: agent, on: story.disk).highest >= 1 << 44)
        _ = try story.store().planCollection(agent)
        try story.takeStock("with a gap")
    }

    /// Anybody who may write to a place may put a file there.
    @Test func aNameInAPlaceSaysNothingOfNumbers() throws {
        let (story, _) = try shortened()
        let remote = SimulatedDisk(seed: 9, rootName: "/remote")
        try sync(story, to: remote)
        for last in ["281474976710655", "999999999"] {
            remote.plant(DiskPath(stringLiteral: "agents/agent-7/packs/1-\(last)-0123456789abcdef"), [1])
        }
        let elsewhere = SimulatedDisk(seed: 10, rootName: "/elsewhere")
        let store = try CheckpointStore.open(elsewhere, create: true) { "fedcba9876543210" }
        try store.addAgent(agent)
        let there = try PackShelf(of: agent, on: story.disk).highest
        try CopyIn(of: store, by: DirectoryCarrier(remote)).take(agent, story.versions.keys.sorted(), as: nil, stagingID: "in") { _ in }
        let shelf = try PackShelf(of: agent, on: elsewhere)
        #expect(shelf.lowest > there && shelf.highest < 1 << 20)
        // Nor does a pack that says it is as far ahead as no store is.
        try store.raiseChunkNumbers(agent, beyond: [1 << 40])
        #expect(try shelf.firstFree() < 1 << 20)
        try store.raiseChunkNumbers(agent, beyond: [1 << 40, 1 << 30])
        #expect(try shelf.firstFree() == 1 << 30 + 1)
    }

    private func sync(_ story: Story, to remote: SimulatedDisk) throws {
        let store = try story.store()
        let look = try store.openLook(for: "sync") { "look" }
        defer { store.close(look) }
        let copy = CopyOut(of: store, by: DirectoryCarrier(remote))
        try copy.open(in: look)
        _ = try copy.send(agent, in: look)
    }

    /// An agent that was lost and begun anew gives its numbers once more: two chunks of one number lie in one place then.
    @Test(arguments: 1...20)
    func packsOfTwoLivesAreBothWholeInOnePlace(seed: UInt64) throws {
        let remote = SimulatedDisk(seed: seed, rootName: "/remote")
        let lives = [try Story(seed: seed &+ 500), try Story(seed: seed &+ 600)]
        for (count, story) in lives.enumerated() {
            for _ in 0..<(3 + 4 * count) {
                try story.commit()
                try story.packAll()
            }
            try sync(story, to: remote)
        }
        let store = try lives[0].store()
        let look = try store.openLook(for: "check") { "look" }
        defer { store.close(look) }
        let findings = try CopyCheck(of: store, by: DirectoryCarrier(remote)).check(agent, in: look)
        #expect(findings.count { $0.pack != nil } > 2 && findings.count { $0.version != nil } >= 7)
        #expect(findings.filter { $0.damage != nil } == [])
    }
}
