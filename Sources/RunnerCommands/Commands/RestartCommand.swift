internal import AgentModel
internal import ControlSocket

struct RestartCommand: Command {
    var agents: [AgentName] = []
    var from: OriginWord?
    var json = false
    var timeout = Duration.seconds(600)

    static var manual: Manual {
        Manual(
            name: "restart", group: .run, summary: "stop what runs of an agent and start it again",
            examples: [
                .init("runner restart agent-7", "from its newest known-good version, else clean"),
                .init("runner restart agent-7 --from clean", "with its workspace as it is, and no state"),
            ],
            notes: [
                "Returns when the new incarnation runs. It does not count as a death. It goes on from a last version, which is taken first: where "
                    + "none can be taken it fails, and the agent runs on. '--from' does without one."
            ],
            exits: [
                (.ok, "it runs again"), (.failed, "it could not be started; 'runner why' tells more"),
                (.noInput, "no such agent or version"),
                (.noSupervisor, "it is not supervised: use 'runner run'"), (.cannotCreate, "the disk is full or read-only; it runs on"),
                (.tryAgain, "no answer within '--timeout'"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .optional("from", nil, \.from, as: "ORIGIN", "A version, 'latest', 'known-good' or 'clean'."), .json(\.json),
            .timeout(\.timeout),
        ]
    }
    static var operands: [Operand<Self>] { [.many("AGENT", \.agents, atLeastOne: true, "Which agents.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        return try bench.each(agents, json: json) { (agent) throws(CommandFault) in
            try bench.require(agent, in: store)
            var origin: Origin?
            if let from { origin = try bench.origin(from, of: agent, in: store) }
            return try bench.ask(agent, in: store, .restart(from: origin), to: "restart", within: timeout)
        }
    }
}
