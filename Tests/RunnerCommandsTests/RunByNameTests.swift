import AgentModel
import AgentSpecs
import OutsideWorld
import Supervision
import Testing

@testable import RunnerCommands

/// The spec that it last ran with, and what a flag says beside it.
@Test func aKnownAgentIsStartedByItsName() throws {
    let stage = try Stage(["run", "agent-7", "--memory-limit", "512MB"], versions: 1)
    var seen: SupervisorRequest?
    let start = { (request: SupervisorRequest, _: any World) -> ProcessEnd in
        seen = request
        request.ready()
        return .exited(0)
    }
    #expect(stage.run(supervise: start) == 0, "\(stage.machine.errors)")
    #expect(seen?.spec.name == stage.agent && seen?.spec.command == ["sleep", "9"] && seen?.spec.workspace == "/work")
    #expect(seen?.spec.limits.memory == ByteCount(512_000_000))
    // A directory is called so by chance; of a file nobody knows whether it is meant.
    stage.machine.fileFaults["/home/ada/agent-7"] = .system(21)
    seen = nil
    #expect(stage.run(supervise: start) == 0, "\(stage.machine.errors)")
    #expect(seen?.spec.name == stage.agent)
    stage.machine.fileFaults = [:]
    stage.machine.files["/home/ada/agent-7"] = "name: agent-7\ncommand: [sleep, 8]\n"
    seen = nil
    #expect(stage.run(supervise: start) == 64 && seen == nil)
    stage.machine.arguments = ["run", "./agent-7"]
    #expect(stage.run(supervise: start) == 0, "\(stage.machine.errors)")
    #expect(seen?.spec.command == ["sleep", "8"])
}

/// What cannot be read may be a spec all the same, and a file of no agent's name is read as ever.
@Test func onlyAnAgentsNameIsInDoubt() throws {
    let stage = try Stage(["config", "check", "agent-7"], versions: 1)
    stage.machine.fileFaults["/home/ada/agent-7"] = .denied
    #expect(stage.run() == 64)
    stage.machine.files["/home/ada/agent-8"] = "name: agent-7\ncommand: [sleep, 8]\n"
    stage.machine.arguments = ["config", "check", "agent-8"]
    #expect(stage.run() == 0, "\(stage.machine.errors)")
}
