internal import AgentModel
internal import Recovery
internal import StatusViews
internal import Supervision

struct ReplayCommand: Command {
    var agent: AgentName?
    var json = false

    static var manual: Manual {
        Manual(
            name: "replay", group: .explain, summary: "take every decision of a journal again and compare",
            examples: [
                .init("runner replay agent-7", "says how many decisions agree, and shows those that do not"),
                .init("runner replay agent-7 --json", "the differences as JSON, an empty list when there are none"),
            ],
            notes: [
                "Nothing is done, only decided: the same recovery code gets what it got then. Useful after an update, and for reports."
            ],
            exits: [
                (.ok, "all agree"), (.failed, "at least one differs"), (.badData, "a part of the journal cannot be read"),
                (.noInput, "no such agent"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { [.json(\.json)] }
    static var operands: [Operand<Self>] { [.one("AGENT", \.agent, "Which agent.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let agent = try bench.named(agent, in: store)
        let reading = try bench.journalReading(of: agent, in: store)
        let entries = reading.entries
        let differences = Recovery.replay(entries)
        if json {
            try bench.answer(json: differences)
        } else {
            for difference in differences { bench.answer(text(of: difference)) }
            let count = entries.filter(\.isDecision).count
            bench.answer("\(count - differences.count) of \(count) decisions are decided the same again\n")
        }
        var faults: [CommandFault] = []
        if !differences.isEmpty {
            faults.append(
                CommandFault(
                    .replayDiffers,
                    "could not decide all again as the journal of '\(agent)' has it: \(differences.count) differ, shown above. 'runner explain "
                        + "E-REPLAY-DIFFERS' tells what that means"))
        }
        if let damage = reading.fault(of: agent) { faults.append(damage) }
        // The answer has been given, and is no less true: told beside it, so that JSON stays one document.
        for fault in faults { bench.talk(fault.sentence) }
        return .ours(ExitStatus.worst(of: faults.map(\.status)))
    }

    private func text(of difference: ReplayMismatch) -> String {
        """
        entry \(difference.sequence)
          then: \(printable(difference.recorded.reason)) [\(difference.recorded.actions.map(\.words).joined(separator: "; "))]
          now:  \(printable(difference.decided.reason)) [\(difference.decided.actions.map(\.words).joined(separator: "; "))]

        """
    }
}
