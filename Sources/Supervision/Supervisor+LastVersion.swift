internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld
internal import Recovery

/// What an operator's restart or restore would take from a healthy agent is kept before the agent is asked to end. Where that is not
/// possible the wish is refused, and the agent runs on.
extension Supervisor {
    /// - Parameters:
    ///   - origin: nil: it goes on from its last version, which is taken here.
    ///   - workspace: the workspace is rolled back, so it must be possible to set the present one aside.
    func keepFirst(_ id: ConnectionID, _ origin: Origin?, workspace: Bool = true, then proceed: @escaping () -> Void) {
        let wish = wishesTaken
        versionAskedFor = origin?.version
        versionSpared = nil
        let proceed = { [self] in
            versionAskedFor = nil
            proceed()
        }
        switch origin {
        case nil: takeLastVersion(id, wish, proceed)
        case .version(let version) where workspace: lookAhead(id, wish, to: version, proceed)
        case .version, .clean: proceed()
        }
    }

    private func takeLastVersion(_ id: ConnectionID, _ wish: UInt64, _ proceed: @escaping () -> Void) {
        guard case .running = recovery.phase, spec.checkpoint.onStop else { return proceed() }
        let begun = beginCheckpoint(.stop, spec.cut) { [self] missed in
            if let missed, missed.isLoss {
                let why = "no last version could be taken: \(missed.why)"
                let next = "It runs on; '--from' a version or 'clean' does without a last version"
                return refuse(id, wish, why, code: missed.code, next: next)
            }
            guard wish == wishesTaken else { return }  // answered with what was wished later
            proceed()
            // Decided at once: the agent must hear that it is to end before it is let go from its safe point.
            isKeptBeforeEnd = true
            drainInbox()
            isKeptBeforeEnd = false
        }
        if begun == nil { proceed() }
    }

    private func lookAhead(_ id: ConnectionID, _ wish: UInt64, to version: VersionNumber, _ proceed: @escaping () -> Void) {
        if case .ending = recovery.phase { return proceed() }  // somebody's wish, or the ladder, has ended it already
        guard life != nil, let summary = versions.first(where: { $0.version == version }), summary.parts.workspace,
            let workspace = openWorkspace(of: spec)
        else { return proceed() }
        let job = RollBackJob(
            store: store, agent: agent, version: summary, workspace: workspace, excluded: spec.checkpoint.exclude, aside: asideRequest(),
            asideID: stagingID(), readsState: false)
        aside(in: .patient) {
            job.obstacle()
        } then: { [self] fault in
            if let fault {
                let why = "its workspace could not be set aside: \(fault.reason)"
                return refuse(id, wish, why, code: fault.code, next: "Nothing was changed, and it runs on")
            }
            if wish == wishesTaken { proceed() }
        }
    }

    /// Who was overruled by this wish is refused with it.
    private func refuse(_ id: ConnectionID, _ wish: UInt64, _ why: String, code: String, next: String) {
        if wish == wishesTaken {
            versionAskedFor = nil
            failOwedLaunch(why, code: code, next: next)
        } else if let owed = repliesOwed[id] {
            fail(id, owed, why, code: code, next: next)
        }
    }
}
