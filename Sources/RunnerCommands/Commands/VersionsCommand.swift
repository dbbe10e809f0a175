internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import OutsideWorld
internal import Retention
internal import StatusViews

struct VersionsCommand: Command {
    var agent: AgentName?
    var format = ListFormat.table

    static var manual: Manual {
        Manual(
            name: "versions", group: .keep, summary: "list the versions of an agent, oldest first",
            examples: [
                .init("runner versions agent-7", "each with its standing, age, size and what it holds"),
                .init("runner versions agent-7 -o wide", "also when each was taken, and what it is kept for"),
                .init("runner versions agent-7 -q | tail -n 1", "the name of the newest: agent-7@42"),
            ],
            notes: [
                "Standing: stored (complete and hashed), rehearsed, proven (the agent lived on from it), suspect (a restore from it died "
                    + "young), broken (its bytes are not what was stored). An aside is the workspace as it was before a roll-back. "
                    + "Works without a supervisor.",
                "STEP is how far the agent said it was. SIZE is what the version holds by itself; versions share on disk what is the same in them, so "
                    + "all of them take less: '-o wide' says how much, 'runner ls -o wide' for every agent. FROZEN is how long the agent "
                    + "stood still for it. PARTS: files (the workspace), state (what the agent handed over), process (images of its processes).",
                "LINKS: latest and known-good are where a start without and after a death goes; pinned ones are never pruned; suspended is what a "
                    + "suspended agent comes back from; forced was cut without the agent, which reached no safe point in time, and holds files "
                    + "without its state; without memory has no images, though the agent should have had some.",
            ],
            exits: [(.ok, "also when there is none"), (.noInput, "no such agent"), (.usage, "the command line is wrong")])
    }
    static var options: [Option<Self>] { .list(\.format) }
    static var operands: [Operand<Self>] { [.one("AGENT", \.agent, "Which agent.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let agent = try bench.named(agent, in: store)
        let status = try? bench.status(of: agent, in: store)  // a list of versions needs no status that can be read
        let versions = try bench.versions(of: agent, in: store)
        var rows = VersionRow.rows(of: versions, agent: agent, suspended: status?.suspended?.version)
        // Nor a spec.
        if let settings = try? bench.storedSpec(of: agent, in: store)?.checkpoint {
            let verdicts = settings.retention(of: versions).verdicts
            let reasons = Dictionary(uniqueKeysWithValues: verdicts.map { ($0.version, $0.reasons) })
            for index in rows.indices { rows[index].keptFor = reasons[rows[index].summary.version] }
        }
        if rows.isEmpty, format == .table || format == .wide {
            bench.talk("'\(agent)' has no version yet")
            return .ok
        }
        if let at = status?.nothingNewAt, let index = rows.lastIndex(where: \.isLatest),
            rows[index].summary.version == status?.latest?.version
        {
            rows[index].nothingNewAt = at
            if format == .table || format == .wide { bench.talk(rows[index].nothingNew(at: at, now: bench.machine.wallTime())) }
        }
        try bench.answer(rows, as: format)
        if format == .wide, let space = try? store.space(of: agent) {
            bench.talk("'\(agent)' takes \(store.words(space)) of disk, with its packs, journal and log")
        }
        return .ok
    }
}
