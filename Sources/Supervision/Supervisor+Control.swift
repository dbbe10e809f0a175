internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import LaunchPlans
internal import OutsideWorld
internal import Recovery
internal import StatusViews

/// What an operator still waits for.
enum OwedReply: Equatable {
    /// The agent is gone and the supervisor ends.
    case stop
    /// The next incarnation runs, from there if that was said.
    case launch(from: Origin?)
    /// The agent runs from this version.
    case restore(VersionNumber)
    /// It is on disk, and nothing of it is left running.
    case suspend
    /// The agent runs from the version it was suspended in.
    case resume(VersionNumber)

    /// What was asked for is a start from this version and no other.
    func isFor(_ version: VersionNumber) -> Bool {
        switch self {
        case .stop, .suspend: false
        case .launch(let asked): asked == .version(version)
        case .restore(let asked), .resume(let asked): asked == version
        }
    }

    /// A start from there is what was asked for.
    func isMet(by origin: Origin) -> Bool {
        switch self {
        case .stop, .suspend: false
        case .launch(let asked): asked == nil || asked == origin
        case .restore(let asked), .resume(let asked): origin == .version(asked)
        }
    }

    /// What could not be done, and the code where the fault has none of its own.
    func failure(of agent: AgentName) -> (doing: String, code: String) {
        switch self {
        case .stop: ("stop '\(agent)'", "E-STOP-FAILED")
        case .launch: ("restart '\(agent)'", "E-RESTART-FAILED")
        case .restore(let version): ("restore '\(agent)@\(version)'", "E-RESTORE-FAILED")
        case .suspend: ("suspend '\(agent)'", "E-SUSPEND-FAILED")
        case .resume(let version): ("resume '\(agent)' from version \(version)", "E-RESUME-FAILED")
        }
    }
}

/// The operator's door: one request a connection, answered by lines of JSON.
extension Supervisor {
    func controlConnected(_ id: ConnectionID, _ peer: PeerCredentials) {
        // The socket is 0600; this holds even where a file mode does not (another mount, a careless chmod).
        guard peer.isInside == nil, peer.userID == 0 || peer.userID == request.facts.userID else { return world.close(id) }
        controls[id] = LineReader()
    }

    func controlReceived(_ id: ConnectionID, _ bytes: [UInt8]) {
        guard var reader = controls[id] else { return }
        do throws(ControlFault) {
            let lines = try reader.push(bytes)
            controls[id] = reader
            if let first = lines.first { take(try ControlCodec.request(first), id) }
        } catch {
            reply(.failed(code: "E-CONTROL-BAD", sentence: "could not take the request: \(error.sentence). \(Self.sameRelease)"), to: id)
        }
    }

    private static var sameRelease: String { "Use the same release for the command and the supervisor, see 'runner version'" }

    private func take(_ wish: ControlRequest, _ id: ConnectionID) {
        // Asking is no news: a watched agent would fill its journal.
        if wish != .status, wish != .preflight { note("operator", wish.words) }
        if isBeginning, wish.owed != nil { wishes.append((wish, id)) } else { obey(wish, id) }
    }

    func obey(_ wish: ControlRequest, _ id: ConnectionID) {
        // Nothing is decided any more; who asks now must not wait for an answer that never comes.
        if finished != nil, wish != .status {
            let sentence = "could not take the wish '\(wish.words)' for '\(agent)': its supervisor is just ending. Ask again in a moment"
            return reply(.failed(code: "E-AGENT-NOT-RUNNING", sentence: sentence), to: id)
        }
        if let owed = wish.owed {
            repliesOwed[id] = owed
            wishesTaken += 1
        }
        switch wish {
        case .status: reply(.status(statusText()), to: id)
        case .checkpoint(let wait, let mode, let stop, let force, let spared):
            if let spared { versionSpared = (spared, id) }  // who asks is about to wish for that
            operatorCheckpoint(id, wait: wait, CutKind(mode: mode ?? spec.checkpoint.mode, stops: stop, isNewAnyway: force))
        case .suspend(let until): operatorSuspend(id, until: until)
        case .resume: operatorResume(id)
        case .preflight: operatorPreflight(id)
        case .stop(let checkpoint):
            if !checkpoint { skipCheckpointOnStop = true }
            inbox.append(.wantedStopped)
        case .restart(let origin):
            if let version = origin?.version, summary(of: version, for: id) == nil { return }
            keepFirst(id, origin) { [self] in
                couldNotStart = nil
                restoreScope = nil  // of a restore that is overruled by this
                inbox.append(.wantedRestart(from: origin))
            }
        case .restore(let version, let workspace, let state): operatorRestore(id, version, workspace: workspace, state: state)
        case .pin(let version, let pinned):
            change(id, "version \(version) is \(pinned ? "pinned" : "no longer pinned")") { () throws(StoreFault) in
                try store.pin(agent, version, pinned)
            }
        case .mark(let version, let standing, let because):
            change(id, "version \(version) is \(standing.rawValue)") { () throws(StoreFault) in
                try store.mark(agent, version, standing, because: because)
            }
        case .settleEffect(let key, let happened, let result): settle(id, key, happened: happened, result: result)
        }
    }

    private func operatorCheckpoint(_ id: ConnectionID, wait: Bool, _ kind: CutKind) {
        if let why = whyNotOnDisk("checkpoint") { return reply(.failed(code: "E-AGENT-SUSPENDED", sentence: why), to: id) }
        // Whoever wants it stopped waits until it is.
        guard beginCheckpoint(.operator, kind, operators: wait ? [id] : []) != nil else {
            if !wait { fail([id], code: "E-AGENT-NOT-RUNNING", notRunning) }
            return
        }
        if !wait { reply(.done("a checkpoint of '\(agent)' has begun; 'runner versions \(agent)' shows it when it is stored"), to: id) }
    }

