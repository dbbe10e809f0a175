import AgentModel
import Checkpoints
import CriuRequests
import OutsideWorld
import SimulatedWorld
import Testing

/// Versions that are copied: to be an agent of their own, or to be thrown away.
@Suite struct ForkTests {
    private let images = MadeImages(
        tree: DumpedTree(
            root: 1000, highestProcess: 1000, outputPipe: nil, errorPipe: nil, connections: [], tcp: .close, criu: CriuVersion(4, 2, 1)),
        frozen: 1000, kernel: "6.18", startedWith: "start")

    /// A version with state, workspace and images.
    private func version(in bench: Bench, _ store: CheckpointStore, tcp: TCPHandling = .close) throws -> CheckpointSummary {
        var images = images
        images.tree.tcp = tcp
        try bench.work(3)
        let opened = try store.openCut(agent, stagingID: "made")
        try bench.storeDisk.replace(opened.directory / "process" / "inventory.img", with: bytes("inventory"))
        var staged = try store.copy(bench.request(3), into: opened, images: true)
        staged.images = images
        return try store.commit(staged)
    }

    @Test(arguments: [true, false]) func aForkHoldsWhatTheVersionHolds(withImages: Bool) throws {
        let bench = try Bench(seed: 1)
        let store = try bench.open()
        let cut = try version(in: bench, store)
        let other = named("other")
        try store.addAgent(other)
        let forked = try store.fork(agent, cut.version, as: other, images: withImages, stagingID: "fork")
        #expect(forked.version == VersionNumber(1) && forked.isKnownGood && forked.step == cut.step && forked.takenAt == cut.takenAt)
        #expect(forked.parts == VersionParts(cooperative: true, workspace: true, process: withImages))
        try store.verify(other, forked.version)
        let manifest = try store.manifest(other, forked.version)
        #expect(manifest.agent == other && manifest.forkedFrom == "\(agent)@\(cut.version)" && manifest.incarnation == 0)
        #expect(manifest.notes.first == "forked from \(agent)@\(cut.version)" && manifest.process?.made == (withImages ? images : nil))
        #expect(try store.state(other, forked.version).bytes == store.state(agent, cut.version).bytes)
        let hashes = try store.images(agent, cut.version).map(\.sha256)
        #expect(try store.images(other, forked.version).map(\.sha256) == (withImages ? hashes : []))
        let place = SimulatedDisk(seed: 9, rootName: "/fork")
        try store.restoreWorkspace(other, forked.version, to: place, excluded: [])
        #expect(place.contents().mapValues(\.kind) == bench.workspace.contents().mapValues(\.kind))
        // Each goes without the other.
        try store.remove(agent, cut.version)
        try store.verify(other, forked.version)
    }

    /// A connection has two ends and no room for a third: it stays the agent's, who may be suspended and want it back.
    @Test func connectionsStayWithTheAgent() throws {
        let bench = try Bench(seed: 1)
        let store = try bench.open()
        let cut = try version(in: bench, store, tcp: .keep)
        let other = named("other")
        try store.addAgent(other)
        let forked = try store.fork(agent, cut.version, as: other, images: true, stagingID: "fork")
        #expect(try store.manifest(other, forked.version).process?.made.tree.tcp == .close)
        #expect(try store.manifest(agent, cut.version).process?.made.tree.tcp == .keep)
    }

    @Test func whatIsDamagedIsNotForked() throws {
        let bench = try Bench(seed: 1)
        let store = try bench.open()
        let cut = try version(in: bench, store)
        let other = named("other")
        try store.addAgent(other)
        let image: DiskPath = "agents/agent-7/versions/1/process/inventory.img"
        bench.storeDisk.plant(image, bytes("other"))
        let told = try fault { _ = try store.fork(agent, cut.version, as: other, images: true, stagingID: "fork") }
        guard case .broken("process/inventory.img", _)? = told?.kind else {
            Issue.record("\(String(describing: told))")
            return
        }
        #expect(try store.versions(of: other).isEmpty)
        #expect(try store.disk.names(in: "staging").isEmpty)
    }

    @Test func aWorkspaceIsLaidOutToBeThrownAway() throws {
        let bench = try Bench(seed: 1)
        let store = try bench.open()
        let cut = try version(in: bench, store)
        let scratch = try store.openScratch(agent, stagingID: "try")
        let path = try store.layOutWorkspace(agent, cut.version, in: scratch, rootMode: 0o750) { true }
        #expect(path == scratch.path + "/workspace")
        let inStore = try #require(DiskPath(String((path ?? "").dropFirst("/store/".count))))
        #expect(try store.disk.entry(at: inStore)?.mode == 0o750)
        let laidOut = bench.storeDisk.contents().filter { $0.key.isBelow(inStore) }
        let wanted = bench.workspace.contents()
        #expect(laidOut.count == wanted.count)
        for (name, content) in wanted {
            let copy = laidOut[inStore / name.text]
            #expect(copy?.kind == content.kind && copy?.mode == content.mode, "\(name)")
        }
        store.discard(scratch)
        #expect(try store.disk.names(in: "staging").isEmpty)

        let second = try store.openScratch(agent, stagingID: "again")
        var asked = 0
        #expect(
            try store.layOutWorkspace(agent, cut.version, in: second, rootMode: 0o755) {
                asked += 1
                return asked < 3
            } == nil)
    }

    @Test func imagesThatAreOfNoUseLeaveTheRest() throws {
        let bench = try Bench(seed: 1)
        let store = try bench.open()
        let cut = try version(in: bench, store)
        try store.markImagesUnusable(agent, cut.version, because: "a library is gone")
        let listed = try #require(try store.versions(of: agent).first)
        #expect(listed.imagesUnusable == "a library is gone" && listed.standing == .stored && listed.isKnownGood)
        try store.mark(agent, cut.version, .proven, because: "")
        #expect(try store.versions(of: agent).first?.imagesUnusable == "a library is gone")
        try store.verify(agent, cut.version)
    }
}
