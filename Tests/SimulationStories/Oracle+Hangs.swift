import AgentModel
import AgentSpecs
import SimulatedWorld

extension Simulation {
    /// An agent that was heard to work and now hangs is found: by the supervisor it had, or by the one that took it over. Not where the
    /// disk forgot that it was heard.
    func hangUnseen() -> String? {
        // One that goes on from an image was heard before that was made.
        let wasHeard = machine.lives.last.map { $0.progressHeard || $0.image != nil && machine.script.beatsEvery != nil } ?? false
        guard let since = machine.hangingSince, wasHeard, !storeMayFail, !hadRefusal else { return nil }
        // While it is asked for a checkpoint and to stop, the time for that comes first.
        let patience =
            (spec.health.heartbeat ?? .zero) + spec.checkpoint.deadline + spec.stop.deadline + .seconds(15)
            + (hasCriu ? .seconds(180) : .zero)  // a dump that hangs is given up first
        let unseen = machine.now - max(since, supervisedSince)
        guard spec.health.heartbeat != nil, unseen > patience.nanoseconds else { return nil }
        return "the agent hangs, and for \(unseen / 1_000_000_000) s its supervisor has not seen it"
    }
}
