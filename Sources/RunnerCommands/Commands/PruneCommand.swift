internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import OutsideWorld
internal import Retention
internal import StatusViews

struct PruneCommand: Command {
    var agents: [AgentName] = []
    var keep: Int?
    var keepAsides: Int?
    var dryRun = false
    var format = ListFormat.table

    static var manual: Manual {
        Manual(
            name: "prune", group: .keep, summary: "remove the versions that retention does not keep",
            examples: [
                .init("runner prune agent-7 --dry-run", "each version with the reason it stays, or that it would go"),
                .init("runner prune agent-7 --keep 5", "keep the newest five and what else is worth keeping"),
            ],
            notes: [
                "The newest version, the newest known-good one and pinned ones always stay. A supervisor prunes by itself after every "
                    + "version, so an agent that has one is left to it."
            ],
            exits: [
                (.ok, "pruned, or planned with --dry-run"), (.noInput, "no such agent"), (.tryAgain, "a supervisor holds the agent"),
                (.cannotCreate, "the disk is read-only"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .flag("dry-run", nil, \.dryRun, "Show what would go, and why the rest stays."),
            .optional("keep", nil, \.keep, as: "COUNT", "Versions to keep; as its spec says unless said otherwise."),
            .optional("keep-asides", nil, \.keepAsides, as: "COUNT", "Asides to keep; as its spec says unless said otherwise."),
        ] + .list(\.format)
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
        return .ok
    }

    // MARK: Parts

    private func plan(_ agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> RetentionPlan {
        let settings = try bench.storedSpec(of: agent, in: store)?.checkpoint ?? AgentSpec.Checkpoint()
        return planRetention(
            try bench.versions(of: agent, in: store), keep: keep ?? settings.keep, keepAsides: keepAsides ?? settings.keepAsides)
    }

    private func remove(_ plan: RetentionPlan, of agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) {
        try bench.alone(with: agent, in: store) { () throws(StoreFault) in
            for version in plan.removed { try store.remove(agent, version) }
        }
        bench.talk("removed \(plan.removed.count) versions of '\(agent)', \(plan.freed) freed")
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
            verdict.isKept ? Cell(verdict.reasons.joined(separator: ", ")) : .nothing,
        ]
    }
    var quietValue: String { "\(agent)@\(verdict.version)" }
}
