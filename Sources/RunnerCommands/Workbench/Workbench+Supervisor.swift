internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld

extension Workbench {
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
        let line: [UInt8]?
        do { line = try reply(to: question, at: runtimes(of: agent, in: store)[...], within: limit) } catch {
            throw CommandFault(error, asking: agent, to: doing)
        }
        guard let line else { throw CommandFault(.noAnswer, asking: agent, to: doing) }
        do { return try ControlCodec.reply(line) } catch {
            throw CommandFault(
                .supervisorIO,
                "could not \(doing) '\(agent)': its supervisor's answer made no sense, \(error.sentence). 'runner version' and its own may differ"
            )
        }
    }

    /// The first line that comes back from the first of `runtimes` in which anybody listens.
    private func reply(to question: [UInt8], at runtimes: ArraySlice<String>, within limit: Duration) throws(AskFault) -> [UInt8]? {
        guard let runtime = runtimes.first else { throw .nobody }
        var line: [UInt8]?
        do throws(AskFault) {
            try machine.ask(runtime + "/control.sock", question, within: limit) { reply in
                line = reply
                return false  // one request, one answer
            }
        } catch {
            guard error == .nobody, runtimes.count > 1 else { throw error }
            return try reply(to: question, at: runtimes.dropFirst(), within: limit)
        }
        return line
    }
}
