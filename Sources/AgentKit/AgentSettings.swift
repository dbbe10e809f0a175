internal import Glibc

/// How an agent wants to be known and watched.
public struct AgentSettings: Sendable {
    public enum Heartbeats: Hashable, Sendable {
        /// A thread beats for the agent: proves that the process lives, not that it gets on.
        case fromThread
        /// Only the agent's own calls of `beat` count: silence means that the work has stopped.
        case fromAgent
    }

    public var heartbeats: Heartbeats = .fromThread
    /// Name and number of the agent's own state format, such as `crawler 2`. It comes back with the state.
    public var stateSchema: String?
    /// How long a call waits for a runner that is not there at the moment.
    public var patience: Duration = .seconds(60)
    /// Program and version, for logs.
    public var sdk = "runner-swift 0.1.0"
    /// Where `RUNNER_SOCKET` and `RUNNER_STAGING` are looked up.
    public var environment: [String: String]

    public init(stateSchema: String? = nil, environment: [String: String] = AgentSettings.ownEnvironment()) {
        self.stateSchema = stateSchema
        self.environment = environment
    }

    /// What the runner told this process.
    public static func ownEnvironment() -> [String: String] {
        ["RUNNER_SOCKET", "RUNNER_STAGING"].reduce(into: [:]) { found, name in
            if let value = getenv(name) { found[name] = String(cString: value) }
        }
    }
}
