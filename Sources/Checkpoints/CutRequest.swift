// Checkpoints: the versioned store over a `Disk`. Acts, only through OutsideWorld. Documentation: docs/store-format.md

public import AgentModel
public import OutsideWorld

/// Where cooperative state comes from.
public enum StateSource: Sendable {
    case bytes([UInt8])
    /// A file the agent made in its staging directory. Size and hash are as the agent claims and are checked.
    case file(disk: any Disk, path: DiskPath, size: UInt64, sha256: [UInt8])
}

public struct CooperativePart: Sendable {
    public var state: StateSource
    public var schema: String?
    public init(state: StateSource, schema: String?) {
        self.state = state
        self.schema = schema
    }
}

/// What goes into one version. Everything is taken at one moment, while the agent stands still.
public struct CutRequest: Sendable {
    public var agent: AgentName
    public var kind: VersionKind
    public var reason: CheckpointReason
    public var takenAt: WallTime
    public var forced: Bool
    public var step: UInt64?
    public var cooperative: CooperativePart?
    /// The workspace's root; nil: the agent has none.
    public var workspace: (any Disk)?
    /// Paths below the workspace that are not part of a version, with all below them. A '/' at the end is allowed.
    public var excluded: [String]
    public var incarnation: UInt64
    /// The version this incarnation began from.
    public var parent: VersionNumber?
    /// Number of records in the effect ledger at the cut.
    public var effectPosition: UInt64
    /// SHA-256 of the effective spec, in hex, so that a restore can say what changed.
    public var specDigest: String
    /// Total bytes the version may take. More is refused.
    public var sizeLimit: ByteCount

    public init(
        agent: AgentName, kind: VersionKind, reason: CheckpointReason, takenAt: WallTime, forced: Bool = false, step: UInt64? = nil,
        cooperative: CooperativePart? = nil, workspace: (any Disk)? = nil, excluded: [String] = [], incarnation: UInt64,
        parent: VersionNumber? = nil, effectPosition: UInt64 = 0, specDigest: String = "", sizeLimit: ByteCount = ByteCount(1 << 40)
    ) {
        self.agent = agent
        self.kind = kind
        self.reason = reason
        self.takenAt = takenAt
        self.forced = forced
        self.step = step
        self.cooperative = cooperative
        self.workspace = workspace
        self.excluded = excluded
        self.incarnation = incarnation
        self.parent = parent
        self.effectPosition = effectPosition
        self.specDigest = specDigest
        self.sizeLimit = sizeLimit
    }
}

/// A complete copy that is not a version yet: invisible to `versions`, removed by the next opening of the store unless committed.
public struct StagedCheckpoint: Sendable {
    public let agent: AgentName
    public let directory: DiskPath
    public let size: ByteCount
    /// The manifest but for its number and the list of files.
    let draft: Manifest
    let entries: [TreeEntry]
}

/// Cooperative state as stored, whole and verified.
public struct StoredState: Sendable, Hashable {
    public var bytes: [UInt8]
    public var schema: String?
    public var takenAt: WallTime
    public var step: UInt64?
    public var specDigest: String
    public init(bytes: [UInt8], schema: String?, takenAt: WallTime, step: UInt64?, specDigest: String) {
        self.bytes = bytes
        self.schema = schema
        self.takenAt = takenAt
        self.step = step
        self.specDigest = specDigest
    }
}

/// Which parts of a version a restore puts back.
public enum RestoreScope: String, Sendable, Hashable, CaseIterable {
    case everything, workspace, state
}
