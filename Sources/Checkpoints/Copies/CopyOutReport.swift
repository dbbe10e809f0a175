public import AgentModel

/// What a copy of one agent's versions to a remote came to.
public struct CopyOutReport: Hashable, Sendable {
    public var agent: AgentName
    /// Whole in the remote now, and not before.
    public var sent: [VersionNumber] = []
    public var present: [VersionNumber] = []
    /// Not sent, each with the reason.
    public var leftOut: [VersionNumber: LeftOutReason] = [:]
    /// Not sent, because the remote has another version of that number.
    public var conflicts: [VersionNumber] = []
    /// Taken out of the remote.
    public var removed: [VersionNumber] = []
    /// Why nothing was taken out of it though that was asked for.
    public var unpruned: UnprunedReason?
    public var packs = 0
    /// Of packs and files that were sent.
    public var bytes: UInt64 = 0
    public init(_ agent: AgentName) { self.agent = agent }
}

/// Why a version was not sent.
public enum LeftOutReason: Hashable, Sendable {
    /// The next sync takes it.
    case notInPacks
    /// Bytes are not what was stored: which part, and how it differs.
    case broken(part: String, how: String)
}

/// Why what a remote has may be all that is left of what was lost here.
public enum UnprunedReason: Hashable, Sendable {
    /// These numbers are there with other content.
    case conflicts([VersionNumber])
    /// This is there, and no version here was ever given such a number.
    case neverHere(VersionNumber)
    /// None of what is there is here, too.
    case nothingShared
}
