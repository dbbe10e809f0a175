import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

@testable import RunnerCommands

/// 'store sync --prune' after a loss.
@Suite struct SyncPruneTests {
    /// The agent was lost and begun anew: the place has all that is left of the former one.
    @Test func theOnlyCopyOfWhatWasLostIsNotPruned() throws {
        let lost = try Stage([], versions: 3)
        try lost.copy()
        let remote = try #require(lost.machine.disks["/copy"])
        let before = remote.contents()
        let anew = try Stage(["store", "sync", "/copy", "--prune"], versions: 1)
        anew.machine.disks["/copy"] = remote
        #expect(anew.run() == 65)
        #expect(remote.contents() == before)
        let why = "took nothing of 'agent-7' out of '/copy': it has other versions of the numbers 1. It may be all that is left"
        #expect(anew.machine.errors.contains(why), "\(anew.machine.errors)")
    }

    @Test func whatIsNotHereAnyMoreIsTakenOut() throws {
        let stage = try Stage(["store", "sync", "/copy", "--prune", "--json"], versions: 3)
        try stage.copy()
        try stage.store.remove(stage.agent, VersionNumber(1))
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        let remote = try #require(stage.machine.disks["/copy"])
        #expect(remote.peekNames("agents/agent-7/versions").sorted() == ["2", "3"])
        let answer = stage.machine.output.filter { !$0.isWhitespace }
        #expect(answer.contains("\"takenOut\":[1]"), "\(answer)")
        #expect(!answer.contains("notTakenOut"))
    }
}
