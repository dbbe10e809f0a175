import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

/// The store as a whole: opening, agents, locks, sentences.
@Suite struct StoreTests {
    @Test func aStoreIsMadeOnceAndFoundAgain() throws {
        let disk = SimulatedDisk(seed: 1)
        #expect(try fault { _ = try CheckpointStore.open(disk, create: false) { "" } }?.kind == .format("there is no store"))
        let store = try CheckpointStore.open(disk, create: true) { "00112233445566aa" }
        #expect(store.identity == "00112233445566aa")
        #expect(try CheckpointStore.open(disk, create: true) { "ffffffffffffffff" }.identity == "00112233445566aa")
        #expect(try store.agents().isEmpty)
        for name in ["b", "a"] { try store.addAgent(try #require(AgentName(name))) }
        try store.addAgent(try #require(AgentName("a")))
        #expect(try store.agents().map(\.text) == ["a", "b"])
        #expect(store.directory(of: agent) == "agents/agent-7")
    }

    @Test func aMakingThatIsCutOffCanBeDoneAgain() throws {
        let operations = try SimulatedDisk(seed: 1).countOfMaking()
        for operation in 1...operations {
            for trouble in DiskTrouble.allCases {
                for seed in UInt64(1)...8 {
                    let disk = SimulatedDisk(seed: seed)
                    disk.fail(at: operation, with: trouble)
                    _ = try fault { _ = try CheckpointStore.open(disk, create: true) { "00112233445566aa" } }
                    disk.restart()
                    disk.forgetTroubles()
                    #expect(try CheckpointStore.open(disk, create: true) { "ffffffffffffff00" }.identity.count == 16)
                }
            }
        }
    }

    @Test func strangeDirectoriesAreNoStores() throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.make("thesis.tex", "")
        #expect(
            try fault { _ = try CheckpointStore.open(disk, create: true) { "" } }?.kind
                == .format("the directory is not empty and not a store: it holds 'thesis.tex'"))
        #expect(try disk.names(in: nil) == ["thesis.tex"])
        try disk.make("format", "runner-store 4\n")
        #expect(
            try fault { _ = try CheckpointStore.open(disk, create: true) { "" } }?.kind
                == .format("it has format 4, and this runner knows formats 1 to 3"))
    }

    /// What another maker has begun is its own; whoever dies half-way leaves it to the first who holds the agent.
    @Test func anAgentThatIsAddedTwiceAtOnceIsAddedOnce() throws {
        let bench = try Bench(seed: 1)
        let store = try bench.open()
        let other = named("other")
        let halves: [DiskPath] = ["staging/other@new", "staging/other@new1"]
        for half in halves { try store.disk.makeDirectories(half / "versions") }
        try store.addAgent(other)
        #expect(try store.agents().contains(other))
        for half in halves { #expect(try store.disk.entry(at: half / "versions")?.kind == .directory) }
        _ = try store.recover(other)
        #expect(try store.disk.names(in: "staging").isEmpty)
    }

    /// What a first try could not make durable the second does, whatever is there already.
    @Test func anAgentThatCouldNotBeAddedIsAddedDurably() throws {
        let traced = try Bench(seed: 1)
        let other = named("agent-8")
        let trace = try traced.storeDisk.trace { try traced.open().addAgent(other) }
        for index in trace.indices {
            let bench = try Bench(seed: 1)
            bench.storeDisk.syncAll()
            bench.storeDisk.fail(at: bench.storeDisk.operationCount + index + 1, with: .io)
            _ = try? bench.open().addAgent(other)
            bench.storeDisk.forgetTroubles()
            try bench.open().addAgent(other)
            let request = CutRequest(
                agent: other, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: 1_795_000_000),
                cooperative: CooperativePart(state: .bytes(bench.state(1)), schema: "steps/1"), incarnation: 1)
            _ = try bench.open().commit(try bench.open().cut(request, stagingID: "s"))
            bench.storeDisk.powerCut()
            bench.storeDisk.restart()
            #expect(try bench.open().versions(of: other).count == 1, "operation \(index + 1) ('\(trace[index])')")
        }
    }

    @Test func anAgentHasOneWriter() throws {
        let bench = try Bench(seed: 1)
        let store = try bench.open()
        let lock = try store.lock(agent, holder: "pid 4711")
        #expect(try fault { _ = try store.lock(agent, holder: "pid 4712") }?.kind == .held(by: "pid 4711"))
        lock.release()
        try store.lock(agent, holder: "pid 4712").release()
        #expect(try fault { _ = try store.lock(named("nobody"), holder: "") }?.kind == .noSuchAgent)
    }

