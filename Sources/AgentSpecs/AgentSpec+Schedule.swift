public import Schedules

extension AgentSpec {
    /// When its checkpoints are due.
    /// - Throws: `CronFault`; never for a spec that `SpecReader` gave.
    public func checkpointSchedule() throws(CronFault) -> CheckpointSchedule {
        if let cron = checkpoint.cron {
            return .cron(try CronExpression(parsing: cron), utcOffset: checkpoint.utcOffset)
        }
        return checkpoint.every.map { .every($0) } ?? .never
    }
}
