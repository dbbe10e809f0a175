internal import AgentModel
internal import OutsideWorld
internal import StatusViews

struct EventsCommand: Command {
    var agents: [AgentName] = []
    var format = ListFormat.table
    var since: TimeWord?
    var kind: String?

    static var manual: Manual {
        Manual(
            name: "events", group: .look, summary: "list what happened to agents, oldest first",
            examples: [
                .init("runner events agent-7 --since 1h", "the last hour"),
                .init("runner events --kind death --json", "every death of every agent, as JSON"),
            ],
            notes: [
                "Kinds: operator, takeover, launch, health, checkpoint, death, timer, and notes such as warning, hook, effect. "
                    + "Works without a supervisor."
            ],
            exits: [(.ok, "also when nothing happened"), (.noInput, "no such agent"), (.usage, "the command line is wrong")])
    }
    static var options: [Option<Self>] {
        .list(\.format) + [
            .optional("since", nil, \.since, as: "TIME", "Only what happened since: 1h, or 2026-11-21T08:00:00Z."),
            .optional("kind", nil, \.kind, as: "KIND", "Only this kind."),
        ]
    }
    static var operands: [Operand<Self>] { [.many("AGENT", \.agents, "Whose; all when none is named.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let earliest = since?.time(now: bench.machine.wallTime())
        var rows: [EventRow] = []
        for agent in try bench.chosen(agents, in: store) {
            rows += try bench.journal(of: agent, in: store).map { EventRow($0, of: agent) }
        }
        rows = rows.filter { row in (earliest.map { row.time >= $0 } ?? true) && (kind.map { row.kind == $0 } ?? true) }
        rows.sort { ($0.time, $0.agent, $0.sequence) < ($1.time, $1.agent, $1.sequence) }
        if rows.isEmpty, format == .table || format == .wide { return .ok }
        try bench.answer(rows, as: format)
        return .ok
    }
}
