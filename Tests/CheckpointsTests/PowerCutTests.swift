import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

/// Power cuts at every operation that changes anything, each with a fate of its own; and after every promise was given.
@Suite struct PowerCutTests {
    @Test(arguments: [Deed.all[1], Deed.all[3], Deed.all[4], Deed.restore])
    func aPowerCutAnywhereHarmsNoVersion(_ deed: Deed) throws {
        let base = try Deed.bench()
        let before = base.workspace.contents()
        let added = Bench.Content(state: base.state(4), workspace: before)
        let wanted = comparable(try #require(base.committed[Deed.restored]).workspace)
        for onStore in [true, false] {
            let traced = base.copy(seed: 1)
            let trace = try (onStore ? traced.storeDisk : traced.workspace).trace { try deed.run(traced) }
            for (index, operation) in trace.enumerated() where operation.changes {
                // Each of 56 seeds takes every eighth operation, each operation has seven seeds.
                for seed in UInt64(1)...56 where (Int(seed) + index) % 8 == 0 {
                    let context = "\(deed.testDescription), seed \(seed), after operation \(index + 1) ('\(operation)')"
                    let bench = base.copy(seed: seed)
                    let disk = onStore ? bench.storeDisk : bench.workspace
                    disk.fail(at: disk.operationCount + index + 1, with: .powerCutAfter)
                    _ = try fault { try deed.run(bench) }
                    bench.reboot()
                    try bench.check(maybe: deed.adds ? added : nil, gone: deed.removes, context)
                    guard deed.testDescription == Deed.restore.testDescription else { continue }
                    let now = comparable(bench.workspace.contents())
                    let unfinished = try bench.open().unfinishedRestore(agent)
                    if now != comparable(before), now != wanted {
                        #expect(unfinished == Deed.restored, "half a workspace, untold: \(context)")
                    }
                    try deed.run(bench)
                    #expect(comparable(bench.workspace.contents()) == wanted, "\(context)")
                }
            }
        }
    }

    @Test func whatWasPromisedSurvives() throws {
        let base = try Deed.bench()
        for seed in UInt64(1)...100 {
            let bench = base.copy(seed: seed)
            func cut() {
                bench.storeDisk.powerCut()
                bench.workspace.powerCut()
                bench.reboot()
            }
            let version = try bench.take(4)
            cut()
            try bench.check("committed, seed \(seed)")
            try bench.open().mark(agent, version, .proven, because: "it lived")
            cut()
            #expect(try bench.open().versions(of: agent).last?.standing == .proven, "seed \(seed)")
            try bench.open().pin(agent, version, true)
            cut()
            #expect(try bench.open().versions(of: agent).last?.pinned == true, "seed \(seed)")
            try bench.open().restoreWorkspace(agent, VersionNumber(1), to: bench.workspace, excluded: [])
            cut()
            #expect(
                comparable(bench.workspace.contents()) == comparable(try #require(bench.committed[VersionNumber(1)]).workspace),
                "seed \(seed)")
            #expect(try bench.open().unfinishedRestore(agent) == nil, "seed \(seed)")
            try bench.open().remove(agent, version)
            cut()
            bench.committed[version] = nil
            try bench.check("removed, seed \(seed)")
            // Its number is gone for good.
            try bench.work(5)
            #expect(try bench.take(5) > version, "seed \(seed)")
        }
    }

    /// What a killed restore had done may still be nowhere but in memory; the one that completes it must make that durable too.
    @Test func aRestoreCompletedAfterAKillSurvives() throws {
        let base = try Deed.bench()
        let wanted = comparable(try #require(base.committed[Deed.restored]).workspace)
        let traced = base.copy(seed: 1)
        let operations = try traced.workspace.trace { try Deed.restore.run(traced) }.count
        for operation in 1...operations {
            for seed in UInt64(1)...6 {
                let bench = base.copy(seed: seed)
                bench.workspace.fail(at: bench.workspace.operationCount + operation, with: .io)
                _ = try fault { try Deed.restore.run(bench) }
                bench.reboot()
                try Deed.restore.run(bench)
                bench.storeDisk.powerCut()
                bench.workspace.powerCut()
                bench.reboot()
                #expect(comparable(bench.workspace.contents()) == wanted, "killed at operation \(operation), seed \(seed)")
            }
        }
    }

    /// A life of random deeds, cut off again and again in the middle of them.
    @Test func aLongUnluckyLifeLosesNothing() throws {
        for seed in UInt64(1)...60 {
            var random = SeededRandom(seed: seed)
            let bench = try Bench(seed: seed)
            bench.storeDisk.syncAll()
            var removed: Set<VersionNumber> = []
            for step in UInt64(1)...12 {
                try bench.work(step)
                bench.storeDisk.fail(at: bench.storeDisk.operationCount + 1 + random.number(below: 250), with: .powerCutAfter)
                var maybe: [VersionNumber: Bench.Content] = [:]
                let content = Bench.Content(state: bench.state(step), workspace: bench.workspace.contents())
                _ = try fault {
                    try bench.take(step)
                    guard let oldest = try bench.open().versions(of: agent).first?.version, random.coin() else { return }
                    removed.insert(oldest)
                    try bench.open().remove(agent, oldest)
                }
                bench.reboot()
                for version in try bench.open().versions(of: agent).map(\.version) where bench.committed[version] == nil {
                    #expect(!bench.seen.contains(version), "number \(version) was used twice: seed \(seed)")
                    maybe[version] = content
                }
                try bench.check(maybe: content, gone: removed, "seed \(seed), step \(step)")
                bench.committed.merge(maybe) { old, _ in old }
            }
        }
    }
}
