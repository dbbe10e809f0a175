internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld
internal import Recovery

struct SuspendCommand: Command {
    var agents: [AgentName] = []
    var until: ComingTime?
    var json = false
    var timeout = Duration.seconds(600)

    static var manual: Manual {
        Manual(
            name: "suspend", group: .run, summary: "put an agent to disk, and let it come back as it was",
            examples: [
                .init("runner suspend agent-7", "takes a version, ends it, frees its memory; 'runner resume' brings it back"),
                .init("runner suspend agent-7 --until 08:00", "the same, and it comes back by itself at the next eight o'clock"),
            ],
            notes: [
                "What the agent is becomes a version, and not one instruction of it runs after that cut: its processes where their images can be "
                    + "made, else the state it hands over at a safe point. Where neither can be had, or the version cannot be stored, "
                    + "the command fails and the agent runs on. It comes back from exactly that version. Being suspended is no death, no trouble "
                    + "and no restart.",
                "TIME is '8h' (from now), '08:00' (the next one, on the clock that 'checkpoint.utc_offset' of its spec tells; UTC unless said "
                    + "otherwise) or '2026-11-22T08:00:00Z'. Said of an agent that is suspended already, it changes the time.",
                "The supervisor stays, and waits. Ended by a signal, or with the machine, it leaves the agent suspended: the next 'runner run' waits "
                    + "for the time that was said, and brings the agent back at once where none was.",
            ],
            exits: [
                (.ok, "suspended: nothing of it is left running"), (.failed, "it could not be kept as it is, and runs on"),
                (.noInput, "no such agent"), (.noSupervisor, "it is not supervised"),
                (.cannotCreate, "the disk is full or read-only; it runs on"),
                (.tryAgain, "no answer within '--timeout', or it is not running"),
                (.usage, "the command line is wrong, or the time is past"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .optional("until", nil, \.until, as: "TIME", "Come back by itself then: 8h, 08:00, or 2026-11-22T08:00:00Z."), .json(\.json),
            .timeout(\.timeout),
        ]
    }
    static var operands: [Operand<Self>] { [.many("AGENT", \.agents, atLeastOne: true, "Which agents.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        return try bench.each(agents, json: json) { (agent) throws(CommandFault) in
            try bench.require(agent, in: store)
            let time = try time(for: agent, in: store, on: bench)
            return try bench.ask(agent, in: store, .suspend(until: time), to: "suspend", within: timeout)
        }
    }

    private func time(for agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> WallTime? {
        guard let until else { return nil }
        let now = bench.machine.wallTime()
        let time = until.time(after: now, utcOffset: try bench.storedSpec(of: agent, in: store)?.checkpoint.utcOffset ?? .zero)
        guard time > now else {
            let why = "that is past. Say a time to come, such as '8h' or '08:00'"
            throw CommandFault(.usage, "could not suspend '\(agent)' until \(words(time)): \(why)")
        }
        return time
    }
}
