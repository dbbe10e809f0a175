import AgentModel
import OutsideWorld
import SimulatedWorld
import Testing

@testable import Checkpoints

/// Files that a version takes without copying them: where workspace and store lie on a file system that can do that.
@Suite struct SharingTests {
    private func bench(_ sharing: Sharing?, many: Bool = false) throws -> (bench: Bench, large: [UInt8]) {
        var dice = Dice(seed: 5)
        // Not to a block's end.
        let large = dice.bytes(400_001)
        let bench = try Bench(seed: 1)
        bench.storeDisk.setSharing(sharing)
        try bench.workspace.make("before", "small")
        try bench.workspace.makeDirectory("d", mode: 0o700)
        for path: DiskPath in ["d/large", "larger"] { try bench.workspace.open(path, .createNew(mode: 0o640)).write(large) }
        try bench.workspace.open("aligned", .createNew(mode: 0o640)).write(Array(large.prefix(64 * 4096)))
        try bench.workspace.makeLink("second", to: "d/large")
        try bench.workspace.make("z", "behind")
        if many { for number in 0..<520 { try bench.workspace.make(DiskPath(stringLiteral: "d/\(number)"), "\(number)") } }
        return (bench, large)
    }

    private func operations(_ bench: Bench, _ name: String, _ body: () throws -> Void) throws -> [String] {
        try bench.storeDisk.trace { () throws in try body() }.filter { $0.name == name }.map {
            String($0.path.split(separator: "/").last ?? "")
        }
    }

