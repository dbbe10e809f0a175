import AgentModel
import Checkpoints
import CriuRequests
import OutsideWorld
import SimulatedWorld
import Testing

extension MadeImages {
    static let example = MadeImages(
        tree: DumpedTree(
            root: 1000, highestProcess: 1001, outputPipe: 7, errorPipe: nil, connections: [.init(inode: 9, form: .stream)], tcp: .close,
            criu: CriuVersion(4, 2, 1)),
        frozen: 12_345, kernel: "6.18", startedWith: "5bec")
}

extension Bench {
    /// nil: CRIU could not write its images, and nothing is left.
    func stageWithImages(_ step: UInt64) throws -> StagedCheckpoint? {
        let store = try open()
        let opened = try store.openCut(agent, stagingID: "i\(storeDisk.operationCount)")
        let directory = opened.directory / "process"
        let files = [
            ("pages-1.img", String(repeating: "page \(step) ", count: 40)), ("core-1000.img", "core \(step)"), ("stats-dump", "statistics"),
            ("dump.log", "what CRIU said"),
        ]
        do { for (name, text) in files { try storeDisk.make(directory / name, text) } } catch {
            store.discard(opened)
            return nil
        }
        var staged = try store.copy(request(step), into: opened, images: true)
        staged.images = .example
        return staged
    }

    /// As `take`, with images of processes beside the rest.
    @discardableResult
    func takeWithImages(_ step: UInt64) throws -> CheckpointSummary {
        let summary = try open().commit(#require(try stageWithImages(step)))
        record(summary.version, step)
        return summary
    }
}

/// Every byte of a version with images, changed, cut off, taken away, added to.
@Suite struct ImageDamageTests {
    private func bench() throws -> (Bench, VersionNumber) {
        let bench = try Deed.bench()
        let summary = try bench.takeWithImages(4)
        #expect(summary.parts == VersionParts(cooperative: true, workspace: true, process: true))
        #expect(summary.frozenMicroseconds == 12_345)
        bench.storeDisk.syncAll()
        return (bench, summary.version)
    }

    private func isFound(_ bench: Bench, _ version: VersionNumber) throws -> Bool {
        guard case .broken? = try fault({ try bench.open().verify(agent, version) })?.kind else { return false }
        return true
    }

    @Test func whatIsWholeIsWhole() throws {
        let (bench, version) = try bench()
        let store = try bench.open()
        try store.verify(agent, version)
        try store.verifyButPages(agent, version)
        try store.verifyPages(agent, version)
        #expect(try store.images(agent, version).map(\.path.text) == ["core-1000.img", "pages-1.img", "stats-dump"])
        #expect(store.imagesDirectory(agent, version) == "/store/agents/agent-7/versions/\(version)/process")
        #expect(try store.manifest(agent, version).process?.made == .example)
    }

    @Test func aChangedByteAnywhereIsFound() throws {
        let (base, version) = try bench()
        var tried = 0
        for (path, content) in base.files(version).sorted(by: { $0.key < $1.key }) {
            for offset in 0..<content.count {
                let bench = base.copy(seed: 1)
                bench.storeDisk.damage(path, offset: offset, bit: offset % 8)
                #expect(try isFound(bench, version), "bit \(offset % 8) of byte \(offset) of '\(path)'")
                tried += 1
            }
        }
        #expect(tried > 1000)
    }

    @Test func aShortenedLengthenedMissingOrStrangeFileIsFound() throws {
        let (base, version) = try bench()
        for (path, content) in base.files(version) {
            for damage in ["cut off", "longer", "missing"] {
                let bench = base.copy(seed: 1)
                switch damage {
                case "cut off": bench.storeDisk.truncate(path, to: content.count / 2)
                case "longer": bench.storeDisk.plant(path, content + [0])
                default: try bench.storeDisk.removeFile(path)
                }
                #expect(try isFound(bench, version), "'\(path)' \(damage)")
            }
        }
        let bench = base.copy(seed: 1)
        bench.storeDisk.plant(DiskPath(stringLiteral: "agents/agent-7/versions/\(version)/process/more.img"), [1])
        #expect(try isFound(bench, version))
    }

    /// Between the two nothing is left out, and neither looks at what is the other's.
    @Test func pagesAreComparedApart() throws {
        let (base, version) = try bench()
        for (name, ofPages) in [("pages-1.img", true), ("core-1000.img", false), ("stats-dump", false)] {
            let bench = base.copy(seed: 1)
            bench.storeDisk.damage(DiskPath(stringLiteral: "agents/agent-7/versions/\(version)/process/\(name)"), offset: 3, bit: 1)
            let store = try bench.open()
            #expect(try (fault { try store.verifyPages(agent, version) } != nil) == ofPages, "\(name)")
            #expect(try (fault { try store.verifyButPages(agent, version) } != nil) == !ofPages, "\(name)")
        }
    }

    @Test func whatIsTooLargeWithItsImagesIsRefusedAndLeavesNothing() throws {
        let (bench, _) = try bench()
        let store = try bench.open()
        let opened = try store.openCut(agent, stagingID: "large")
        try bench.storeDisk.make(opened.directory / "process/pages-1.img", String(repeating: "x", count: 2000))
        var staged = try store.copy(bench.request(5, limit: ByteCount(1500)), into: opened, images: true)
        staged.images = .example
        let kind = try fault { _ = try store.commit(staged) }?.kind
        guard case .refused? = kind else {
            Issue.record("\(String(describing: kind))")
            return
        }
        #expect(try bench.storeDisk.names(in: "staging").isEmpty)
    }
}
