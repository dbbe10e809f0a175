internal import AgentModel
internal import Checkpoints
internal import OutsideWorld

extension Workbench {
    /// Whether the agent outlived its supervisor: for the adoption term it works on with nobody to ask.
    func livesAlone(_ agent: AgentName, in store: CheckpointStore) -> Bool {
        runtimes(of: agent, in: store).contains { livesAlone(in: $0) }
    }

    private func livesAlone(in runtime: String) -> Bool {
        guard let text = text(of: runtime + "/sandbox") else { return false }
        return text.split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            guard words.count == 3, words[0] == "init", let stat = self.text(of: "/proc/\(words[1])/stat") else { return false }
            // Field 22 of proc(5), counted behind the name, which may hold anything: the start time makes the number a name.
            let fields = stat.split(separator: ")").last.map { $0.split(separator: " ") } ?? []
            return fields.count > 19 && fields[19] == words[2] && fields[0] != "Z"
        }
    }

    /// Why nothing can be done with an agent that lives alone, and what can be.
    static var livesAloneWords: String {
        "the agent runs on without a supervisor. 'runner run' takes it over; without one it ends by itself within its adoption term "
            + "('stop.adopt_within')"
    }
}
