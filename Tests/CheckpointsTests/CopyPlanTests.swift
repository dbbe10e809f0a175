import AgentModel
import OutsideWorld
import SimulatedWorld
import Testing

@testable import Checkpoints

private func listing(_ files: [String: UInt64]) throws -> RemoteListing {
    try RemoteListing(files.sorted { $0.key < $1.key }.map { RemoteFile(path: $0.key, size: $0.value) })
}

private let seal = "0123456789abcdef"
private let other = "fedcba9876543210"

private func offered(_ version: UInt64, seal: String = seal, standing: String = other) -> OfferedVersion {
    OfferedVersion(version: VersionNumber(version), seal: seal, manifestSize: 500, chunksSize: 90, standing: standing)
}

private func files(_ version: Int, _ files: [String: UInt64]) -> [String: UInt64] {
    Dictionary(uniqueKeysWithValues: files.map { ("agents/agent-7/versions/\(version)/\($0.key)", $0.value) })
}

private let whole: [String: UInt64] = ["chunks": 90, "seal": 65, "packs-\(seal)-500": 200, "standing-\(other)": 80, "manifest.json": 500]

@Suite struct CopyPlanTests {
    @Test(
        arguments: [
            (whole, [], [1], [], []),
            (whole.filter { $0.key != "manifest.json" }, [1], [], [], []),
            (whole.filter { $0.key != "chunks" }, [1], [], [], []),
            (whole.merging(["chunks": 89]) { $1 }, [1], [], [], []),
            (whole.merging(["manifest.json": 499]) { $1 }, [1], [], [], []),
            ([:], [1], [], [], []),
            // Another version of that number: nothing of it is touched.
            (whole.filter { $0.key != "packs-\(seal)-500" }.merging(["packs-\(other)-500": 200]) { $1 }, [], [], [1], []),
            // What another one left that never became whole is in nobody's way.
            (["chunks": 90, "seal": 65, "packs-\(other)-500": 200], [1], [], [], []),
            // It has earned something since.
            (whole.filter { $0.key != "standing-\(other)" }.merging(["standing-\(seal)": 80]) { $1 }, [], [1], [], [1]),
            (whole.merging(["standing-\(seal)": 80]) { $1 }, [], [1], [], [1]),
        ] as [([String: UInt64], [UInt64], [UInt64], [UInt64], [UInt64])])
    func whatTheRemoteHasDecides(there: [String: UInt64], sends: [UInt64], present: [UInt64], conflicts: [UInt64], stale: [UInt64]) throws {
        let remote = try listing(files(1, there)).agents[agent] ?? RemoteListing.Agent()
        let plan = CopyPlan([offered(1)], in: remote)
        #expect(plan.sends == sends.map(VersionNumber.init))
        #expect(plan.present == present.map(VersionNumber.init))
        #expect(plan.conflicts == conflicts.map(VersionNumber.init))
        #expect(plan.staleStandings == stale.map(VersionNumber.init))
    }

    @Test func aVersionThatLacksAPackThereIsSentAgain() throws {
        let name = try #require(PackName("1-9-\(seal)"))
        for (size, needed, sends) in [(70, 70, false), (nil, 70, true), (69, 70, true), (70, nil, true)] as [(UInt64?, UInt64?, Bool)] {
            var all = files(1, whole)
            all["agents/agent-7/packs/\(name.text)"] = size
            let remote = try #require(try listing(all).agents[agent])
            var plan = CopyPlan([offered(1)], in: remote)
            #expect(plan.present == [VersionNumber(1)])
            plan.mend(needed.map { [VersionNumber(1): PackList([name: $0])] } ?? [:], in: remote)
            #expect(plan.sends.isEmpty != sends && plan.present.isEmpty == sends, "\(String(describing: size))")
        }
    }

    @Test(arguments: ["../x", "agents/../../x", "/etc/passwd", "agents//x", "", ".", "a\nb", "agents/agent-7/versions/1/../../../../x"])
    func aNameThatLeadsOutRefusesTheWhole(name: String) {
        #expect(throws: Damage.self) { try RemoteListing([RemoteFile(path: "runner-copy-1", size: 1), RemoteFile(path: name, size: 1)]) }
    }

