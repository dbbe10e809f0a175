public import AgentModel

/// The operator's wish. What is, is `Phase`.
public enum Wanted: String, Hashable, Sendable, Codable {
    /// `suspended`: on disk, and back when its time comes or somebody wants it up.
    case running, stopped, suspended
}

/// Where an agent is in its life. Each case holds only what is true then.
public enum Phase: Hashable, Sendable, Codable {
    /// Nothing runs and nothing is planned. `finished`: the agent itself was done (and with which end).
    case stopped(finished: ProcessEnd?)
    /// A sandbox is being made; for a version also: verified, the present set aside, the workspace rolled back.
    case launching(from: Origin, since: Moment)
    /// The process runs but has not yet given a sign of life that was asked of it.
    case starting(from: Origin, since: Moment)
    /// It runs. `healthySince` is set once probation is over or progress was made.
    case running(from: Origin, since: Moment, healthySince: Moment?)
    /// It is being ended, for `cause`; what comes next is decided when it is gone.
    case ending(from: Origin, since: Moment, cause: EndingCause)
    /// A launch waits for its time.
    case waiting(toLaunch: Origin, until: Moment)
    case coolingDown(until: Moment)
    /// The ladder is exhausted and a person was called. `retryAt` nil: parked.
    case calledForHelp(since: Moment, retryAt: Moment?)
    /// On disk by an operator's wish: nothing of it runs, and what it was is this version, after which it did nothing. It comes back from exactly
    /// that. `until` is a time of the calendar, for a person said it; nil: until somebody wants it up.
    case suspended(in: VersionNumber, since: Moment, until: WallTime?)
}

/// Why the runner ends an incarnation.
public enum EndingCause: Hashable, Sendable, Codable {
    case operatorStop
    case operatorRestart(from: Origin)
    /// What it is, is stored as this version.
    case operatorSuspend(in: VersionNumber, until: WallTime?)
    case fault(Fault)
}

/// What went wrong, told apart. Later signals (leak, loop, failed probe, broken update) get their own cases.
public enum Fault: Hashable, Sendable, Codable {
    /// It ended by itself, with a status it should not have.
    case ended(ProcessEnd)
    /// Heartbeats stopped coming.
    case missedHeartbeat(silentFor: Duration)
    /// It ran but gave no sign of life in time.
    case noSignOfLife(after: Duration)
    /// It could not be started at all. A whole sentence.
    case couldNotStart(String)
    /// It said itself that it failed.
    case reportedFailure(String)
    /// The supervisor was gone meanwhile and the agent with it.
    case lost

    /// Whether the failure casts doubt on the newest state, so that only proven or rehearsed versions, or such from before the trouble, will do.
    public var doubtsState: Bool {
        switch self {
        case .ended, .couldNotStart, .lost: false
        case .missedHeartbeat, .noSignOfLife, .reportedFailure: true
        }
    }
}

/// One death, kept for flapping and for the incident.
public struct Death: Hashable, Sendable, Codable {
    public var at: Moment
    public var fault: Fault
    public var origin: Origin
    public var afterProgress: Bool
    public init(at: Moment, fault: Fault, origin: Origin, afterProgress: Bool) {
        self.at = at
        self.fault = fault
        self.origin = origin
        self.afterProgress = afterProgress
    }
}

/// A version of the living incarnation and when it was committed.
public struct StoredVersion: Hashable, Sendable, Codable {
    public var version: VersionNumber
    public var at: Moment
    public init(version: VersionNumber, at: Moment) {
        self.version = version
        self.at = at
    }
}

/// The versions above one number, up to another: a future that was left when an older version (or a clean start) was launched.
public struct VersionSpan: Hashable, Sendable, Codable {
    public var above: VersionNumber
    public var through: VersionNumber
    public init(above: VersionNumber, through: VersionNumber) {
        self.above = above
        self.through = through
    }
    public func contains(_ version: VersionNumber) -> Bool { version > above && version <= through }
}

