internal import AgentModel

/// What a reader who asks again and again has seen of the versions, byte for byte. It saves taking the same manifest apart again, never
/// reading it: what changed on the disk since is seen. Documentation: docs/store-format.md
public struct VersionMemory: Sendable {
    /// Of a version that was sound in every part a list looks at.
    struct Record {
        var sealed: SealedBytes
        var standing: [UInt8]
        var summary: CheckpointSummary
    }
    private struct Key: Hashable {
        var agent: AgentName
        var version: VersionNumber
    }
    private var records: [Key: Record] = [:]

    /// Nothing is remembered yet.
    public init() {}

    subscript(agent: AgentName, version: VersionNumber) -> Record? {
        get { records[Key(agent: agent, version: version)] }
        set { records[Key(agent: agent, version: version)] = newValue }
    }
}

/// A manifest and what seals it, as they lie on the disk.
struct SealedBytes: Hashable {
    var manifest: [UInt8]
    var seal: [UInt8]
}
