public import AgentModel
internal import CriuRequests
public import OutsideWorld

/// What a version is, as written once at its commit and sealed. Documentation: docs/store-format.md
public struct Manifest: Hashable, Sendable, Codable {
    public static let currentFormat = 1
    static let limit = ByteCount.mebibytes(1)
    static let treeLimit = ByteCount.mebibytes(256)

    /// The bytes the agent handed over.
    public struct State: Hashable, Sendable, Codable {
        public var size: UInt64
        /// Hexadecimal.
        public var sha256: String
        public var schema: String?
    }
    public struct Workspace: Hashable, Sendable, Codable {
        /// Of the file `tree`.
        public var size: UInt64
        public var sha256: String
        public var entries: Int
        /// Sum of the sizes of all files.
        public var contentSize: UInt64
        /// What was left out on demand.
        public var excluded: [String]
        /// What the list tells beside paths, modes, owners and times: `attributes`, `names`. nil: a version of a time when nothing else was kept.
        var keeps: [String]?

        static let attributes = "attributes"
        static let names = "names"
        /// Where it does not, nobody knows which extended attributes there were.
        public var keepsAttributes: Bool { keeps?.contains(Self.attributes) ?? false }
        /// Where it does not, nobody knows which files were one file with several names.
        public var keepsNames: Bool { keeps?.contains(Self.names) ?? false }
    }

    /// Images of the agent's processes, as CRIU made them.
    public struct Process: Hashable, Sendable, Codable {
        /// Of the file `images`.
        public var size: UInt64
        public var sha256: String
        public var entries: Int
        /// Sum of the sizes of all image files.
        public var contentSize: UInt64
        public var made: MadeImages
    }

    public var format = Manifest.currentFormat
    public var agent: AgentName
    public var version: VersionNumber
    public var kind: VersionKind
    public var reason: CheckpointReason
    public var takenAt: WallTime
    public var forced: Bool
    public var step: UInt64?
    public var parent: VersionNumber?
    public var incarnation: UInt64
    public var effectPosition: UInt64
    public var specDigest: String
    public var state: State?
    public var workspace: Workspace?
    public var process: Process?
    /// Why it has files only, while an older version has the agent's memory, and to lose that would lose more.
    public var lacksMemory: String?
    /// The version of another agent that it is a copy of: "agent-7@41"; nil: it was cut.
    public var forkedFrom: String?
    /// Sentences: what was skipped, or moved while it was copied.
    public var notes: [String] = []

    /// The number is given at the commit.
    init(_ request: CutRequest) {
        agent = request.agent
        version = VersionNumber(0)
        kind = request.kind
        reason = request.reason
        // As it will be read back: to the millisecond.
        takenAt = WallTime(rfc3339: request.takenAt.description) ?? request.takenAt
        forced = request.forced
        step = request.step
        parent = request.parent
        incarnation = request.incarnation
        effectPosition = request.effectPosition
        specDigest = request.specDigest
        notes = request.notes
        lacksMemory = request.lacksMemory
    }

    public var parts: VersionParts { VersionParts(cooperative: state != nil, workspace: workspace != nil, process: process != nil) }

    /// Content and list of files; the few small files beside them are not counted.
    public var size: ByteCount {
        let files = saturatingSum(state?.size ?? 0, workspace?.contentSize ?? 0, workspace?.size ?? 0)
        return ByteCount(saturatingSum(files, process?.contentSize ?? 0, process?.size ?? 0))
    }
}

/// One file, directory or link of a version's workspace.
public struct TreeEntry: Hashable, Sendable, Codable {
    public enum Kind: String, Hashable, Sendable, Codable {
        case file, directory, link
    }
    public var path: DiskPath
    public var kind: Kind
    /// Permission bits as the agent had them, `0o7777`.
    public var mode: UInt32
    /// Numbers of the owner; nil, both: a version of a time when they were not kept.
    public var user: UInt32?
    public var group: UInt32?
    /// Nanoseconds since 1970.
    public var modified: Int64
    /// Of files.
    public var size: UInt64?
    /// Of files, hexadecimal.
    public var sha256: String?
    /// Of memory pages in its place, hexadecimal.
    public var xxh3: String?
    /// Of links.
    public var target: String?
    /// Of files and directories; nil: none, or not kept.
    public var attributes: [StoredAttribute]?
    /// `true`: it had some, and more than a version keeps. A restore leaves those it finds.
    public var unkept: Bool?
    /// Of a file with several names, in the lines of all but the first: that one. All else is as there, and its bytes are stored once.
    public var same: DiskPath?

    init(path: DiskPath, kind: Kind, mode: UInt32, modified: Int64) {
        self.path = path
        self.kind = kind
        self.mode = mode
        self.modified = modified
    }

    init(path: DiskPath, kind: Kind, from entry: DiskEntry) {
        self.init(path: path, kind: kind, mode: entry.mode & 0o7777, modified: entry.modifiedAt.nanoseconds)
        user = entry.owner.user
        group = entry.owner.group
    }

    public var modifiedAt: WallTime { WallTime(nanoseconds: modified) }
    public var owner: FileOwner? {
        guard let user, let group else { return nil }
        return FileOwner(user: user, group: group)
    }
}

extension Array<TreeEntry> {
    /// Sum of the sizes of all files, each counted once.
    var contentSize: UInt64 { reduce(0) { $1.same == nil ? saturatingSum($0, $1.size ?? 0) : $0 } }
}

/// Sizes come from strangers (a sparse file may claim any), so their sum must not trap.
func saturatingSum(_ sizes: UInt64...) -> UInt64 {
    sizes.reduce(0) { sum, size in
        let (total, overflow) = sum.addingReportingOverflow(size)
        return overflow ? .max : total
    }
}
