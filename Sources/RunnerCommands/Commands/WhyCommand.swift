internal import AgentModel
internal import StatusViews

struct WhyCommand: Command {
    var agent: AgentName?
    var limit = 10
    var json = false

    static var manual: Manual {
        Manual(
            name: "why", group: .explain, summary: "tell in words how an agent came to be as it is",
            examples: [
                .init("runner why agent-7", "its last ten decisions: what happened, what was done, and why"),
                .init("runner why agent-7 -n 100", "the last hundred"),
            ],
            notes: ["Reads the journal, which is written before anything is done. Works without a supervisor."],
            exits: [(.ok, "told"), (.noInput, "no such agent"), (.usage, "the command line is wrong")])
    }
    static var options: [Option<Self>] {
        [.json(\.json), .value("limit", "n", \.limit, as: "COUNT", "So many decisions; 10 unless said otherwise.")]
    }
    static var operands: [Operand<Self>] { [.one("AGENT", \.agent, "Which agent.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let agent = try bench.named(agent, in: store)
        let journal = try bench.journal(of: agent, in: store)
        if json {
            let decisions = journal.filter(\.isDecision).suffix(limit).map { EventRow($0, of: agent) }
            try bench.answer(json: Array(decisions))
        } else {
            let status = try bench.status(of: agent, in: store)
            bench.answer(WhyText(status, entries: journal).text(limit: limit, on: bench.paper))
        }
        return .ok
    }
}
