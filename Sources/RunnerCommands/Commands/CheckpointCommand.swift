internal import AgentModel
internal import ControlSocket
internal import StatusViews

struct CheckpointCommand: Command {
    var agent: AgentName?
    var wait = true
    var mode: CheckpointMode?
    var stop = false
    var force = false
    var json = false
    var timeout = Duration.seconds(600)

    static var manual: Manual {
        Manual(
            name: "checkpoint", group: .keep, summary: "take a version of a running agent and print its name",
            examples: [
                .init("runner checkpoint agent-7", "returns when it is stored and prints 'agent-7@42'"),
                .init("runner checkpoint agent-7 --mode process", "images of its processes, or nothing: exit status 1 says why not"),
                .init("runner checkpoint agent-7 --stop", "its last version; 'runner run' goes on at the very instruction"),
                .init("runner checkpoint agent-7 --force", "a version of its own, also where nothing is new since the last"),
                .init("*/10 * * * * runner checkpoint agent-7 >/dev/null", "the same from cron; the exit status tells"),
            ],
            notes: [
                "The agent's own supervisor takes it, at the agent's next safe point. It is durable when the name is printed. With '--no-wait' "
                    + "it is only begun; 'runner versions' shows it when it is stored.",
                "A version holds the workspace, what the agent hands over, and images of its processes (CRIU), each where it can be had. "
                    + "'--mode cooperative' does without images; '--mode process' does not ask the agent and fails where there can be no images.",
                "Where nothing is new since the newest version, no further one is made: that one's name is printed, and stderr says so.",
                "Older versions go as new ones come, by 'checkpoint.keep' of the spec: unless it says otherwise the newest ten stay, and one of each of 24 "
                    + "hours, 7 days and 4 weeks. 'runner versions -o wide' says what each is kept for, 'runner pin' keeps one for good.",
                "With '--stop' the agent is stopped when the version is safe. Where its processes are part of it nothing of it runs after the cut.",
            ],
            exits: [
                (.ok, "stored, or nothing is new, or begun with '--no-wait'"),
                (.failed, "it failed; the agent keeps running, older versions are untouched"),
                (.noInput, "no such agent"), (.noSupervisor, "the agent is not supervised"),
                (.cannotCreate, "the disk is full or read-only"),
                (.tryAgain, "no answer within '--timeout'"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .set("wait", "w", \.wait, to: true, "Return when it is stored or has failed; it does so anyway."),
            .set("no-wait", nil, \.wait, to: false, "Return when it has begun; prints no version."),
            .optional("mode", "m", \.mode, as: "MODE", "'auto', 'cooperative' or 'process'; as the spec says unless given."),
            .flag("stop", nil, \.stop, "Stop the agent with this version."),
            .flag("force", nil, \.force, "Make a version even where nothing is new."), .json(\.json), .timeout(\.timeout),
        ]
    }
    static var operands: [Operand<Self>] { [.one("AGENT", \.agent, "Which agent.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let agent = try bench.named(agent, in: store)
        let request = ControlRequest.checkpoint(wait: wait, mode: mode, stop: stop, force: force)
        let reply = try bench.ask(agent, in: store, request, to: "checkpoint", within: timeout)
        switch reply {
        case .stored(let summary):
            try tell(summary, of: agent, on: bench)
            guard let why = summary.lacksMemory else { break }
            bench.talk("\(agent)@\(summary.version) is not what a death leads back to: \(why)")
        case .nothingNew(let summary):
            try tell(summary, of: agent, on: bench)
            bench.talk("nothing new since \(agent)@\(summary.version); '--force' makes a version all the same")
        case .preflight: break  // no answer to this
        case .done(let sentence), .status(let sentence), .failed(_, let sentence):
            if json { try bench.answer(json: Outcome(agent: agent, outcome: sentence)) } else { bench.talk(sentence) }
        }
        return .ok
    }

    private func tell(_ summary: CheckpointSummary, of agent: AgentName, on bench: Workbench) throws(CommandFault) {
        let row = VersionRow(summary, of: agent, isLatest: summary.kind == .checkpoint, isKnownGood: summary.isKnownGood)
        if json { try bench.answer(json: row) } else { bench.answer(row.quietValue + "\n") }
    }
}