    @Test func whatIsNoPartOfACopyIsPassedOver() throws {
        let remote = try listing([
            "runner-copy-1": 90, "agents/agent-7/packs/new": 5, "agents/agent-7/packs/1-9-\(seal)": 70,
            "agents/agent-7/versions/01/seal": 65,
            "agents/agent-7/versions/1/other": 1, "agents/-/versions/1/seal": 1, "agents/agent-7/lock": 3, "notes.txt": 1,
        ])
        #expect(remote.isCopy)
        #expect(remote.agents[agent]?.packs.values.sorted() == [70])
        #expect(remote.agents[agent]?.listed == [])
    }

    @Test func aListOfPacksComesBackAndIsFoundDamaged() throws {
        let name = try #require(PackName("1-9-\(seal)"))
        let bytes = PackList([name: 70]).encoded
        #expect(try PackList(decoding: bytes) == PackList([name: 70]))
        for offset in bytes.indices {
            var damaged = bytes
            damaged[offset] ^= 4
            #expect(throws: Damage.self) { try PackList(decoding: damaged) }
            #expect(throws: Damage.self) { try PackList(decoding: Array(bytes[..<offset])) }
        }
    }

    @Test func aMapOfMoreThanThereIsEndsAtItsFirstLack() throws {
        var map = ChunkMap()
        map.append(.chunk(1), count: 1 << 47)
        let shelf = try PackShelf(in: "packs", on: SimulatedDisk(seed: 1, rootName: "/empty"))
        #expect(throws: FileFault.self) { try shelf.lackingBases(of: map) }
    }

    @Test func onlyWhatNothingNeedsIsTakenOut() throws {
        let (first, second) = (try #require(PackName("1-9-\(seal)")), try #require(PackName("10-12-\(seal)")))
        var all = files(1, whole).merging(files(2, whole)) { $1 }
        all["agents/agent-7/packs/\(first.text)"] = 70
        all["agents/agent-7/packs/\(second.text)"] = 71
        let remote = try #require(try listing(all).agents[agent])
        let kept: Set<VersionNumber> = [VersionNumber(2), VersionNumber(3)]
        let plan = RemotePrunePlan(agent, remote, keeping: kept, lists: [PackList([second: 71])])
        #expect(plan.manifests == ["agents/agent-7/versions/1/manifest.json"])
        #expect(plan.versions == [VersionNumber(1)])
        #expect(plan.rest.last == "agents/agent-7/packs/1-9-0123456789abcdef")
        #expect(plan.rest.filter { $0.isBelow("agents/agent-7/packs") }.count == 1)
        // Nobody knows what the other one needs: packs stay.
        let careful = RemotePrunePlan(agent, remote, keeping: kept, lists: nil)
        #expect(careful.manifests == plan.manifests)
        #expect(!careful.rest.contains { $0.isBelow("agents/agent-7/packs") })
        #expect(RemotePrunePlan.staying(remote, keeping: kept) == [VersionNumber(2)])
    }

    @Test(
        arguments: [
            // What is there: the seals of these versions; what is here: the seals, and the number to come.
            ([1: seal, 2: seal], [2: seal], 3, nil),
            ([1: seal], [1: seal, 2: seal], 3, nil),
            ([:], [1: seal], 2, nil),
            // Lost, and begun anew.
            ([1: other, 2: other, 3: seal, 200: seal], [1: seal, 2: seal, 3: seal], 4, .conflicts([VersionNumber(1), VersionNumber(2)])),
            ([1: seal, 4: other, 200: other], [1: seal], 2, .neverHere(VersionNumber(200))),
            ([1: other, 2: other], [3: seal], 4, .nothingShared),
            // What cannot be read says nothing.
            ([1: other, 2: other], [:], 4, .nothingShared),
        ] as [([UInt64: String], [UInt64: String], UInt64, UnprunedReason?)])
    func whatMayBeTheOnlyCopyIsNotPruned(there: [UInt64: String], here: [UInt64: String], next: UInt64, expected: UnprunedReason?) throws {
        var all: [String: UInt64] = [:]
        for (number, seal) in there {
            all.merge(files(Int(number), ["chunks": 90, "seal": 65, "packs-\(seal)-500": 200, "manifest.json": 500])) { $1 }
        }
        let remote = try listing(all).agents[agent] ?? RemoteListing.Agent()
        let seals = Dictionary(uniqueKeysWithValues: here.map { (VersionNumber($0.key), $0.value) })
        #expect(RemotePrunePlan.refusal(remote, seals: seals, next: VersionNumber(next), conflicts: []) == expected)
    }
}
