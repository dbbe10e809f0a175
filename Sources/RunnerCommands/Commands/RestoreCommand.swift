internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld
internal import StatusViews

struct RestoreCommand: Command {
    var target: AgentReference?
    var word: VersionWord?
    var at: TimeWord?
    var only: RestorePart?
    var dryRun = false
    var yes = false
    var json = false
    var timeout = Duration.seconds(600)

    static var manual: Manual {
        Manual(
            name: "restore", group: .keep, summary: "bring an agent back to one of its versions",
            examples: [
                .init("runner restore agent-7 known-good --dry-run", "what would be added, changed and removed; nothing is done"),
                .init("runner restore agent-7 --at 2h -y", "to the newest version that is at least two hours old, without a pause"),
            ],
            notes: [
                "A running agent is stopped, its workspace rolled back, and it starts from the version. Without a supervisor the workspace is "
                    + "rolled back at once and the next 'runner run' starts from the version. In both cases the workspace as it was is kept "
                    + "as an aside version first. On a terminal it waits five seconds before it begins; ctrl-c stops it then."
            ],
            exits: [
                (.ok, "restored, or planned with --dry-run"), (.failed, "the supervisor could not restore it"),
                (.badData, "the version is damaged; nothing was changed"),
                (.noInput, "no such agent or version, or it lacks the part asked for"),
                (.cannotCreate, "the disk is full or read-only"), (.tryAgain, "another command holds the agent"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .optional("at", nil, \.at, as: "TIME", "The newest version from then or before: 2h, or 2026-11-21T08:00:00Z."),
            .optional("only", nil, \.only, as: "PART", "Only 'workspace' or only 'state'."),
            .flag("dry-run", nil, \.dryRun, "Show what would be done."), .flag("yes", "y", \.yes, "Begin at once."), .json(\.json),
            .timeout(\.timeout),
        ]
    }
    static var operands: [Operand<Self>] {
        [.one("AGENT[@VERSION]", \.target, "Which agent."), .optional("VERSION", \.word, "A number, 'latest' or 'known-good'.")]
    }

    func validate() throws(CommandFault) {
        let said = [target?.version != nil, word != nil, at != nil].filter(\.self).count
        guard said == 1 else {
            throw CommandFault(.usage, "say one version: a number, 'latest', 'known-good' or '--at TIME'. See 'runner restore --help'")
        }
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let agent = try bench.named(target?.agent, in: store)
        let restore = Restore(agent: agent, version: try chosen(agent, in: store, on: bench), part: only, store: store, bench: bench)
        let plan = try restore.plan()
        if dryRun {
            if json { try bench.answer(json: plan) } else { bench.answer(plan.text) }
            return .ok
        }
        try restore.checkParts()
        announce(restore, on: bench)
        let sentence = try restore.perform(within: timeout)
        if json { try bench.answer(json: Outcome(agent: agent, outcome: sentence)) } else { bench.talk(sentence) }
        return .ok
    }

    // MARK: Parts

    private func chosen(_ agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> CheckpointSummary {
        guard let at else { return try bench.version(word ?? target?.version ?? .latest, of: agent, in: store) }
        let time = at.time(now: bench.machine.wallTime())
        let candidates = try bench.versions(of: agent, in: store).filter { $0.isKnownGood && $0.takenAt <= time }
        guard let newest = candidates.max(by: { $0.takenAt < $1.takenAt }) else {
            throw CommandFault(
                .versionUnknown,
                "could not find a version of '\(agent)' from \(time) or before: there is none that is known-good. "
                    + "'runner versions \(agent)' lists those there are")
        }
        return newest
    }

    private func announce(_ restore: Restore, on bench: Workbench) {
        guard !yes, bench.machine.isTerminal(.standardError) else { return }
        let age = restore.version.takenAt.distance(from: bench.machine.wallTime())
        bench.talk(
            "restoring version \(restore.version.version) of '\(restore.agent)' (\(restore.version.standing.rawValue), \(age)) in 5 s; ctrl-c stops"
        )
        bench.pause(.seconds(5))
    }
}

/// A part of a version that can be restored alone.
enum RestorePart: String, ArgumentValue, CaseIterable {
    case workspace, state
    init?(argument: String) { self.init(rawValue: argument) }
    static var expected: String { "'workspace' or 'state'" }
}
