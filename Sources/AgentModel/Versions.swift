/// What a version has earned. Documentation: docs/store-format.md#standing
public enum Standing: String, Hashable, Sendable, Codable, CaseIterable {
    /// Complete and hashed.
    case stored
    /// Restored, stopped, in a throw-away sandbox beside the living agent, compared, thrown away.
    case rehearsed
    /// The agent stayed healthy for the probation after the cut, or was restored from it and survived probation.
    case proven
    /// A restore from it died young.
    case suspect
    /// Verification failed: its bytes are not what was stored.
    case broken

    /// Known-good: whole, verified, neither suspect nor broken.
    public var isKnownGood: Bool {
        switch self {
        case .stored, .rehearsed, .proven: true
        case .suspect, .broken: false
        }
    }
}

/// What a version is.
public enum VersionKind: String, Hashable, Sendable, Codable {
    /// A consistent cut of the agent.
    case checkpoint
    /// The workspace as it was just before a roll-back. Never known-good, own quota.
    case aside
}

/// Which parts a version holds. At least one.
public struct VersionParts: Hashable, Sendable, Codable {
    /// State the agent handed over at a safe point.
    public var cooperative: Bool
    /// The files of its workspace.
    public var workspace: Bool
    /// A CRIU image of its processes.
    public var process: Bool
    public init(cooperative: Bool = false, workspace: Bool = false, process: Bool = false) {
        self.cooperative = cooperative
        self.workspace = workspace
        self.process = process
    }
}

/// Which parts a checkpoint is to have beside the workspace.
public enum CheckpointMode: String, Hashable, Sendable, Codable, CaseIterable {
    /// All that can be had.
    case auto
    /// Only what the agent hands over.
    case cooperative
    /// Images of its processes, or none; the agent is not asked.
    case process
}

/// Why a version was taken.
public enum CheckpointReason: String, Hashable, Sendable, Codable {
    case schedule, save, stop, `operator`, aside
    /// Brought in from elsewhere.
    case `import`
}

/// One row of `runner versions`: all that deciding needs to know of a version.
public struct CheckpointSummary: Hashable, Sendable, Codable {
    public var version: VersionNumber
    public var kind: VersionKind
    public var parts: VersionParts
    public var standing: Standing
    public var reason: CheckpointReason
    public var takenAt: WallTime
    /// The agent's own step at the cut, when it said one.
    public var step: UInt64?
    /// The agent did not answer in time and was cut anyway.
    public var forced: Bool
    /// All bytes of the version, as stored.
    public var size: ByteCount
    public var pinned: Bool
    /// How long the agent's processes stood still for their images; nil: the version has none.
    public var frozenMicroseconds: UInt64?
    /// Which run of the agent it was taken of; nil: not known.
    public var incarnation: UInt64?
    /// Why it has this standing, when that needs words ("died 3 s after a restore").
    public var note: String?
    /// Why it has files only, while an older version has the agent's memory, and to lose that would lose more. nil: it is not so.
    public var lacksMemory: String?
    /// Why its images cannot be restored, while its other parts can; nil: nothing is known against them.
    public var imagesUnusable: String?

    public init(
        version: VersionNumber, kind: VersionKind = .checkpoint, parts: VersionParts, standing: Standing = .stored,
        reason: CheckpointReason, takenAt: WallTime, step: UInt64? = nil, forced: Bool = false, size: ByteCount, pinned: Bool = false,
        note: String? = nil, frozenMicroseconds: UInt64? = nil, incarnation: UInt64? = nil
    ) {
        self.version = version
        self.kind = kind
        self.parts = parts
        self.standing = standing
        self.reason = reason
        self.takenAt = takenAt
        self.step = step
        self.forced = forced
        self.size = size
        self.pinned = pinned
        self.note = note
        self.frozenMicroseconds = frozenMicroseconds
        self.incarnation = incarnation
    }

    /// May be restored by the ladder. A cut the agent did not answer, or whose images failed, holds its files but not its state or memory: it is
    /// kept to look at, and not preferred to an older version with them.
    public var isKnownGood: Bool { kind == .checkpoint && standing.isKnownGood && (!forced || parts.process) && lacksMemory == nil }
}

/// What an incarnation of the agent began from.
public enum Origin: Hashable, Sendable, Codable {
    case clean
    case version(VersionNumber)
}
