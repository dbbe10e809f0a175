// Supervision: one agent's supervisor: take an event, decide, write it down, perform. Acts only through OutsideWorld.

public import AgentModel
public import AgentSpecs
public import CriuDriver
public import LaunchPlans
public import OutsideWorld

/// What a supervisor is asked to keep alive, and where.
public struct SupervisorRequest {
    public var spec: AgentSpec
    public var facts: HostFacts
    public var place: SupervisorPlace
    /// What the launch planner needs of the host; its environment is the runner's own.
    public var launchPlace: LaunchPlace
    /// nil: as recovery decides (newest known-good, else clean).
    public var startFrom: Origin?
    /// false: the workspace already is what `startFrom` needs; only the state is taken from the version.
    public var rollsBackWorkspace = true
    /// Shows the agent's output and the supervisor's own sentences on its terminal.
    public var echo: Bool
    /// The agent has a terminal instead of pipes, of the size of the one the runner was started in.
    public var givesTerminal = false
    /// Our own process number, for status files and lock holders.
    public var processID: Int32
    /// Called once: when the agent was started, or when what comes first is long and is written down (a restore, a pause). Whoever waits
    /// for a background start goes on.
    public var ready: () -> Void
    /// Looks for a CRIU. Called when the first is needed, and not again.
    public var findCriu: () -> CriuFinding = { CriuFinding(chosen: nil, tried: []) }
    /// Called at most once, before `ready`: the first try failed, and others follow. A stable code and a whole sentence.
    public var notStarted: (_ code: String, _ sentence: String) -> Void = { _, _ in }

    public init(
        spec: AgentSpec, facts: HostFacts, place: SupervisorPlace, launchPlace: LaunchPlace, startFrom: Origin?, echo: Bool,
        processID: Int32, ready: @escaping () -> Void
    ) {
        self.spec = spec
        self.facts = facts
        self.place = place
        self.launchPlace = launchPlace
        self.startFrom = startFrom
        self.echo = echo
        self.processID = processID
        self.ready = ready
    }
}