    @Test func openingSaysWhatItFound() throws {
        let bench = try Deed.bench()
        let store = try bench.open()
        _ = try store.cut(bench.request(4), stagingID: "left")
        try bench.storeDisk.makeDirectory("staging/agent-70@x", mode: 0o700)
        try bench.storeDisk.makeDirectory("trash/agent-7@9", mode: 0o700)
        try bench.storeDisk.makeDirectory("agents/agent-7/versions/old", mode: 0o700)
        bench.storeDisk.damage("agents/agent-7/versions/3/manifest.json", offset: 3, bit: 1)
        bench.storeDisk.truncate("agents/agent-7/numbers")
        try bench.storeDisk.removeFile("agents/agent-7/latest")
        try store.beginRestore(agent, VersionNumber(2), in: bench.workspace.rootName, excluded: [])
        #expect(
            try store.recover(agent) == [
                "an unfinished checkpoint ('staging/agent-7@left') was removed",
                "the rest of a removed version ('trash/agent-7@9') was removed", "'old' in 'versions' is no version: left alone",
                "the count of versions was lost: going on from 1004",
                "'latest' did not lead to the right version: repaired", "'known-good' did not lead to the right version: repaired",
                "a restore of the workspace was not finished",
                "version 3 is broken: 'manifest.json': it does not match its seal",
            ])
        // A version that was broken before is nothing that was put in order.
        let left = ["'old' in 'versions' is no version: left alone", "a restore of the workspace was not finished"]
        #expect(try store.putInOrder(agent) == left)
        #expect(try bench.storeDisk.names(in: "staging") == ["agent-70@x"])
        #expect(bench.link(bench.storeDisk.contents(), "known-good") == VersionNumber(2))
    }

    @Test func whatIsRememberedIsLookedAtAgain() throws {
        let bench = try Deed.bench()
        let store = try bench.open()
        let base: DiskPath = "agents/agent-7/versions"
        let changes: [(String, () throws -> Void)] = [
            ("nothing", {}), ("a standing", { try store.mark(agent, VersionNumber(1), .proven, because: "it lived") }),
            ("another one", { try store.mark(agent, VersionNumber(1), .suspect, because: "it died") }),
            ("a pin", { try store.pin(agent, VersionNumber(2), true) }),
            ("a new version", { _ = try store.commit(try store.cut(bench.request(4), stagingID: "s")) }),
            ("a damaged standing", { bench.storeDisk.damage(base / "1/standing", offset: 30, bit: 1) }),
            ("a damaged manifest", { bench.storeDisk.damage(base / "3/manifest.json", offset: 3, bit: 1) }),
            ("its old bytes again", { bench.storeDisk.damage(base / "3/manifest.json", offset: 3, bit: 1) }),
            ("a version that goes", { try store.remove(agent, VersionNumber(2)) }),
        ]
        var memory = VersionMemory()
        for (what, change) in changes {
            try change()
            let listed = try store.versions(of: agent, remembering: &memory)
            #expect(try listed == store.versions(of: agent), "after \(what)")
        }
    }

    @Test func readersMayLookWhileAVersionGoes() throws {
        let bench = try Deed.bench()
        try bench.storeDisk.makeDirectory("agents/agent-7/versions/9", mode: 0o700)
        let listed = try bench.open().versions(of: agent)
        #expect(listed.map(\.version.number) == [1, 2, 3, 9])
        #expect(listed.last?.standing == .broken && listed.last?.note == "'manifest.json': it is missing")
    }

    @Test func aStoreThatOthersCouldChangeIsRefused() throws {
        let disk = SimulatedDisk(seed: 1)
        func refusal() throws -> String? {
            guard case .unsafe(let why)? = try fault({ _ = try CheckpointStore.open(disk, create: true) { "0123456789abcdef" } })?.kind
            else { return nil }
            return why
        }
        #expect(try refusal() == nil)
        for mode: UInt32 in [0o720, 0o702, 0o1777] {
            disk.setRootMode(mode)
            #expect(try refusal() == "others may write into it (mode \(String(mode, radix: 8))). Run 'chmod go-w /store'")
        }
        disk.setRootMode(0o755)
        #expect(try refusal() == nil)
        try disk.setOwner(nil, FileOwner(user: 1000, group: 1000))
        #expect(try refusal() == "it belongs to user 1000. Run as that user")
    }

    static let sentences: [(StoreFault.Kind, String, String)] = [
        (
            .format("there is no store"), "E-STORE-FORMAT",
            "there is no store. Give the store's directory with --store, or an empty one to make a new store"
        ),
        (
            .unsafe("others may write into it (mode 777). Run 'chmod go-w /store'"), "E-STORE-UNSAFE",
            "others may write into it (mode 777). Run 'chmod go-w /store', or give another store with --store"
        ),
        (
            .full(needed: ByteCount(61_000_000), free: ByteCount(12_000_000)), "E-STORE-FULL",
            "the disk is full (needs 61.0 MB, 12.0 MB free). Free space, or run 'runner prune agent-7 --dry-run'"
        ),
        (.full(needed: nil, free: nil), "E-STORE-FULL", "the disk is full. Free space, or run 'runner prune agent-7 --dry-run'"),
        (.readOnly, "E-STORE-READONLY", "the store's disk is read-only. Remount it writable; older versions are untouched"),
        (.denied, "E-STORE-DENIED", "permission denied. Run as the store's owner, or give another store with --store"),
        (.held(by: "pid 4711"), "E-STORE-HELD", "it is held by pid 4711. Look with 'runner status', or end it with 'runner stop' first"),
        (.noSuchAgent, "E-AGENT-MISSING", "there is no such agent. See 'runner ls'"),
        (.noSuchVersion, "E-VERSION-MISSING", "there is no such version. See 'runner versions agent-7'"),
        (
            .broken(part: "state", how: "its bytes are not what was stored"), "E-VERSION-BROKEN",
            "'state' is broken: its bytes are not what was stored. Use another version, see 'runner versions agent-7'"
        ),
        (
            .damagedPack("agents/agent-7/packs/1-2-0123456789abcdef", how: "its bytes are not what was stored"), "E-VERSION-BROKEN",
            "'agents/agent-7/packs/1-2-0123456789abcdef' is damaged: its bytes are not what was stored. Its plain files are whole and stay; "
                + "'runner verify agent-7 --deep' tells what else is damaged"
        ),
        (.noSuchPart("workspace"), "E-VERSION-PART", "it holds no workspace. See 'runner show agent-7@42'"),
        (
            .noSuchFile("a/b", is: nil), "E-VERSION-PART",
            "it holds no file 'a/b'. Paths begin at the agent's workspace; 'runner files agent-7@42' lists those there are"
        ),
        (.noSuchFile("a", is: .directory), "E-VERSION-PART", "'a' is a directory and no file. 'runner ls agent-7@42:a' lists it"),
        (
            .nothing, "E-CHECKPOINT-EMPTY",
            "there is nothing to keep: the agent handed over no state and has no workspace. "
                + "Give it a 'workspace', or let it answer 'prepare'"
        ),
        (
            .refused("the workspace file 'a' changed while it was copied"), "E-CHECKPOINT-REFUSED",
            "the workspace file 'a' changed while it was copied. Put that right, or leave it out of the checkpoint; "
                + "older versions are untouched"
        ),
        (
            .memory(needed: .mebibytes(300), free: .mebibytes(20)), "E-STORE-MEMORY",
            "the store is encrypted, so they lie in memory while they are read, which takes \(ByteCount.mebibytes(300)), and the host has "
                + "\(ByteCount.mebibytes(20)) left for it. Free memory; nothing was changed"
        ),
        (
            .memory(needed: .mebibytes(300), free: .mebibytes(20), bound: .controlGroup("/sys/fs/cgroup/a")), "E-STORE-MEMORY",
            "the store is encrypted, so they lie in memory while they are read, which takes \(ByteCount.mebibytes(300)), and the memory limit of "
                + "the control group '/sys/fs/cgroup/a', in which the runner is, leaves \(ByteCount.mebibytes(20)) for it. Raise that limit; "
                + "nothing was changed"
        ),
        (
            .system(FileFault(.system(5), doing: "sync", what: "/store/x")), "E-STORE-IO",
            "could not sync '/store/x': input/output error. Older versions are untouched"
        ),
    ]

    @Test(arguments: [
        (
            "E-STORE-MEMORY",
            "could not lay out the images of 'agent-7@42': the store is encrypted, so they lie in memory while they are read, which takes 314.5 MB, and the host has 20.9 MB left for it. Free memory; nothing was changed"
        )
    ]) func tooLittleMemoryIsToldWhole(code: String, sentence: String) {
        let fault = StoreFault(.memory(needed: .mebibytes(300), free: .mebibytes(20)), doing: "lay out the images of", what: "agent-7@42")
        #expect(fault.code == code)
        #expect(fault.sentence == sentence)
    }

    @Test(arguments: sentences) func aFaultIsTold(_ told: (StoreFault.Kind, String, String)) {
        let (kind, code, reason) = told
        let fault = StoreFault(kind, doing: "commit the checkpoint", what: "agent-7@42")
        #expect(fault.code == code)
        #expect(fault.sentence == "could not commit the checkpoint 'agent-7@42': " + reason)
    }
}

extension SimulatedDisk {
    fileprivate func countOfMaking() throws -> Int {
        try trace { _ = try CheckpointStore.open(self, create: true) { "00112233445566aa" } }.count
    }
}
