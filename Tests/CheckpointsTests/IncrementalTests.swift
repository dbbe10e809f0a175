import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Synchronization
import Testing

/// The clock of a workspace and of who cuts it.
final class Clock: Sendable {
    private let time = Mutex(WallTime(seconds: 1_795_300_000))
    var now: WallTime { time.withLock { $0 } }
    func pass(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
}

/// An agent whose workspace is cut again and again, and a plain record of what every version must hold.
final class Incremental {
    let clock = Clock()
    let disk: SimulatedDisk
    let workspace: SimulatedDisk
    var index = WorkspaceIndex(worthwhile: ByteCount(0))
    var mapped: Set<UInt64>? = []
    var held: [VersionNumber: [DiskPath: SimulatedContent]] = [:]

    init(seed: UInt64 = 1, files: Int = 8) throws {
        let clock = clock
        disk = SimulatedDisk(seed: seed, rootName: "/store")
        workspace = SimulatedDisk(seed: seed &+ 1_000_000, rootName: "/work") { clock.now }
        try store().addAgent(agent)
        try workspace.makeDirectories("src/deep")
        try workspace.makeSymbolicLink("src/link", to: "deep")
        for number in 0..<files {
            try write("src/deep/f\(number)", Array("file \(number) ".utf8) + [UInt8](repeating: 7, count: number * 9000))
        }
        clock.pass(.seconds(10))
    }

    func store() throws -> CheckpointStore { try CheckpointStore.open(disk, create: true) { "0123456789abcdef" } }

    func write(_ path: String, _ bytes: [UInt8]) throws {
        let path = DiskPath(stringLiteral: path)
        try workspace.removeTree(path)
        try workspace.open(path, .createNew(mode: 0o600)).write(bytes)
    }

    func request() -> CutRequest {
        var request = CutRequest(
            agent: agent, kind: .checkpoint, reason: .schedule, takenAt: clock.now,
            cooperative: CooperativePart(state: .bytes(bytes("{}")), schema: nil), workspace: workspace, incarnation: 1)
        request.index = index
        request.mappedFiles = mapped
        return request
    }

    @discardableResult
    func take(packs: Bool = true) throws -> VersionNumber {
        let summary = try store().commit(try store().cut(request(), stagingID: "s\(disk.operationCount)"))
        held[summary.version] = workspace.contents()
        if packs { try store().pack(agent, summary.version) }
        clock.pass(.seconds(300))
        return summary.version
    }

    /// Files of the workspace that a cut reads.
    func read(_ body: () throws -> Void) rethrows -> [String] {
        try workspace.trace { () throws in try body() }.filter { $0.name == "open" }.map { $0.path }
    }

    func check(_ context: String = "") throws {
        let store = try store()
        #expect(Set(try store.versions(of: agent).map(\.version)) == Set(held.keys), "\(context)")
        for (version, content) in held {
            try store.verify(agent, version)
            let place = SimulatedDisk(seed: 7, rootName: "/elsewhere")
            try store.restoreWorkspace(agent, version, to: place, excluded: [])
            #expect(comparable(place.contents()) == comparable(content), "version \(version): \(context)")
        }
    }

    func names(_ version: VersionNumber) -> [String] { disk.peekNames(DiskPath(stringLiteral: "agents/agent-7/versions/\(version)")) }
}

/// Cuts that read only what changed.
@Suite struct IncrementalTests {
    @Test func onlyWhatChangedIsReadAndStored() throws {
        let bench = try Incremental()
        try bench.take()
        try bench.write("src/deep/f3", bytes("new"))
        try bench.write("other", bytes("more"))
        bench.clock.pass(.seconds(10))
        var second = VersionNumber(0)
        let read = try bench.read { second = try bench.take() }
        #expect(Set(read) == ["src/deep/f3", "other"])
        #expect(bench.names(second) == ["chunks", "files", "manifest.json", "seal", "standing", "state", "tree"])
        let copied = try #require(bench.disk.peek("agents/agent-7/versions/2/files"))
        #expect(copied.starts(with: bytes("more")) && copied[4096...].starts(with: bytes("new")) && copied.count < 4200)
        try bench.check()
        // The next one goes on from it, also before it is in packs as a whole.
        let third = try bench.read { try bench.take(packs: false) }
        #expect(third == [])
        try bench.check()
        let fourth = try bench.read { try bench.take() }
        #expect(fourth == [])
        for version in bench.held.keys {
            try bench.store().pack(agent, version)
            try bench.store().verifyPacked(agent, version)
            try bench.store().thin(agent, version)
        }
        try bench.check("thinned")
        #expect(bench.names(second) == ["chunks", "manifest.json", "seal", "standing"])
    }

