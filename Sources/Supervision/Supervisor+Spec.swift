internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import LaunchPlans
internal import OutsideWorld

/// What one incarnation was started with, where the store could not be told. `<runtime>/<agent>/started-with`.
private struct StartedWith: Codable {
    static let path: DiskPath = "started-with"
    var incarnation: UInt64
    var spec: AgentSpec
}

/// The spec an agent was started with, and the one it would be started with now. They differ when a supervisor with a changed spec takes a
/// living agent over.
extension Supervisor {
    private var specPath: DiskPath { store.directory(of: agent) / "spec.json" }

    /// What the living agent was started with.
    var agentsSpec: AgentSpec { formerSpec ?? spec }

    /// What the agent runs with, for the commands that read the store without a supervisor and for the next one.
    /// - Returns: false: the store did not take it, and is given it again when it takes writes.
    @discardableResult
    func writeSpec() -> Bool {
        guard let bytes = try? JSONText.encode(agentsSpec, pretty: true) else { return true }
        do throws(FileFault) {
            let isThere = try world.store.entry(at: specPath) != nil
            let isTold = try isThere ? world.store.read(specPath, limit: .mebibytes(4)) == bytes : false
            if !isTold { try world.store.replace(specPath, with: bytes) }
        } catch {
            owesSpec = true
            diskRefused("the spec")
            return false
        }
        if owesSpec {
            owesSpec = false
            noteStart()
        }
        return true
    }

    /// While the store holds another spec than the agent is started with, that is noted beside the sandbox: it goes when the sandbox goes,
    /// and its place is not on the store's disk.
    func noteStart() {
        guard let runtime = try? world.disk(at: request.place.runtime) else { return }
        do throws(FileFault) {
            if owesSpec, let bytes = try? JSONText.encode(StartedWith(incarnation: incarnations, spec: agentsSpec)) {
                try runtime.replace(StartedWith.path, with: bytes)
            } else if try runtime.entry(at: StartedWith.path) != nil {
                try runtime.removeFile(StartedWith.path)
            }
        } catch { warn("start note", "could not note what '\(agent)' is started with: \(error.sentence)") }
    }

    /// What a living incarnation was started with, as far as its supervisor could tell.
    func specOfLiving(_ incarnation: UInt64) -> AgentSpec? {
        if let bytes = try? world.disk(at: request.place.runtime).read(StartedWith.path, limit: .mebibytes(4)),
            let noted = try? JSONText.decode(StartedWith.self, from: bytes), noted.incarnation == incarnation
        {
            return noted.spec
        }
        return storedSpec()
    }

    /// What a former supervisor wrote. nil: nothing that can be read; the agent is then taken to be what our spec says.
    private func storedSpec() -> AgentSpec? {
        guard let bytes = try? world.store.read(specPath, limit: .mebibytes(4)) else { return nil }
        return try? JSONText.decode(AgentSpec.self, from: bytes)
    }

    /// An agent that was taken over is what it was started as. The store goes on telling that spec, so that the next supervisor knows, too.
    func compareSpec(with stored: AgentSpec?) {
        guard let stored, startsOtherwise(stored) else {
            writeSpec()
            return
        }
        formerSpec = stored
        writeSpec()  // the store may hold an older one yet
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