/// All that recovery remembers of one agent. Written with every decision; survives the supervisor.
public struct RecoveryState: Hashable, Sendable, Codable {
    public var wanted: Wanted = .stopped
    public var phase: Phase = .stopped(finished: nil)
    /// Deaths within the flapping window and those of the open trouble, oldest first, bounded.
    public var deaths: [Death] = []
    /// When each restore that died young was begun, oldest first, bounded. Empty again after progress.
    public var restoreAttempts: [Moment] = []
    /// Versions that failed during the open trouble (died young, broken, state refused), in the order tried, bounded.
    public var tried: [VersionNumber] = []
    /// Starts that had to wait (clean ones, and launches that failed for outside reasons) since the agent was last healthy:
    /// the exponent of the back-off.
    public var cleanStarts: Int = 0
    public var coolDowns: Int = 0
    /// Since when there is trouble; nil: none.
    public var troubleSince: Moment?
    public var escalated: Bool = false
    /// When the last cool-down of the open trouble began: only deaths after it count as flapping.
    public var lastCoolDown: Moment?
    /// The ladder has no rung left in the open trouble: the next death without progress goes back to waiting for a person.
    public var exhausted: Bool = false
    /// The restart under way goes on from the checkpoint taken before it, for nobody named another origin.
    public var followsCheckpoint: Bool = false
    /// How the last incarnation ended. nil while one is launched or runs.
    public var lastEnd: ProcessEnd?
    /// Versions of the living incarnation that are not yet a probation old, oldest first, thinned out, bounded.
    public var watched: [StoredVersion] = []
    /// Versions of the living incarnation that hold its processes and no state, oldest first, bounded: what they are worth is known only when
    /// it is heard again.
    public var images: [StoredVersion] = []
    /// The newest version that existed when health was last certain. What is newer may have been taken after the trouble began.
    public var soundUpTo: VersionNumber?
    /// Futures that were left, lowest first, bounded: the ladder does not jump back into them.
    public var passedOver: [VersionSpan] = []
    /// The futures that had been left already when the open trouble began. What the ladder itself left since then, a person may go back to.
    public var passedOverBefore: [VersionSpan]?
    public init() {}
}

// What an older runner wrote is read by a newer one: a field that was not there yet has its default. Without this an update would make every
// journal, and with it the memory of the ladder, unreadable.
extension RecoveryState {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        wanted = try values.decodeIfPresent(Wanted.self, forKey: .wanted) ?? wanted
        phase = try values.decodeIfPresent(Phase.self, forKey: .phase) ?? phase
        deaths = try values.decodeIfPresent([Death].self, forKey: .deaths) ?? deaths
        restoreAttempts = try values.decodeIfPresent([Moment].self, forKey: .restoreAttempts) ?? restoreAttempts
        tried = try values.decodeIfPresent([VersionNumber].self, forKey: .tried) ?? tried
        cleanStarts = try values.decodeIfPresent(Int.self, forKey: .cleanStarts) ?? cleanStarts
        coolDowns = try values.decodeIfPresent(Int.self, forKey: .coolDowns) ?? coolDowns
        troubleSince = try values.decodeIfPresent(Moment.self, forKey: .troubleSince)
        escalated = try values.decodeIfPresent(Bool.self, forKey: .escalated) ?? escalated
        lastCoolDown = try values.decodeIfPresent(Moment.self, forKey: .lastCoolDown)
        exhausted = try values.decodeIfPresent(Bool.self, forKey: .exhausted) ?? exhausted
        followsCheckpoint = try values.decodeIfPresent(Bool.self, forKey: .followsCheckpoint) ?? followsCheckpoint
        lastEnd = try values.decodeIfPresent(ProcessEnd.self, forKey: .lastEnd)
        watched = try values.decodeIfPresent([StoredVersion].self, forKey: .watched) ?? watched
        images = try values.decodeIfPresent([StoredVersion].self, forKey: .images) ?? images
        soundUpTo = try values.decodeIfPresent(VersionNumber.self, forKey: .soundUpTo)
        passedOver = try values.decodeIfPresent([VersionSpan].self, forKey: .passedOver) ?? passedOver
        passedOverBefore = try values.decodeIfPresent([VersionSpan].self, forKey: .passedOverBefore)
    }
}
