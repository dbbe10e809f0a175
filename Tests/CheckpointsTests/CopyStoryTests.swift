import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

/// A carrier that dies in the middle, leaves half a file under its whole name, and lets others change the store while it works.
private final class RudeCarrier: Carrier {
    let name = "/rude"
    private let inner: DirectoryCarrier
    private let disk: SimulatedDisk
    private var dice: Dice
    /// What somebody else does to the store just before something is sent.
    var beside: () throws -> Void = {}
    /// In a hundred calls.
    var rudeness: Int

    init(to disk: SimulatedDisk, seed: UInt64, rudeness: Int) {
        (self.disk, self.rudeness) = (disk, rudeness)
        inner = DirectoryCarrier(disk)
        dice = Dice(seed: seed)
    }

    func list(_ directory: DiskPath?) throws(CarrierFault) -> [RemoteFile] {
        try die()
        return try inner.list(directory)
    }
    func send(_ files: [DiskPath], below directory: DiskPath?, of disk: any Disk) throws(CarrierFault) {
        if dice.says(50) { try? beside() }
        guard dice.says(rudeness), !files.isEmpty else { return try inner.send(files, below: directory, of: disk) }
        let shuffled = files.shuffled(using: &dice)
        let count = dice.number(below: files.count)
        try inner.send(Array(shuffled[..<count]), below: directory, of: disk)
        // The next one ends in the middle, as on a server that does not know what is whole.
        try inner.send([shuffled[count]], below: directory, of: disk)
        if let size = self.disk.peek(shuffled[count])?.count, size > 0 {
            _ = self.disk.truncate(shuffled[count], to: dice.number(below: size))
        }
        if dice.says(70) { throw .failed("the line went dead") }
    }
    func fetch(_ files: [RemoteFile], into directory: DiskPath, of disk: any Disk) throws(CarrierFault) {
        try die()
        try inner.fetch(files, into: directory, of: disk)
    }
    func remove(_ files: [DiskPath]) throws(CarrierFault) {
        guard dice.says(rudeness), !files.isEmpty else { return try inner.remove(files) }
        try inner.remove(Array(files.shuffled(using: &dice)[..<dice.number(below: files.count)]))
        throw .failed("the line went dead")
    }
    private func die() throws(CarrierFault) { if dice.says(rudeness) { throw .failed("the line went dead") } }
}

/// An agent whose versions come and go, copied again and again to a remote, with troubles on both sides.
private final class CopyStory {
    let story: Story
    let remote: SimulatedDisk
    let carrier: RudeCarrier
    /// Every version there ever was.
    var ever: [VersionNumber: Story.Content] = [:]
    /// What the remote listed: without a prune it stays.
    var listed: Set<VersionNumber> = []
    private var draws = 0

    init(seed: UInt64, rudeness: Int) throws {
        story = try Story(seed: seed)
        remote = SimulatedDisk(seed: seed &+ 77, rootName: "/remote")
        carrier = RudeCarrier(to: remote, seed: seed &+ 99, rudeness: rudeness)
        let story = story
        carrier.beside = {
            if story.dice.says(60) { try story.packAll() } else { try story.remove() }
        }
    }

    func live() throws {
        for _ in 0..<2 {
            try story.deed()
            remember()
        }
    }
    private func remember() { ever.merge(story.versions) { old, _ in old } }

    func sync(prune: Bool = false) throws {
        let store = try story.store()
        draws += 1
        let look = try store.openLook(for: "sync") { "look\(draws)" }
        defer { store.close(look) }
        let copy = CopyOut(of: store, by: carrier)
        try copy.open(in: look)
        var report = try copy.send(agent, in: look)
        if prune {
            listed.formIntersection(story.versions.keys)
            try copy.prune(agent, in: look, &report)
        }
        #expect(report.conflicts.isEmpty)
    }

    /// All that the remote lists comes whole into a new store.
    func takeStock(_ context: String) throws {
        let rudeness = carrier.rudeness
        carrier.rudeness = 0
        defer { carrier.rudeness = rudeness }
        guard remote.peekNames("agents").isEmpty == false else { return }
        let elsewhere = SimulatedDisk(seed: 3, rootName: "/elsewhere-store")
        let store = try CheckpointStore.open(elsewhere, create: true) { "fedcba9876543210" }
        let copy = CopyIn(of: store, by: carrier)
        let there = Set(try copy.listed()[agent] ?? [])
        if !listed.isSubset(of: there) { Issue.record("the remote lost \(listed.subtracting(there)): \(context)") }
        listed = there
        guard !there.isEmpty else { return }
        try store.addAgent(agent)
        try copy.take(agent, there.sorted(), as: nil, stagingID: "in") { _ in }
        for version in there {
            try store.verify(agent, version)
            guard let expected = ever[version] else {
                Issue.record("version \(version) comes from nowhere: \(context)")
                continue
            }
            if try story.read(version, store) != expected { Issue.record("version \(version) holds something else: \(context)") }
        }
    }

