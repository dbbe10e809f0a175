public import AgentModel
public import Checkpoints
public import OutsideWorld

/// Why a supervisor could not begin. Nothing was started.
public struct SupervisionFault: Error, Sendable {
    public enum Cause: Sendable {
        case store(StoreFault)
        case file(FileFault)
        case launch(LaunchFault)
    }
    public var agent: AgentName
    public var cause: Cause
    public init(agent: AgentName, cause: Cause) {
        self.agent = agent
        self.cause = cause
    }
}
