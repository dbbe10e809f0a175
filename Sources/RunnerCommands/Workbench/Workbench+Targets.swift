internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld

/// What became of one target of a command.
struct Outcome: Encodable {
    var agent: AgentName
    var outcome: String
}

extension Workbench {
    /// The agent an operand named, known to the store. The parser has seen to it that there is one.
    func named(_ agent: AgentName?, in store: CheckpointStore) throws(CommandFault) -> AgentName {
        guard let agent else { throw CommandFault(.usage, "missing AGENT. See 'runner --help'") }
        try require(agent, in: store)
        return agent
    }

    /// Does `body` for each agent, goes on after a failure, tells each, and returns the worst status.
    func each(
        _ agents: [AgentName], json: Bool, _ body: (AgentName) throws(CommandFault) -> ControlReply
    ) throws(CommandFault) -> Ending {
        try each(agents.map { (agent: $0, target: $0) }, json: json, body)
    }

    /// As `each`, where a target is more than the name of an agent.
    func each<Target>(
        _ targets: [(agent: AgentName, target: Target)], json: Bool, _ body: (Target) throws(CommandFault) -> ControlReply
    ) throws(CommandFault) -> Ending {
        var outcomes: [Outcome] = []
        var faults: [CommandFault] = []
        for (agent, target) in targets {
            do {
                let sentence = sentence(of: try body(target), about: agent)
                outcomes.append(Outcome(agent: agent, outcome: sentence))
                if !json { talk(sentence) }
            } catch {
                // The last one to fail, when it is the only target, is told by whoever catches it.
                guard targets.count > 1 else { throw error }
                talk(error.sentence)
                outcomes.append(Outcome(agent: agent, outcome: error.sentence))
                faults.append(error)
            }
        }
        if json { try answer(json: outcomes) }
        return .ours(ExitStatus.worst(of: faults.map(\.status)))
    }

    private func sentence(of reply: ControlReply, about agent: AgentName) -> String {
        switch reply {
        case .done(let sentence), .failed(_, let sentence): sentence
        case .stored(let summary): "'\(agent)@\(summary.version)' is stored"
        case .nothingNew(let summary): "nothing new since '\(agent)@\(summary.version)'"
        case .status, .preflight: "'\(agent)' is supervised"
        }
    }

    /// The last lines of an agent's log, as they stand there.
    func lastLogLines(_ count: Int, of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> [String] {
        guard count > 0 else { return [] }
        var tail = LogTail(agent, in: store)
        do {
            var lines = try tail.newLines()
            if lines.count < count { lines = try tail.olderLines() + lines }
            return lines.suffix(count).map(\.text)
        } catch { throw CommandFault(inStore: error) }
    }
}
