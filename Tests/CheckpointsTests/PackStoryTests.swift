import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

/// Random numbers that a seed decides.
struct Dice: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
    mutating func number(below limit: Int) -> Int { Int(next() % UInt64(limit)) }
    mutating func says(_ percent: Int) -> Bool { number(below: 100) < percent }
    mutating func bytes(_ count: Int) -> [UInt8] {
        // Half of it compresses, as memory does.
        (0..<count).map { $0 % 2 == 0 ? UInt8(truncatingIfNeeded: next()) : UInt8($0 / 512 % 7) }
    }
}

/// An agent whose files and memory change a little, whose versions come and go, and a plain record of what every version must hold.
final class PackStory {
    let disk: SimulatedDisk
    var dice: Dice
    /// What a version holds: the agent's own state, its files, its memory.
    struct Content: Equatable {
        var state: [UInt8]
        var files: [DiskPath: [UInt8]]
        var images: [DiskPath: [UInt8]]?
    }
    var now = Content(state: [], files: [:], images: nil)
    var pages: [[UInt8]] = []
    var versions: [VersionNumber: Content] = [:]
    /// Those that a crash may have taken, or made: either is right.
    var doubtful: Set<VersionNumber> = []
    var maybe: Content?
    var step: UInt64 = 0
    var crashes = 0

    init(seed: UInt64) throws {
        dice = Dice(seed: seed)
        disk = SimulatedDisk(seed: seed, rootName: "/store")
        pages = (0..<24).map { _ in dice.bytes(4096) }
        try store().addAgent(agent)
    }

    func store() throws -> CheckpointStore { try CheckpointStore.open(disk, create: true) { "0123456789abcdef" } }

    // MARK: The agent works

    func work() {
        step += 1
        now.state = dice.says(20) ? dice.bytes(40_000) : bytes("{\"step\":\(step)}")
        for _ in 0..<dice.number(below: 4) {
            let path = DiskPath(stringLiteral: "d\(dice.number(below: 3))/f\(dice.number(below: 5))")
            switch dice.number(below: 6) {
            case 0: now.files[path] = nil
            case 1: now.files[path] = dice.bytes(dice.number(below: 200))
            case 2: now.files[path] = dice.bytes(30_000 + dice.number(below: 40_000))
            case 3: now.files[path] = [UInt8](repeating: 0, count: dice.number(below: 50_000))
            case 4: now.files[path]? += dice.bytes(dice.number(below: 9000))
            default:
                guard var content = now.files[path], !content.isEmpty else { break }
                content[dice.number(below: content.count)] &+= 1
                now.files[path] = content
            }
        }
        for _ in 0..<dice.number(below: 4) {
            let page = dice.number(below: pages.count)
            switch dice.number(below: 4) {
            case 0: pages[page] = dice.bytes(4096)
            case 1: pages[page] = [UInt8](repeating: 0, count: 4096)
            default: pages[page][dice.number(below: 4096)] &+= 1
            }
        }
        // Memory comes and goes in the middle.
        if dice.says(20) { pages.insert(dice.bytes(4096), at: dice.number(below: pages.count)) }
        if dice.says(20), pages.count > 8 { pages.remove(at: dice.number(below: pages.count)) }
        now.images = dice.says(70) ? ["pages-1.img": Array(pages.joined()), "core-1000.img": bytes("core \(step)")] : nil
    }

    // MARK: What happens to the store

