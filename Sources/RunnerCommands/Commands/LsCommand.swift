internal import AgentModel
internal import StatusViews

struct LsCommand: Command {
    var agents: [AgentName] = []
    var format = ListFormat.table

    static var manual: Manual {
        Manual(
            name: "ls", group: .look, summary: "list the agents of the store with their state",
            examples: [
                .init("runner ls", "every agent: state, restarts, memory, newest version, what comes next"),
                .init("runner ls -o json | jq '.[].state'", "the same as JSON, one object an agent"),
            ],
            notes: ["Works without a supervisor. An agent whose supervisor died is shown as 'unsupervised'."],
            exits: [
                (.ok, "also when there is no agent"), (.noInput, "there is no store, or no agent of a name given"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { .list(\.format) }
    static var operands: [Operand<Self>] { [.many("AGENT", \.agents, "Only these.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        var rows: [AgentStatus] = []
        for agent in try bench.chosen(agents, in: store) { rows.append(try bench.status(of: agent, in: store)) }
        if rows.isEmpty, format == .table || format == .wide {
            bench.talk("no agents in '\(bench.places.store)'. 'runner run agent.yaml' starts one")
            return .ok
        }
        try bench.answer(rows, as: format)
        return .ok
    }
}
