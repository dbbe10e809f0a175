import AgentModel
import Checkpoints
import Digests
import OutsideWorld
import SimulatedWorld
import Testing

/// Giving a workspace back.
@Suite struct RestoreTests {
    @Test func thePlanSaysWhatIsDone() throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        try bench.workspace.makeDirectory("empty", mode: 0o700)
        let version = try bench.take(1)
        try bench.work(2)
        try bench.workspace.setMode("notes/same", 0o600)
        try bench.workspace.removeDirectory("empty")
        try bench.workspace.make("empty", "a file now")
        bench.workspace.plantOther("notes/pipe")
        let store = try bench.open()
        let before = bench.workspace.contents()
        let plan = try store.planRestore(agent, version, to: bench.workspace, excluded: [])
        #expect(bench.workspace.contents() == before)
        let told = plan.steps.map { "\($0.change) \($0.path)" }
        #expect(
            told == [
                "changed empty", "time notes", "attributes notes/deep", "added notes/deep/step-1", "removed notes/deep/step-2",
                "changed notes/newest",
                "mode notes/same", "changed result",
            ])
        #expect(plan.leftAlone == ["notes/pipe"] && plan.unchanged == 0)
        #expect(try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: []) == plan)
        #expect(try store.planRestore(agent, version, to: bench.workspace, excluded: []).steps.isEmpty)
        var after = bench.workspace.contents()
        after["notes/pipe"] = nil
        #expect(comparable(after) == comparable(try #require(bench.committed[version]).workspace))
    }

    /// Any workspace becomes any other, by what the plan says and nothing else.
    @Test func anyWorkspaceBecomesAnyOther() throws {
        for seed in UInt64(1)...150 {
            var random = SeededRandom(seed: seed)
            let bench = try Bench(seed: seed)
            try grow(bench.workspace, &random)
            bench.workspace.syncAll()
            let version = try bench.take(1)
            for path in bench.workspace.contents().keys.sorted(by: >) where random.coin() { try bench.workspace.removeTree(path) }
            try grow(bench.workspace, &random)
            let store = try bench.open()
            let plan = try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: [])
            #expect(comparable(bench.workspace.contents()) == comparable(try #require(bench.committed[version]).workspace), "seed \(seed)")
            #expect(Set(plan.steps.map(\.path)).count == plan.steps.count, "seed \(seed)")
            #expect(try store.planRestore(agent, version, to: bench.workspace, excluded: []).steps.isEmpty, "seed \(seed)")
        }
    }

    static func attributes(_ disk: SimulatedDisk, _ path: DiskPath, _ random: inout SeededRandom) {
        for _ in 0..<random.number(below: 3) {
            let name = ["user.a", "user.b", ExtendedAttribute.accessList, ExtendedAttribute.capability][random.number(below: 4)]
            // Links have none.
            try? disk.setAttribute(name, of: path, to: [UInt8](repeating: 1, count: random.number(below: 4)))
        }
    }

    private func grow(_ disk: SimulatedDisk, _ random: inout SeededRandom) throws {
        let names = ["a", "b", "c", ".runner-restore"]
        for _ in 0..<12 {
            var text = names[random.number(below: 4)]
            for _ in 0..<random.number(below: 3) { text += "/" + names[random.number(below: 4)] }
            guard let path = DiskPath(text) else { continue }
            // What does not fit where something else is already is not made.
            switch random.number(below: 4) {
            case 0: try? disk.makeDirectory(path, mode: [0o700, 0o500, 0o755][random.number(below: 3)])
            case 1: try? disk.makeSymbolicLink(path, to: ["x", "/etc", "../.."][random.number(below: 3)])
            case 2 where random.coin():
                guard let other = DiskPath(names[random.number(below: 4)]) else { continue }
                try? disk.makeLink(path, to: other)
            default:
                try? disk.make(path, String(repeating: "y", count: random.number(below: 9)), mode: [0o600, 0o444][random.number(below: 2)])
            }
            Self.attributes(disk, path, &random)
        }
    }

    @Test func whatIsExcludedStays() throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        let store = try bench.open()
        let version = try store.commit(try store.cut(bench.request(1, excluded: ["cache/"]), stagingID: "s")).version
        try bench.workspace.makeDirectories("cache/deep")
        try bench.workspace.make("cache/deep/file", "left out of the version, so not removed by it")
        try bench.workspace.makeDirectories("logs/old")
        try bench.workspace.make("logs/old/kept", "excluded now")
        try bench.workspace.make("logs/gone", "not excluded")
        try bench.workspace.replace("result", with: bytes("excluded now"))
        let plan = try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: ["logs/old/kept", "result"])
        #expect(plan.steps.map(\.path) == ["logs/gone"] && plan.leftAlone == ["cache", "logs/old/kept", "result"])
        // A directory that holds something excluded cannot become a file.
        try bench.workspace.removeFile("result")
        try bench.workspace.makeDirectory("result", mode: 0o700)
        try bench.workspace.make("result/kept", "")
        #expect(
            try fault { try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: ["result/kept"]) }?.kind
                == .refused("'result' is no directory in the version, and 'result/kept' in it is excluded"))
        #expect(try store.unfinishedRestore(agent) == nil)
    }

    // MARK: Owners

    private static let someone = FileOwner(user: 1000, group: 1001)

    /// Of everything in the workspace.
    private func give(_ disk: SimulatedDisk, _ owner: FileOwner) throws {
        for path in disk.contents().keys { try disk.setOwner(path, owner) }
    }

    @Test func ownersComeBack() throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        try give(bench.workspace, Self.someone)
        try bench.workspace.setMode("notes/same", 0o4755)
        let version = try bench.take(1)
        #expect(try bench.open().files(agent, version).allSatisfy { $0.owner == Self.someone })
        try bench.work(2)
        let store = try bench.open()
        let plan = try store.planRestore(agent, version, to: bench.workspace, excluded: [])
        let told = plan.steps.map { "\($0.change) \($0.path) \($0.owner?.description ?? "-")" }
        #expect(
            told == [
                "owner notes 1000:1001", "owner notes/deep 1000:1001", "added notes/deep/step-1 -", "removed notes/deep/step-2 -",
                "changed notes/newest 1000:1001", "owner notes/same 1000:1001", "changed result 1000:1001",
            ])
        #expect(plan.ownersLost == 0)
        try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: [])
        #expect(comparable(bench.workspace.contents()) == comparable(try #require(bench.committed[version]).workspace))
        #expect(bench.workspace.contents().values.allSatisfy { $0.owner == Self.someone })
        #expect(try bench.workspace.entry(at: "notes/same")?.mode == 0o4755)
        // A link is its own; its content and time say nothing of it.
        try bench.workspace.setOwner("notes/newest", .root)
        #expect(try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: []).steps.map(\.change) == [.owner])
        #expect(try bench.workspace.entry(at: "notes/newest")?.owner == Self.someone)
    }

    /// Without root only what is ours can be ours again; nothing of another's then runs as us.
    @Test func anOwnerThatWeMayNotGiveIsToldAndItsSetUserBitDropped() throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        try bench.workspace.setOwner("result", Self.someone)
        try bench.workspace.setMode("result", 0o6755)
        try bench.workspace.setMode("notes/same", 0o4755)
        let version = try bench.take(1)
        try bench.workspace.removeTree("result")
        try bench.workspace.removeTree("notes/same")
        let us = FileOwner(user: 1000, group: 1000)
        bench.workspace.become(us)
        let store = try bench.open()
        #expect(try store.planRestore(agent, version, to: bench.workspace, excluded: []).ownersLost == 6)
        try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: [])
        for path: DiskPath in ["result", "notes/same"] {
            let entry = try #require(try bench.workspace.entry(at: path))
            #expect(entry.owner == us && entry.mode == 0o755)
        }
        #expect(try store.planRestore(agent, version, to: bench.workspace, excluded: []).steps.isEmpty)
    }

    /// As versions were written before owners were kept.
    @Test func aVersionWithoutOwnersIsRestoredAsBefore() throws {
        let bench = try Bench(seed: 1)
        let hash = hexadecimal(SHA256.digest(of: bytes("x")))
        try bench.workspace.make("result", "x")
        let version = try bench.take(1)
        let line = #"{"kind":"file","mode":2541,"modified":0,"path":"result","sha256":"\#(hash)","size":1}"# + "\n"
        try bench.reseal("agents/agent-7/versions/1", tree: bytes(line))
        try bench.workspace.setOwner("result", Self.someone)
        let store = try bench.open()
        let plan = try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: [])
        #expect(plan.steps.map(\.change) == [.mode] && plan.ownersLost == 0)
        let entry = try #require(try bench.workspace.entry(at: "result"))
        #expect(entry.owner == Self.someone && entry.mode == 0o755)
    }

    @Test func aVersionSaysWhoseAFileIs() throws {
        let bench = try Bench(seed: 1)
        try bench.workspace.make("result", "x")
        try bench.workspace.setOwner("result", Self.someone)
        try bench.take(1)
        let tree = String(decoding: try bench.storeDisk.read("agents/agent-7/versions/1/tree", limit: .mebibytes(1)), as: UTF8.self)
        #expect(tree.contains(#""user":1000"#) && tree.contains(#""group":1001"#))
    }

    @Test func anAsideKeepsOwners() throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        try give(bench.workspace, Self.someone)
        let store = try bench.open()
        var request = bench.request(1)
        request.kind = .aside
        request.cooperative = nil
        let version = try store.commit(try store.cut(request, stagingID: "s")).version
        #expect(try store.files(agent, version).allSatisfy { $0.owner == Self.someone })
    }

    @Test func aSocketInTheWayGivesWay() throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        let version = try bench.take(1)
        try bench.workspace.removeFile("result")
        bench.workspace.plantOther("result")
        try bench.workspace.removeTree("notes")
        bench.workspace.plantOther("notes")
        try bench.open().restoreWorkspace(agent, version, to: bench.workspace, excluded: [])
        #expect(comparable(bench.workspace.contents()) == comparable(try #require(bench.committed[version]).workspace))
    }

    @Test func aFullWorkspaceIsToldBeforeItIsTouched() throws {
        let bench = try Bench(seed: 1)
        try bench.workspace.make("large", String(repeating: "x", count: 50_000))
        let version = try bench.take(1)
        try bench.workspace.removeFile("large")
        try bench.workspace.make("other", String(repeating: "x", count: 10_000))
        bench.workspace.setCapacity(ByteCount(40_000))
        let before = bench.workspace.contents()
        let store = try bench.open()
        let found = try fault { try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: []) }
        #expect(found?.kind == .full(needed: ByteCount(90_000), free: ByteCount(30_000)))
        #expect(bench.workspace.contents() == before)
        #expect(try store.unfinishedRestore(agent) == nil)
    }

    @Test func theVersionAWorkspaceIsHalfOfCannotBeRemoved() throws {
        let bench = try Deed.bench()
        let store = try bench.open()
        try store.beginRestore(agent, VersionNumber(2), in: bench.workspace.rootName, excluded: [])
        #expect(try store.unfinishedRestore(agent) == VersionNumber(2))
        #expect(try fault { try store.remove(agent, VersionNumber(2)) }?.code == "E-STORE-HELD")
        try store.endRestore(agent)
        try store.endRestore(agent)
        try store.remove(agent, VersionNumber(2))
    }

    /// A sealed but hostile version, as somebody might hand over: refused, with nothing touched.
    @Test(arguments: [
        #"{"kind":"file","mode":420,"modified":0,"path":"../out","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"/etc/passwd","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"a/../../out","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"in/no/directory","sha256":"HASH","size":1}"#,
        #"{"kind":"link","mode":511,"modified":0,"path":"l","target":"/etc"}"# + "\n"
            + #"{"kind":"file","mode":420,"modified":0,"path":"l/out","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"x","sha256":"HASH","size":1}"# + "\n"
            + #"{"kind":"file","mode":420,"modified":0,"path":"x","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"x"}"#,
        #"{"kind":"directory","mode":420,"modified":0,"path":"x","user":0}"#,
        #"{"kind":"directory","mode":420,"modified":0,"path":"x","user":-1,"group":0}"#,
        #"{"kind":"device","mode":420,"modified":0,"path":"x"}"#,
        #"{"kind":"link","mode":420,"modified":0,"path":"x"}"#,
        "not JSON",
    ])
    func aHostileListIsRefused(_ lines: String) throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        let version = try bench.take(1)
        let base: DiskPath = "agents/agent-7/versions/1"
        let tree = bytes(lines.replacing("HASH", with: hexadecimal(SHA256.digest(of: bytes("x")))) + "\n")
        try bench.reseal(base, tree: tree)
        let before = bench.workspace.contents()
        let store = try bench.open()
        for attempt in [
            { try store.verify(agent, version) }, { _ = try store.files(agent, version) },
            { _ = try store.planRestore(agent, version, to: bench.workspace, excluded: []) },
            { try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: []) },
        ] as [() throws -> Void] {
            guard case .broken("tree", _)? = try fault(attempt)?.kind else {
                Issue.record("accepted: \(lines)")
                return
            }
        }
        #expect(bench.workspace.contents() == before)
    }
}

extension Bench {
    /// Puts another list into a version and seals it, as only somebody could who may write into the store.
    func reseal(_ base: DiskPath, tree: [UInt8]) throws {
        storeDisk.plant(base / "tree", tree)
        try reseal(base) { manifest in
            manifest.workspace?.size = UInt64(tree.count)
            manifest.workspace?.sha256 = hexadecimal(SHA256.digest(of: tree))
        }
    }

    func reseal(_ base: DiskPath, _ change: (inout Manifest) -> Void) throws {
        var manifest = try JSONText.decode(Manifest.self, from: try storeDisk.read(base / "manifest.json", limit: .mebibytes(1)))
        change(&manifest)
        let json = try JSONText.encode(manifest)
        storeDisk.plant(base / "manifest.json", json)
        storeDisk.plant(base / "seal", bytes(hexadecimal(SHA256.digest(of: json)) + "\n"))
    }
}