    /// A sync during which one of the two disks fails at some operation.
    func troubledSync(prune: Bool, _ context: String) throws {
        let disk = story.dice.says(50) ? story.disk : remote
        let trouble = DiskTrouble.allCases.randomElement(using: &story.dice) ?? .full
        disk.fail(at: disk.operationCount + 1 + story.dice.number(below: story.dice.says(50) ? 60 : 600), with: trouble)
        do { try sync(prune: prune) } catch is CopyFault {} catch is StoreFault {} catch is FileFault {}
        for disk in [story.disk, remote] {
            disk.forgetTroubles()
            if disk.isDown { disk.powerCut() }
            disk.restart()
            disk.processDied()
        }
        _ = try story.store().recover(agent)
    }

    func checkGarbage(_ context: String) throws {
        carrier.rudeness = 0
        carrier.beside = {}
        try story.packAll()
        remember()
        try sync()
        try takeStock("\(context), after a whole sync")
        #expect(listed.isSuperset(of: story.versions.keys), "\(context)")
        guard !story.versions.isEmpty else { return }
        try sync(prune: true)
        try takeStock("\(context), after a prune")
        #expect(listed == Set(story.versions.keys), "\(context)")
        // What is kept there is what is needed here, in packs that may be older.
        let packs = remote.contents().filter { $0.key.isBelow("agents/agent-7/packs") && !$0.key.name.hasSuffix(".part") }.count
        #expect(packs <= 3 * story.versions.count + 40, "\(context)")
        try story.takeStock(context)
    }
}

/// Does something to the store when packs have just arrived.
private final class InterruptingCarrier: Carrier {
    let name = "/interrupted"
    private let inner: DirectoryCarrier
    private var deed: (() throws -> Void)?

    init(to disk: SimulatedDisk, deed: @escaping () throws -> Void) {
        inner = DirectoryCarrier(disk)
        self.deed = deed
    }
    func list(_ directory: DiskPath?) throws(CarrierFault) -> [RemoteFile] { try inner.list(directory) }
    func send(_ files: [DiskPath], below directory: DiskPath?, of disk: any Disk) throws(CarrierFault) {
        try inner.send(files, below: directory, of: disk)
        guard files.contains(where: { $0.text.contains("/packs/") }), let deed else { return }
        self.deed = nil
        do { try deed() } catch { throw .failed("\(error)") }
    }
    func fetch(_ files: [RemoteFile], into directory: DiskPath, of disk: any Disk) throws(CarrierFault) {
        try inner.fetch(files, into: directory, of: disk)
    }
    func remove(_ files: [DiskPath]) throws(CarrierFault) { try inner.remove(files) }
}

@Suite struct CopyStoryTests {
    /// A version that is removed while its packs travel is in nobody's way.
    @Test(arguments: [[1], [1, 2], [1, 2, 3], []] as [[UInt64]])
    func whatIsRemovedBetweenPacksAndListsIsPassedOver(going: [UInt64]) throws {
        let story = try Story(seed: 11)
        for _ in 1...3 { try story.commit() }
        try story.packAll()
        let remote = SimulatedDisk(seed: 12, rootName: "/remote")
        let carrier = InterruptingCarrier(to: remote) { try story.store().remove(agent, going.map(VersionNumber.init)) }
        let store = try story.store()
        let look = try store.openLook(for: "sync") { "look" }
        defer { store.close(look) }
        let copy = CopyOut(of: store, by: carrier)
        try copy.open(in: look)
        let report = try copy.send(agent, in: look)
        #expect(report.sent == story.versions.keys.filter { !going.contains($0.number) }.sorted())
        #expect(report.leftOut.isEmpty)
    }

    /// So is an agent; the others still travel.
    @Test func anAgentThatIsRemovedMeanwhileEndsNothing() throws {
        let story = try Story(seed: 11)
        let remote = SimulatedDisk(seed: 12, rootName: "/remote")
        let store = try story.store()
        let look = try store.openLook(for: "sync") { "look" }
        defer { store.close(look) }
        let copy = CopyOut(of: store, by: DirectoryCarrier(remote))
        try copy.open(in: look)
        var report = try copy.send(named("gone"), in: look)
        try copy.prune(named("gone"), in: look, &report)
        #expect(report == CopyOutReport(named("gone")))
    }

    /// Seeds that failed once: 1, 4, 40 (half a manifest that a prune left).
    @Test(arguments: 1...60)
    func whatARemoteListsIsWhole(seed: UInt64) throws {
        let story = try CopyStory(seed: seed, rudeness: 15)
        for step in 1...5 {
            try story.live()
            do { try story.sync(prune: step == 4) } catch is CopyFault {}
            try story.takeStock("seed \(seed), step \(step)")
        }
        try story.checkGarbage("seed \(seed)")
    }

    @Test(arguments: 1...100)
    func aCrashAnywhereLeavesOnlyWholeVersionsListed(seed: UInt64) throws {
        let story = try CopyStory(seed: seed &+ 5000, rudeness: seed % 2 == 0 ? 0 : 8)
        for step in 1...4 {
            try story.live()
            try story.troubledSync(prune: step == 3, "seed \(seed), step \(step)")
            try story.takeStock("seed \(seed), step \(step)")
        }
        try story.checkGarbage("seed \(seed)")
    }
}