    func commit() throws {
        work()
        let workspace = SimulatedDisk(seed: step, rootName: "/work")
        for (path, content) in now.files.sorted(by: { $0.key < $1.key }) {
            if let parent = path.parent { try workspace.makeDirectories(parent) }
            try workspace.open(path, .createNew(mode: 0o600)).write(content)
        }
        let request = CutRequest(
            agent: agent, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: 1_795_000_000 + Int64(step)), forced: false,
            step: step, cooperative: CooperativePart(state: .bytes(now.state), schema: nil), workspace: workspace, incarnation: 1,
            sizeLimit: .mebibytes(64))
        let store = try store()
        maybe = now
        guard let images = now.images else {
            versions[try store.commit(try store.cut(request, stagingID: "s\(step)")).version] = now
            maybe = nil
            return
        }
        let opened = try store.openCut(agent, stagingID: "s\(step)")
        for (path, content) in images.sorted(by: { $0.key < $1.key }) {
            let file = opened.directory / "process" / path.text
            try disk.open(file, .createNew(mode: 0o600)).write(content)
        }
        var staged = try store.copy(request, into: opened, images: true)
        staged.images = .example
        versions[try store.commit(staged).version] = now
        maybe = nil
    }

    func remove() throws {
        guard versions.count > 1 else { return }
        let going = versions.keys.sorted().shuffled(using: &dice).prefix(1 + dice.number(below: versions.count - 1))
        doubtful.formUnion(going)
        try store().remove(agent, Array(going))
        for version in going { versions[version] = nil }
        doubtful.subtract(going)
    }

    /// One deed, at random.
    func deed() throws {
        let some = versions.keys.sorted().randomElement(using: &dice)
        switch dice.number(below: 10) {
        case 0, 1, 2: try commit()
        case 3, 4: if let some { try store().pack(agent, some) }
        case 5: if let some { try store().thin(agent, some) }
        case 6: try store().collect(agent)
        case 7: if let some, versions[some]?.images != nil { try store().layOutImages(agent, some, stagingID: "l\(step)") }
        case 8: try remove()
        default: try packAll()
        }
    }

    func packAll() throws {
        for version in versions.keys.sorted() {
            try store().pack(agent, version)
            try store().thin(agent, version)
        }
        try store().collect(agent)
    }

    /// A deed during which something goes wrong.
    func troubledDeed(_ context: String) throws {
        let trouble = DiskTrouble.allCases.randomElement(using: &dice) ?? .full
        disk.fail(at: disk.operationCount + 1 + dice.number(below: dice.says(50) ? 40 : 400), with: trouble)
        do { try deed() } catch is StoreFault { crashes += 1 } catch is FileFault { crashes += 1 }
        disk.forgetTroubles()
        if disk.isDown { disk.powerCut() }
        disk.restart()
        disk.processDied()
        try takeStock(context)
    }

    // MARK: The oracle

    /// What is listed is what was stored, byte for byte; nothing else is, and nothing is missing.
    func takeStock(_ context: String) throws {
        let store = try store()
        _ = try store.recover(agent)
        let listed = try store.versions(of: agent)
        for summary in listed where versions[summary.version] == nil {
            guard let maybe else { return fail("version \(summary.version) comes from nowhere", context) }
            versions[summary.version] = maybe
        }
        maybe = nil
        for version in doubtful where !listed.contains(where: { $0.version == version }) { versions[version] = nil }
        doubtful = []
        guard Set(listed.map(\.version)) == Set(versions.keys) else { return fail("a version is lost", context) }
        for summary in listed where !summary.standing.isKnownGood { fail("version \(summary.version) is \(summary.standing)", context) }
        for (version, content) in versions.sorted(by: { $0.key < $1.key }) {
            try store.verify(agent, version)
            if try read(version, store) != content { fail("version \(version) holds something else", context) }
        }
    }

    func read(_ version: VersionNumber, _ store: CheckpointStore) throws -> Content {
        let place = SimulatedDisk(seed: 7, rootName: "/elsewhere")
        try store.restoreWorkspace(agent, version, to: place, excluded: [])
        var files: [DiskPath: [UInt8]] = [:]
        for (path, content) in place.contents() { if case .file(let bytes) = content.kind { files[path] = bytes } }
        var images: [DiskPath: [UInt8]]?
        if try store.manifest(agent, version).process != nil {
            let disk = try store.imagesDisk(agent, version)
            images = [:]
            for name in try disk.names(in: nil) {
                images?[DiskPath(stringLiteral: name)] = try disk.read(DiskPath(stringLiteral: name), limit: .mebibytes(8))
            }
        }
        return Content(state: try store.state(agent, version).bytes, files: files, images: images)
    }

    private func fail(_ what: String, _ context: String) { Issue.record("\(what): \(context)") }

    /// Nothing is kept for long that no version needs.
    func checkGarbage(_ context: String) throws {
        try packAll()
        let plan = try store().planCollection(agent)
        if !plan.isEmpty { fail("a collection leaves something to do: \(plan)", context) }
        if Double(plan.size.bytes) * 0.55 > Double(plan.needed.bytes) + 200_000 {
            fail("\(plan.size) are kept for \(plan.needed)", context)
        }
        let leftovers = disk.contents().keys.filter { $0.isBelow("staging") || $0.isBelow("trash") || $0.name.hasSuffix("new") }
        if !leftovers.isEmpty { fail("left over: \(leftovers)", context) }
    }
}

/// Sequences of commits, packs, removals, collections and crashes, decided by a seed, against a plain record of what must be there.
@Suite struct PackStoryTests {
    /// Seeds that failed once stay: [].
    @Test(arguments: 1...200)
    func whatIsListedIsWhatWasStored(seed: UInt64) throws {
        let story = try PackStory(seed: seed)
        for deed in 1...14 {
            try story.deed()
            if deed % 5 == 0 { try story.takeStock("seed \(seed), after deed \(deed)") }
        }
        try story.takeStock("seed \(seed), at the end")
        try story.checkGarbage("seed \(seed)")
    }

    @Test(arguments: 1...300)
    func aCrashAnywhereHarmsNoVersion(seed: UInt64) throws {
        let story = try PackStory(seed: seed &+ 10_000)
        for deed in 1...10 {
            if deed % 2 == 0 { try story.troubledDeed("seed \(seed), deed \(deed)") } else { try story.deed() }
        }
        try story.takeStock("seed \(seed), at the end")
        try story.checkGarbage("seed \(seed)")
        try story.takeStock("seed \(seed), after the last collection")
    }
}
