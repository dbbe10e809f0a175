import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

/// A fault at every single operation of everything the store does, one at a time; then the same again without it.
@Suite struct FaultTests {
    @Test(arguments: Deed.all) func aFaultAnywhereHarmsNoVersion(_ deed: Deed) throws {
        let base = try Deed.bench()
        for onStore in [true, false] {
            let operations = try count(deed, base, onStore: onStore)
            for operation in 0..<operations {
                for trouble in DiskTrouble.allCases { try tryOut(deed, base, onStore: onStore, operation + 1, trouble) }
            }
        }
    }

    private func count(_ deed: Deed, _ base: Bench, onStore: Bool) throws -> Int {
        let bench = base.copy(seed: 1)
        let disk = onStore ? bench.storeDisk : bench.workspace
        return try disk.trace { try deed.run(bench) }.count
    }

    private func tryOut(_ deed: Deed, _ base: Bench, onStore: Bool, _ operation: Int, _ trouble: DiskTrouble) throws {
        let context = "\(deed.testDescription), \(trouble) at operation \(operation) of the \(onStore ? "store" : "workspace")"
        let bench = base.copy(seed: 1)
        let before = bench.workspace.contents()
        let disk = onStore ? bench.storeDisk : bench.workspace
        disk.fail(at: disk.operationCount + operation, with: trouble)
        let added = Bench.Content(state: bench.state(4), workspace: before)
        let result = try fault { try deed.run(bench) }
        if let result { #expect(!result.sentence.isEmpty && result.code.hasPrefix("E-"), "\(context)") }
        let store = disk.isDown ? nil : try bench.open()
        if let store, deed.adds, result != nil {
            #expect(try store.versions(of: agent).count == 3, "a fault left a version: \(context)")
        }
        bench.reboot()
        let maybe = deed.adds ? added : nil
        try bench.check(maybe: maybe, gone: deed.removes, context)
        if deed.testDescription == Deed.restore.testDescription { try expectToldOrWhole(bench, before, context) }
        // Without the fault it succeeds.
        try deed.run(bench)
        if deed.adds { try expectNewNumber(bench, before, context) }
        try bench.check(maybe: maybe, gone: deed.removes, "\(context), then without")
        if deed.testDescription == Deed.restore.testDescription { try expectRestored(bench, context) }
    }

    private func expectNewNumber(_ bench: Bench, _ workspace: [DiskPath: SimulatedContent], _ context: String) throws {
        let newest = try #require(try bench.open().versions(of: agent).last)
        #expect(!bench.seen.contains(newest.version), "number \(newest.version) was used twice: \(context)")
        #expect(newest.step == 4, "\(context)")
    }

    /// A workspace that is neither as before nor as wanted is told of.
    private func expectToldOrWhole(_ bench: Bench, _ before: [DiskPath: SimulatedContent], _ context: String) throws {
        let unfinished = try bench.open().unfinishedRestore(agent)
        let now = comparable(bench.workspace.contents())
        let wanted = comparable(try #require(bench.committed[Deed.restored]).workspace)
        if now != comparable(before), now != wanted { #expect(unfinished == Deed.restored, "half a workspace, untold: \(context)") }
    }

    private func expectRestored(_ bench: Bench, _ context: String) throws {
        #expect(try bench.open().unfinishedRestore(agent) == nil, "\(context)")
        let wanted = try #require(bench.committed[Deed.restored]).workspace
        #expect(comparable(bench.workspace.contents()) == comparable(wanted), "\(context)")
    }
}
