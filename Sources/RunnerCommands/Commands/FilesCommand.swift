internal import StatusViews

struct FilesCommand: Command {
    var place: VersionPath?
    var at: TimeWord?
    var format = ListFormat.table

    static var manual: Manual {
        Manual(
            name: "files", group: .keep, summary: "list all files of a version, or of a directory in it",
            examples: [
                .init("runner files agent-7@41", "the whole workspace as it was in version 41"),
                .init("runner files agent-7:src --at 1d -q", "names of yesterday's files below src"),
            ],
            notes: [
                "Paths begin at the agent's workspace, wherever that lies. Without '@VERSION', the newest. Nothing is mounted or restored. 'runner ls agent-7@41:src' lists one directory, "
                    + "'runner cat agent-7@41:src/main.py' prints a file. Works beside a living agent, and without a supervisor."
            ],
            exits: [
                (.ok, "listed, also when there is no file"), (.badData, "its list of files is damaged"),
                (.noInput, "no such agent, version or file"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { [.at(\.at)] + .list(\.format) }
    static var operands: [Operand<Self>] { [.one("AGENT[@VERSION][:PATH]", \.place, "Which version, and what of it.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        guard let place else { throw CommandFault(.usage, "missing AGENT. See 'runner files --help'") }
        return try VersionListing(place: place, at: at, depth: .tree).answer(as: format, on: bench)
    }
}
