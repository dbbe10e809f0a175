internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

struct UndeleteCommand: Command {
    var word: RemovedWord?
    var format = ListFormat.table

    static var manual: Manual {
        Manual(
            name: "undelete", group: .keep, summary: "bring back an agent that was removed",
            examples: [
                .init("runner undelete agent-7", "all it had: versions, journal, log, effects and spec"),
                .init("runner undelete", "what can be brought back, and until when"),
            ],
            notes: [
                "Of several of one name the newest comes back; another is named as in the list of 'runner undelete -q'. Under another name none "
                    + "comes back, for its versions carry their agent's: bring it back, then 'runner fork agent-7 --as NAME'. "
                    + "The agent does not start by itself: 'runner run agent-7' starts it with the spec it last ran with.",
                "DISK is what becomes free when one goes for good: at its term, or at once with 'runner rm --now NAME', NAME as '-q' says it.",
            ],
            exits: [
                (.ok, "brought back, or listed"), (.noInput, "no such agent was removed, or its term was over"),
                (.cannotCreate, "there is an agent of that name again, or the disk is read-only"), (.tryAgain, "another command holds it"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { .list(\.format) }
    static var operands: [Operand<Self>] { [.optional("REMOVED", \.word, "Which agent; without it, what there is is listed.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let removed: [RemovedAgent]
        do { removed = try store.removedAgents() } catch { throw CommandFault(error) }
        guard let word else { return try list(removed, in: store, on: bench) }
        let ofName = removed.filter { $0.agent == word.agent }
        guard let chosen = word.name.map({ name in ofName.first { $0.name == name } }) ?? ofName.first else {
            throw unknown(word, among: removed)
        }
        do { try store.bringBack(chosen, holder: "'runner undelete'") } catch { throw CommandFault(error) }
        let versions = chosen.versions == 1 ? "1 version" : "\(chosen.versions) versions"
        let sentence = "'\(chosen.agent)' is back, with \(versions). 'runner run \(chosen.agent)' starts it"
        if format == .json || format == .ndjson {
            try bench.answer(json: Outcome(agent: chosen.agent, outcome: sentence))
        } else {
            bench.talk(sentence)
        }
        return .ok
    }

    // MARK: Parts

    private func list(_ removed: [RemovedAgent], in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> Ending {
        if removed.isEmpty, format == .table || format == .wide {
            bench.talk("no agent was removed, or none that can be brought back")
            return .ok
        }
        try bench.answer(removed.map { RemovedRow(removed: $0, disk: try? store.space(of: $0)) }, as: format)
        return .ok
    }

    private func unknown(_ word: RemovedWord, among removed: [RemovedAgent]) -> CommandFault {
        let names = removed.map { word.name == nil ? $0.agent.text : $0.name }
        let wanted = word.name ?? word.agent.text
        let guess = didYouMean(wanted, among: names)
        return CommandFault(
            .agentNotRemoved,
            "could not bring '\(wanted)' back: no such agent was removed, or its term was over"
                + (guess.isEmpty ? ". 'runner undelete' lists those there are" : guess))
    }
}

/// One agent that can be brought back.
private struct RemovedRow: Listable {
    var removed: RemovedAgent
    /// nil: it cannot be told.
    var disk: ByteCount?

    static var columns: [Column] {
        [
            Column("AGENT"), Column("REMOVED", alignsRight: true), Column("VERSIONS", alignsRight: true),
            Column("DISK", alignsRight: true), Column("KEPT UNTIL"), Column("NAME", onlyWide: true),
        ]
    }
    func row(at now: WallTime) -> [Cell] {
        let term: Cell =
            switch removed.keptUntil {
            case nil: Cell("for ever: its record is damaged", .attention)
            case let until? where until <= now: Cell("the next 'runner prune'", .attention)
            case let until?: Cell(until.description)
            }
        return [
            Cell(removed.agent.text), Cell((now - removed.removedAt).brief), Cell("\(removed.versions)"),
            disk.map { Cell($0.brief) } ?? .nothing, term, Cell(removed.name),
        ]
    }
    var quietValue: String { removed.name }

    private enum Key: CodingKey { case disk }

    func encode(to encoder: any Encoder) throws {
        try removed.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encodeIfPresent(disk, forKey: .disk)
    }
}
