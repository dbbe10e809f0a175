internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld

extension Workbench {
    /// Does what only the agent's one writer may do: its supervisor, when it has one, else this command under the agent's lock.
    func write(
        _ agent: AgentName, in store: CheckpointStore, asking request: ControlRequest, to doing: String, here: () throws(StoreFault) -> Void
    ) throws(CommandFault) {
        do {
            _ = try ask(agent, in: store, request, to: doing, within: .seconds(60))
        } catch {
            guard error.code == ErrorCode.supervisorNone.rawValue else { throw error }
            try alone(with: agent, in: store, here)
        }
    }

    /// Does `body` as the agent's one writer, after what a crash left was tidied up.
    func alone(with agent: AgentName, in store: CheckpointStore, _ body: () throws(StoreFault) -> Void) throws(CommandFault) {
        do {
            let lock = try store.lock(agent, holder: "'runner \(machine.arguments.prefix(3).joined(separator: " "))'")
            defer { lock.release() }
            for sentence in try store.putInOrder(agent) { talk(sentence) }
            try body()
        } catch { throw CommandFault(error) }
    }
}
