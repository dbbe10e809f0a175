internal import AgentModel
internal import AgentSpecs
internal import LaunchPlans
internal import OutsideWorld

/// What `runner run` hands to the supervisor of one agent.
struct SuperviseOrder {
    var spec: AgentSpec
    var facts: HostFacts
    var place: SupervisorPlace
    var launchPlace: LaunchPlace
    /// nil: newest known-good, else clean.
    var startFrom: Origin?
    /// false: the workspace already is what it should be.
    var rollsBackWorkspace: Bool
    /// Whether the agent's output is shown here too.
    var echo: Bool
}

/// Runs the supervisor of one agent until its end. Calls `ready` once, when the agent's first launch has begun.
typealias Supervise = (SuperviseOrder, any World, _ ready: () -> Void) throws(CommandFault) -> ProcessEnd
