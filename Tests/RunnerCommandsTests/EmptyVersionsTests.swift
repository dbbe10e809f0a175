import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

@testable import RunnerCommands

/// Who starts in another directory than the workspace is told, once it shows that nothing is kept of it.
@Test(
    arguments: [
        ("/home/ada", [], [], true), ("/home/ada", [], ["late"], false), ("/home/ada", ["kept"], [], false), ("/work", [], [], false),
        ("/work/src", [], [], false), ("/workshop", [], [], true),
    ] as [(String, [String], [String], Bool)])
func whoseVersionsHoldNothingIsWarned(workdir: String, kept: [String], present: [String], isWarned: Bool) throws {
    let stage = try Stage(["config", "check", "agent.yaml"])
    let work = SimulatedDisk(seed: 9, rootName: "/work")
    for name in kept { work.plant(try #require(DiskPath(name)), [1]) }
    let request = CutRequest(
        agent: stage.agent, kind: .checkpoint, reason: .schedule, takenAt: stage.machine.wallTime(),
        cooperative: CooperativePart(state: .bytes([1]), schema: nil), workspace: work, incarnation: 1)
    _ = try stage.store.commit(stage.store.cut(request, stagingID: "s"))
    for name in kept { try work.removeFile(try #require(DiskPath(name))) }
    for name in present { work.plant(try #require(DiskPath(name)), [1]) }
    stage.machine.disks["/work"] = work
    stage.machine.files["/home/ada/agent.yaml"] = "name: agent-7\ncommand: [x]\nworkspace: /work\nworkdir: \(workdir)\n"
    #expect(stage.run() == 0, "\(stage.machine.errors)")
    #expect(stage.machine.errors.contains("What it writes there is in no version; set 'workdir: /work'") == isWarned)
    #expect(stage.machine.errors.hasSuffix("'agent.yaml' is good\n"))
}

@Test func withoutAStoreNobodyIsWarned() throws {
    let machine = FakeMachine("config", "check", "agent.yaml")
    machine.files["/home/ada/agent.yaml"] = "name: agent-7\ncommand: [x]\nworkspace: /work\n"
    #expect(RunnerCommands.main(machine) == 0)
    #expect(machine.errors == "runner: 'agent.yaml' is good\n")
}
