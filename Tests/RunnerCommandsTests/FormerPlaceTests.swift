import AgentModel
import AgentSpecs
import Checkpoints
import ControlSocket
import OutsideWorld
import SimulatedWorld
import Supervision
import Testing

@testable import RunnerCommands

/// An agent that was started with another environment than the command has: what was written down of its place is where it is looked for.
@Suite struct FormerPlaceTests {
    private static let former = "/run/user/1000/runner/0123456789abcdef/agent-7"
    private static let computed = "/tmp/runner-1000/0123456789abcdef/agent-7"

    private func stage(_ arguments: [String], isThere: Bool = true, versions: Int = 0) throws -> Stage {
        let stage = try Stage(arguments, versions: versions)
        try PlaceFile.write(Self.former, to: stage.disk, below: stage.directory)
        if isThere { stage.machine.disks[Self.former] = SimulatedDisk(seed: 3, rootName: Self.former) }
        return stage
    }

    @Test func aSupervisorIsAskedWhereItLives() throws {
        let stage = try stage(["stop", "agent-7"])
        stage.machine.supervisorSocket = Self.former + "/control.sock"
        stage.machine.supervisor = { _ in .success(.done("'agent-7' is stopped")) }
        #expect(stage.run() == 0)
        #expect(stage.machine.errors == "runner: 'agent-7' is stopped\n")
    }

    /// As when its directory could not be written down on a full disk.
    @Test func aSupervisorIsAskedWhereOurEnvironmentSaysToo() throws {
        let stage = try stage(["stop", "agent-7"])
        stage.machine.disks[Self.computed] = SimulatedDisk(seed: 4, rootName: Self.computed)
        stage.machine.supervisorSocket = Self.computed + "/control.sock"
        stage.machine.supervisor = { _ in .success(.done("'agent-7' is stopped")) }
        #expect(stage.run() == 0)
        #expect(stage.machine.asked.count == 1)
    }

    @Test func nobodyIsAskedWhereOthersMayWrite() throws {
        let stage = try stage(["stop", "agent-7"])
        let open = SimulatedDisk(seed: 3, rootName: Self.former)
        open.setRootMode(0o777)
        stage.machine.disks[Self.former] = open
        stage.machine.supervisorSocket = Self.former + "/control.sock"
        stage.machine.supervisor = { _ in .success(.done("'agent-7' is stopped")) }
        #expect(stage.run() == 0)
        #expect(stage.machine.asked.isEmpty)
    }

    @Test(arguments: [true, false]) func theNextRunGoesWhereTheLastOneWas(isThere: Bool) throws {
        let stage = try stage(["run", "--name", "agent-7", "--", "true"], isThere: isThere)
        var place: SupervisorPlace?
        var doors: String?
        _ = stage.run { request, _ in
            place = request.place
            doors = request.launchPlace.doors(of: request.spec.name)
            return .exited(0)
        }
        #expect(place?.runtime == (isThere ? Self.former : Self.computed))
        #expect(place?.former == (isThere ? Self.computed : Self.former))
        #expect(doors == place?.doors)
    }

    @Test(arguments: [false, true]) func noWorkspaceIsRestoredUnderWhatLives(withoutInit: Bool) throws {
        let stage = try stage(["restore", "agent-7", "1", "-y"], versions: 2)
        if withoutInit { stage.machine.remains = [Self.former] } else { stage.leaveAnAgentAlone(in: Self.former) }
        #expect(stage.run() == 75)
        #expect(stage.machine.errors.contains("could not restore 'agent-7@1': the agent runs on without a supervisor"))
        #expect(try stage.machine.disks["/work"]?.read("count", limit: .kibibytes(1)) == Array("2\n".utf8))
    }

    // MARK: Stop

    /// Its supervisor cannot be reached, but it holds the agent: it lives.
    @Test func whatIsHeldIsNotCalledStopped() throws {
        let stage = try Stage(["stop", "agent-7"])
        stage.machine.held = [try stage.store.lock(stage.agent, holder: "runner (pid 5)")]
        #expect(stage.run() == 75)
        #expect(stage.machine.errors.contains("runner (pid 5)"))
    }

    @Test func whoeverIsJustStartingIsStopped() throws {
        let stage = try Stage(["stop", "agent-7"])
        stage.machine.held = [try stage.store.lock(stage.agent, holder: "runner (pid 5)")]
        stage.machine.onWait = { stage.machine.supervisor = { _ in .success(.done("'agent-7' is stopped")) } }
        #expect(stage.run() == 0)
        #expect(stage.machine.errors == "runner: 'agent-7' is stopped\n")
    }

    @Test(arguments: [(true, 1), (false, 0)] as [(Bool, Int32)]) func whatIsLeftOfAnAgentIsEnded(survives: Bool, status: Int32) throws {
        let stage = try stage(["stop", "agent-7"], isThere: false)
        stage.machine.remains = [Self.former]
        if survives { stage.machine.immortals = [Self.former] }
        #expect(stage.run() == status)
        #expect(stage.machine.remains.isEmpty != survives)
        let said =
            survives
            ? "could not stop 'agent-7': its supervisor is gone, and a process that it left does not die"
            : "'agent-7' had lost its supervisor; what it had left running is killed"
        #expect(stage.machine.errors.contains(said))
        // Nobody is kept from it.
        try stage.store.lock(stage.agent, holder: "next").release()
    }
}