    /// Whatever is done to a file.
    @Test func everyChangeIsSeen() throws {
        let long = [UInt8](repeating: 7, count: 9000)
        let changes: [(String, (Incremental) throws -> Void)] = [
            (
                "other bytes, size and time as before",
                { bench in
                    let path: DiskPath = "src/deep/f1"
                    let before = try #require(try bench.workspace.entry(at: path))
                    try bench.write("src/deep/f1", bytes("FILE 1 ") + long)
                    try bench.workspace.setModified(path, before.modifiedAt)
                }
            ),
            ("more at its end", { try $0.workspace.open("src/deep/f1", .append(mode: 0o600)).write(bytes("x")) }),
            ("another mode", { try $0.workspace.setMode("src/deep/f1", 0o400) }),
            ("another owner", { try $0.workspace.setOwner("src/deep/f1", FileOwner(user: 7, group: 8)) }),
            ("another time", { try $0.workspace.setModified("src/deep/f1", WallTime(seconds: 7)) }),
            (
                "replaced by another of its size",
                { bench in
                    try bench.write("src/new", bytes("FILE 1 ") + long)
                    try bench.workspace.rename("src/new", to: "src/deep/f1")
                }
            ),
            ("moved", { try $0.workspace.rename("src/deep/f1", to: "src/deep/moved") }),
            ("removed", { try $0.workspace.removeFile("src/deep/f1") }),
            (
                "a directory in its place",
                { bench in
                    try bench.workspace.removeFile("src/deep/f1")
                    try bench.workspace.makeDirectory("src/deep/f1", mode: 0o700)
                }
            ),
            (
                "a link in its place",
                { bench in
                    try bench.workspace.removeFile("src/deep/f1")
                    try bench.workspace.makeSymbolicLink("src/deep/f1", to: "f2")
                }
            ),
            (
                "two changed places",
                { bench in
                    try bench.workspace.rename("src/deep/f1", to: "src/deep/f")
                    try bench.workspace.rename("src/deep/f2", to: "src/deep/f1")
                    try bench.workspace.rename("src/deep/f", to: "src/deep/f2")
                }
            ),
        ]
        for (what, change) in changes {
            let bench = try Incremental()
            try bench.take()
            try change(bench)
            bench.clock.pass(.seconds(10))
            try bench.take()
            try bench.check(what)
        }
    }

    /// The clock of files does not tick between two changes.
    @Test func aChangeInTheSameTickIsSeen() throws {
        let bench = try Incremental()
        try bench.take()
        bench.clock.pass(.seconds(10))
        try bench.write("src/deep/f1", bytes("before"))
        try bench.store().pack(agent, try bench.store().commit(try bench.store().cut(bench.request(), stagingID: "a")).version)
        bench.held[VersionNumber(2)] = bench.workspace.contents()
        bench.workspace.plant("src/deep/f1", bytes("behind"))  // the same file, written in place
        bench.clock.pass(.seconds(10))
        try bench.take()
        try bench.check()
    }

    /// Memory that is a file's content is written without anybody's times.
    @Test func whatIsMappedIsReadAgain() throws {
        let bench = try Incremental()
        let inode = try #require(try bench.workspace.entry(at: "src/deep/f1")?.identity?.inode)
        bench.mapped = [inode]
        try bench.take()
        bench.workspace.damage("src/deep/f1", offset: 3, bit: 1)
        bench.mapped = []
        let read = try bench.read { try bench.take() }
        #expect(read == ["src/deep/f1"])
        try bench.check()
        // Where nobody knows, the last that is known stands.
        bench.mapped = nil
        try bench.write("src/deep/f2", bytes("second"))
        bench.clock.pass(.seconds(10))
        #expect(try bench.read { try bench.take() } == ["src/deep/f2"])
        #expect(try bench.read { try bench.take() } == ["src/deep/f2"])
        try bench.check()
    }

