import AgentModel
import Checkpoints
import CriuRequests
import OutsideWorld
import SimulatedWorld
import Testing

/// A look at an import belongs to no agent. Whoever recovers any agent removes those that were left, and none that is still held.
@Test func looksThatWereLeftAreRemoved() throws {
    let bench = try Bench(seed: 1)
    let store = try bench.open()
    var drawn = ["one", "two"]
    let looks = try (0..<2).map { _ in try store.openLook(for: "import") { drawn.removeFirst() } }
    #expect(try looks.map { try store.disk.names(in: $0.directory) } == [[], []])
    #expect(try store.disk.names(in: "staging").sorted() == ["@one", "@two"])
    try store.disk.makeDirectories("staging/@left/content/runner")
    let found = try store.recover(agent)
    #expect(found == ["what an unfinished import or export left ('staging/@left') was removed"])
    store.close(looks[0])
    #expect(try store.disk.names(in: "staging") == ["@two"])
    // Who holds it dies.
    bench.storeDisk.processDied()
    #expect(try store.recover(agent) == ["what an unfinished import or export left ('staging/@two') was removed"])
    #expect(try store.disk.names(in: "staging").isEmpty)
}

/// Versions that come from elsewhere: whole, or not at all.
@Suite struct ImportTests {
    private let images = MadeImages(
        tree: DumpedTree(
            root: 1000, highestProcess: 1003, outputPipe: 7, errorPipe: 8, connections: [], tcp: .close, criu: CriuVersion(4, 2, 1)),
        frozen: 1234, kernel: "6.18.0", startedWith: "ab")

    /// A version with all parts, as an export leaves it: files alone, no directories and links of the workspace.
    private func exported() throws -> (files: [DiskPath: [UInt8]], bench: Bench, version: VersionNumber) {
        let bench = try Bench(seed: 5)
        try bench.work(3)
        let store = try bench.open()
        let opened = try store.openCut(agent, stagingID: "made")
        try bench.storeDisk.replace(opened.directory / "process" / "inventory.img", with: bytes("inventory"))
        try bench.storeDisk.replace(opened.directory / "process" / "pages-1.img", with: [UInt8](repeating: 7, count: 9000))
        var staged = try store.copy(bench.request(3), into: opened, images: true)
        staged.images = images
        let version = try store.commit(staged).version
        var files: [DiskPath: [UInt8]] = [:]
        for (path, content) in bench.files(version) {
            let below = String(path.text.dropFirst("agents/agent-7/versions/\(version)/".count))
            if below != "standing" { files[DiskPath(stringLiteral: below)] = content }
        }
        return (files, bench, version)
    }

    /// Puts the files into another store and makes them a version there.
    private func take(_ files: [DiskPath: [UInt8]], into bench: Bench, limit: ByteCount = .mebibytes(1)) throws -> CheckpointSummary {
        let store = try bench.open()
        let opened = try store.openCut(agent, stagingID: "import")
        for (path, content) in files where path != "manifest.json" && path != "seal" {
            let target: DiskPath = opened.directory / path.text
            if let parent = target.parent { try bench.storeDisk.makeDirectories(parent) }
            try bench.storeDisk.replace(target, with: content)
        }
        let request = ImportRequest(agent: agent, takenAt: WallTime(seconds: 1_795_000_003), notes: ["imported"], sizeLimit: limit)
        let staged = try store.stage(opened, sealed: files["manifest.json"] ?? [], seal: files["seal"] ?? [], as: request)
        return try store.commit(staged)
    }

    @Test func aVersionOfAnotherStoreIsTheSameHere() throws {
        let (files, origin, version) = try exported()
        let other = try Bench(seed: 6)
        let summary = try take(files, into: other)
        let (before, after) = (try origin.open(), try other.open())
        #expect(
            summary.reason == .import && summary.standing == .stored
                && summary.parts == VersionParts(cooperative: true, workspace: true, process: true))
        try after.verify(agent, summary.version)
        #expect(try after.files(agent, summary.version) == before.files(agent, version))
        #expect(try after.state(agent, summary.version).bytes == before.state(agent, version).bytes)
        let names = { (store: CheckpointStore, version: VersionNumber) in
            try store.images(agent, version).map { "\($0.path) \($0.size ?? 0) \($0.sha256 ?? "")" }
        }
        #expect(try names(after, summary.version) == names(before, version))
        let manifest = try after.manifest(agent, summary.version)
        #expect(manifest.process?.made == images && manifest.notes.first == "imported" && manifest.parent == nil && manifest.step == 3)
        // A restore of its workspace gives what was there.
        _ = try after.restoreWorkspace(agent, summary.version, to: other.workspace, excluded: [])
        let (restored, wanted) = (comparable(other.workspace.contents()), comparable(origin.workspace.contents()))
        for path in Set(restored.keys).union(wanted.keys) { #expect(restored[path] == wanted[path], "\(path)") }
    }

