internal import AgentModel
internal import ControlSocket

struct SettleCommand: Command {
    var agent: AgentName?
    var key: String?
    var happened = false
    var didNotHappen = false
    var result: String?
    var json = false

    static var manual: Manual {
        Manual(
            name: "settle", group: .explain, summary: "decide whether an effect of unknown outcome happened",
            examples: [
                .init("runner settle agent-7 pay-41 --happened --result ok", "it happened; the agent gets 'ok' and does not do it again"),
                .init("runner settle agent-7 mail-7 --did-not-happen", "it did not; the agent may do it"),
            ],
            notes: [
                "'runner status AGENT' lists the keys that wait. Look at the outside world first: nothing here can undo a wrong answer."
            ],
            exits: [
                (.ok, "decided"), (.noInput, "no such agent, or no effect of that key waits"),
                (.noSupervisor, "the agent is not supervised"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .flag("happened", nil, \.happened, "It was done."),
            .flag("did-not-happen", nil, \.didNotHappen, "It was not done."),
            .optional("result", nil, \.result, as: "TEXT", "With '--happened': the result the agent is told."), .json(\.json),
        ]
    }
    static var operands: [Operand<Self>] {
        [.one("AGENT", \.agent, "Which agent."), .one("KEY", \.key, "The effect's key, as 'runner status' shows it.")]
    }

    func validate() throws(CommandFault) {
        guard happened != didNotHappen else {
            throw CommandFault(.usage, "say either '--happened' or '--did-not-happen'. See 'runner settle --help'")
        }
        if didNotHappen, result != nil {
            throw CommandFault(.usage, "what did not happen has no result: leave out '--result'. See 'runner settle --help'")
        }
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let agent = try bench.named(agent, in: store)
        return try bench.each([agent], json: json) { (agent) throws(CommandFault) in
            try bench.ask(
                agent, in: store, .settleEffect(key: key ?? "", happened: happened, result: result), to: "settle an effect of",
                within: .seconds(30))
        }
    }
}