    @Test func withoutTheVersionBeforeEverythingIsRead() throws {
        let damages: [(String, (Incremental) throws -> Void)] = [
            (
                "removed",
                { bench in
                    try bench.store().remove(agent, [VersionNumber(1)])
                    bench.held[VersionNumber(1)] = nil
                    try bench.store().collect(agent)
                }
            ),
            ("its list of chunks is damaged", { $0.disk.damage("agents/agent-7/versions/1/chunks", offset: 30, bit: 3) }),
            ("its list of files is damaged", { $0.disk.damage("agents/agent-7/versions/1/tree", offset: 30, bit: 3) }),
            ("known to be broken", { try $0.store().mark(agent, VersionNumber(1), .broken, because: "it is said to be") }),
            ("forgotten", { $0.index.forget() }),
            ("never seen", { $0.index = WorkspaceIndex(worthwhile: ByteCount(0)) }),
            ("not worth it", { $0.index = WorkspaceIndex() }),
        ]
        for (what, damage) in damages {
            let bench = try Incremental()
            try bench.take()
            try damage(bench)
            let read = try bench.read { try bench.take() }
            #expect(read.count == 8, "\(what)")
            #expect(!bench.names(VersionNumber(2)).contains("files"), "\(what)")
            if bench.held.removeValue(forKey: VersionNumber(1)) != nil { try bench.store().remove(agent, [VersionNumber(1)]) }
            try bench.check(what)
        }
    }

    /// However sure it seems: whoever is none of the agent's may write through memory.
    @Test func onceADayEverythingIsRead() throws {
        let bench = try Incremental()
        try bench.take()
        bench.clock.pass(.seconds(80_000))
        #expect(try bench.read { try bench.take() } == [])
        bench.clock.pass(.seconds(7000))
        #expect(try bench.read { try bench.take() }.count == 8)
        bench.clock.pass(.seconds(80_000))
        #expect(try bench.read { try bench.take() } == [])
        // Nor by a clock that was set back.
        bench.clock.pass(.seconds(-100_000))
        #expect(try bench.read { try bench.take() }.count == 8)
        try bench.check()
    }

    /// The version before goes, and is collected, between the cut and the commit.
    @Test func whatIsBeingCutIsNotCollected() throws {
        let bench = try Incremental()
        try bench.take()
        let staged = try bench.store().cut(bench.request(), stagingID: "a")
        try bench.store().remove(agent, [VersionNumber(1)])
        bench.held[VersionNumber(1)] = nil
        try bench.store().collect(agent)
        bench.held[try bench.store().commit(staged).version] = bench.workspace.contents()
        try bench.check()
    }

    /// Power cuts and faults at every operation of a cut and its commit.
    @Test(arguments: [DiskTrouble.powerCutBefore, .powerCutAfter, .full, .io])
    func nothingIsLostOnTheWay(trouble: DiskTrouble) throws {
        var operation = 1
        while true {
            let bench = try Incremental(seed: UInt64(operation))
            try bench.take()
            try bench.write("src/deep/f3", bytes("new"))
            bench.clock.pass(.seconds(10))
            bench.disk.syncAll()
            bench.disk.fail(at: bench.disk.operationCount + operation, with: trouble)
            let before = bench.disk.operationCount
            // A count that could not be read goes on far above.
            var next = VersionNumber(2)
            var isDone = true
            do { next = try bench.store().commit(try bench.store().cut(bench.request(), stagingID: "a")).version } catch is StoreFault {
                isDone = false
            }
            let isOver = isDone && bench.disk.operationCount - before < operation
            if bench.disk.isDown { bench.disk.powerCut() }
            bench.disk.restart()
            bench.disk.processDied()
            bench.disk.forgetTroubles()
            let store = try bench.store()
            _ = try store.recover(agent)
            if try store.versions(of: agent).contains(where: { $0.version == next }) {
                bench.held[next] = bench.workspace.contents()
            } else {
                #expect(!isDone)
            }
            try bench.check("\(trouble) at \(operation)")
            if isOver { break }
            operation += 1
        }
        #expect(operation > 40)
    }

