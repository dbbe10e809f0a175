internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld
internal import StatusViews

struct RestoreCommand: Command {
    var target: AgentReference?
    var word: VersionWord?
    var at: TimeWord?
    var only: [OnlyWord] = []
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
                .init("runner restore agent-7@41 --only src/main.py", "bring back one file, and leave everything else"),
            ],
            notes: [
                "A running agent is stopped, its workspace rolled back, and it starts from the version. Without a supervisor the workspace is "
                    + "rolled back at once and the next 'runner run' starts from the version. What is there is kept first: a running agent takes a "
                    + "checkpoint, and files that no version has become an aside; the answer names the command that undoes it. On a terminal it waits five seconds before it begins; ctrl-c stops it then.",
                "'--only PATH' makes that path, which begins at the workspace, and all below it, what it was; the agent must be stopped, since it could write there "
                    + "meanwhile. Images of processes fit only the files they were taken with: afterwards an agent goes on from what it handed "
                    + "over by itself, or starts anew on its files, and then this says so. A path that is called 'state' or 'workspace' "
                    + "is written './state'. 'runner cat' prints a file without touching anything.",
                "Times without a zone are UTC, as all that is printed. 'runner rollback' goes back by a number of versions.",
            ],
            exits: [
                (.ok, "restored, or planned with --dry-run"), (.failed, "the supervisor could not restore it"),
                (.badData, "the version is damaged; nothing was changed"),
                (.noInput, "no such agent or version, or it lacks the part asked for"),
                (.cannotCreate, "the disk is full or read-only"), (.tryAgain, "another command holds the agent"),
                (.interrupted, "stopped by ctrl-c, and 143 by SIGTERM; the same command completes it"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .at(\.at),
            .each("only", nil, \.only, as: "PATH", "Only this file or directory; or only 'workspace' or 'state'."),
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
        let restore = Restore(
            agent: agent, version: try chosen(agent, in: store, on: bench), part: try part(), store: store, bench: bench, isQuiet: json)
        let plan = try restore.plan()
        if dryRun {
            if json { try bench.answer(json: plan) } else { bench.answer(plan.text) }
            return .ok
        }
        try restore.checkParts()
        announce(restore, plan, on: bench)
        try GoneBack(restore, within: timeout, try undo(of: restore)).tell(asJSON: json, on: bench)
        return .ok
    }

    // MARK: Parts

    private func part() throws(CommandFault) -> RestorePart? {
        guard let first = only.first else { return nil }
        let paths = only.compactMap { if case .path(let path) = $0 { path } else { nil } }
        if paths.count == only.count { return .paths(paths) }
        guard only.count == 1 else {
            throw CommandFault(.usage, "say '--only' paths, or one of 'workspace' and 'state'. See 'runner restore --help'")
        }
        return first == .state ? .state : .workspace
    }

    /// Single paths are set aside with the workspace, and nothing else changes.
    private func undo(of restore: Restore) throws(CommandFault) -> Undo? {
        if case .paths? = restore.part { return nil }
        let (agent, store, bench) = (restore.agent, restore.store, restore.bench)
        let position = try Rollback(of: agent, in: store, on: bench).position()
        return try Undo(
            agent, to: restore.version.version, of: restore.part, from: position, within: timeout, in: store, on: bench)
    }

    private func chosen(_ agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> CheckpointSummary {
        guard let at else { return try bench.version(word ?? target?.version ?? .latest, of: agent, in: store) }
        return try bench.version(of: agent, at: at, in: store, "that is known-good", where: \.isKnownGood)
    }

    private func announce(_ restore: Restore, _ plan: RestorePlan, on bench: Workbench) {
        guard !yes, bench.machine.isTerminal(.standardError) else { return }
        let age = restore.version.takenAt.distance(from: bench.machine.wallTime())
        let what = if case .paths(let paths)? = restore.part { "\(quoted(paths)) from " } else { "" }
        bench.talk(
            "restoring \(what)version \(restore.version.version) of '\(restore.agent)' (\(restore.version.standing.rawValue), \(age)) in 5 s; ctrl-c stops"
                + (plan.warning.map { ". At its next start \($0)" } ?? "")
        )
        bench.pause(.seconds(5))
    }
}

/// A part of a version that can be restored alone.
enum RestorePart: Hashable, Sendable {
    case workspace, state
    case paths([DiskPath])
}

/// What stands behind `--only`.
enum OnlyWord: ArgumentValue, Hashable, Sendable {
    case workspace, state
    case path(DiskPath)

    init?(argument: String) {
        switch argument {
        case "workspace": self = .workspace
        case "state": self = .state
        default:
            guard let path = DiskPath(VersionPath.trimmed(argument)) else { return nil }
            self = .path(path)
        }
    }
    static var expected: String { "'workspace', 'state' or a path in the workspace" }
}

/// `'a', 'b'`, no more than three of them.
func quoted(_ paths: [DiskPath]) -> String {
    let shown = paths.prefix(3).map { "'\(printable($0.text))'" }.joined(separator: ", ")
    return paths.count > 3 ? "\(shown) and \(paths.count - 3) more" : shown
}
