internal import AgentModel

/// An agent, or one of several removed ones of that name as the list calls it.
struct RemovedWord: ArgumentValue, Hashable, Sendable {
    var agent: AgentName
    /// nil: the newest.
    var name: String?
    init?(argument: String) {
        guard let agent = AgentName(String(argument.prefix { $0 != "@" })) else { return nil }
        self.agent = agent
        name = argument == agent.text ? nil : argument
    }
    static var expected: String { "an agent's name, or what 'runner undelete -q' calls it" }
}
