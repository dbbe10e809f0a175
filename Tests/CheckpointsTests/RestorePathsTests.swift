import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

/// Single paths of a version are brought back, and everything else is as it was.
@Suite struct RestorePathsTests {
    private func restore(_ paths: [DiskPath], _ version: UInt64, _ bench: Bench, excluded: [String] = []) throws -> WorkspaceRestorePlan {
        let store = try bench.open()
        let planned = try store.planRestore(
            of: paths, agent, VersionNumber(version), to: bench.workspace, excluded: excluded)
        let done = try store.restorePaths(paths, agent, VersionNumber(version), to: bench.workspace, excluded: excluded)
        #expect(planned == done)
        return done
    }

    private func content(_ bench: Bench, _ version: UInt64) throws -> [DiskPath: SimulatedContent] {
        comparable(try #require(bench.committed[VersionNumber(version)]).workspace)
    }

    @Test(arguments: [["result"], ["notes"], ["notes/deep"], ["notes/deep/step-2", "result"], ["notes/newest"]])
    func whatWasAskedForIsBackAndNothingElseIsTouched(_ words: [String]) throws {
        let paths = words.map { DiskPath(stringLiteral: $0) }
        func isMeant(_ path: DiskPath) -> Bool { paths.contains { path == $0 || path.isBelow($0) } }
        let bench = try Deed.bench()
        let before = comparable(bench.workspace.contents())
        let wanted = try content(bench, 2)
        let plan = try restore(paths, 2, bench)
        let after = comparable(bench.workspace.contents())
        #expect(after.filter { isMeant($0.key) } == wanted.filter { isMeant($0.key) })
        #expect(after.filter { !isMeant($0.key) } == before.filter { !isMeant($0.key) })
        #expect(plan.steps.allSatisfy { isMeant($0.path) } && !plan.steps.isEmpty)
        // No mark is left that would bring the rest later.
        #expect(try bench.open().unfinishedRestore(agent) == nil)
        #expect(try restore(paths, 2, bench).steps.isEmpty)
    }

    @Test func aDirectoryOnTheWayIsMadeWhereItIsGone() throws {
        let bench = try Deed.bench()
        try bench.workspace.removeTree("notes")
        let plan = try restore(["notes/deep/step-2"], 2, bench)
        #expect(plan.steps.map(\.path) == ["notes", "notes/deep", "notes/deep/step-2"])
        let after = comparable(bench.workspace.contents())
        #expect(after["notes/deep/step-2"] == (try content(bench, 2))["notes/deep/step-2"])
        #expect(after["notes/deep"]?.mode == 0o550)
        #expect(after["notes/same"] == nil)
    }

    @Test func whatTheVersionDoesNotHaveIsRefused() throws {
        let bench = try Deed.bench()
        let before = bench.workspace.contents()
        let refusal = try fault { _ = try restore(["result", "notes/deep/step-4"], 2, bench) }
        #expect(
            refusal?.sentence
                == "could not restore files of 'agent-7@2': it holds no file 'notes/deep/step-4'. Paths begin at the agent's workspace; "
                + "'runner files agent-7@2' lists those there are")
        #expect(bench.workspace.contents() == before)
    }

    @Test func anUnfinishedRestoreIsFinishedFirst() throws {
        let bench = try Deed.bench()
        try bench.open().beginRestore(agent, VersionNumber(1), in: "/work", excluded: [])
        let refusal = try fault { try bench.open().restorePaths(["result"], agent, VersionNumber(2), to: bench.workspace, excluded: []) }
        #expect(refusal?.kind == .held(by: "an unfinished restore of the whole workspace to version 1"))
    }

    /// Cut off anywhere: every file is the old one or the new one, whole; and the same again completes it.
    @Test func aPowerCutAnywhereLeavesWholeFiles() throws {
        let base = try Deed.bench()
        let before = comparable(base.workspace.contents())
        let wanted = try content(base, 2)
        let traced = base.copy(seed: 1)
        let operations = try traced.workspace.trace { _ = try restore(["notes", "result"], 2, traced) }.count
        for operation in 1...operations {
            for seed in UInt64(1)...6 {
                let context = "operation \(operation), seed \(seed)"
                let bench = base.copy(seed: seed)
                bench.workspace.fail(at: bench.workspace.operationCount + operation, with: .powerCutAfter)
                _ = try fault { _ = try restore(["notes", "result"], 2, bench) }
                bench.reboot()
                for (path, found) in bench.workspace.contents() {
                    guard case .file = found.kind, path.name != ".runner-restore" else { continue }
                    let isWhole = found.kind == before[path]?.kind || found.kind == wanted[path]?.kind
                    #expect(isWhole, "'\(path)' is neither: \(context)")
                }
                _ = try restore(["notes", "result"], 2, bench)
                for path in ["notes/same", "result", "notes/deep/step-2"] as [DiskPath] {
                    #expect(bench.workspace.contents()[path]?.kind == wanted[path]?.kind, "\(path), \(context)")
                }
            }
        }
    }
}
