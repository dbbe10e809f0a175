internal import AgentModel
internal import ControlSocket
internal import StatusViews

struct CheckpointCommand: Command {
    var agent: AgentName?
    var wait = true
    var json = false
    var timeout = Duration.seconds(600)

    static var manual: Manual {
        Manual(
            name: "checkpoint", group: .keep, summary: "take a version of a running agent and print its name",
            examples: [
                .init("runner checkpoint agent-7", "returns when it is stored and prints 'agent-7@42'"),
                .init("*/10 * * * * runner checkpoint agent-7 >/dev/null", "the same from cron; the exit status tells"),
            ],
            notes: [
                "The agent's own supervisor takes it, at the agent's next safe point. It is durable when the name is printed. With '--no-wait' "
                    + "it is only begun; 'runner versions' shows it when it is stored."
            ],
            exits: [
                (.ok, "stored, or begun with '--no-wait'"), (.failed, "it failed; the agent keeps running, older versions are untouched"),
                (.noInput, "no such agent"), (.noSupervisor, "the agent is not supervised"),
                (.cannotCreate, "the disk is full or read-only"),
                (.tryAgain, "no answer within '--timeout'"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .set("wait", "w", \.wait, to: true, "Return when it is stored or has failed; it does so anyway."),
            .set("no-wait", nil, \.wait, to: false, "Return when it has begun; prints no version."), .json(\.json), .timeout(\.timeout),
        ]
    }
    static var operands: [Operand<Self>] { [.one("AGENT", \.agent, "Which agent.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let agent = try bench.named(agent, in: store)
        let reply = try bench.ask(agent, in: store, .checkpoint(wait: wait), to: "checkpoint", within: timeout)
        switch reply {
        case .stored(let summary):
            let row = VersionRow(summary, of: agent, isLatest: summary.kind == .checkpoint, isKnownGood: summary.isKnownGood)
            if json { try bench.answer(json: row) } else { bench.answer(row.quietValue + "\n") }
        case .done(let sentence), .status(let sentence), .failed(_, let sentence):
            if json { try bench.answer(json: Outcome(agent: agent, outcome: sentence)) } else { bench.talk(sentence) }
        }
        return .ok
    }
}
