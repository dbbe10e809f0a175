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
                "A supervisor prunes by itself after every version, so an agent that has one is left to it. Flags here hold once; what it "
                    + "goes by is 'checkpoint.keep' of its spec, or 'runner run --keep COUNT'.",
                "SIZE is what a version holds by itself, and '--quota' counts that. On disk versions share what is the same in them, so all of them "
                    + "take less, and removing some frees less: one line for each agent tells how much.",
            ],
            exits: [
                (.ok, "pruned, or planned with --dry-run"), (.noInput, "no such agent"), (.tryAgain, "a supervisor holds the agent"),
                (.cannotCreate, "the disk is read-only"),
                (.interrupted, "stopped by ctrl-c, and 143 by SIGTERM; the same command does the rest"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [.flag("dry-run", nil, \.dryRun, "Show what would go, and why the rest stays.")]
            + RetentionFlags.options(\Self.rules) + .list(\.format)
    }
    static var operands: [Operand<Self>] { [.many("AGENT", \.agents, "Whose; all when none is named.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        var removed = 0
        var foretold: [String] = []
        let rows = try bench.long(quietly: format.isForPrograms) { work throws(CommandFault) in
            let store = work.watch(store)
            if agents.isEmpty { try bench.removeExpired(in: store, dryRun: dryRun, while: { work.isWanted }) }
            var rows: [PruneRow] = []
            for agent in try bench.chosen(agents, in: store) {
                let plan = try plan(agent, in: store, on: bench)
                if dryRun {
                    foretold += foretell(plan, of: agent, in: store)
                } else {
                    try perform(plan, of: agent, in: store, &removed, work, on: bench)
                }
                rows += plan.verdicts.map { PruneRow(agent: agent, verdict: $0) }
            }
            return rows
        } stopped: {
            "could not prune all of it: it was stopped. \(removed) \(removed == 1 ? "version is" : "versions are") gone, and the same command does the rest"
        }
        if format == .table || format == .wide, rows.isEmpty {
            bench.talk("there is no version to prune")
        } else {
            try bench.answer(rows, as: format)
        }
        for sentence in foretold { bench.talk(sentence) }
        return .ok
    }

    // MARK: Parts

    private func plan(_ agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> RetentionPlan {
        var settings = try bench.storedSpec(of: agent, in: store)?.checkpoint ?? AgentSpec.Checkpoint()
        rules.apply(to: &settings)
        let versions = try bench.versions(of: agent, in: store)
        return settings.retention(of: versions, within: (try? store.allowance(of: agent)) ?? nil)
    }

    /// What would go, in the words that are used when it is gone.
    private func foretell(_ plan: RetentionPlan, of agent: AgentName, in store: CheckpointStore) -> [String] {
        guard !format.isForPrograms, !plan.verdicts.isEmpty else { return [] }
        let freed = try? store.spaceFreed(byRemoving: plan.removed, of: agent)  // packs that are damaged are weighed by nobody
        let gain =
            freed.map { "that frees \(store.mayShareSpace ? "up to" : "about") \($0) of disk" }
            ?? "how much of the disk that frees cannot be told: 'runner verify \(agent) --deep' says why"
        return ["'\(agent)': \(Self.share(plan)) would go; \(gain)"]
    }

    /// - Parameter removed: grows by those that are gone.
    private func perform(
        _ plan: RetentionPlan, of agent: AgentName, in store: CheckpointStore, _ removed: inout Int, _ work: LongWork, on bench: Workbench
    ) throws(CommandFault) {
        let count = plan.removed.count
        if count == 0 {
            // One that was stopped before it came to the packs left them.
            guard !bench.isSupervised(agent, in: store), let rest = try? store.planCollection(agent), !rest.isEmpty else { return }
        } else if bench.isSupervised(agent, in: store) {
            throw CommandFault(
                .agentHeld,
                "could not prune '\(agent)': its supervisor runs, and prunes by 'checkpoint.keep' of its spec after every version. 'runner stop \(agent)' "
                    + "first, and 'runner run --keep COUNT' for another rule that stays")
        }
        var gone = 0
        defer { removed += gone }
        work.pause()
        try bench.alone(with: agent, in: store) { () throws(StoreFault) in
            let before = try? store.space(of: agent)
            if count > 0 {
                work.say("\(agent): removing \(count) \(count == 1 ? "version" : "versions")")
                try store.remove(agent, plan.removed, while: { work.isWanted })
                gone = count
            }
            work.say("\(agent): collecting packs")
            // What they shared with those that stay is still there, so it is only now that the disk gets something back.
            guard try store.collect(agent, while: { work.isWanted }) != nil else {
                throw StoreFault(.system(FileFault(.stopped, doing: "collect", what: agent.text)), doing: "prune", what: agent.text)
            }
            work.pause()
            let after = try? store.space(of: agent)
            let freed = before.flatMap { before in after.map { ByteCount(before.bytes - min(before.bytes, $0.bytes)) } }
            let gain = freed.map { "that freed \(store.words($0)) of disk" } ?? "how much of the disk that freed could not be told"
            bench.talk("'\(agent)': \(Self.share(plan)) \(count == 1 ? "is" : "are") gone; \(gain)")
        }
    }

    /// "6 of 13 versions".
    private static func share(_ plan: RetentionPlan) -> String {
        "\(plan.removed.count) of \(plan.verdicts.count) version\(plan.verdicts.count == 1 ? "" : "s")"
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
