internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

struct RollbackCommand: Command {
    var agent: AgentName?
    var steps: Steps?
    var dryRun = false
    var yes = false
    var json = false
    var timeout = Duration.seconds(600)

    /// How many versions; at least one.
    struct Steps: ArgumentValue, Hashable, Sendable {
        var count: Int
        init?(argument: String) {
            guard let count = Int(argument), count > 0 else { return nil }
            self.count = count
        }
        static var expected: String { "a number from 1 up" }
    }

    static var manual: Manual {
        Manual(
            name: "rollback", group: .keep, summary: "bring an agent back by one or more of its versions",
            examples: [
                .init("runner rollback agent-7 2 --dry-run", "what going back two versions would change; nothing is done"),
                .init("runner rollback agent-7", "to the known-good version before the one it is at"),
            ],
            notes: [
                "Counts known-good checkpoints, back from where the agent is now: its newest checkpoint, or the version it was last brought "
                    + "back to when it has taken none since. What an earlier roll-back left behind is not counted. The newest itself comes "
                    + "back with 'runner restore AGENT latest'.",
                "What changes is shown first; on a terminal it then waits five seconds, and ctrl-c stops it. What is rolled away is kept: a "
                    + "living agent takes a checkpoint first, and files that no version has become an aside. The answer names the command "
                    + "that undoes it.",
            ],
            exits: [
                (.ok, "rolled back, or planned with --dry-run"), (.failed, "the supervisor could not restore it"),
                (.badData, "the version is damaged; nothing was changed"), (.noInput, "no such agent, or not so many versions"),
                (.cannotCreate, "the disk is full or read-only"), (.tryAgain, "another command holds the agent"),
                (.interrupted, "stopped by ctrl-c, and 143 by SIGTERM; the same command completes it"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .flag("dry-run", nil, \.dryRun, "Show what would be done."), .flag("yes", "y", \.yes, "Begin at once."), .json(\.json),
            .timeout(\.timeout),
        ]
    }
    static var operands: [Operand<Self>] {
        [.one("AGENT", \.agent, "Which agent."), .optional("COUNT", \.steps, "How many versions; one unless said otherwise.")]
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let agent = try bench.named(agent, in: store)
        let rollback = try Rollback(of: agent, in: store, on: bench)
        let position = try rollback.position()
        let target = try rollback.target(steps?.count ?? 1, before: position)
        let restore = Restore(agent: agent, version: target, part: nil, store: store, bench: bench, isQuiet: json)
        let plan = try restore.plan()
        if dryRun {
            if json { try bench.answer(json: plan) } else { bench.answer(plan.text) }
            return .ok
        }
        announce(target, plan, on: bench)
        let undo = try Undo(agent, to: target.version, from: position, within: timeout, in: store, on: bench)
        try GoneBack(restore, within: timeout, undo).tell(asJSON: json, on: bench)
        return .ok
    }

    // MARK: Parts

    private func announce(_ target: CheckpointSummary, _ plan: RestorePlan, on bench: Workbench) {
        let age = target.takenAt.distance(from: bench.machine.wallTime())
        let version = "version \(target.version) of '\(plan.agent)' (\(target.standing.rawValue), \(age))"
        let waits = !yes && bench.machine.isTerminal(.standardError)
        if !json || waits {
            bench.talk("rolling back to \(version)\(waits ? " in 5 s; ctrl-c stops" : ""). \(plan.statistics())")
        }
        if waits { bench.pause(.seconds(5)) }
    }
}
