import AgentModel
import Checkpoints
import Digests
import OutsideWorld
import SimulatedWorld
import Testing

let agent = named("agent-7")

func named(_ text: String) -> AgentName {
    guard let name = AgentName(text) else { preconditionFailure("'\(text)' is no agent name") }
    return name
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The fault `body` throws; nil: none.
func fault(_ body: () throws -> Void) throws -> StoreFault? {
    do {
        try body()
        return nil
    } catch let fault as StoreFault {
        return fault
    }
}

/// A store and a workspace on two disks, and a record of its own of what must be in the store.
final class Bench {
    let storeDisk: SimulatedDisk
    let workspace: SimulatedDisk
    var committed: [VersionNumber: Content] = [:]
    /// Every number that was ever returned or listed.
    var seen: Set<VersionNumber> = []

    /// What the agent had at a cut, told by the workspace itself.
    struct Content {
        var state: [UInt8]
        var workspace: [DiskPath: SimulatedContent]
    }

    init(seed: UInt64) throws {
        storeDisk = SimulatedDisk(seed: seed, rootName: "/store")
        workspace = SimulatedDisk(seed: seed &+ 1_000_000, rootName: "/work")
        try open().addAgent(agent)
    }

    private init(storeDisk: SimulatedDisk, workspace: SimulatedDisk) {
        self.storeDisk = storeDisk
        self.workspace = workspace
    }

    /// The same past, another fate.
    func copy(seed: UInt64) -> Bench {
        let copy = Bench(storeDisk: storeDisk.copy(seed: seed), workspace: workspace.copy(seed: seed &+ 1_000_000))
        copy.committed = committed
        copy.seen = seen
        return copy
    }

    func open() throws -> CheckpointStore { try CheckpointStore.open(storeDisk, create: true) { "0123456789abcdef" } }

    // MARK: The agent

    /// Makes the workspace that of a step: what changes, what stays, what comes and goes.
    func work(_ step: UInt64) throws {
        try? workspace.removeTree("notes")
        try workspace.removeTree("result")
        try workspace.make("result", "result of step \(step)\n" + String(repeating: "x", count: Int(step) * 7))
        try workspace.makeDirectories("notes/deep")
        try workspace.make(DiskPath(stringLiteral: "notes/deep/step-\(step)"), "note \(step)", mode: 0o640)
        try workspace.make("notes/same", "always the same", mode: 0o755)
        try workspace.makeSymbolicLink("notes/newest", to: "deep/step-\(step)")
        try workspace.setAttribute("user.step", of: "result", to: [UInt8(truncatingIfNeeded: step)])
        try workspace.setAttribute(ExtendedAttribute.capability, of: "notes/same", to: [1, 2, 3])
        if step % 2 == 0 { try workspace.setAttribute(ExtendedAttribute.defaultList, of: "notes/deep", to: bytes("list")) }
        try workspace.setMode("notes/deep", 0o550)
        workspace.syncAll()
    }

    /// Files that are one file at some steps, and two with the same content at others.
    func pair(_ step: UInt64) throws {
        for (name, isOne) in [("pair", step % 4 >= 2), ("notes/other", step % 4 < 2)] {
            let (a, b) = (DiskPath(stringLiteral: name + "-a"), DiskPath(stringLiteral: name + "-b"))
            for path in [a, b] { try workspace.removeTree(path) }
            try workspace.make(a, "the same at every step")
            try workspace.setAttribute("user.pair", of: a, to: bytes(name))
            if isOne { try workspace.makeLink(b, to: a) } else { try workspace.make(b, "the same at every step") }
            try workspace.setModified(a, WallTime(seconds: 1))
        }
        workspace.syncAll()
    }

    func request(_ step: UInt64, forced: Bool = false, excluded: [String] = [], limit: ByteCount = .mebibytes(1)) -> CutRequest {
        CutRequest(
            agent: agent, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: 1_795_000_000 + Int64(step)), forced: forced,
            step: step, cooperative: CooperativePart(state: .bytes(state(step)), schema: "steps/1"), workspace: workspace,
            excluded: excluded, incarnation: 1, effectPosition: step * 2, specDigest: "5bec", sizeLimit: limit)
    }

    func state(_ step: UInt64) -> [UInt8] { bytes("{\"step\":\(step)}") }

    @discardableResult
    func take(_ step: UInt64, limit: ByteCount = .mebibytes(1)) throws -> VersionNumber {
        let store = try open()
        let summary = try store.commit(try store.cut(request(step, limit: limit), stagingID: "s\(storeDisk.operationCount)"))
        record(summary.version, step)
        return summary.version
    }

    func record(_ version: VersionNumber, _ step: UInt64) {
        #expect(!seen.contains(version), "number \(version) was used twice")
        seen.insert(version)
        committed[version] = Content(state: state(step), workspace: workspace.contents())
    }

    // MARK: Oracle

    /// The machine or the process dies and comes back.
    func reboot() {
        if storeDisk.isDown || workspace.isDown {
            storeDisk.powerCut()
            workspace.powerCut()
        }
        for disk in [storeDisk, workspace] {
            disk.restart()
            disk.processDied()
            disk.forgetTroubles()
        }
    }

    /// Opens the store as a new supervisor does, and checks all that must hold whatever happened.
    /// - Parameter maybe: what versions hold that may be there or not.
    func check(maybe: Content? = nil, gone: Set<VersionNumber> = [], _ context: @autoclosure () -> String) throws {
        let found = storeDisk.contents()
        for name in ["latest", "known-good"] where found["agents/agent-7" / name] != nil {
            // For whoever follows it before a supervisor repairs anything.
            #expect(link(found, name) != nil, "'\(name)' leads nowhere: \(context())")
        }
        let store = try open()
        let lock = try store.lock(agent, holder: "oracle")
        _ = try store.recover(agent)
        let raw = storeDisk.contents()
        let listed = try store.versions(of: agent)
        for summary in listed {
            let expected = committed[summary.version] ?? maybe
            guard let expected, summary.standing.isKnownGood else {
                Issue.record("version \(summary.version) is \(summary.standing) or from nowhere: \(context())")
                continue
            }
            try store.verify(agent, summary.version)
            #expect(matches(expected, raw, summary.version), "version \(summary.version) holds something else: \(context())")
            seen.insert(summary.version)
        }
        let numbers = Set(listed.map(\.version))
        for version in committed.keys where !gone.contains(version) {
            #expect(numbers.contains(version), "version \(version) is lost: \(context())")
        }
        #expect(link(raw, "latest") == numbers.max(), "'latest' is wrong: \(context())")
        #expect(link(raw, "known-good") == numbers.max(), "'known-good' is wrong: \(context())")
        let litter = raw.keys.filter { !$0.text.contains("other@new") }.filter {
            $0.isBelow("staging") || $0.isBelow("trash") || $0.name.hasSuffix(".new")
        }
        #expect(litter.isEmpty, "left over: \(litter): \(context())")
        lock.release()
    }

    /// Compares raw bytes, without asking the store.
    func matches(_ content: Content, _ raw: [DiskPath: SimulatedContent], _ version: VersionNumber) -> Bool {
        let base = DiskPath(stringLiteral: "agents/agent-7/versions/\(version)")
        guard raw[base / "state"]?.kind == .file(content.state) else { return false }
        let stored = raw.filter { $0.key.isBelow(base / "workspace") }
        // A file with several names is stored once.
        let wanted = content.workspace.filter { $0.value.firstName == nil || $0.value.firstName == $0.key }
        guard stored.count == wanted.count else { return false }
        return wanted.allSatisfy { path, wanted in
            raw[DiskPath(stringLiteral: "\(base)/workspace/\(path)")]?.kind == wanted.kind
        }
    }

    func link(_ raw: [DiskPath: SimulatedContent], _ name: String) -> VersionNumber? {
        guard case .link(let target)? = raw["agents/agent-7" / name]?.kind, raw["agents/agent-7" / target] != nil else { return nil }
        return target.split(separator: "/").last.flatMap { UInt64($0) }.map(VersionNumber.init)
    }

    /// A version's files in the store.
    func files(_ version: VersionNumber) -> [DiskPath: [UInt8]] {
        let base = DiskPath(stringLiteral: "agents/agent-7/versions/\(version)")
        return storeDisk.contents().reduce(into: [:]) { found, item in
            if item.key.isBelow(base), case .file(let content) = item.value.kind { found[item.key] = content }
        }
    }
}

