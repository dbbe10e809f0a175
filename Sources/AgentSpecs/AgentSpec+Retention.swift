public import AgentModel
public import Retention

extension AgentSpec.Checkpoint {
    /// Which of the agent's versions stay, and why.
    public func retention(of versions: [CheckpointSummary]) -> RetentionPlan {
        planRetention(versions, keep: keep, asides: keepAsides, utcOffset: utcOffset)
    }

    /// As `retention`, within what the store allows the agent besides.
    public func retention(of versions: [CheckpointSummary], within allowance: ByteCount?) -> RetentionPlan {
        var copy = self
        copy.keep.quota = [keep.quota, allowance].compactMap(\.self).min()
        return copy.retention(of: versions)
    }

    /// What may go where the disk has no room, the first first.
    public func orderForRoom(of versions: [CheckpointSummary]) -> [CheckpointSummary] {
        Retention.orderForRoom(versions, keep: keep, asides: keepAsides, utcOffset: utcOffset)
    }
}
