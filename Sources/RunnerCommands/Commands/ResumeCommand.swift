internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import StatusViews

struct ResumeCommand: Command {
    var agents: [AgentName] = []
    var json = false
    var timeout = Duration.seconds(600)

    static var manual: Manual {
        Manual(
            name: "resume", group: .run, summary: "bring a suspended agent back as it was",
            examples: [
                .init("runner resume agent-7", "from the version it was suspended in; returns when it runs"),
                .init("runner resume agent-7 build-2", "two agents, one after the other"),
            ],
            notes: [
                "It goes on from exactly the version it was suspended in, also when that was to last longer. An agent that runs is left alone. "
                    + "Where that version cannot be started any more, recovery goes on by its own rules, as after any other failed start."
            ],
            exits: [
                (.ok, "it runs"), (.failed, "it could not be started, or is not suspended; 'runner why' tells more"),
                (.noInput, "no such agent"), (.noSupervisor, "it is not supervised: use 'runner run'"),
                (.tryAgain, "no answer within '--timeout'"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { [.json(\.json), .timeout(\.timeout)] }
    static var operands: [Operand<Self>] { [.many("AGENT", \.agents, atLeastOne: true, "Which agents.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        return try bench.each(agents, json: json) { (agent) throws(CommandFault) in
            try bench.require(agent, in: store)
            do throws(CommandFault) {
                return try bench.ask(agent, in: store, .resume, to: "resume", within: timeout)
            } catch {
                guard error.code == ErrorCode.supervisorNone.rawValue else { throw error }
                throw try alone(agent, in: store, on: bench) ?? error
            }
        }
    }

    /// It is on disk and nobody is there to start it, which 'runner run' does. nil: it is not suspended.
    private func alone(_ agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> CommandFault? {
        guard let version = try bench.status(of: agent, in: store).suspended?.version else { return nil }
        let next = "'runner run --from \(version) \(agent)' brings it back"
        return CommandFault(.supervisorNone, "could not resume '\(agent)': no supervisor of it runs. \(next)")
    }
}
