internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld
internal import StatusViews

struct VerifyCommand: Command {
    var targets: [AgentReference] = []
    var deep = false
    var again = false
    var source: RemotePlace?
    var format = ListFormat.table

    static var manual: Manual {
        Manual(
            name: "verify", group: .keep, summary: "read versions whole and compare every byte with what was stored",
            examples: [
                .init("runner verify", "every version of every agent"),
                .init("runner verify agent-7@42", "one version"),
                .init("runner verify agent-7 --deep", "its packs, too, also what no version needs of them"),
                .init("runner verify agent-7 --from backup:agents", "and put what is damaged back from a copy"),
            ],
            notes: [
                "A version found broken is marked so and is not restored by itself any more. Nothing else changes. A version of which only "
                    + "one copy is damaged, that in its directory or that in packs, is not broken: a restore takes the other one.",
                "With --from, what is damaged is taken from another store's directory or from a place that 'runner store sync' wrote to: packs and versions "
                    + "that are the same there, and whole. Then each version is verified once more, and no longer marked broken. Beside a running agent "
                    + "packs are put back, which is nearly always all there is to do; what else must be put back waits until it is stopped.",
                "Ctrl-C stops it between two pieces. The same command goes on behind what was found whole, for a day.",
            ],
            exits: [
                (.ok, "all are whole"), (.badData, "at least one is damaged or broken"), (.noInput, "no such agent or version"),
                (.noSupervisor, "rclone is needed and not installed"), (.inputOutput, "the copy could not be read"),
                (.interrupted, "stopped by ctrl-c, and 143 by SIGTERM; the same command goes on"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .flag("deep", nil, \.deep, "Read every pack whole as well."),
            .flag("again", nil, \.again, "Read once more, too, what a run that was stopped found whole."),
            .optional("from", nil, \.source, as: "STORE", "Put what is damaged back from there: a directory, or rclone's."),
        ] + .list(\.format)
    }
    static var operands: [Operand<Self>] { [.many("AGENT[@VERSION]", \.targets, "Which; all when none is named.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let round = VerificationRound(in: store, on: bench, passesKnown: !again)
        let rows = try bench.long(quietly: format.isForPrograms) { work throws(CommandFault) in
            let watched = work.watch(store)
            for target in try chosen(in: watched, on: bench) {
                let summaries = try summaries(of: target, in: watched, on: bench)
                try round.begin(target.agent, work)
                for (count, summary) in summaries.enumerated() {
                    work.say("\(target.agent)@\(summary.version): verifying (\(count + 1) of \(summaries.count))")
                    try round.version(target.agent, summary.version) { () throws(CommandFault) in
                        try verify(target.agent, summary, in: watched, work, on: bench)
                    }
                }
                if deep { try round.packs(of: target.agent, in: watched, work) }
            }
            guard let source else { return round.rows }
            return try heal(round.rows, from: source, in: watched, work, bench)
        } stopped: {
            round.stopped()
        }
        round.forget()
        if rows.isEmpty, format == .table || format == .wide {
            bench.talk("there is no version to verify")
        } else {
            try bench.answer(rows, as: format)
            if !format.isForPrograms {
                for summary in VerificationSummary.all(of: rows) { bench.talk(summary.sentence(copyWasRead: source != nil)) }
            }
        }
        return rows.allSatisfy { [.whole, .healed].contains($0.result) } ? .ok : .badData
    }

    private func chosen(in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> [AgentReference] {
        targets.isEmpty ? try bench.agents(in: store).map { AgentReference($0) } : targets
    }

    private func summaries(
        of target: AgentReference, in store: CheckpointStore, on bench: Workbench
    ) throws(CommandFault) -> [CheckpointSummary] {
        guard let word = target.version else { return try bench.versions(of: target.agent, in: store) }
        return [try bench.version(word, of: target.agent, in: store)]
    }

    private func verify(
        _ agent: AgentName, _ summary: CheckpointSummary, in store: CheckpointStore, _ work: LongWork, on bench: Workbench
    ) throws(CommandFault) -> VerificationRow {
        let version = summary.version
        let nearest = try damage { () throws(StoreFault) in try store.verify(agent, version) }
        let isPacked = (try? store.isPacked(agent, version)) ?? false
        let packed = isPacked ? try damage { () throws(StoreFault) in try store.verifyPacked(agent, version) } : nearest
        func row(_ result: VerificationRow.Result, _ what: String?) -> VerificationRow {
            VerificationRow(agent: agent, version: version, result: result, what: what)
        }
        switch (nearest, packed) {
        case (nil, nil): return row(.whole, nil)
        case (let nearest?, let packed?):
            // What a disk does not give now it may give again: nothing is written off that is whole the second time.
            switch store.lookAgain(agent, version) {
            case .whole: return row(.damaged, "\(nearest); read again, it is whole. Look after its disk")
            case .unreadable(let fault) where fault.isStop: throw CommandFault(fault)
            case .unreadable: return row(.damaged, "\(nearest); the disk does not give it now, so it is not called broken. Look after it")
            case .damaged: break
            }
            if summary.standing != .broken { try mark(agent, version, nearest, in: store, work, on: bench) }
            return row(.broken, nearest == packed ? nearest : "\(nearest); in packs \(packed)")
        case (let nearest?, nil): return row(.damaged, "\(nearest); what is in packs is whole")
        case (nil, let packed?): return row(.damaged, "in packs \(packed); its plain files are whole")
        }
    }

    /// Which part is damaged, and how; nil: all is whole.
    private func damage(_ verify: () throws(StoreFault) -> Void) throws(CommandFault) -> String? {
        do throws(StoreFault) {
            try verify()
            return nil
        } catch {
            guard case .broken(let part, let how) = error.kind else { throw CommandFault(error) }
            return "'\(part)': \(how)"
        }
    }

    /// What was found stands even when it cannot be written down.
    private func mark(
        _ agent: AgentName, _ version: VersionNumber, _ what: String, in store: CheckpointStore, _ work: LongWork, on bench: Workbench
    ) throws(CommandFault) {
        work.pause()
        do throws(CommandFault) {
            try bench.write(agent, in: store, asking: .mark(version, .broken, because: what), to: "mark a version of") {
                () throws(StoreFault) in
                try store.mark(agent, version, .broken, because: what)
            }
        } catch {
            guard work.isWanted else { throw error }
            bench.talk("\(error.sentence). '\(agent)@\(version)' is not marked broken, going on")
        }
    }
}

/// What verifying one version, or one pack, found.
struct VerificationRow: Listable {
    enum Result: String, Codable {
        case whole
        /// Nothing is lost by it.
        case damaged
        case broken
        /// It was one of these, and is whole.
        case healed
    }
    var agent: AgentName
    var version: VersionNumber?
    /// Its name; nil: it is a version that was looked at.
    var pack: String?
    var result: Result
    /// Which part is damaged and how.
    var what: String?

    static var columns: [Column] { [Column("VERSION"), Column("RESULT"), Column("WHAT", narrow: .cut(to: 20))] }
    func row(at now: WallTime) -> [Cell] {
        let shown =
            switch result {
            case .whole: Cell("whole", .good)
            case .damaged: Cell("damaged", .attention)
            case .broken: Cell("broken", .bad)
            case .healed: Cell("healed", .good)
            }
        return [Cell(quietValue), shown, what.map { Cell($0) } ?? .nothing]
    }
    var quietValue: String { version.map { "\(agent)@\($0)" } ?? "\(agent) pack \(pack ?? "")" }
}
