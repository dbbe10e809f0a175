struct VersionCommand: Command {
    var json = false

    static var manual: Manual {
        Manual(
            name: "version", group: .explain, summary: "tell which runner this is",
            examples: [
                .init("runner version", "release, store format and protocol"),
                .init("runner version --json", "the same as JSON"),
            ],
            exits: [(.ok, "told"), (.usage, "the command line is wrong")])
    }
    static var options: [Option<Self>] { [.json(\.json)] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        if json { try bench.answer(json: Release.Document()) } else { bench.answer(Release.line) }
        return .ok
    }
}
