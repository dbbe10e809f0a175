import AgentModel
import Checkpoints
import OutsideWorld
import Sealing
import SimulatedWorld
import Synchronization

import Testing

/// Names and nonces, from any thread.
final class Draws: Sendable {
    private let dice: Mutex<Dice>
    init(seed: UInt64) { dice = Mutex(Dice(seed: seed &+ 12345)) }
    func next() -> UInt64 { dice.withLock { $0.next() } }
}

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
        CheckpointsTests.bytes(count) { $0 % 2 == 0 ? UInt8(truncatingIfNeeded: next()) : UInt8($0 / 512 % 7) }
    }
}

/// An agent whose files and memory change a little, whose versions come and go, and a plain record of what every version must hold.
class Story {
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
    /// What whoever cuts remembers of them.
    var memory = PageMemory(secret: bytes(PageMemory.secretSize) { UInt8($0) })
    var record = Record()
    var step: UInt64 = 0

    /// What must be in the store.
    struct Record {
        var versions: [VersionNumber: Content] = [:]
        /// Those that a fault may have taken, or left: either is right.
        var doubtful: Set<VersionNumber> = []
        /// Not there; but a fault came in between, and a power cut may bring them back. Whole, then.
        var ghosts: [VersionNumber: Content] = [:]
        /// What a commit that failed may have stored all the same.
        var maybes: [Content] = []
        var pinned: Set<VersionNumber> = []
        var pinInDoubt: Set<VersionNumber> = []
    }
    var versions: [VersionNumber: Content] {
        get { record.versions }
        set { record.versions = newValue }
    }
    var crashes = 0

    /// nil: what lies in the store is not encrypted.
    private let key: SecretKey?
    private let draws: Draws

