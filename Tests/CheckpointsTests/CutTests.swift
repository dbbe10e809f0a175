import AgentModel
import Checkpoints
import Digests
import OutsideWorld
import SimulatedWorld
import Testing

/// What becomes a version, and what is refused.
@Suite struct CutTests {
    private func refusal(_ bench: Bench, _ request: CutRequest) throws -> String? {
        let before = bench.storeDisk.contents().mapValues(\.kind)
        let found = try fault { _ = try bench.open().cut(request, stagingID: "s") }
        #expect(bench.storeDisk.contents().mapValues(\.kind) == before, "a refusal left something")
        guard case .refused(let why)? = found?.kind else { return found?.code }
        return why
    }

    @Test func aVersionHoldsAllThatWasThere() throws {
        let bench = try Bench(seed: 1)
        try bench.work(3)
        let large = bytes(700_000) { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
        try bench.workspace.open("large", .createNew(mode: 0o4755)).write(large)
        try bench.workspace.make("\u{301}accent", "a combining mark begins this name")
        try bench.workspace.make("e\u{301}", "decomposed")
        try bench.workspace.make("\u{e9}", "composed")
        bench.workspace.plantOther("socket")
        let version = try bench.take(3)
        let store = try bench.open()
        let manifest = try store.manifest(agent, version)
        #expect(manifest.notes == ["'socket' is a socket, pipe or device: skipped"])
        #expect(manifest.parts == VersionParts(cooperative: true, workspace: true) && manifest.step == 3 && manifest.effectPosition == 6)
        let files = try store.files(agent, version)
        #expect(files.map(\.path).contains("\u{301}accent") && files.count == 10)
        #expect(files.first { $0.path == "large" }?.mode == 0o4755)
        #expect(files.first { $0.path == "notes/newest" }?.target == "deep/step-3")
        try store.verify(agent, version)
        let state = try store.state(agent, version)
        #expect(state.bytes == bench.state(3) && state.schema == "steps/1" && state.specDigest == "5bec")
        // Back on an empty disk, but for what no version holds.
        let empty = SimulatedDisk(seed: 5, rootName: "/elsewhere")
        try store.restoreWorkspace(agent, version, to: empty, excluded: [])
        var wanted = comparable(bench.workspace.contents())
        wanted["socket"] = nil
        #expect(comparable(empty.contents()) == wanted)
    }

    @Test func theAnswerIsWhatIsListed() throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        let store = try bench.open()
        var request = bench.request(1, forced: true)
        request.takenAt = WallTime(nanoseconds: 1_795_000_000_123_456_789)
        request.parent = VersionNumber(7)
        let staged = try store.cut(request, stagingID: "s")
        #expect(try store.versions(of: agent).isEmpty)
        let summary = try store.commit(staged)
        #expect(try store.versions(of: agent) == [summary])
        #expect(summary.forced && summary.takenAt.description == "2026-11-18T11:06:40.123Z")
        request.kind = .aside
        request.cooperative = nil
        let aside = try store.commit(try store.cut(request, stagingID: "t"))
        #expect(!aside.isKnownGood && aside.version == VersionNumber(2))
        #expect(bench.link(bench.storeDisk.contents(), "latest") == VersionNumber(1))
        #expect(try fault { _ = try store.state(agent, aside.version) }?.kind == .noSuchPart("state"))
    }

