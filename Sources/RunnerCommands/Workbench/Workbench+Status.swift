internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld
internal import StatusViews

/// What can be learnt of a living supervisor.
enum LivingStatus {
    case alive(AgentStatus)
    case nobody
    /// Somebody listens and does not answer us.
    case unknown
}

extension Workbench {
    /// The agent's status: from its supervisor when one answers, else from the file it left, corrected by the fact that nobody is there.
    func status(of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> AgentStatus {
        let written = try writtenStatus(of: agent, in: store)
        switch livingStatus(of: agent, in: store) {
        case .alive(let status): return status
        case .unknown: return written
        case .nobody: return withoutSupervisor(written)
        }
    }

    /// Whether somebody listens at the agent's control socket.
    func isSupervised(_ agent: AgentName, in store: CheckpointStore) -> Bool {
        if case .nobody = livingStatus(of: agent, in: store) { return false }
        return true
    }

    // MARK: Parts

    private func livingStatus(of agent: AgentName, in store: CheckpointStore) -> LivingStatus {
        do throws(CommandFault) {
            guard case .status(let text) = try ask(agent, in: store, .status, to: "ask", within: .seconds(2)) else { return .unknown }
            // A status we cannot read is one of another version: the file may do better.
            return (try? JSONText.decode(AgentStatus.self, from: Array(text.utf8))).map { .alive($0) } ?? .unknown
        } catch {
            return error.code == ErrorCode.supervisorNone.rawValue ? .nobody : .unknown
        }
    }

    private func writtenStatus(of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> AgentStatus {
        let path = store.directory(of: agent) / "status.json"
        let bytes: [UInt8]
        do { bytes = try store.disk.read(path, limit: .mebibytes(1)) } catch {
            guard error.kind == .missing else { throw CommandFault(inStore: error) }
            return neverRun(agent, in: store)
        }
        do { return try JSONText.decode(AgentStatus.self, from: bytes) } catch {
            throw CommandFault(
                .statusBroken,
                "could not read the status of '\(agent)': '\(places.store)/\(path)' is damaged. 'runner why \(agent)' reads its journal instead"
            )
        }
    }

    /// Its versions may have come from elsewhere.
    private func neverRun(_ agent: AgentName, in store: CheckpointStore) -> AgentStatus {
        var status = AgentStatus(
            agent: agent, state: .stopped, wantedRunning: false, supervisorPID: 0, reason: "it has not run yet", command: [],
            store: places.store, updatedAt: machine.wallTime())
        let versions = (try? store.versions(of: agent)) ?? []  // what is wrong with them 'versions' and 'verify' tell
        status.latest = versions.last { $0.kind == .checkpoint }
        status.knownGood = versions.last { $0.isKnownGood }?.version
        return status
    }

    /// A supervisor that ends writes `stopped`, `finished` or `needs-help`; anything else means that it died.
    private func withoutSupervisor(_ status: AgentStatus) -> AgentStatus {
        switch status.state {
        case .stopped, .finished, .needsHelp, .unsupervised: return status
        case .suspended: return suspendedAlone(status)
        case .starting, .running, .restoring, .stopping, .waiting, .coolingDown: break
        }
        var corrected = status
        corrected.state = .unsupervised
        corrected.next = nil
        corrected.nextCheckpointAt = nil
        corrected.reason =
            "its supervisor is gone (it was \(status.state.rawValue)); 'runner run' takes it over or goes on from its last version"
        return corrected
    }

    /// It is on disk all the same, and nobody is there who would bring it back when its time comes.
    private func suspendedAlone(_ status: AgentStatus) -> AgentStatus {
        var corrected = status
        corrected.next = nil
        let waits = status.suspended?.until.map { $0 > machine.wallTime() } ?? false
        corrected.reason += ". No supervisor runs: 'runner run' \(waits ? "waits for that time" : "brings it back")"
        return corrected
    }
}
