import AgentModel
import AgentSpecs
import SimulatedWorld

extension Simulation {
    /// An agent that was heard to work and now hangs is found: by the supervisor it had, or by the one that took it over. Not where the
    /// disk forgot that it was heard.
    func hangUnseen() -> String? {
        guard let since = machine.hangingSince, machine.lives.last?.progressHeard ?? false, !storeMayFail, !hadRefusal else { return nil }
        // While it is asked for a checkpoint and to stop, the time for that comes first.
        let patience = (spec.health.heartbeat ?? .zero) + spec.checkpoint.deadline + spec.stop.deadline + .seconds(15)
        let unseen = machine.now - max(since, supervisedSince)
        guard spec.health.heartbeat != nil, unseen > patience.nanoseconds else { return nil }
        return "the agent hangs, and for \(unseen / 1_000_000_000) s its supervisor has not seen it"
    }
}