    /// Every file changed, cut, lengthened, missing or strange: nothing of it stays.
    @Test func whatIsNotAsItWasSealedIsNotTakenIn() throws {
        let (files, _, _) = try exported()
        var damaged: [(String, [DiskPath: [UInt8]])] = []
        for (path, content) in files {
            for offset in stride(from: 0, to: content.count, by: max(1, content.count / 9)) {
                var changed = files
                changed[path]?[offset] ^= 4
                damaged.append(("byte \(offset) of \(path)", changed))
            }
            var other = files
            other[path] = nil
            damaged.append(("without \(path)", other))
            other[path] = content + [10]
            damaged.append(("longer \(path)", other))
            other[path] = content.dropLast() + []
            if !content.isEmpty { damaged.append(("shorter \(path)", other)) }
        }
        for stranger in ["extra", "process/core-1.img", "workspace/stranger", "workspace/notes/deep/x", "images2", "process/d/x"]
            as [DiskPath]
        {
            var other = files
            other[stranger] = [1]
            damaged.append(("with \(stranger)", other))
        }
        // A file where the list has a link, and where it has a directory.
        for path in ["workspace/notes/newest", "workspace/notes/newest/x"] as [DiskPath] {
            var other = files
            other[path] = [1]
            damaged.append(("with \(path)", other))
        }
        #expect(damaged.count > 60)
        for (what, files) in damaged {
            let bench = try Bench(seed: 6)
            let fault = try fault { _ = try take(files, into: bench) }
            #expect(fault != nil, "\(what)")
            #expect(try bench.open().versions(of: agent).isEmpty, "\(what)")
            #expect(try bench.storeDisk.names(in: "staging").isEmpty, "\(what)")
        }
    }

    @Test func whatIsLargerThanAllowedIsNotTakenIn() throws {
        let (files, _, _) = try exported()
        let bench = try Bench(seed: 6)
        let found = try fault { _ = try take(files, into: bench, limit: .kibibytes(4)) }
        guard case .refused(let why)? = found?.kind else { throw try #require(found) }
        #expect(why.hasSuffix("the limit is 4.0 kB"))
    }

    /// The hostile part of a manifest is what it claims: sealed or not.
    @Test(arguments: [
        (#""path":"result""#, #""path":"../result""#), (#""path":"result""#, #""path":"/result""#), (#""kind":"file""#, #""kind":"other""#),
        (#""format":1"#, #""format":2"#), (#""version":1"#, #""version":"one""#),
    ])
    func aClaimThatCannotBeIsRefused(old: String, new: String) throws {
        let (files, _, _) = try exported()
        for (path, content) in files where ["manifest.json", "tree", "images"].contains(path.text) {
            let text = String(decoding: content, as: UTF8.self)
            guard text.contains(old) else { continue }
            var changed = files
            changed[path] = Array(text.replacing(old, with: new).utf8)
            let bench = try Bench(seed: 6)
            #expect(try fault { _ = try take(changed, into: bench) } != nil, "\(path)")
        }
    }

    @Test func imagesAloneBecomeAVersion() throws {
        let bench = try Bench(seed: 6)
        let store = try bench.open()
        let opened = try store.openCut(agent, stagingID: "import")
        try bench.storeDisk.replace(opened.directory / "process" / "inventory.img", with: bytes("inventory"))
        let request = ImportRequest(agent: agent, takenAt: WallTime(seconds: 1_795_000_003), notes: ["from a directory"])
        let summary = try store.commit(try store.stage(opened, images: images, as: request))
        #expect(summary.parts == VersionParts(process: true) && summary.reason == .import && summary.isKnownGood)
        try store.verify(agent, summary.version)
        #expect(try store.images(agent, summary.version).map(\.path) == ["inventory.img"])
    }

    @Test func anAgentThatWasAddedForNothingIsTakenBack() throws {
        let bench = try Bench(seed: 6)
        let store = try bench.open()
        let other = named("other")
        try store.addAgent(other)
        try store.takeBack(other)
        #expect(try store.agents() == [agent])
        #expect(try bench.storeDisk.names(in: "trash").isEmpty)
        // One with a version stays.
        try bench.work(1)
        _ = try store.commit(try store.cut(bench.request(1), stagingID: "s"))
        try store.takeBack(agent)
        #expect(try store.agents() == [agent])
    }
}