/// Links have no mode and no time that a restore could give back, and no second names.
func comparable(_ contents: [DiskPath: SimulatedContent]) -> [DiskPath: SimulatedContent] {
    contents.mapValues { content in
        guard case .link = content.kind else { return content }
        var link = content
        link.mode = 0
        link.firstName = nil
        link.modifiedAt = WallTime(nanoseconds: 0)
        return link
    }
}

extension Disk {
    func make(_ path: DiskPath, _ text: String, mode: UInt32 = 0o600) throws {
        try open(path, .createNew(mode: mode)).write(bytes(text))
    }
}

/// One thing a store does, on a bench with versions 1 to 3 and a workspace at step 4.
struct Deed: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var removes: Set<VersionNumber> = []
    var adds = false
    let run: @Sendable (Bench) throws -> Void

    static func bench() throws -> Bench {
        let bench = try Bench(seed: 42)
        for step in UInt64(1)...3 {
            try bench.work(step)
            try bench.pair(step)
            try bench.take(step)
        }
        try bench.work(4)
        try bench.pair(4)
        bench.storeDisk.syncAll()
        return bench
    }

    static let restored = VersionNumber(2)
    static let restore = Deed(testDescription: "restore") { bench in
        _ = try bench.open().restoreWorkspace(agent, restored, to: bench.workspace, excluded: [])
    }
    static let all: [Deed] = [
        Deed(testDescription: "open and add an agent") { try $0.open().addAgent(named("other")) },
        Deed(testDescription: "cut and commit", adds: true) { bench in
            let store = try bench.open()
            let staged = try store.cut(bench.request(4), stagingID: "s")
            _ = try store.commit(staged)
        },
        Deed(testDescription: "cut with images and commit", adds: true) { bench in
            guard let staged = try bench.stageWithImages(4) else { return }
            _ = try bench.open().commit(staged)
        },
        Deed(testDescription: "cut and discard") { bench in
            let store = try bench.open()
            store.discard(try store.cut(bench.request(4), stagingID: "s"))
        },
        Deed(testDescription: "mark and pin") { bench in
            let store = try bench.open()
            try store.mark(agent, VersionNumber(2), .proven, because: "it lived")
            try store.pin(agent, VersionNumber(1), true)
        },
        Deed(testDescription: "remove the newest", removes: [VersionNumber(3)]) { bench in
            let store = try bench.open()
            if try store.versions(of: agent).contains(where: { $0.version == VersionNumber(3) }) {
                try store.remove(agent, VersionNumber(3))
            }
        },
        restore,
        Deed(testDescription: "recover") { bench in
            let store = try bench.open()
            for litter in ["agents/agent-7/numbers.new", "agents/agent-7/versions/2/standing.new", "trash/agent-7@1"] as [DiskPath] {
                bench.storeDisk.plant(litter, bytes("half"))
            }
            _ = try store.recover(agent)
        },
    ]
}
