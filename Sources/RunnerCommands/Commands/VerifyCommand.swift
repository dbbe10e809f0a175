internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld
internal import StatusViews

struct VerifyCommand: Command {
    var targets: [AgentReference] = []
    var format = ListFormat.table

    static var manual: Manual {
        Manual(
            name: "verify", group: .keep, summary: "read versions whole and compare every byte with what was stored",
            examples: [
                .init("runner verify", "every version of every agent"),
                .init("runner verify agent-7@42", "one version"),
            ],
            notes: ["A version found damaged is marked broken and is not restored by itself any more. Nothing else changes."],
            exits: [
                (.ok, "all are whole"), (.badData, "at least one is damaged"), (.noInput, "no such agent or version"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { .list(\.format) }
    static var operands: [Operand<Self>] { [.many("AGENT[@VERSION]", \.targets, "Which; all when none is named.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        var rows: [VerificationRow] = []
        for target in try chosen(in: store, on: bench) {
            for summary in try summaries(of: target, in: store, on: bench) {
                rows.append(try verify(target.agent, summary, in: store, on: bench))
            }
        }
        if rows.isEmpty, format == .table || format == .wide {
            bench.talk("there is no version to verify")
        } else {
            try bench.answer(rows, as: format)
        }
        return rows.allSatisfy(\.whole) ? .ok : .badData
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
        _ agent: AgentName, _ summary: CheckpointSummary, in store: CheckpointStore, on bench: Workbench
    ) throws(CommandFault) -> VerificationRow {
        do {
            try store.verify(agent, summary.version)
            return VerificationRow(agent: agent, version: summary.version, whole: true, what: "whole")
        } catch {
            guard case .broken(let part, let how) = error.kind else { throw CommandFault(error) }
            let what = "'\(part)': \(how)"
            if summary.standing != .broken { mark(agent, summary.version, what, in: store, on: bench) }
            return VerificationRow(agent: agent, version: summary.version, whole: false, what: what)
        }
    }

    /// What was found stands even when it cannot be written down.
    private func mark(_ agent: AgentName, _ version: VersionNumber, _ what: String, in store: CheckpointStore, on bench: Workbench) {
        do {
            try bench.write(agent, in: store, asking: .mark(version, .broken, because: what), to: "mark a version of") {
                () throws(StoreFault) in
                try store.mark(agent, version, .broken, because: what)
            }
        } catch { bench.talk("\(error.sentence). '\(agent)@\(version)' is not marked broken, going on") }
    }
}

/// What verifying one version found.
private struct VerificationRow: Listable {
    var agent: AgentName
    var version: VersionNumber
    var whole: Bool
    /// "whole", or which part is damaged and how.
    var what: String

    static var columns: [Column] { [Column("VERSION"), Column("RESULT"), Column("WHAT", narrow: .cut(to: 20))] }
    func row(at now: WallTime) -> [Cell] {
        [Cell(quietValue), whole ? Cell("whole", .good) : Cell("broken", .bad), whole ? .nothing : Cell(what)]
    }
    var quietValue: String { "\(agent)@\(version)" }
}
