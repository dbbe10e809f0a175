public import AgentModel

/// The moments at which an executable of that name in the agent's hook directory is run. Documentation: docs/hooks.md
public enum Hook: String, Hashable, Sendable, Codable, CaseIterable {
    case beforeCheckpoint = "before-checkpoint"
    case afterCheckpoint = "after-checkpoint"
    case beforeRestore = "before-restore"
    case afterRestore = "after-restore"
    case onIncident = "on-incident"

    /// Whether a status other than 0, or no end within the limit, keeps the thing from being done. Recovery is never kept from going on.
    public var mayRefuse: Bool { self == .beforeCheckpoint }

    /// From its start to its being killed.
    public static let limit = Duration.seconds(10)
}

/// One run of a hook: which, and the variables it is told by, to be added to those of the runner itself. No value holds a line feed.
public struct HookCall: Hashable, Sendable {
    public var hook: Hook
    public var environment: [String: String]

    /// - Parameter reason: of a checkpoint its `CheckpointReason`, of a restore the reason of the decision.
    /// - Parameter version: the one that was committed or is restored; before a checkpoint there is none yet.
    public init(_ hook: Hook, agent: AgentName, store: String, workspace: String?, version: VersionNumber?, reason: String) {
        self.hook = hook
        environment = ["RUNNER_AGENT": agent.text, "RUNNER_STORE": store, "RUNNER_REASON": oneLine(reason)]
        environment["RUNNER_WORKSPACE"] = workspace
        environment["RUNNER_VERSION"] = version?.description
    }

    public init(_ notice: IncidentNotice) {
        hook = .onIncident
        environment = notice.environment
    }
}
