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
    /// Beats from a thread of its own, this many milliseconds apart. nil: only with every step.
    public var beatsEvery: ClosedRange<Int>?
    /// Its state takes this many bytes; more than fits in a frame goes through the staging directory.
    public var stateSize = 0
    /// Says of its calls that they may be repeated, and the service it calls knows a repeated key.
    public var idempotent = true
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
    /// The connection is lost once: after the message with this number was sent whole, in its middle, or instead of hearing the runner's
    /// message with this number. Counted from 1 over all lives.
    public var losesConnectionAfterMessage: Int?
    public var tearsMessage: Int?
    public var losesConnectionInsteadOfHearing: Int?
    /// Dies this soon after every restore from a version (a poisoned state).
    public var diesAfterRestore: Duration?
    /// Dies this soon after every clean start.
    public var diesAfterCleanStart: Duration?
    /// Ignores `stop` and the stop signal.
    public var ignoresStop = false
    public init(steps: Int) { self.steps = steps }
}
