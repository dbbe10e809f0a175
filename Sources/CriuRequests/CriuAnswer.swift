/// What CRIU answers, one message at a time.
public enum CriuAnswer: Hashable, Sendable {
    /// A dump or restore is at a moment and waits for `goOn`.
    case moment(CriuMoment)
    /// The last word about a request.
    case result(CriuResult)
}

/// When a dump or restore asks whether to go on.
public struct CriuMoment: Hashable, Sendable {
    public enum Name: String, Hashable, Sendable, CaseIterable {
        case preDump = "pre-dump"
        /// The tree stands still; nothing is written yet. The answer may name what else is external.
        case queryExternalFiles = "query-ext-files"
        case networkLock = "network-lock"
        case networkUnlock = "network-unlock"
        /// The tree stands still and the images are complete.
        case postDump = "post-dump"
        case preRestore = "pre-restore"
        case setupNamespaces = "setup-namespaces"
        case postSetupNamespaces = "post-setup-namespaces"
        /// The tree is made and stands still.
        case postRestore = "post-restore"
        /// It is about to run. A refusal comes too late.
        case preResume = "pre-resume"
        case postResume = "post-resume"
        case orphanTerminal = "orphan-pts-master"
    }
    /// nil: one that a later CRIU has.
    public var name: Name?
    /// The root as CRIU counts, where it says so.
    public var pid: Int32?
    public init(name: Name?, pid: Int32? = nil) {
        self.name = name
        self.pid = pid
    }
}

public struct CriuResult: Hashable, Sendable {
    public enum Kind: Hashable, Sendable { case version, features, check, processor, dump, restore, other }
    public var kind: Kind
    public var succeeded: Bool
    /// 17: a process number is taken. 3: there is no such process. 56: the options were refused.
    public var errorNumber: Int32?
    public var version: CriuVersion?
    public var features: CriuFeatures?
    /// The restored root, as CRIU counts.
    public var root: Int32?
    public init(
        _ kind: Kind, succeeded: Bool, errorNumber: Int32? = nil, version: CriuVersion? = nil, features: CriuFeatures? = nil,
        root: Int32? = nil
    ) {
        self.kind = kind
        self.succeeded = succeeded
        self.errorNumber = errorNumber
        self.version = version
        self.features = features
        self.root = root
    }
}

/// What CRIU and the kernel can do together.
public struct CriuFeatures: Hashable, Sendable, Codable {
    /// The kernel says which pages were written to since the last dump.
    public var dirtyTracking: Bool
    /// Memory can be brought in when it is touched (userfaultfd).
    public var lazyPages: Bool
    public var pidfdStore: Bool
    public init(dirtyTracking: Bool, lazyPages: Bool, pidfdStore: Bool) {
        self.dirtyTracking = dirtyTracking
        self.lazyPages = lazyPages
        self.pidfdStore = pidfdStore
    }
}

/// A release of CRIU, such as 4.2.1.
public struct CriuVersion: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
    public var major: Int32
    public var minor: Int32
    public var patch: Int32
    public init(_ major: Int32, _ minor: Int32, _ patch: Int32 = 0) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }
    public var description: String { patch == 0 ? "\(major).\(minor)" : "\(major).\(minor).\(patch)" }
    public static func < (a: CriuVersion, b: CriuVersion) -> Bool { (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch) }
}
