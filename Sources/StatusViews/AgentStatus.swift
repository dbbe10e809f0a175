// StatusViews: one value, many faces: table, JSON, sentences. Renders. Imports no platform module.

public import AgentModel

/// All that is known of one agent at one moment. The status file (`agents/<name>/status.json`), `runner status --json` and the rows of
/// `runner ls` are this value. Additive only.
public struct AgentStatus: Hashable, Sendable, Codable {
    public enum State: String, Hashable, Sendable, Codable, CaseIterable {
        case starting, running, restoring, stopping, waiting, stopped, finished
        /// On disk by an operator's wish, see `suspended`.
        case suspended
        case coolingDown = "cooling-down"
        case needsHelp = "needs-help"
        /// The status file says it runs and no supervisor does: it died. The agent's sandbox ends itself within the adoption term.
        case unsupervised
    }
    /// What comes next by itself, and when.
    public struct Next: Hashable, Sendable, Codable {
        public var what: String
        public var at: WallTime
        public init(what: String, at: WallTime) {
            self.what = what
            self.at = at
        }
    }

    /// Where an agent on disk is, and how long it stays there.
    public struct Suspension: Hashable, Sendable, Codable {
        /// What it comes back from.
        public var version: VersionNumber
        /// nil: until somebody wants it up.
        public var until: WallTime?
        public init(version: VersionNumber, until: WallTime?) {
            self.version = version
            self.until = until
        }
    }

    public var agent: AgentName
    public var state: State
    public var wantedRunning: Bool
    public var supervisorPID: Int32
    public var pid: Int32?
    public var incarnation: UInt64
    public var origin: Origin?
    /// It has nothing of the memory of the version it came from, nor what it handed over there: it began anew on files. nil: it is not so.
    public var beganAnew: Bool?
    /// Start of this incarnation.
    public var startedAt: WallTime?
    /// Incarnations after the first that no operator asked for.
    public var restarts: UInt64
    public var lastEnd: ProcessEnd?
    /// Why it is as it is: the reason of the last decision.
    public var reason: String
    public var next: Next?
    /// Of an agent that is suspended, with or without a supervisor.
    public var suspended: Suspension?
    public var lastBeat: WallTime?
    public var step: UInt64?
    /// 0 to 1.
    public var progress: Double?
    public var note: String?
    public var tokens: UInt64?
    public var costMicroUSD: UInt64?
    public var memory: ByteCount?
    public var memoryLimit: ByteCount?
    @InSeconds public var cpu: Duration? = nil
    public var latest: CheckpointSummary?
    public var knownGood: VersionNumber?
    public var nextCheckpointAt: WallTime?
    /// When a checkpoint was due last and nothing was new since `latest`; nil: there was none since.
    public var nothingNewAt: WallTime?
    /// The last version that was restored beside the living agent, to know that it can be; nil: none by this supervisor.
    public var rehearsal: RehearsalReport?
    /// What came of reading all that is stored; nil: there was no time for it yet, or nobody wants it.
    public var scrub: ScrubReport?
    /// Keys of effects nobody knows the outcome of.
    public var unknownEffects: [String]
    /// Identity of the open incident.
    public var incident: String?
    /// Sentences: what the host cannot give, a full disk, a failed checkpoint.
    public var warnings: [String]
    public var command: [String]
    public var store: String
    public var updatedAt: WallTime

    /// Behind the version it came from.
    public static let anewWords = ", files only: started anew"

    public init(
        agent: AgentName, state: State, wantedRunning: Bool, supervisorPID: Int32, reason: String, command: [String], store: String,
        updatedAt: WallTime
    ) {
        self.agent = agent
        self.state = state
        self.wantedRunning = wantedRunning
        self.supervisorPID = supervisorPID
        self.incarnation = 0
        self.restarts = 0
        self.reason = reason
        self.unknownEffects = []
        self.warnings = []
        self.command = command
        self.store = store
        self.updatedAt = updatedAt
    }
}
