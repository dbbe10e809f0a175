internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import OutsideWorld
internal import Retention
internal import StatusViews

struct PruneCommand: Command {
    var agents: [AgentName] = []
    var rules = RetentionFlags()
    var dryRun = false
    var format = ListFormat.table

    static var manual: Manual {
        Manual(
            name: "prune", group: .keep, summary: "remove the versions that retention does not keep",
            examples: [
                .init("runner prune agent-7 --dry-run", "each version with the reasons it stays for, or that it would go"),
                .init("runner prune agent-7 --keep-last 5 --keep-daily 30", "the newest five, and the newest of each of 30 days"),
            ],
            notes: [
                "The newest version, the newest known-good one, the newest proven one and pinned ones always stay. A rule that no flag names "
                    + "is as the agent's spec says; '--keep' replaces them all. Hours, days, ISO weeks and months are those of "
                    + "'checkpoint.utc_offset', and of each the newest known-good version stays.",
                "A supervisor prunes by itself after every version, so an agent that has one is left to it.",
            ],
            exits: [
                (.ok, "pruned, or planned with --dry-run"), (.noInput, "no such agent"), (.tryAgain, "a supervisor holds the agent"),
                (.cannotCreate, "the disk is read-only"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [.flag("dry-run", nil, \.dryRun, "Show what would go, and why the rest stays.")]
            + RetentionFlags.options(\Self.rules) + .list(\.format)
    }
    static var operands: [Operand<Self>] { [.many("AGENT", \.agents, "Whose; all when none is named.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        if agents.isEmpty { try bench.removeExpired(in: store, dryRun: dryRun) }
        var rows: [PruneRow] = []
        for agent in try bench.chosen(agents, in: store) {
            let plan = try plan(agent, in: store, on: bench)
            if !dryRun, !plan.removed.isEmpty { try remove(plan, of: agent, in: store, on: bench) }
            rows += plan.verdicts.map { PruneRow(agent: agent, verdict: $0) }
        }
        if format == .table || format == .wide, rows.isEmpty {
            bench.talk("there is no version to prune")
        } else {
            try bench.answer(rows, as: format)
        }
        if dryRun, format == .table || format == .wide, !rows.isEmpty {
            bench.talk("\(rows.count { !$0.verdict.isKept }) of \(rows.count) versions would go")
        }
        return .ok
    }

    // MARK: Parts

    private func plan(_ agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> RetentionPlan {
        var settings = try bench.storedSpec(of: agent, in: store)?.checkpoint ?? AgentSpec.Checkpoint()
        rules.apply(to: &settings)
        let versions = try bench.versions(of: agent, in: store)
        return settings.retention(of: versions, within: (try? store.allowance(of: agent)) ?? nil)
    }

    private func remove(_ plan: RetentionPlan, of agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) {
        try bench.alone(with: agent, in: store) { () throws(StoreFault) in
            try store.remove(agent, plan.removed)
            let count = plan.removed.count
            bench.talk("removed \(count) \(count == 1 ? "version" : "versions") of '\(agent)' that held \(plan.freed)")
            // What they shared with those that stay is still there, so this is what the disk gets back of their packs.
            let collection = try store.collect(agent)
            if !collection.isEmpty { bench.talk("collected the packs of '\(agent)': \(collection.freed) freed") }
        }
    }
}

/// One version and what becomes of it.
private struct PruneRow: Listable {
    var agent: AgentName
    var verdict: RetentionPlan.Verdict

    static var columns: [Column] {
        [Column("VERSION"), Column("FATE"), Column("SIZE", alignsRight: true), Column("WHY", narrow: .cut(to: 20))]
    }
    func row(at now: WallTime) -> [Cell] {
        [
            Cell(quietValue), verdict.isKept ? Cell("stays", .good) : Cell("goes", .attention), Cell(verdict.size.brief),
            why.isEmpty ? .nothing : Cell(why),
        ]
    }
    var quietValue: String { "\(agent)@\(verdict.version)" }

    private var why: String {
        let reasons = verdict.reasons.joined(separator: ", ")
        return verdict.overruled.isEmpty ? reasons : "over the quota; else " + verdict.overruled.joined(separator: ", ")
    }
}
