internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld

extension Workbench {
    /// Where a supervisor of `agent` lives, or would.
    func place(of agent: AgentName, in store: CheckpointStore, noEarlierThan: Moment? = nil) -> SupervisorPlace {
        SupervisorPlace(
            agent: agent, store: places.store, runtime: places.runtime(storeID: store.identity, agent: agent), noEarlierThan: noEarlierThan)
    }

    /// Asks the agent's supervisor and returns its answer.
    /// - Parameter doing: what it is asked to do, as a verb phrase without object: "checkpoint".
    /// - Throws: also when the answer is that it failed.
    func ask(
        _ agent: AgentName, in store: CheckpointStore, _ request: ControlRequest, to doing: String, within limit: Duration
    ) throws(CommandFault) -> ControlReply {
        let answer = try answer(of: agent, in: store, to: request, doing, within: limit)
        if case .failed(let code, let sentence) = answer { throw CommandFault(foreign: code, sentence) }
        return answer
    }

    private func answer(
        of agent: AgentName, in store: CheckpointStore, to request: ControlRequest, _ doing: String, within limit: Duration
    ) throws(CommandFault) -> ControlReply {
        let question: [UInt8]
        do { question = try ControlCodec.line(request) } catch {
            throw CommandFault(.usage, "could not \(doing) '\(agent)': \(error.sentence). Say it shorter")
        }
        var line: [UInt8]?
        do {
            try machine.ask(place(of: agent, in: store).controlSocket, question, within: limit) { reply in
                line = reply
                return false  // one request, one answer
            }
        } catch { throw CommandFault(error, asking: agent, to: doing) }
        guard let line else { throw CommandFault(.noAnswer, asking: agent, to: doing) }
        do { return try ControlCodec.reply(line) } catch {
            throw CommandFault(
                .supervisorIO,
                "could not \(doing) '\(agent)': its supervisor's answer made no sense, \(error.sentence). 'runner version' and its own may differ"
            )
        }
    }
}
