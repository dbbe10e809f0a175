public import AgentModel

/// What can happen to an agent, as recovery sees it. All news may be late or doubled; every pair of phase and event is decided.
public enum AgentEvent: Hashable, Sendable, Codable {
    /// The operator (or the start of `runner run`) wants it up. `from` nil: newest known-good, else clean.
    case wantedRunning(from: Origin?)
    case wantedStopped
    /// Stop what runs, then start from there. `from` nil: as `wantedRunning`.
    case wantedRestart(from: Origin?)
    /// The operator wants it on disk, and what it is has just been stored as this version; since then it stands still. Of one that is suspended
    /// already: its own version again, and perhaps another time.
    case wantedSuspended(in: VersionNumber, until: WallTime?)
    /// The time it was suspended until has come.
    case resumeDue
    /// The supervisor itself was told to end: what runs is stopped with it, what is suspended stays so.
    case supervisorEnds
    /// A sandbox of a former supervisor was found alive.
    case adopted(from: Origin)
    /// A former supervisor's journal says it ran, and nothing of it is left.
    case foundLost
    case launched
    /// The launch itself failed; nothing runs. `version`: the version that could not be used (its bytes broken, its state refused), if that was why.
    case launchFailed(Fault, version: VersionNumber?)
    /// First heartbeat, READY or message of this incarnation; `hello` alone is none.
    case signOfLife
    /// The agent's step went beyond the cut it began from.
    case progressed
    /// A version of this incarnation was committed.
    case stored(VersionNumber)
    /// Its main process ended and nothing of its tree is left. `done`: it had said that its work is done.
    case ended(ProcessEnd, done: Bool)
    case missedHeartbeat(silentFor: Duration)
    case reportedFailure(String)
    /// The time of the one timer has come.
    case timerFired
}

/// One thing to be done. Results come back as events only.
public enum AgentAction: Hashable, Sendable, Codable {
    /// From a version: verify it, set the present aside, roll the workspace back, start with its state. Clean: just start.
    case launch(from: Origin)
    /// Ask it to end (`checkpointFirst`: take a last checkpoint before), kill it after `within`.
    case stop(checkpointFirst: Bool, within: Duration)
    case kill
    /// Replaces the timer that was set before. nil: none is needed.
    case setTimer(Moment?)
    case mark(VersionNumber, Standing, because: String)
    /// Trouble begins: gather facts into an incident.
    case openIncident(Fault)
    /// Call a person, once, with the post-mortem.
    case escalate
    case closeIncident(because: String)
    /// The supervisor has nothing more to do and ends with this result.
    case finish(ProcessEnd)
}

/// What to do, the state after it, and why, in words a person reads.
public struct Decision: Hashable, Sendable, Codable {
    public var state: RecoveryState
    public var actions: [AgentAction]
    /// One sentence without the agent's name, lower case: "restoring version 41 (proven): it was killed by signal 9".
    public var reason: String
    public init(state: RecoveryState, actions: [AgentAction], reason: String) {
        self.state = state
        self.actions = actions
        self.reason = reason
    }
    /// Nothing is done and nothing changes: late or double news. `reason` then says why nothing, not why the agent is as it is.
    public var doesNothing: Bool { actions.isEmpty }
}
