internal import AgentModel
internal import Checkpoints
internal import ControlSocket

struct StopCommand: Command {
    var agents: [AgentName] = []
    var noCheckpoint = false
    var json = false
    var timeout = Duration.seconds(600)

    static var manual: Manual {
        Manual(
            name: "stop", group: .run, summary: "checkpoint an agent, stop it, and end its supervisor",
            examples: [
                .init("runner stop agent-7", "takes a last version, asks it to end, kills it after its deadline"),
                .init("runner stop agent-7 build-2 --no-checkpoint", "two agents, as fast as they can"),
            ],
            notes: ["Returns when nothing of the agent is left. 'runner run' goes on from the last version."],
            exits: [
                (.ok, "stopped, or it was not running"), (.failed, "it could not be stopped, or is stopped without a last version"),
                (.noInput, "no such agent"),
                (.noSupervisor, "it runs on without a supervisor that could stop it"), (.tryAgain, "no answer within '--timeout'"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [.flag("no-checkpoint", nil, \.noCheckpoint, "Without a last version."), .json(\.json), .timeout(\.timeout)]
    }
    static var operands: [Operand<Self>] { [.many("AGENT", \.agents, atLeastOne: true, "Which agents.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        return try bench.each(agents, json: json) { (agent) throws(CommandFault) in
            try bench.require(agent, in: store)
            do throws(CommandFault) {
                return try bench.ask(agent, in: store, .stop(checkpoint: !noCheckpoint), to: "stop", within: timeout)
            } catch {
                guard error.code == ErrorCode.supervisorNone.rawValue else { throw error }
                return try withoutSupervisor(agent, in: store, on: bench)
            }
        }
    }

    /// What is asked for is so already, unless the agent outlived its supervisor.
    private func withoutSupervisor(
        _ agent: AgentName, in store: CheckpointStore, on bench: Workbench
    ) throws(CommandFault) -> ControlReply {
        guard !bench.livesAlone(agent, in: store) else {
            throw CommandFault(.supervisorNone, "could not stop '\(agent)': \(Workbench.livesAloneWords)")
        }
        return .done("'\(agent)' is not running")
    }
}
