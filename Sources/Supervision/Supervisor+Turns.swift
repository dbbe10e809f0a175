internal import AgentModel
internal import AgentSpecs
internal import OutsideWorld
internal import Recovery
internal import Schedules

/// A cut that is due prefers the moment in which the agent waits for its model: it stands still then anyway, and is at a safe point or near one.
/// Documentation: docs/agent.yaml.md#turns
extension Supervisor {
    func scheduledCheckpoint() {
        guard case .running = recovery.phase, checkpointRun == nil else { return armSchedule() }
        let now = world.wallTime()
        let next = (try? spec.checkpointSchedule())?.next(after: now, anchoredAt: startedAt)
        let isAtWork = life.map { $0.tellsTurns && !$0.waitingForModel } ?? false
        let moment = CutMoment(
            at: world.now(), isAtWork: isAtWork, patience: spec.checkpoint.turnWait, next: next.map { max(.zero, $0 - now) })
        switch moment {
        case .now: takeDueCheckpoint()
        case .atTurn(let limit):
            deadlines[.turn] = limit
            nextCheckpointAt = now + (limit - world.now())
            statusChanged = true
        }
    }

    func heardTurn(waiting: Bool) {
        life?.tellsTurns = true
        life?.waitingForModel = waiting
        guard waiting, deadlines[.turn] != nil else { return }
        deadlines[.turn] = nil
        takeDueCheckpoint()
    }

    func turnDidNotCome() {
        note("checkpoint", "the agent did not wait for its model in time: it is cut in the middle of its work")
        takeDueCheckpoint()
    }

    func takeDueCheckpoint() {
        guard case .running = recovery.phase, checkpointRun == nil, hasRoom() else { return armSchedule() }
        if beginCheckpoint(.schedule, spec.cut) == nil { armSchedule() }
    }
}
