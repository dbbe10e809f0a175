import AgentModel
import OutsideWorld
import SimulatedWorld
import Testing

@testable import Checkpoints

/// A new version's pages are compared with what is remembered of those of the version before, and only what changed is read: whatever became of the
/// plain files of both, what goes into packs is what was stored.
@Suite struct PageMemoryTests {
    private static let page = 4096
    /// More than what is read at a time, and not a whole number of pages.
    private static let before: [[UInt8]] = (0..<80).map(page) + [[UInt8](repeating: 7, count: 100)]

    private static func page(_ number: Int) -> [UInt8] {
        bytes(page) { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761 &+ number &* 40_503) >> 9) }
    }

    private static func secret(_ first: UInt8) -> [UInt8] { bytes(PageMemory.secretSize) { first &+ UInt8($0) } }

    /// What happened to the memory between two versions, and how many of its pages no version had.
    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var new: Int
        let make: @Sendable (inout [[UInt8]]) -> Void
        init(_ description: String, new: Int, _ make: @escaping @Sendable (inout [[UInt8]]) -> Void) {
            (testDescription, self.new, self.make) = (description, new, make)
        }
    }
    static let changes = [
        Change("nothing", new: 0) { _ in },
        Change("a byte here and there", new: 3) { pages in for index in [0, 63, 79] { pages[index][17] ^= 1 } },
        Change("a page in front", new: 1) { $0.insert(page(1000), at: 0) },
        Change("pages in the middle", new: 3) { $0.insert(contentsOf: (1000..<1003).map(page), at: 63) },
        Change("the first is gone", new: 0) { $0.removeFirst() },
        Change("most of the front is gone", new: 0) { $0.removeFirst(60) },
        Change("half of them change places", new: 0) { pages in pages = Array(pages[40..<80] + pages[..<40] + pages[80...]) },
        Change("the end is shorter", new: 1) { pages in pages[80] = Array(pages[80].dropLast(60)) },
        Change("the end is a whole page now", new: 1) { $0[80] += [UInt8](repeating: 9, count: 3996) },
        Change("it ends in the middle of a page", new: 1) { pages in
            pages.removeLast(30)
            pages[50] = Array(pages[50].prefix(2048))
        },
        Change("some are zeros now", new: 0) { pages in for index in 60..<70 { pages[index] = [UInt8](repeating: 0, count: page) } },
        Change("all is new", new: 81) { pages in pages = (2000..<2081).map(page) },
    ]

    private let memory = PageMemory(secret: Self.secret(0))

    private func commit(_ pages: [[UInt8]], _ step: UInt64, _ bench: Bench, forgets: Bool = false) throws -> VersionNumber {
        let store = try bench.open()
        let opened = try store.openCut(agent, stagingID: "i\(bench.storeDisk.operationCount)")
        try bench.storeDisk.open(opened.directory / "process/pages-1.img", .createNew(mode: 0o600)).write(Array(pages.joined()))
        var request = bench.request(step)
        request.pages = forgets ? nil : memory
        var staged = try store.copy(request, into: opened, images: true)
        staged.images = .example
        return try store.commit(staged).version
    }

    /// The pages, out of packs alone.
    private func packed(_ version: VersionNumber, _ bench: Bench) throws -> [UInt8] {
        let store = try bench.open()
        try store.thin(agent, version)
        let process = store.directory(of: agent) / "versions/\(version)/process"
        #expect(try bench.storeDisk.entry(at: process) == nil)
        try store.layOutImages(agent, version, stagingID: "l\(bench.storeDisk.operationCount)")
        return try bench.storeDisk.read(process / "pages-1.img", limit: .mebibytes(8))
    }

    private static let plain: DiskPath = "agents/agent-7/versions/1/process/pages-1.img"

    /// What is there of the version before.
    enum Left: CaseIterable { case all, noPlainFiles, noMemory, neither }

    @Test(arguments: changes, Left.allCases)
    func whatChangedIsStoredAndNothingElse(change: Change, left: Left) throws {
        let bench = try Bench(seed: 1)
        let first = try commit(Self.before, 1, bench, forgets: left == .noMemory || left == .neither)
        try bench.open().pack(agent, first)
        if left == .noPlainFiles || left == .neither { try bench.open().thin(agent, first) }
        var pages = Self.before
        change.make(&pages)
        let second = try commit(pages, 2, bench)
        let report = try bench.open().pack(agent, second, memory)
        // Nothing of these compresses, but what resembles the page before.
        #expect(report.written < ByteCount(UInt64(change.new * 4200 + 1500)))
        #expect(try packed(second, bench) == Array(pages.joined()))
        #expect(try packed(first, bench) == Array(Self.before.joined()))
        try bench.open().verify(agent, second)
    }

    /// The page that decayed looks as the new one does.
    @Test(arguments: [0, 64, 79, 80])
    func whatDecayedBeforeTellsNothing(index: Int) throws {
        let bench = try Bench(seed: 1)
        let first = try commit(Self.before, 1, bench)
        try bench.open().pack(agent, first)
        bench.storeDisk.damage(Self.plain, offset: index * Self.page + 9, bit: 3)
        var pages = Self.before
        pages[index][9] ^= 8
        let second = try commit(pages, 2, bench)
        try bench.open().pack(agent, second, memory)
        #expect(try packed(second, bench) == Array(pages.joined()))
    }

    /// What takes the place of a page is stored as its difference to that page, not to what the disk made of it.
    @Test func noDifferenceIsTakenToWhatDecayed() throws {
        let bench = try Bench(seed: 1)
        let first = try commit(Self.before, 1, bench)
        try bench.open().pack(agent, first)
        bench.storeDisk.damage(Self.plain, offset: 5 * Self.page + 100, bit: 0)
        var pages = Self.before
        pages[5][9] ^= 8
        pages[5][100] ^= 1
        let second = try commit(pages, 2, bench)
        try bench.open().pack(agent, second, memory)
        #expect(try packed(second, bench) == Array(pages.joined()))
    }

    @Test(arguments: ["cut off", "longer", "gone"])
    func aFileBeforeOfAnotherLengthTellsNothing(damage: String) throws {
        let bench = try Bench(seed: 1)
        let first = try commit(Self.before, 1, bench)
        try bench.open().pack(agent, first)
        switch damage {
        case "cut off": bench.storeDisk.truncate(Self.plain, to: 300_000)
        case "longer": bench.storeDisk.plant(Self.plain, Array(Self.before.joined()) + [1])
        default: try bench.storeDisk.removeFile(Self.plain)
        }
        var pages = Self.before
        pages[3][9] ^= 8
        let second = try commit(pages, 2, bench)
        try bench.open().pack(agent, second, memory)
        #expect(try packed(second, bench) == Array(pages.joined()))
    }

    /// A disk that fails once, at any operation.
    @Test func aFileBeforeThatCannotBeReadTellsNothing() throws {
        let base = try Bench(seed: 1)
        let first = try commit(Self.before, 1, base)
        try base.open().pack(agent, first)
        var pages = Self.before
        pages[70][9] ^= 8
        let second = try commit(pages, 2, base)
        base.storeDisk.syncAll()
        let traced = base.copy(seed: 1)
        let trace = try traced.storeDisk.trace { try traced.open().pack(agent, second, memory) }
        #expect(trace.contains { $0.name == "read" })
        var survived = 0
        for index in trace.indices {
            let bench = base.copy(seed: 1)
            bench.storeDisk.fail(at: bench.storeDisk.operationCount + index + 1, with: .io)
            let failed = try fault { try bench.open().pack(agent, second, memory) }
            bench.storeDisk.forgetTroubles()
            if failed == nil { survived += 1 } else { try bench.open().pack(agent, second, memory) }
            #expect(try packed(second, bench) == Array(pages.joined()), "operation \(index + 1) ('\(trace[index])')")
        }
        // Those of the version before.
        #expect(survived > 0)
    }

    /// The page that is read is compared with what was remembered of it; one that is not read need not be there any more.
    @Test(arguments: [(3, true), (70, true), (4, false), (80, false)])
    func whatDecaysAfterTheCommitIsNotPacked(index: Int, isRead: Bool) throws {
        let bench = try Bench(seed: 1)
        let first = try commit(Self.before, 1, bench)
        try bench.open().pack(agent, first, memory)
        var pages = Self.before
        pages[3][9] ^= 8
        pages[70][9] ^= 8
        let second = try commit(pages, 2, bench)
        bench.storeDisk.damage("agents/agent-7/versions/2/process/pages-1.img", offset: index * Self.page + 50, bit: 1)
        let failed = try fault { try bench.open().pack(agent, second, memory) }
        if isRead {
            guard case .broken(let part, _) = failed?.kind else { throw Unexpected() }
            #expect(part == "process/pages-1.img")
        } else {
            #expect(failed == nil)
            #expect(try packed(second, bench) == Array(pages.joined()))
        }
    }

    /// A page of fifty changed: what is read of both versions is little more than that.
    @Test func onlyWhatChangedIsRead() throws {
        let bench = try Bench(seed: 1)
        let pages = (0..<200).map(Self.page)
        let first = try commit(pages, 1, bench)
        try bench.open().pack(agent, first, memory)
        var changed = pages
        for index in [7, 8, 9, 190] { changed[index][0] ^= 1 }
        let second = try commit(changed, 2, bench)
        let trace = try bench.storeDisk.trace { try bench.open().pack(agent, second, memory) }
        let reads = trace.filter { $0.name == "read" && $0.path.hasSuffix("pages-1.img") }
        // Of each version: one page, then two, of which one and what lies behind it, and one.
        #expect(reads.count == 6, "\(reads)")
        #expect(try packed(second, bench) == Array(changed.joined()))
    }

    /// Two versions are; and nothing of a file that has another hash than was remembered.
    @Test func theLastTwoAreRemembered() throws {
        let bench = try Bench(seed: 1)
        let path: DiskPath = "pages-1.img"
        let versions = try (1...3).map { try commit((0..<4).map { Self.page($0) }, UInt64($0), bench) }
        let images = try versions.map { try bench.open().images(agent, $0).first { $0.path == path } }
        let measures = try images.map { Measure(try #require($0)) }
        #expect(memory.sums(of: path, in: versions[0], measures[0]) == nil)
        #expect(memory.sums(of: path, in: versions[1], measures[1])?.count == 4)
        #expect(memory.sums(of: path, in: versions[2], measures[2])?.count == 4)
        #expect(memory.sums(of: "pages-2.img", in: versions[2], measures[2]) == nil)
        #expect(memory.sums(of: path, in: versions[2], Measure(size: measures[2].size, digest: "0")) == nil)
        #expect(memory.sums(of: path, in: versions[2], Measure(size: measures[2].size + 4096, digest: measures[2].digest)) == nil)
    }

    @Test func zerosAndSecretsAndTheLastPage() throws {
        var sums = PageSums(secret: Self.secret(1))
        var others = PageSums(secret: Self.secret(2))
        let piece = [UInt8](repeating: 0, count: 4096) + Self.page(1) + Self.page(1) + Self.page(2).prefix(100)
        let added = [sums.add(piece), others.add(piece)]
        #expect(added == [true, true] && sums.count == 4)
        #expect((0..<4).map(sums.isZero) == [true, false, false, false])
        #expect(sums.isSame(1, as: 2, of: sums) && !sums.isSame(1, as: 3, of: sums) && !sums.isSame(1, as: 4, of: sums))
        #expect(!sums.isSame(1, as: 1, of: others))
        #expect(sums.isPage(3, Self.page(2).prefix(100)) && !sums.isPage(3, Self.page(2).prefix(99)) && !sums.isPage(2, Self.page(2)[...]))
        let isMore = sums.add([1])
        #expect(!isMore, "behind a page that was not whole")
    }

    /// The order in which a house is kept: what was the newest is there until the new one is packed, and goes then.
    @Test func theFormerNewestStaysUntilTheNewOneIsPacked() throws {
        let bench = try Bench(seed: 1)
        let first = try commit(Self.before, 1, bench)
        let house = Housekeeping(of: agent, in: try bench.open())
        func keep(_ versions: [VersionNumber], while isWanted: () -> Bool) -> Housekeeping.Outcome {
            house.work(Housekeeping.Orders(versions: versions, atHand: Set(versions.suffix(1)), collects: false), while: isWanted)
        }
        guard case .done = keep([first], while: { true }) else { throw Unexpected() }
        let second = try commit(Self.before.reversed(), 2, bench)
        let store = try bench.open()
        // Asked for the first time behind the last piece of the second version.
        var isAnyMissing = false
        let outcome = keep([first, second]) {
            let isPlain = ((try? bench.storeDisk.entry(at: Self.plain)) ?? nil) != nil
            if !isPlain, (try? store.isPacked(agent, second)) != true { isAnyMissing = true }
            return true
        }
        guard case .done = outcome else { throw Unexpected() }
        #expect(!isAnyMissing)
        #expect(try bench.storeDisk.entry(at: Self.plain) == nil && store.isPacked(agent, second))
    }

    /// What was begun is gone on with, whoever waits to be thinned out.
    @Test func whatWasBegunIsNotBegunAgain() throws {
        let bench = try Bench(seed: 1)
        let first = try commit(Self.before, 1, bench)
        let house = Housekeeping(of: agent, in: try bench.open())
        let second = try commit(Self.before.reversed(), 2, bench)
        let orders = Housekeeping.Orders(versions: [first, second], atHand: [second], collects: false)
        var rounds = 0
        while true {
            rounds += 1
            // A piece at a time.
            var asked = 0
            let outcome = house.work(orders) {
                asked += 1
                return asked <= 2
            }
            if case .done = outcome { break }
            try #require(rounds < 60, "it never comes to an end")
        }
        #expect(try bench.open().isPacked(agent, second))
    }

    private struct Unexpected: Error {}
}