    @Test(arguments: [(Sharing?.none, false), (.shared, false), (.notThisFile, false), (.never, false), (.shared, true), (.never, true)])
    func howeverTheyAreTakenTheyAreTheSame(_ sharing: Sharing?, many: Bool) throws {
        let (bench, _) = try bench(sharing, many: many)
        let store = try bench.open()
        var staged: StagedCheckpoint?
        let tried = try operations(bench, "share") { staged = try store.cut(bench.request(1, limit: .mebibytes(2)), stagingID: "s") }
        switch sharing {
        case nil: #expect(tried == [])
        case .shared: #expect(tried == (many ? ["files", "files", "files"] : ["aligned", "large", "larger"]))
        case .notThisFile: #expect(tried == ["aligned", "large", "larger"])
        // One try for all.
        case .never: #expect(tried == [many ? "files" : "aligned"])
        }
        // Nobody reads while the agent stands still.
        #expect(staged?.unread.count == (sharing == .shared ? 3 : 0))
        // What the agent does now is not in it.
        try bench.workspace.open("larger", .append(mode: 0o600)).write(bytes("later"))
        let version = try store.commit(try #require(staged)).version
        try bench.workspace.removeTree("larger")
        var dice = Dice(seed: 5)
        try bench.workspace.open("larger", .createNew(mode: 0o640)).write(dice.bytes(400_001))
        bench.record(version, 1)
        try store.verify(agent, version)
        for isPacked in [false, true] {
            if isPacked {
                try store.pack(agent, version)
                try store.verifyPacked(agent, version)
                try store.thin(agent, version)
            }
            let place = SimulatedDisk(seed: 2, rootName: "/elsewhere")
            place.setSharing(sharing)
            let shared = try place.trace { _ = try store.restoreWorkspace(agent, version, to: place, excluded: []) }.filter {
                $0.name == "share"
            }
            #expect(shared.isEmpty == (isPacked || many || sharing == nil))
            var (found, wanted) = (comparable(place.contents()), comparable(bench.workspace.contents()))
            found["larger"]?.modifiedAt = WallTime(seconds: 0)
            wanted["larger"]?.modifiedAt = WallTime(seconds: 0)
            #expect(found == wanted)
        }
    }

    /// What is shared takes no room; when it must be copied after all, there must be room for it.
    @Test func thereMustBeRoomForWhatIsCopiedAfterAll() throws {
        for (sharing, isRefused) in [(Sharing.never, true), (.notThisFile, true)] {
            let (bench, _) = try bench(sharing)
            bench.storeDisk.setCapacity(ByteCount(bench.storeDisk.used.bytes + 300_000))
            let store = try bench.open()
            let found = try fault { _ = try store.cut(bench.request(1, limit: .mebibytes(2)), stagingID: "s") }
            guard case .full(let needed, _)? = found?.kind else {
                Issue.record("it was taken: \(String(describing: found))")
                continue
            }
            #expect(isRefused && (needed ?? ByteCount(0)).bytes > 300_000)
            #expect(bench.storeDisk.peekNames("staging") == [])
        }
    }

    /// What is copied already needs no room once more.
    @Test func onlyWhatIsStillToComeMustHaveRoom() throws {
        var dice = Dice(seed: 5)
        let bench = try Bench(seed: 1)
        bench.storeDisk.setSharing(.never)
        for number in 0..<10 {
            try bench.workspace.open(DiskPath(stringLiteral: "a\(number)"), .createNew(mode: 0o600)).write(dice.bytes(200_000))
        }
        try bench.workspace.open("large", .createNew(mode: 0o600)).write(dice.bytes(400_000))
        bench.storeDisk.setCapacity(ByteCount(bench.storeDisk.used.bytes + 2_700_000))
        let version = try bench.take(1, limit: .mebibytes(4))
        try bench.open().verify(agent, version)
    }

    /// What a restore shares needs no room; where it must be copied after all, that is told before anything is touched.
    @Test(arguments: [Sharing.shared, .notThisFile, .never], [false, true])
    func aRestoreNeedsRoomForWhatItWrites(_ sharing: Sharing, paths: Bool) throws {
        let (bench, large) = try bench(.shared)
        let version = try bench.take(1, limit: .mebibytes(2))
        let store = try bench.open()
        let place = SimulatedDisk(seed: 2, rootName: "/elsewhere")
        place.setSharing(sharing)
        place.plant("mine", [1, 2, 3])
        place.setCapacity(ByteCount(100_000))
        let before = place.contents()
        let restore = {
            if paths { return try store.restorePaths(["d", "larger", "aligned"], agent, version, to: place, excluded: []) }
            return try store.restoreWorkspace(agent, version, to: place, excluded: [])
        }
        if sharing == .shared {
            #expect(try restore().spaceNeeded <= ByteCount(100))
            #expect(try place.read("larger", limit: .mebibytes(1)) == large && place.read("d/large", limit: .mebibytes(1)) == large)
            return
        }
        guard case .full(let needed?, _)? = try fault({ _ = try restore() })?.kind else {
            Issue.record("it was begun")
            return
        }
        #expect(needed.bytes >= 2 * 400_001 + 64 * 4096)
        #expect(place.contents() == before)
        #expect(try store.unfinishedRestore(agent) == nil)
        // Where there is room for copies nothing is tried.
        place.setCapacity(.mebibytes(4))
        let done = try place.trace { _ = try restore() }
        #expect(done.count { $0.name == "share" } == 3 && !done.contains { $0.name == "makeDirectory" && $0.path.contains(".runner") })
        #expect(try place.read("larger", limit: .mebibytes(1)) == large)
    }

    /// The first could be shared, and this one cannot: it has its room, or is not begun.
    @Test func aFileThatCannotBeSharedAfterAllIsNotBegunWithoutRoom() throws {
        let (bench, _) = try bench(.shared)
        let version = try bench.take(1, limit: .mebibytes(2))
        let store = try bench.open()
        let place = SimulatedDisk(seed: 2, rootName: "/elsewhere")
        place.setSharing(.shared)
        let known = try store.known(try store.manifest(agent, version), images: false, Errand("restore", "x"))
        let planned = try store.plan(
            known, RestorePlanner(known.tree, of: known.manifest, in: place, leavingOut: Exclusions([])), Errand("restore", "x"))
        #expect(planned.plan.spaceNeeded < ByteCount(100))
        place.setSharing(.notThisFile)
        place.setCapacity(ByteCount(300_000))
        var restorer = WorkspaceRestorer(known.content, planned, workspace: place, isRepeated: false, errand: Errand("restore", "x"))
        let found = try fault { try restorer.execute(planned.plan) }?.kind
        guard case .full(ByteCount(400_001)?, _)? = found else {
            Issue.record("\(String(describing: found))")
            return
        }
        #expect(try place.entry(at: "aligned") != nil && place.entry(at: "d/large") == nil)
    }

    /// A restore compares what takes the place, and not what it was made of.
    @Test func whatDecayedTakesNoPlaceHoweverItIsCopied() throws {
        let (bench, _) = try bench(.shared)
        let version = try bench.take(1, limit: .mebibytes(2))
        let store = try bench.open()
        let place = SimulatedDisk(seed: 2, rootName: "/elsewhere")
        place.setSharing(.shared)
        bench.storeDisk.damage("agents/agent-7/versions/1/workspace/larger", offset: 300_000, bit: 1)
        let known = try store.known(try store.manifest(agent, version), images: false, Errand("restore", "x"))
        let planner = try RestorePlanner(known.tree, of: known.manifest, in: place, leavingOut: Exclusions([]))
        let planned = try planner.plan(version)
        var restorer = WorkspaceRestorer(known.content, planned, workspace: place, isRepeated: false, errand: Errand("restore", "x"))
        guard case .broken("workspace/larger", _)? = try fault({ try restorer.execute(planned.plan) })?.kind else {
            Issue.record("it took its place")
            return
        }
        #expect(try place.entry(at: "larger") == nil && place.entry(at: "d/large")?.size == 400_001)
    }

    /// A fault at every operation.
    @Test func aFaultAnywhereLeavesNothingHalf() throws {
        for many in [false, true] {
            let (base, _) = try bench(.shared)
            if many { for number in 0..<520 { try base.workspace.make(DiskPath(stringLiteral: "d/\(number)"), "") } }
            base.storeDisk.syncAll()
            // What an agent has not synced a power cut may take from it, and not from the version.
            base.workspace.syncAll()
            let deed = { (bench: Bench) throws in try bench.take(1, limit: .mebibytes(2)) }
            let counted = base.copy(seed: 1)
            let count = try counted.storeDisk.trace { _ = try deed(counted) }.count
            // With hundreds of files, those of copying them are all alike.
            for operation in stride(from: 1, through: count, by: many ? 37 : 1) {
                for trouble in DiskTrouble.allCases {
                    let bench = base.copy(seed: UInt64(operation))
                    bench.storeDisk.fail(at: bench.storeDisk.operationCount + operation, with: trouble)
                    let failed = try fault { _ = try deed(bench) }
                    let context = "\(trouble) at \(operation), \(String(describing: failed))"
                    bench.reboot()
                    let content = Bench.Content(state: bench.state(1), workspace: bench.workspace.contents())
                    if many {
                        for summary in try bench.open().versions(of: agent) { try bench.open().verify(agent, summary.version) }
                    } else {
                        try bench.check(maybe: content, context)
                    }
                }
            }
        }
    }
}