    @Test func whatIsExcludedIsLeftOut() throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        try bench.workspace.make("notes2", "not below 'notes'")
        let store = try bench.open()
        let request = bench.request(1, excluded: ["notes/", "./result", "none"])
        let version = try store.commit(try store.cut(request, stagingID: "s")).version
        #expect(try store.files(agent, version).map(\.path) == ["notes2"])
    }

    @Test func nothingIsNoCheckpoint() throws {
        let bench = try Bench(seed: 1)
        var request = bench.request(1)
        request.cooperative = nil
        request.workspace = nil
        #expect(try refusal(bench, request) == "E-CHECKPOINT-EMPTY")
        request.agent = named("nobody")
        request.workspace = bench.workspace
        #expect(try refusal(bench, request) == "E-AGENT-MISSING")
    }

    @Test func theSizeLimitIsKept() throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        #expect(try refusal(bench, bench.request(1, limit: ByteCount(20))) == "it takes 55 B, and the limit is 20 B")
    }

    @Test func aFullDiskIsToldBeforeAnythingIsWritten() throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        bench.storeDisk.setCapacity(ByteCount(bench.storeDisk.used.bytes + 30_000))
        let found = try fault { _ = try bench.open().cut(bench.request(1), stagingID: "s") }
        #expect(
            found?.sentence == "could not take a checkpoint of 'agent-7': the disk is full (needs 57.3 kB, 30.0 kB free). "
                + "Free space, or run 'runner prune agent-7 --dry-run'")
        bench.storeDisk.setCapacity(nil)
        try bench.take(1)
        bench.storeDisk.setReadOnly(true)
        #expect(try fault { try bench.take(1) }?.kind == .readOnly)
        #expect(try bench.open().versions(of: agent).count == 1)
        bench.storeDisk.setReadOnly(false)
        try bench.take(1)
    }

    @Test func aStateFileMustBeWhatTheAgentSaid() throws {
        let bench = try Bench(seed: 1)
        let staging = SimulatedDisk(seed: 2, rootName: "/run/staging")
        try staging.make("state", "0123456789")
        try staging.makeSymbolicLink("link", to: "state")
        func request(_ path: DiskPath, _ size: UInt64, _ content: String) -> CutRequest {
            var request = bench.request(1)
            let source = StateSource.file(disk: staging, path: path, size: size, sha256: SHA256.digest(of: bytes(content)))
            request.cooperative = CooperativePart(state: source, schema: nil)
            return request
        }
        #expect(try refusal(bench, request("state", 9, "012345678")) == "its state file 'state' is larger than the 9 bytes it said")
        #expect(try refusal(bench, request("state", 11, "0123456789")) == "its state file 'state' holds 10 bytes and not the 11 it said")
        #expect(try refusal(bench, request("state", 10, "012345678X")) == "its state file 'state' has another SHA-256 than it said")
        #expect(try refusal(bench, request("none", 10, "0123456789")) == "its state file 'none' is not there")
        #expect(try refusal(bench, request("link", 10, "0123456789")) == "its state file 'link' is not a plain file")
        #expect(try refusal(bench, request("state", .max, "0123456789")) == "it takes 18446.7 PB, and the limit is 1.0 MB")
        let store = try bench.open()
        let version = try store.commit(try store.cut(request("state", 10, "0123456789"), stagingID: "s")).version
        #expect(try store.state(agent, version).bytes == bytes("0123456789"))
    }

    @Test func anAgentThatDoesNotStandStillIsRefusedOrMarked() throws {
        let meddlings: [(String, @Sendable (SimulatedDisk) throws -> Void)] = [
            ("grows", { try $0.open("result", .append(mode: 0o600)).write(bytes("more")) }),
            ("is replaced", { try $0.replace("result", with: bytes("RESULT of step 1\nxxxxxxx")) }),
            ("shrinks", { try $0.replace("result", with: bytes("r")) }),
        ]
        for (name, meddling) in meddlings {
            let bench = try Bench(seed: 1)
            try bench.work(1)
            let workspace = bench.workspace
            var request = bench.request(1)
            request.workspace = MeddledDisk(workspace, whenOpening: "result") { try? meddling(workspace) }
            #expect(try refusal(bench, request) == "the workspace file 'result' changed while it was copied", "\(name)")
            try bench.work(1)
            request.workspace = MeddledDisk(workspace, whenOpening: "result") { try? meddling(workspace) }
            request.forced = true
            let store = try bench.open()
            let version = try store.commit(try store.cut(request, stagingID: "s")).version
            try store.verify(agent, version)
            #expect(try store.manifest(agent, version).notes == ["'result' changed while it was copied: taken as it was read"], "\(name)")
        }
        let bench = try Bench(seed: 1)
        try bench.work(1)
        var request = bench.request(1)
        let workspace = bench.workspace
        request.workspace = MeddledDisk(workspace, whenOpening: "notes/same") { try? workspace.removeFile("notes/same") }
        #expect(try refusal(bench, request) == "the workspace file 'notes/same' is not there")
    }

    @Test func aStoreInTheWorkspaceIsNoPartOfIt() throws {
        let bench = try Bench(seed: 1)
        let disk = SimulatedDisk(seed: 3, rootName: "/")
        try disk.make("file", "x")
        try disk.makeDirectory("store", mode: 0o700)
        try disk.make("store/format", "must stay")
        var request = bench.request(1)
        request.workspace = disk
        let store = try bench.open()
        let version = try store.commit(try store.cut(request, stagingID: "s")).version
        #expect(try store.files(agent, version).map(\.path) == ["file"])
        let plan = try store.restoreWorkspace(agent, version, to: disk, excluded: [])
        #expect(plan.steps.isEmpty && plan.leftAlone == ["store"])
        request.workspace = SimulatedDisk(seed: 4, rootName: "/store/agents")
        #expect(try refusal(bench, request) == "its workspace '/store/agents' lies in the store")
    }
}

