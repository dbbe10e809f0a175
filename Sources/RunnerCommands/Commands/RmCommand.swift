internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld

struct RmCommand: Command {
    var agents: [AgentName] = []
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
            ],
            notes: [
                "What goes is what the store has of it: versions, journal, log, effects and spec. Its workspace is not touched. An agent that "
                    + "runs is refused: 'runner stop' first. Space is free when the term is over; 'runner prune' and supervisors see to it, and "
                    + "nothing else does. '--now' keeps nothing: there is no undelete then.",
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
    static var operands: [Operand<Self>] { [.many("AGENT", \.agents, atLeastOne: true, "Which agents.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        return try bench.each(agents, json: json) { agent throws(CommandFault) in
            .done(try remove(agent, in: store, on: bench))
        }
    }

    // MARK: One agent

    private func remove(_ agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> String {
        try bench.require(agent, in: store)
        try refuseWhileItLives(agent, in: store, on: bench)
        try announce(agent, in: store, on: bench)
        let time = bench.machine.wallTime()
        var removed: RemovedAgent?
        try bench.alone(with: agent, in: store) { () throws(StoreFault) in
            removed = try store.removeAgent(agent, at: time, keptUntil: now ? time : time + keepFor)
        }
        guard let removed else { return "'\(agent)' is removed" }
        guard now else {
            let until = removed.keptUntil.map { " until \($0)" } ?? ""
            return "'\(agent)' is removed; 'runner undelete \(agent)' brings it back\(until)"
        }
        do { try store.removeForGood(removed) } catch { throw CommandFault(error) }
        return "'\(agent)' is removed for good"
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
        let waits = !yes && bench.machine.isTerminal(.standardError)
        guard waits || now && !json else { return }
        let count = try bench.versions(of: agent, in: store).count
        let what = "'\(agent)' with \(count == 1 ? "1 version" : "\(count) versions"), its journal, log, effects and spec"
        bench.talk("removing \(what)\(now ? " for good" : "")\(waits ? " in 5 s; ctrl-c stops" : "")")
        if waits { bench.pause(.seconds(5)) }
    }
}
