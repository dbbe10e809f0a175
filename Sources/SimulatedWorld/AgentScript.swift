internal import AgentModel

/// What the simulated agent does: a task of numbered steps, one effect and one line in its workspace each, and how it goes wrong.
public struct AgentScript: Sendable {
    /// The task's length.
    public var steps: Int
    /// A step takes this many milliseconds.
    public var stepTime: ClosedRange<Int> = 200...2000
    /// Speaks the protocol. Otherwise it only runs and writes files.
    public var cooperative = true
    /// Asks for a checkpoint of its own after this many steps.
    public var savesEvery: Int?
    /// Chances in a million, drawn at every step.
    public var dies = 0
    public var diesOfMemory = 0
    public var hangs = 0
    public var reportsFailure = 0
    public var exitsWithError = 0
    /// Does not answer `prepare`.
    public var deaf = 0
    /// Chance in a million that a message is cut off in mid-frame and the connection lost.
    public var tearsFrame = 0
    /// Dies this soon after every restore from a version (a poisoned state).
    public var diesAfterRestore: Duration?
    /// Dies this soon after every clean start.
    public var diesAfterCleanStart: Duration?
    /// Ignores `stop` and the stop signal.
    public var ignoresStop = false
    public init(steps: Int) { self.steps = steps }
}
