public import AgentModel
public import Retention

extension AgentSpec.Checkpoint {
    /// Which of the agent's versions stay, and why.
    public func retention(of versions: [CheckpointSummary]) -> RetentionPlan {
        planRetention(versions, keep: keep, asides: keepAsides, utcOffset: utcOffset)
    }
}
