public import AgentModel
public import OutsideWorld

/// Why a store operation failed. The store then still shows what it showed before.
public struct StoreFault: Error, Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// Not a store, or one of a newer format.
        case format(String)
        /// Others could change it, or it is another user's: why, in words.
        case unsafe(String)
        case full(needed: ByteCount?, free: ByteCount?)
        case readOnly
        case denied
        /// Another supervisor holds the agent: who.
        case held(by: String)
        case noSuchAgent
        /// One is to be brought back, and there is another of its name.
        case agentExists
        case noSuchVersion
        /// Bytes are not what was stored: which part, and how it differs.
        case broken(part: String, how: String)
        /// A pack is not what it was, and plain files still are.
        case damagedPack(String, how: String)
        /// The version does not hold the part asked for.
        case noSuchPart(String)
        /// The version has no file there; `is`: but something else.
        case noSuchFile(DiskPath, is: TreeEntry.Kind?)
        /// There is nothing to checkpoint: no state and no workspace.
        case nothing
        /// The agent's own fault: state file missing, other size or hash, too large, a workspace over the limit.
        case refused(String)
        /// What other programs are to read of a store that is encrypted lies in memory for so long.
        case memory(needed: ByteCount, free: ByteCount, bound: MemoryBound = .host)
        case system(FileFault)
    }
    public var kind: Kind
    /// "commit the checkpoint", "restore the workspace".
    public var doing: String
    /// "agent-7@42".
    public var what: String
    public init(_ kind: Kind, doing: String, what: String) {
        self.kind = kind
        self.doing = doing
        self.what = what
    }
}
