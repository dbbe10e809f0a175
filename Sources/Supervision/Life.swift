internal import AgentModel
internal import AgentProtocol
internal import Checkpoints
internal import CriuDriver
internal import OutsideWorld

/// One incarnation while it lasts: what the supervisor knows of it that no decision needs.
struct Life {
    /// Another one when a lazy restore was begun anew.
    var sandbox: SandboxID
    let incarnation: UInt64
    let origin: Origin
    let startedAt: WallTime
    /// The user the agent runs as; nil: as the runner.
    var userID: UInt32?
    var pid: Int32?
    /// The agent's step at the cut it began from; progress is a step beyond it.
    var cutStep: UInt64?
    /// State to hand over with `welcome`; dropped after the first sign of life.
    var restored: StoredState?
    /// When its program was welcomed with that, or as one that has it.
    var welcomedAt: Moment?
    var end: ProcessEnd?
    var couldNotStart: LaunchFault?
    var saidDone = false
    var signOfLife = false
    var progressed = false
    var lastBeat: (at: Moment, time: WallTime)?
    /// sd_notify EXTEND_TIMEOUT_USEC: silence is no hang before this.
    var silenceAllowedUntil: Moment?
    /// sd_notify WATCHDOG_USEC: overrides the spec's heartbeat for this life.
    var watchdogEvery: Duration?
    var beat = BeatFigures()
    var waitingForModel = false
    /// It has said so, or the contrary, at least once.
    var tellsTurns = false
    /// It has connected with the capability "prepare".
    var preparesItself = false
    /// Its processes were restored from images: what it had in memory, it has.
    var isFromImages = false
    /// It was told as launched.
    var isUp = false
    /// It was heard before its restore was complete.
    var spokeEarly = false
}

/// The newest figures an agent gave; each stands until a newer one comes.
struct BeatFigures {
    var step: UInt64?
    var progress: Double?
    var note: String?
    var tokens: UInt64?
    var costMicroUSD: UInt64?
}

/// A checkpoint on its way. One at a time.
struct CheckpointRun {
    enum Stage: Equatable {
        /// The before-checkpoint hook runs.
        case hook
        /// `prepare` was sent.
        case preparing(since: Moment)
        /// CRIU stops the agent's processes and writes their images.
        case dumping
        /// The agent stands still and is copied.
        case cutting
        /// The copy is whole, and CRIU lets the processes go on.
        case thawing
        /// The copy becomes a version; the agent works.
        case committing
    }
    let request: UInt64
    let begun: Moment
    var reason: CheckpointReason
    var kind: CutKind
    var stage: Stage
    /// Images on their way.
    var dump: Dumping?
    /// Why there are none.
    var missesImages: String?
    /// What they took.
    var imagesWritten = ByteCount(0)
    /// Since when the processes stand for a cut after which they were not to go on.
    var standsSince: Moment?
    /// The agent's connection and its own number, when it asked by `save`.
    var agentRequest: UInt64?
    /// Operators who wait for the result.
    var waiting: [ConnectionID]
    /// Called when all is over. nil: the version is stored.
    var completion: [(MissedVersion?) -> Void]
}

/// What kind of cut somebody asked for.
struct CutKind: Hashable {
    var mode: CheckpointMode
    /// No instruction of the agent runs after the cut, if its processes are part of it; it is stopped then.
    var stops = false
    /// It is put to disk by it: what comes after the cut is decided by whoever asked, and until then it stands.
    var suspends = false
    /// It becomes a version even where there is nothing new.
    var isNewAnyway = false

    /// One cut does for both who asked.
    func serves(_ other: CutKind) -> Bool {
        let isAsMuch = mode == other.mode || mode == .auto && other.mode == .cooperative
        return isAsMuch && stops == other.stops && suspends == other.suspends
    }
}

/// Images of the agent's processes in the making.
struct Dumping {
    let job: DumpJob
    let opened: OpenedCut
    /// What the agent handed over at its safe point.
    let point: SafePoint?
    let forced: Bool
    let began: Moment
    /// CRIU was told that nobody listens any more.
    var isHungUp = false
    /// It did not end even then, and was killed with the agent.
    var isKilled = false
    /// The rest of the cut, once it was copied.
    var copied: Result<StagedCheckpoint, StoreFault>?
}

/// Why a checkpoint ended without a version.
struct MissedVersion {
    let code: String
    /// A clause, and what to do about it.
    let why: String
    /// What the agent has is lost with it. false: there is nothing to keep, or the agent is gone already.
    let isLoss: Bool

    static var agentGone: Self { Self(code: "E-AGENT-NOT-RUNNING", why: "it is not running", isLoss: false) }
}

/// Who asked for a checkpoint while one was already cut: what the agent did since belongs to the next.
struct CheckpointWish {
    var reason: CheckpointReason
    var kind: CutKind
    var waiting: [ConnectionID]
    var completion: [(MissedVersion?) -> Void]
}

/// Which parts of its version one launch puts back: all, unless an operator said otherwise of it.
struct RestoreScope: Codable {
    let origin: Origin
    var workspace = true
    var state = true
}

/// A launch on its way, before there is a sandbox.
struct LaunchRun {
    let number: UInt64
    let origin: Origin
    let scope: RestoreScope
    /// The operator or the ladder changed its mind: do not start.
    var cancelled = false
    /// The images of its version did not do: the next part is tried.
    var isWithoutImages = false
    /// Another try of a launch that was counted already.
    var isAgain: Bool { tries > 0 || isFromPacks }
    /// Connections that were to be kept could not be: they are closed.
    var closesConnections = false
    /// How often images of its version were tried and failed.
    var tries = 0
    /// The memory that was to come later did not: all of it comes first.
    var isEager = false
    /// The plain files of its version are damaged: what is in packs is taken.
    var isFromPacks = false
}