    /// What lies in the version's own directory is looked at, too.
    @Test func damageIsFound() throws {
        let file: DiskPath = "agents/agent-7/versions/2/files"
        func bench() throws -> Incremental {
            let bench = try Incremental()
            try bench.take()
            try bench.write("src/deep/f3", bytes("new"))
            try bench.write("other", bytes("more"))
            bench.clock.pass(.seconds(10))
            try bench.take(packs: false)
            return bench
        }
        func expectFound(_ bench: Incremental, _ what: String) throws {
            guard case .broken? = try fault({ try bench.store().verify(agent, VersionNumber(2)) })?.kind else {
                Issue.record("\(what) was not found")
                return
            }
        }
        let size = try #require(try bench().disk.peek(file)?.count)
        for offset in 0..<size where offset < 100 || offset > 4000 {
            let bench = try bench()
            bench.disk.damage(file, offset: offset, bit: offset)
            try expectFound(bench, "a bit of byte \(offset)")
        }
        for length in [0, 39, 40, 4096, size - 1] {
            let bench = try bench()
            bench.disk.truncate(file, to: length)
            try expectFound(bench, "cut off at \(length)")
        }
        let taken = try bench()
        try taken.disk.removeFile(file)
        try expectFound(taken, "taken away")
        let longer = try bench()
        longer.disk.plant(file, (longer.disk.peek(file) ?? []) + [0])
        try expectFound(longer, "a byte more")
    }

    /// Even the first version of a large workspace is a few files.
    @Test func manyFilesAreStoredAsOne() throws {
        let bench = try Incremental(files: 2)
        for number in 0..<600 { try bench.write("src/g\(number)", number % 9 == 0 ? [] : bytes("g \(number)")) }
        bench.clock.pass(.seconds(10))
        bench.index = WorkspaceIndex()
        let first = try bench.take(packs: false)
        #expect(bench.names(first) == ["files", "manifest.json", "seal", "standing", "state", "tree"])
        try bench.check()
        try bench.store().pack(agent, first)
        try bench.check("packed")
        try bench.store().thin(agent, first)
        try bench.check("thinned")
    }

    /// Seeds that failed once stay: [].
    @Test(arguments: 1...150)
    func whatIsListedIsWhatWasThere(seed: UInt64) throws {
        var random = Lottery(seed: seed)
        let bench = try Incremental(seed: seed, files: 5)
        for _ in 0..<Int.random(in: 8...16, using: &random) {
            switch Int.random(in: 0..<12, using: &random) {
            case 0...3:
                let path = "src/deep/f\(Int.random(in: 0..<7, using: &random))"
                let content = bytes(Int.random(in: 0...40_000, using: &random)) { UInt8(truncatingIfNeeded: $0 &* Int(seed)) }
                // A new file, or the same one written in place.
                if Bool.random(using: &random) {
                    try bench.write(path, content)
                } else {
                    bench.workspace.plant(DiskPath(stringLiteral: path), content)
                }
            case 4: try bench.workspace.removeTree(DiskPath(stringLiteral: "src/deep/f\(Int.random(in: 0..<7, using: &random))"))
            case 5:
                if let oldest = bench.held.keys.min() {
                    try bench.store().remove(agent, [oldest])
                    bench.held[oldest] = nil
                    try bench.store().collect(agent)
                }
            case 6: if let version = bench.held.keys.randomElement(using: &random) { try bench.store().pack(agent, version) }
            case 7:
                if let version = bench.held.keys.sorted().dropLast().randomElement(using: &random) {
                    try bench.store().pack(agent, version)
                    try bench.store().thin(agent, version)
                }
            case 8: bench.clock.pass(.milliseconds(Int.random(in: 0..<3000, using: &random)))
            default: try bench.take(packs: Bool.random(using: &random))
            }
        }
        try bench.check("seed \(seed)")
    }
}
