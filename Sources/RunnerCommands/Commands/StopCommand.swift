internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld

struct StopCommand: Command {
    var agents: [AgentName] = []
    var noCheckpoint = false
    var json = false
    var timeout = Duration.seconds(600)

    static var manual: Manual {
        Manual(
            name: "stop", group: .run, summary: "checkpoint an agent, stop it, and end its supervisor",
            examples: [
                .init("runner stop agent-7", "takes a last version, asks it to end, kills it after its deadline"),
                .init("runner stop agent-7 build-2 --no-checkpoint", "two agents, as fast as they can"),
            ],
            notes: ["Returns when nothing of the agent is left. 'runner run' goes on from the last version."],
            exits: [
                (.ok, "stopped, or it was not running"), (.failed, "it could not be stopped, or is stopped without a last version"),
                (.noInput, "no such agent"), (.noSupervisor, "it runs on without a supervisor that could stop it"),
                (.tryAgain, "no answer within '--timeout', or another command holds it"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [.flag("no-checkpoint", nil, \.noCheckpoint, "Without a last version."), .json(\.json), .timeout(\.timeout)]
    }
    static var operands: [Operand<Self>] { [.many("AGENT", \.agents, atLeastOne: true, "Which agents.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        return try bench.each(agents, json: json) { (agent) throws(CommandFault) in
            try bench.require(agent, in: store)
            return try stop(agent, in: store, on: bench)
        }
    }

    /// Somebody who holds the agent and does not listen is just starting or ending: both are over soon.
    private static var patience: Duration { .seconds(10) }

    private func stop(_ agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> ControlReply {
        let end = bench.machine.now() + min(timeout, Self.patience)
        while true {
            do throws(CommandFault) {
                return try bench.ask(agent, in: store, .stop(checkpoint: !noCheckpoint), to: "stop", within: timeout)
            } catch {
                guard error.code == ErrorCode.supervisorNone.rawValue else { throw error }
            }
            do throws(CommandFault) { return try withoutSupervisor(agent, in: store, on: bench) } catch {
                guard error.code == ErrorCode.agentHeld.rawValue, bench.machine.now() < end else { throw error }
            }
            bench.pause(.milliseconds(20))
        }
    }

    /// What is asked for is so already, unless the agent, or a part of it, outlived its supervisor. As long as we hold its lock nobody starts it.
    private func withoutSupervisor(
        _ agent: AgentName, in store: CheckpointStore, on bench: Workbench
    ) throws(CommandFault) -> ControlReply {
        let lock = try hold(agent, in: store)
        defer { lock?.release() }
        guard !bench.livesAlone(agent, in: store) else {
            throw CommandFault(.supervisorNone, "could not stop '\(agent)': \(Workbench.livesAloneWords)")
        }
        let place = bench.place(of: agent, in: store)
        guard bench.machine.hasRemains(of: place) else { return .done("'\(agent)' is not running") }
        guard bench.machine.endRemains(of: place) else {
            throw CommandFault(.stopFailed, "could not stop '\(agent)': its supervisor is gone, and a process that it left does not die")
        }
        return .done("'\(agent)' had lost its supervisor; what it had left running is killed")
    }

    /// nil: nothing can be held on a read-only or full disk, and nobody holds it.
    private func hold(_ agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> (any DiskLock)? {
        do throws(StoreFault) { return try store.lock(agent, holder: "'runner stop'") } catch {
            switch error.kind {
            case .readOnly, .full:
                guard store.disk.lockHolder(store.directory(of: agent) / "lock") == nil else { throw CommandFault(error) }
                return nil
            default: throw CommandFault(error)
            }
        }
    }
}
