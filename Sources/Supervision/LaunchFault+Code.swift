public import AgentModel
public import OutsideWorld

extension LaunchFault {
    /// The stable code: docs/errors.md.
    var code: String {
        switch kind {
        case .commandNotFound: "E-LAUNCH-NOT-FOUND"
        case .notExecutable: "E-LAUNCH-NOT-EXECUTABLE"
        case .setUp: "E-LAUNCH-SET-UP"
        case .system: "E-LAUNCH-SYSTEM"
        }
    }

    /// The whole of it, as whoever wanted the agent to start is told.
    public func told(of agent: AgentName) -> String { "could not start '\(agent)': \(sentence). \(remedy)" }

    private var remedy: String {
        switch kind {
        case .commandNotFound: "Correct the command, or give its whole path"
        case .notExecutable: "Make it executable with 'chmod +x', or look at its first line"
        case .setUp: "'runner doctor' shows what this machine allows"
        case .system: "'runner explain \(code)' tells where to look"
        }
    }
}
