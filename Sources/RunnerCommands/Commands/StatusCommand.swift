internal import AgentModel
internal import Checkpoints
internal import StatusViews

struct StatusCommand: Command {
    var agents: [AgentName] = []
    var json = false
    var lines = 5

    static var manual: Manual {
        Manual(
            name: "status", group: .look, summary: "tell everything about an agent: state, why, what comes next",
            examples: [
                .init("runner status agent-7", "state, reason, next action and its time, versions, the last log lines"),
                .init("runner status agent-7 --json", "the same value as one JSON object"),
            ],
            notes: ["Works without a supervisor. With no AGENT, every agent of the store."],
            exits: [
                (.ok, "whatever the state is"), (.noInput, "no such agent"), (.badData, "its status file is damaged"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [.json(\.json), .value("lines", "n", \.lines, as: "COUNT", "So many log lines at the end; 5 unless said otherwise.")]
    }
    static var operands: [Operand<Self>] { [.many("AGENT", \.agents, "Which; all when none is named.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        // Each agent's whole directory is looked through: not for what a monitor asks all the time.
        let measures = !agents.isEmpty
        var pages: [StatusPage] = []
        for agent in try bench.chosen(agents, in: store) {
            let status = try bench.status(of: agent, in: store)
            let logLines = try bench.lastLogLines(lines, of: agent, in: store)
            let disk = measures ? try? store.space(of: agent) : nil
            pages.append(StatusPage(status, lastLogLines: logLines, disk: disk.map { (space: $0, isShared: store.mayShareSpace) }))
        }
        if json {
            if agents.count == 1, let only = pages.first {
                try bench.answer(json: AgentRow(status: only.status, disk: only.disk?.space))
            } else {
                try bench.answer(json: pages.map { AgentRow(status: $0.status, disk: $0.disk?.space) })
            }
        } else {
            bench.answer(pages.map { $0.text(on: bench.paper) }.joined(separator: "\n"))
        }
        return .ok
    }
}
