internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import LaunchPlans
internal import OutsideWorld

/// The spec an agent was started with, and the one it would be started with now. They differ when a supervisor with a changed spec takes a
/// living agent over.
extension Supervisor {
    private var specPath: DiskPath { store.directory(of: agent) / "spec.json" }

    /// What the living agent was started with.
    var agentsSpec: AgentSpec { formerSpec ?? spec }

    /// The effective spec, for the commands that read the store without a supervisor.
    func writeSpec() {
        guard let bytes = try? JSONText.encode(spec, pretty: true) else { return }
        do throws(FileFault) {
            if try world.store.entry(at: specPath) != nil, try world.store.read(specPath, limit: .mebibytes(4)) == bytes { return }
            try world.store.replace(specPath, with: bytes)
        } catch { diskRefused("the spec") }
    }

    /// What a former supervisor wrote. nil: nothing that can be read; the agent is then taken to be what our spec says.
    func storedSpec() -> AgentSpec? {
        guard let bytes = try? world.store.read(specPath, limit: .mebibytes(4)) else { return nil }
        return try? JSONText.decode(AgentSpec.self, from: bytes)
    }

    /// An agent that was taken over is what it was started as. The store goes on telling that spec, so that the next supervisor knows, too.
    func compareSpec(with stored: AgentSpec?) {
        guard let stored, startsOtherwise(stored) else { return writeSpec() }
        formerSpec = stored
        warn("spec", "'\(agent)' runs with the former spec until it is restarted ('runner restart \(agent)')")
    }

    /// The next incarnation is started with our spec.
    func forgetFormerSpec() {
        guard formerSpec != nil else { return }
        formerSpec = nil
        clearWarning("spec")
        writeSpec()
    }

    /// Whether `former` starts another process, or one that works elsewhere. Schedules, limits of the ladder and the like need no restart: the
    /// supervisor goes by its own.
    private func startsOtherwise(_ former: AgentSpec) -> Bool {
        guard former.workspace == spec.workspace else { return true }
        func plan(_ spec: AgentSpec) -> LaunchPlan? {
            try? LaunchPlanner(spec: spec, facts: request.facts, place: request.launchPlace).plan(from: .clean, incarnation: 1)
        }
        return plan(former) != plan(spec)
    }
}
