// Checkpoints: the versioned store over a `Disk`. Acts, only through OutsideWorld. Documentation: docs/store-format.md

public import AgentModel
public import CriuRequests
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
    /// Sentences for whoever looks at the version: "no process part: …".
    public var notes: [String] = []
    /// See `CheckpointSummary.lacksMemory`.
    public var lacksMemory: String?
    /// What of the workspace was seen before; nil: all of it is read.
    public var index: WorkspaceIndex?
    /// Remembers what pages its images have; nil: nobody does.
    public var pages: PageMemory?
    /// Inodes of the files that the agent may write into without their times telling: those it maps so that others see what it writes. nil: nobody
    /// knows, and what is seen now proves nothing later.
    public var mappedFiles: Set<UInt64>?

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

/// What is known of images of processes beside their bytes, when they are complete.
public struct MadeImages: Hashable, Sendable, Codable {
    public var tree: DumpedTree
    /// How long the tree stood still, as CRIU measured it. Microseconds.
    public var frozen: UInt64
    /// Release of the kernel they were made on.
    public var kernel: String
    /// SHA-256 of what the processes were started with (command, environment, user, directories), in hexadecimal; empty: they came
    /// from elsewhere, and nobody knows.
    public var startedWith: String
    /// The agent had sent heartbeats, and goes on doing so when it is restored. nil: nobody knows.
    public var beats: Bool?
    public init(tree: DumpedTree, frozen: UInt64, kernel: String, startedWith: String, beats: Bool? = nil) {
        self.tree = tree
        self.frozen = frozen
        self.kernel = kernel
        self.startedWith = startedWith
        self.beats = beats
    }
}

/// Room for a version in the making: images may be written into it before the rest is copied.
public struct OpenedCut: Sendable {
    public let agent: AgentName
    public let directory: DiskPath
    /// Absolute path of the directory for the images of processes, mode 0700.
    public let images: String
    /// What they may take, where that is less than the disk has; nil: the disk tells.
    public var room: ByteCount?
    /// Who has no more, where that is memory.
    public var bound: MemoryBound?
}

/// A complete copy that is not a version yet: invisible to `versions`, removed by the next opening of the store unless committed.
public struct StagedCheckpoint: Sendable {
    public let agent: AgentName
    public let directory: DiskPath
    public let size: ByteCount
    /// The manifest but for its number and the lists of files.
    let draft: Manifest
    var entries: [TreeEntry]
    let sizeLimit: ByteCount
    /// Whether the workspace's files were copied into one.
    var isBundled = false
    /// Files that share their place with the agent's, and that nobody has read yet.
    var unread: [UnreadFile] = []
    /// What of it is in packs already; nil: nothing, all of it is copied.
    var packed: PackedFiles?
    /// Learns, once it is a version.
    var learning: (index: WorkspaceIndex, identities: [FileIdentity?], wholeAt: WallTime, age: Int)?
    /// Remembers its pages, once it is a version.
    var pages: PageMemory?
    /// The images beside it, if they are to be part of the version.
    public var images: MadeImages?
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

/// A file that was taken without being read.
struct UnreadFile: Sendable {
    /// In the list.
    var entry: Int
    /// In the bundle; nil: it is a file of its own.
    var place: UInt64?
}

/// The files of a workspace that were not copied.
struct PackedFiles: Sendable {
    /// Of the version that holds them, too.
    var map: ChunkMap
    /// One for every entry; nil: it was copied, or has no content.
    var places: [Range<Int>?]
}