    var notRunning: String {
        guard imageRestore?.pid == nil else {
            return "could not checkpoint '\(agent)': its memory is still on its way back from a lazy restore. Try again in a moment"
        }
        return "could not checkpoint '\(agent)': it is not running. 'runner status \(agent)' tells what comes next and when"
    }

    private func operatorRestore(_ id: ConnectionID, _ version: VersionNumber, workspace: Bool, state: Bool) {
        guard let summary = summary(of: version, for: id) else { return }
        guard summary.standing != .broken else {
            let sentence =
                "could not restore '\(agent)@\(version)': it is broken (\(summary.note ?? "its bytes are not what was stored")). "
            return reply(.failed(code: "E-VERSION-BROKEN", sentence: sentence + "Choose another from 'runner versions \(agent)'"), to: id)
        }
        keepFirst(id, .version(version), workspace: workspace) { [self] in
            couldNotStart = nil
            restoreScope = RestoreScope(origin: .version(version), workspace: workspace, state: state)
            writeMemory()  // the launch it is said of may be the next supervisor's
            inbox.append(.wantedRestart(from: .version(version)))
        }
    }

    /// nil: there is none, and whoever asked was told.
    private func summary(of version: VersionNumber, for id: ConnectionID) -> CheckpointSummary? {
        if let summary = versions.first(where: { $0.version == version }) { return summary }
        let sentence = "could not restore '\(agent)@\(version)': there is no such version. 'runner versions \(agent)' lists those there are"
        reply(.failed(code: "E-VERSION-MISSING", sentence: sentence), to: id)
        return nil
    }

    private func change(_ id: ConnectionID, _ done: String, _ body: () throws(StoreFault) -> Void) {
        do throws(StoreFault) { try body() } catch { return reply(.failed(code: error.code, sentence: error.sentence), to: id) }
        refreshVersions()
        reply(.done(done), to: id)
    }

    // MARK: Replies

    func reply(_ reply: ControlReply, to id: ConnectionID) {
        guard controls[id] != nil else { return }
        controls[id] = nil
        repliesOwed[id] = nil
        do throws(ControlFault) { world.send(try ControlCodec.line(reply), to: id) } catch {
            note("operator", "could not answer: \(error.sentence)")
        }
        world.close(id)
    }

    func fail(_ operators: [ConnectionID], code: String, _ sentence: String) {
        for id in operators { reply(.failed(code: code, sentence: sentence), to: id) }
    }

    /// It was started from there: some may have wished for something else, and were overruled.
    func answerOwedLaunch(by origin: Origin) {
        let runs = "runs (incarnation \(incarnations), \(origin.words)\(beganAnew ? AgentStatus.anewWords : ""))"
        for (id, owed) in repliesOwed where owed.isMet(by: origin) { reply(.done("'\(agent)' \(runs)"), to: id) }
        failOwedLaunch("something else was asked of it meanwhile, and it \(runs)", next: "Ask again, if that still holds")
    }

    /// It could not be started.
    /// - Parameter code: the fault's own, where it has one.
    func failOwedLaunch(_ why: String, code: String? = nil, next: String? = nil) {
        for (id, owed) in repliesOwed { fail(id, owed, why, code: code, next: next) }
    }

    func fail(_ id: ConnectionID, _ owed: OwedReply, _ why: String, code: String? = nil, next: String? = nil) {
        switch owed {
        case .stop: return
        case .restore: dropScope()
        case .launch, .suspend, .resume: break
        }
        let failure = owed.failure(of: agent)
        failOwed(id, code: code ?? failure.code, failure.doing, why, next)
    }

    /// The version somebody asked for cannot be had; what recovery does instead is not what was asked for.
    func failOwedRestore(of version: VersionNumber, _ why: String, code: String? = nil) {
        for (id, owed) in repliesOwed where owed.isFor(version) {
            let resumes = owed == .resume(version)
            let failure = (resumes ? owed : .restore(version)).failure(of: agent)
            failOwed(id, code: code ?? failure.code, failure.doing, why)
        }
    }

    private func failOwed(_ id: ConnectionID, code: String, _ doing: String, _ why: String, _ next: String? = nil) {
        let next = next ?? "Recovery goes on by its own rules: 'runner why \(agent)' tells how"
        reply(.failed(code: code, sentence: "could not \(doing): \(why). \(next)"), to: id)
    }

    /// The supervisor ends, and the agent is down.
    func answerAllOwed() {
        for (wish, id) in wishes { repliesOwed[id] = wish.owed }
        wishes = []
        failOwedLaunch(couldNotStart ?? reason, next: "Its supervisor has ended: start it with 'runner run'")
        let stopped = "'\(agent)' is stopped"
        var answer = ControlReply.done(stopped)
        if let lastVersionMissed {
            let sentence = "\(stopped), but no last version could be taken: \(lastVersionMissed)"
            tell(sentence)
            answer = .failed(code: "E-STOP-UNSAVED", sentence: sentence)
        }
        for id in Array(repliesOwed.keys) { reply(answer, to: id) }
    }
}

extension ControlRequest {
    /// What an operator waits for who wishes this. nil: the answer comes at once, or from the checkpoint.
    var owed: OwedReply? {
        switch self {
        case .stop: .stop
        case .restart(let origin): .launch(from: origin)
        case .restore(let version, _, _): .restore(version)
        case .suspend: .suspend
        case .resume: .launch(from: nil)
        case .status, .preflight, .checkpoint, .settleEffect, .pin, .mark: nil
        }
    }
}