/// A disk on which somebody else acts at the moment a file is opened.
final class MeddledDisk: Disk {
    private let disk: SimulatedDisk
    private let path: DiskPath
    private let meddle: @Sendable () -> Void

    init(_ disk: SimulatedDisk, whenOpening path: DiskPath, _ meddle: @escaping @Sendable () -> Void) {
        self.disk = disk
        self.path = path
        self.meddle = meddle
    }
    var rootName: String { disk.rootName }
    func open(_ path: DiskPath, _ mode: OpenMode) throws(FileFault) -> any DiskFile {
        if path == self.path { meddle() }
        return try disk.open(path, mode)
    }
    func entry(at path: DiskPath) throws(FileFault) -> DiskEntry? { try disk.entry(at: path) }
    func names(in directory: DiskPath?) throws(FileFault) -> [String] { try disk.names(in: directory) }
    func makeDirectory(_ path: DiskPath, mode: UInt32) throws(FileFault) { try disk.makeDirectory(path, mode: mode) }
    func makeSymbolicLink(_ path: DiskPath, to target: String) throws(FileFault) { try disk.makeSymbolicLink(path, to: target) }
    func rename(_ source: DiskPath, to target: DiskPath) throws(FileFault) { try disk.rename(source, to: target) }
    func renameNew(_ source: DiskPath, to target: DiskPath) throws(FileFault) { try disk.renameNew(source, to: target) }
    func removeFile(_ path: DiskPath) throws(FileFault) { try disk.removeFile(path) }
    func removeDirectory(_ path: DiskPath) throws(FileFault) { try disk.removeDirectory(path) }
    func setMode(_ path: DiskPath, _ mode: UInt32) throws(FileFault) { try disk.setMode(path, mode) }
    func setOwner(_ path: DiskPath?, _ owner: FileOwner) throws(FileFault) { try disk.setOwner(path, owner) }
    func mayGive(_ owner: FileOwner) -> Bool { disk.mayGive(owner) }
    func rootEntry() throws(FileFault) -> DiskRoot { try disk.rootEntry() }
    func setModified(_ path: DiskPath, _ time: WallTime) throws(FileFault) { try disk.setModified(path, time) }
    func syncDirectory(_ path: DiskPath?) throws(FileFault) { try disk.syncDirectory(path) }
    func freeSpace() throws(FileFault) -> ByteCount { try disk.freeSpace() }
    func lock(_ path: DiskPath, holder: String) throws(FileFault) -> any DiskLock { try disk.lock(path, holder: holder) }
    func lockHolder(_ path: DiskPath) -> String? { disk.lockHolder(path) }
}
