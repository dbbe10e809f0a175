internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import Supervision

extension Workbench {
    /// Where a supervisor of `agent` lives, or would: where the last one was, as long as that is there, else where our environment says. The
    /// other of the two is the former place.
    func place(of agent: AgentName, in store: CheckpointStore, noEarlierThan: Moment? = nil) -> SupervisorPlace {
        let computed = places.runtime(storeID: store.identity, agent: agent)
        var place = SupervisorPlace(agent: agent, store: places.store, runtime: computed, noEarlierThan: noEarlierThan)
        guard let known = knownRuntime(of: agent, in: store) else { return place }
        if root(of: known)?.isOurs ?? false {
            place.runtime = known
            place.former = known == computed ? nil : computed
        } else {
            place.former = known  // even at the same path: what lives on there lost its doors
        }
        return place
    }

    /// The runtime directories in which somebody may be asked, the likeliest first. Where others could put a socket of their own, nobody is.
    func runtimes(of agent: AgentName, in store: CheckpointStore) -> [String] {
        let place = place(of: agent, in: store)
        guard let former = place.former else { return [place.runtime] }
        return [place.runtime, former].filter { runtime in
            root(of: runtime).map { $0.isOurs && $0.mode & 0o022 == 0 && $0.openDirectoryAbove == nil } ?? false
        }
    }

    // MARK: Parts

    /// What the last supervisor wrote down, if it can be a runtime directory of this agent.
    private func knownRuntime(of agent: AgentName, in store: CheckpointStore) -> String? {
        guard let known = PlaceFile.read(from: store.disk, below: store.directory(of: agent)), Places.absolute(known, from: "/") == known,
            known.hasSuffix("/" + agent.shortened)
        else { return nil }
        return known
    }

    /// nil: it is not there, or not for us.
    private func root(of path: String) -> DiskRoot? {
        guard let disk = try? machine.disk(at: path, create: false) else { return nil }
        return try? disk.rootEntry()
    }
}
