internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld

struct RmCommand: Command {
    var words: [RemovedWord] = []
    var keepFor = Duration.seconds(30 * 86_400)
    var now = false
    var yes = false
    var json = false

    static var manual: Manual {
        Manual(
            name: "rm", group: .keep, summary: "remove an agent and all its versions; undelete brings it back",
            examples: [
                .init("runner rm agent-7", "it is gone from 'runner ls'; 'runner undelete agent-7' brings it back for 30 days"),
                .init("runner rm agent-7 --keep-for 7d -y", "the same for a week, without a pause"),
                .init("runner rm --now $(runner undelete -q)", "for good, and at once, all that was removed: its space is free then"),
            ],
            notes: [
                "What goes is what the store has of it: versions, journal, log, effects and spec. Its workspace is not touched. An agent that "
                    + "runs is refused: 'runner stop' first. Space is free when the term is over; 'runner prune' and supervisors see to it, and "
                    + "nothing else does. '--now' keeps nothing: there is no undelete then. With it, what was removed already and is still kept goes "
                    + "before its term, named as 'runner undelete -q' names it: 'agent-7@18ea41b2c3d4e5f6'.",
                "On a terminal it says what goes and waits five seconds before it begins; ctrl-c stops it then.",
            ],
            exits: [
                (.ok, "removed"), (.noInput, "no such agent"), (.tryAgain, "it runs, or another command holds it"),
                (.cannotCreate, "the disk is full or read-only"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .value("keep-for", nil, \.keepFor, as: "TIME", "How long it can be brought back; 30d unless said otherwise."),
            .flag("now", nil, \.now, "Remove it for good, at once."), .flag("yes", "y", \.yes, "Begin at once."), .json(\.json),
        ]
    }
    static var operands: [Operand<Self>] { [.many("AGENT", \.words, atLeastOne: true, "Which agents; with --now also removed ones.")] }

    func validate() throws(CommandFault) {
        guard !now, let name = words.compactMap(\.name).first else { return }
        throw CommandFault(
            .usage,
            "'\(name)' is no agent: what 'runner undelete -q' names so goes for good with '--now', and versions go with 'runner prune'. See 'runner rm "
                + "--help'")
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        return try bench.each(words.map { (agent: $0.agent, target: $0) }, json: json) { word throws(CommandFault) in
            guard let name = word.name else { return .done(try remove(word.agent, in: store, on: bench)) }
            return .done(try removeForGood(name, in: store, on: bench))
        }
    }

    // MARK: One agent

    private func remove(_ agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> String {
        try bench.require(agent, in: store)
        try refuseWhileItLives(agent, in: store, on: bench)
        try announce(agent, in: store, on: bench)
        let time = bench.machine.wallTime()
        var removed: RemovedAgent?
        var unfinished: RestoreRecord?
        try bench.alone(with: agent, in: store) { () throws(StoreFault) in
            unfinished = (try? store.restoreRecord(agent)) ?? nil
            removed = try store.removeAgent(agent, at: time, keptUntil: now ? time : time + keepFor)
        }
        guard let removed else { return "'\(agent)' is removed" }
        guard now else {
            let until = removed.keptUntil.map { " until \($0)" } ?? ""
            return "'\(agent)' is removed; 'runner undelete \(agent)' brings it back\(until)\(Self.warning(unfinished))"
        }
        do { try store.removeForGood(removed) } catch { throw CommandFault(error) }
        return "'\(agent)' is removed for good\(Self.warning(unfinished))"
    }

    /// Of those that were removed before, and can be brought back until now.
    private func removeForGood(_ name: String, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> String {
        let all: [RemovedAgent]
        do { all = try store.removedAgents() } catch { throw CommandFault(error) }
        guard let removed = all.first(where: { $0.name == name }) else {
            let guess = didYouMean(name, among: all.map(\.name))
            throw CommandFault(
                .agentNotRemoved,
                "could not remove '\(name)' for good: there is no such removed agent, or its term was over"
                    + (guess.isEmpty ? ". 'runner undelete' lists those there are" : guess))
        }
        announce("'\(name)', which was removed, with \(Self.words(removed.versions))", on: bench)
        let before = try? store.space(of: removed)
        let isGone: Bool
        do { isGone = try store.removeForGood(removed) } catch { throw CommandFault(error) }
        guard isGone else {
            throw CommandFault(
                .agentHeld, "could not remove '\(name)' for good: another command holds it, or brought it back. See 'runner undelete'")
        }
        return "'\(name)' is gone for good" + Self.gain(from: before, to: try? store.space(of: removed), in: store)
    }

    /// What could not be cleared is out of reach, and still there.
    private static func gain(from before: ByteCount?, to after: ByteCount?, in store: CheckpointStore) -> String {
        guard let before, let after else { return "" }
        let freed = "; that freed \(store.words(ByteCount(before.bytes - min(before.bytes, after.bytes)))) of disk"
        guard after.bytes > 0 else { return freed }
        return freed + ". \(after) could not be cleared: 'runner prune' and supervisors try it again"
    }

    private static func words(_ versions: Int) -> String { versions == 1 ? "1 version" : "\(versions) versions" }

    /// What is said of the workspace, which is not touched.
    private static func warning(_ unfinished: RestoreRecord?) -> String {
        guard let unfinished else { return "" }
        let place = unfinished.workspace.map { " '\($0)'" } ?? ""
        return ". Its workspace\(place) is neither old nor new: a restore to version \(unfinished.version) was not finished"
    }

    /// What is renamed under a supervisor would go on being written by it.
    private func refuseWhileItLives(_ agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) {
        guard !bench.isSupervised(agent, in: store) else {
            throw CommandFault(.agentHeld, "could not remove '\(agent)': its supervisor runs. 'runner stop \(agent)' first")
        }
        guard bench.livesAlone(agent, in: store) || bench.machine.hasRemains(of: bench.place(of: agent, in: store)) else { return }
        throw CommandFault(.agentHeld, "could not remove '\(agent)': \(Workbench.livesAloneWords)")
    }

    private func announce(_ agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) {
        guard isAnnounced(on: bench) else { return }
        let count = try bench.versions(of: agent, in: store).count
        announce("'\(agent)' with \(Self.words(count)), its journal, log, effects and spec", on: bench)
    }

    /// - Parameter what: goes in a moment.
    private func announce(_ what: String, on bench: Workbench) {
        guard isAnnounced(on: bench) else { return }
        let waits = waits(on: bench)
        bench.talk("removing \(what)\(now ? " for good" : "")\(waits ? " in 5 s; ctrl-c stops" : "")")
        if waits { bench.pause(.seconds(5)) }
    }

    private func waits(on bench: Workbench) -> Bool { !yes && bench.machine.isTerminal(.standardError) }
    private func isAnnounced(on bench: Workbench) -> Bool { waits(on: bench) || now && !json }
}