    init(seed: UInt64, sealed: Bool = false) throws {
        dice = Dice(seed: seed)
        var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: seed), count: SecretKey.length)
        key = sealed ? SecretKey(wiping: &bytes) : nil
        draws = Draws(seed: seed)
        disk = SimulatedDisk(seed: seed, rootName: "/store")
        pages = (0..<24).map { _ in dice.bytes(4096) }
        try store().addAgent(agent)
    }

    /// Each is another process: what the last one had in memory is gone.
    func store() throws -> CheckpointStore {
        let draws = draws
        let opened: any Disk =
            if let key {
                SealedDisk(disk, key: key, draw: { draws.next() }) { size throws(FileFault) in
                    SimulatedRoom(SimulatedDisk(seed: draws.next(), rootName: "/room"), size: size)
                }
            } else { disk }
        return try CheckpointStore.open(opened, create: true) { "0123456789abcdef" }
    }

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
        now.images = dice.says(70) ? ["pages-1.img": pages.joined(), "core-1000.img": bytes("core \(step)")] : nil
    }

    // MARK: What happens to the store

    func commit() throws {
        work()
        try store(now)
    }

    private func store(_ now: Content) throws {
        let workspace = SimulatedDisk(seed: step, rootName: "/work")
        for (path, content) in now.files.sorted(by: { $0.key < $1.key }) {
            if let parent = path.parent { try workspace.makeDirectories(parent) }
            try workspace.open(path, .createNew(mode: 0o600)).write(content)
        }
        // At every other step a file has a second name.
        var now = now
        if step % 2 == 0, now.files["twin"] == nil, let first = now.files.keys.min() {
            try workspace.makeLink("twin", to: first)
            now.files["twin"] = now.files[first]
        }
        var request = CutRequest(
            agent: agent, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: 1_795_000_000 + Int64(step)), forced: false,
            step: step, cooperative: CooperativePart(state: .bytes(now.state), schema: nil), workspace: workspace, incarnation: 1,
            sizeLimit: .mebibytes(64))
        request.pages = memory
        let store = try store()
        record.maybes.append(now)
        guard let images = now.images else {
            versions[try store.commit(try store.cut(request, stagingID: "s\(step)")).version] = now
            record.maybes.removeLast()
            return
        }
        let opened = try store.openCut(agent, stagingID: "s\(step)", room: .mebibytes(8))
        for (path, content) in images.sorted(by: { $0.key < $1.key }) {
            let file = opened.directory / "process" / path.text
            try store.disk.create(file, with: content)
        }
        var staged = try store.copy(request, into: opened, images: true)
        staged.images = .example
        versions[try store.commit(staged).version] = now
        record.maybes.removeLast()
    }

    func remove() throws {
        let removable = versions.keys.filter { !record.pinned.contains($0) }.sorted()
        guard removable.count > 1 else { return }
        let going = removable.shuffled(using: &dice).prefix(1 + dice.number(below: removable.count - 1))
        record.doubtful.formUnion(going)
        try store().remove(agent, Array(going))
        for version in going { versions[version] = nil }
        record.doubtful.subtract(going)
    }

    /// One deed, at random.
    func deed() throws {
        let some = someVersion
        switch dice.number(below: 10) {
        case 0, 1, 2: try commit()
        case 3, 4: if let some { try store().pack(agent, some, memory) }
        case 5: if let some { try store().thin(agent, some) }
        case 6: try store().collect(agent)
        case 7: if let some, versions[some]?.images != nil { try store().layOutImages(agent, some, stagingID: "l\(step)") }
        case 8: try remove()
        default: try packAll()
        }
    }

    var someVersion: VersionNumber? { versions.keys.sorted().randomElement(using: &dice) }

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
        do { try deed() } catch is StoreFault {} catch is FileFault {}
        disk.forgetTroubles()
        if disk.isDown { disk.powerCut() }
        disk.restart()
        disk.processDied()
        try takeStock(context)
    }

    // MARK: The oracle

    /// What is listed is what was stored, byte for byte; nothing else is, and nothing is missing.
    /// - Parameter anew: a new supervisor looks first, as after every crash.
    func takeStock(_ context: String, anew: Bool = true) throws {
        let store = try store()
        if anew { _ = try store.recover(agent) }
        let listed = try store.versions(of: agent)
        for summary in listed where versions[summary.version] == nil {
            if let ghost = record.ghosts.removeValue(forKey: summary.version) {
                versions[summary.version] = ghost
                continue
            }
            let found = try read(summary.version, store)
            guard record.maybes.contains(found) else { return fail("version \(summary.version) comes from nowhere", context) }
            versions[summary.version] = found
        }
        for version in record.doubtful where !listed.contains(where: { $0.version == version }) {
            record.ghosts[version] = versions.removeValue(forKey: version)
        }
        record.doubtful = []
        guard Set(listed.map(\.version)) == Set(versions.keys) else { return fail("a version is lost", context) }
        for summary in listed {
            if !summary.standing.isKnownGood { fail("version \(summary.version) is \(summary.standing)", context) }
            if record.pinInDoubt.contains(summary.version) {
                if summary.pinned { record.pinned.insert(summary.version) } else { record.pinned.remove(summary.version) }
            }
            if summary.pinned != record.pinned.contains(summary.version) {
                fail("version \(summary.version) lost its pin, or got one", context)
            }
        }
        for (version, content) in versions.sorted(by: { $0.key < $1.key }) {
            try store.verify(agent, version)
            if try read(version, store) != content { fail("version \(version) holds something else", context) }
        }
        // What was seen by a new supervisor stays as it was seen.
        if anew { (record.ghosts, record.maybes) = ([:], []) }
    }

    func read(_ version: VersionNumber, _ store: CheckpointStore) throws -> Content {
        var files: [DiskPath: [UInt8]] = [:]
        if try store.restoreRecord(agent) == nil {
            let place = SimulatedDisk(seed: 7, rootName: "/elsewhere")
            try store.restoreWorkspace(agent, version, to: place, excluded: [])
            for (path, content) in place.contents() { if case .file(let bytes) = content.kind { files[path] = bytes } }
        } else {
            // The mark of a restore that is not finished stays what it is.
            for entry in try store.files(agent, version) where entry.kind == .file {
                let file = try store.file(agent, version, entry.path).file
                files[entry.path] = []
                while case let piece = try file.read(1 << 20), !piece.isEmpty { files[entry.path]? += piece }
            }
        }
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

    func fail(_ what: String, _ context: String) { Issue.record("\(what): \(context)") }

    /// Nothing is kept for long that no version needs.
    func checkGarbage(_ context: String) throws {
        try packAll()
        // Of a delta that was taken apart, the bases of what went are needed no more: that is seen the next time.
        for _ in 1...2 { try store().collect(agent) }
        let plan = try store().planCollection(agent)
        if !plan.isEmpty { fail("a collection leaves something to do: \(plan)", context) }
        if Double(plan.size.bytes) * 0.55 > Double(plan.needed.bytes) + 200_000 {
            fail("\(plan.size) are kept for \(plan.needed)", context)
        }
        let present = disk.contents().keys.filter { !$0.isBelow("removed") }
        let leftovers = present.filter { $0.isBelow("staging") || $0.isBelow("trash") || $0.name.hasSuffix("new") }
        if !leftovers.isEmpty { fail("left over: \(leftovers)", context) }
    }
}
