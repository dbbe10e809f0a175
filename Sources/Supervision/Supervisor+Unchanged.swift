internal import AgentModel
internal import AgentProtocol
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld
internal import Recovery

/// A cut that holds nothing new becomes no version: it is said, and the newest one stands for it. Documentation: docs/recovery.md#nothing-new
extension Supervisor {
    /// The version that a cut is compared with. nil: it becomes a version whatever is in it.
    func versionToCompare(_ run: CheckpointRun) -> CheckpointSummary? {
        guard spec.checkpoint.skipUnchanged, !run.kind.isNewAnyway, !run.kind.stops, run.agentRequest == nil, run.completion.isEmpty else {
            return nil
        }
        switch run.reason {
        case .schedule, .operator: break
        // What the agent wished is its own, and a last version is never left out.
        case .save, .stop, .aside, .import: return nil
        }
        guard let newest = versions.last(where: { $0.kind == .checkpoint }), newest.isKnownGood, newest.imagesUnusable == nil,
            mayStandForMore(newest)
        else { return nil }
        return newest
    }

    /// It is not of a future that was left, and has earned its standing or can still earn it: a version nobody watches would stay `stored` for
    /// ever, and with no new one after it none would become proven.
    private func mayStandForMore(_ version: CheckpointSummary) -> Bool {
        guard !versionsAreStale, !recovery.passedOver.contains(where: { $0.contains(version.version) }),
            !recovery.tried.contains(version.version)
        else { return false }
        return version.standing == .proven || recovery.phase.origin == .version(version.version)
            || recovery.watched.contains { $0.version == version.version }
    }

    /// As `checkpointStored`, but that there is no news for the ladder: what did nothing made no progress.
    func foundNothingNew(since version: CheckpointSummary) {
        guard let run = checkpointRun else { return }
        foundRoom(for: run)
        unchangedSince = (version.version, world.wallTime())
        clearWarning("checkpoint")
        tellMissingImages(run, version)
        diskTakesWritesAgain()
        endRun(run, nil)
        // What it handed over is durable, byte for byte.
        tellAgent(run) { .committed(request: $0, version: version.version) }
        for id in run.waiting { reply(.nothingNew(since: version), to: id) }
        note("checkpoint", "nothing new since version \(version.version): no version stored (\(run.reason.rawValue))")
        tidy()
        // It may have had to wait for a time at which nothing else was on its way.
        if version.standing == .stored { considerRehearsal(of: version) }
    }
}
