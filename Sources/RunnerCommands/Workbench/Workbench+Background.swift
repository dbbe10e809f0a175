internal import AgentModel
internal import Checkpoints
internal import OutsideWorld

extension Workbench {
    /// Starts the supervisor of an agent in the background and returns when the agent runs.
    /// - Parameters:
    ///   - arguments: of the runner, with '--in-background' behind 'run'.
    ///   - holder: who holds the agent's lock for a moment, to know that nobody else does.
    func startInBackground(
        _ agent: AgentName, _ arguments: [String], holder: String, in store: CheckpointStore
    ) throws(CommandFault) {
        // Another supervisor is told here: the background has no status of its own to end with.
        do { try store.lock(agent, holder: holder).release() } catch { throw CommandFault(error) }
        let logs = store.directory(of: agent) / "log"
        // What it says is not encrypted.
        let place = store.isSealed ? places.runtime(storeID: store.identity, agent: agent) : "\(places.store)/\(logs)"
        let log = "\(place)/supervisor.log"
        let started: BackgroundStart
        do {
            try store.disk.makeDirectories(logs)
            if store.isSealed { _ = try machine.disk(at: place, create: true) }
            started = try machine.startDetached(arguments, log: log, within: .seconds(60))
        } catch { throw CommandFault(error) }
        switch started {
        case .ready: break
        case .ended(let status, let output): throw CommandFault(detached: agent, status, output, log: log)
        case .notStarted(let code, let sentence): throw CommandFault(foreign: code, sentence)
        case .silent:
            throw CommandFault(
                .supervisorSilent,
                "could not see '\(agent)' start: its supervisor did not run it within 60 s and goes on trying. 'runner status \(agent)' "
                    + "and '\(log)' tell what it does")
        }
    }
}
