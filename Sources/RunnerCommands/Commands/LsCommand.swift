internal import AgentModel
internal import Checkpoints
internal import StatusViews

struct LsCommand: Command {
    var words: [Word] = []
    var at: TimeWord?
    var format = ListFormat.table

    /// An agent, or a directory in one of its versions.
    enum Word: ArgumentValue, Hashable, Sendable {
        case agent(AgentName)
        case place(VersionPath)

        init?(argument: String) {
            if let agent = AgentName(argument) {
                self = .agent(agent)
            } else if argument.utf8.contains(where: { [UInt8(ascii: ":"), UInt8(ascii: "@")].contains($0) }),
                let place = VersionPath(argument: argument)
            {
                self = .place(place)
            } else {
                return nil
            }
        }
        static var expected: String { "an agent such as 'agent-7', or files of a version such as 'agent-7@41:notes'" }
    }

    static var manual: Manual {
        Manual(
            name: "ls", group: .look, summary: "list the agents of the store, or the files of a version",
            examples: [
                .init("runner ls", "every agent: state, restarts, memory, newest version, what comes next"),
                .init("runner ls -o json | jq '.[].state'", "the same as JSON, one object an agent"),
                .init("runner ls agent-7@41:src", "what lay in the directory src in version 41"),
                .init("runner ls agent-7: --at 1d", "yesterday's workspace"),
            ],
            notes: [
                "Works without a supervisor. An agent whose supervisor died is shown as 'unsupervised'. With '@VERSION' or ':DIR' it lists "
                    + "one directory of that version, the newest unless said otherwise; DIR begins at the agent's workspace. 'runner files' lists all below it, and "
                    + "'runner cat' prints a file."
            ],
            exits: [
                (.ok, "also when there is no agent"), (.badData, "a version's list of files is damaged"),
                (.noInput, "there is no store, or no agent, version or file of a name given"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { [.at(\.at)] + .list(\.format) }
    static var operands: [Operand<Self>] {
        [.many("AGENT[@VERSION][:DIR]", \.words, "Only these agents; or the files in a directory of a version.")]
    }

    func validate() throws(CommandFault) {
        if words.count == 1, let agent = agents.first, at != nil {
            throw CommandFault(.usage, "'--at' is about files: say 'runner ls \(agent): --at TIME', with ':'. See 'runner ls --help'")
        }
        if place == nil, at != nil || !agents.isEmpty && agents.count < words.count || words.count > 1 && agents.isEmpty {
            throw CommandFault(.usage, "say agents, or one version's files: 'agent-7@41:notes'. See 'runner ls --help'")
        }
    }

    private var agents: [AgentName] {
        words.compactMap { if case .agent(let name) = $0 { name } else { nil } }
    }
    /// nil: agents are listed.
    private var place: VersionPath? {
        guard words.count == 1, case .place(let place)? = words.first else { return nil }
        return place
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        if let place { return try VersionListing(place: place, at: at, depth: .directory).answer(as: format, on: bench) }
        let store = try bench.openStore()
        var rows: [AgentRow] = []
        // Each agent's whole directory is looked through: not for what a monitor asks all the time.
        let measures = format == .wide
        for agent in try bench.chosen(agents, in: store) {
            let status = try bench.status(of: agent, in: store)
            rows.append(AgentRow(status: status, disk: measures ? try? store.space(of: agent) : nil))
        }
        if rows.isEmpty, format == .table || format == .wide {
            bench.talk("no agents in '\(bench.places.store)'. 'runner run agent.yaml' starts one")
        } else {
            try bench.answer(rows, as: format)
        }
        if measures, agents.isEmpty, let words = bench.spaceWords(of: store) { bench.talk(words) }
        return .ok
    }
}
