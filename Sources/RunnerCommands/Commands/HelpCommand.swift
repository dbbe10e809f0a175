struct HelpCommand: Command {
    var command: [String] = []
    var json = false
    var markdown = false

    static var manual: Manual {
        Manual(
            name: "help", group: .explain, summary: "show help, for people or as data",
            examples: [
                .init("runner help checkpoint", "the same as 'runner checkpoint --help'"),
                .init("runner help --json", "every command, option, exit status and error code as one JSON document"),
            ],
            exits: [(.ok, "shown"), (.usage, "there is no such command")])
    }
    static var options: [Option<Self>] {
        [.json(\.json), .flag("markdown", nil, \.markdown, "With COMMAND: its page of docs/commands.")]
    }
    static var operands: [Operand<Self>] { [.many("COMMAND", \.command, "Which; the overview when none is named.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let all = allCommands().map(describe)
        let command = command.joined(separator: " ")
        guard !command.isEmpty else {
            if json { try bench.answer(json: HelpManifest(all)) } else { bench.answer(overviewText(all)) }
            return .ok
        }
        if !json, all.contains(where: { $0.name.hasPrefix(command + " ") }) {
            bench.answer(familyText(command, all))
            return .ok
        }
        guard let found = all.first(where: { $0.name == command }) else {
            throw CommandFault(UsageFault.unknown("command", command, near: all.map(\.name), command: nil))
        }
        if json { try bench.answer(json: found) } else { bench.answer(markdown ? Documents.page(found) : helpText(found)) }
        return .ok
    }
}
