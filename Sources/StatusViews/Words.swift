public import AgentModel
public import Recovery

// What happened and what is done about it, in words. The agent is "it".

extension Origin {
    /// `clean`, `version 41`.
    public var words: String {
        switch self {
        case .clean: "clean"
        case .version(let version): "version \(version)"
        }
    }
}

extension AgentEvent {
    /// What happened, as a clause.
    public var words: String {
        switch self {
        case .wantedRunning(let from): "asked to run" + (from.map { ", from \($0.words)" } ?? "")
        case .wantedStopped: "asked to stop"
        case .wantedRestart(let from): "asked to restart" + (from.map { ", from \($0.words)" } ?? "")
        case .wantedSuspended(let version, let until):
            "asked to suspend it, in version \(version)" + (until.map { ", until \(Recovery.words($0))" } ?? "")
        case .resumeDue: "the time it was suspended until had come"
        case .supervisorEnds: "its supervisor was told to end"
        case .adopted(let from): "found alive and taken over (it began from \(from.words))"
        case .foundLost: "found lost: the last supervisor is gone and so is the agent"
        case .launched: "launched"
        case .launchFailed(let fault, let version):
            "the launch failed" + (version.map { " (version \($0))" } ?? "") + ": \(fault.sentence)"
        case .signOfLife: "gave its first sign of life"
        case .progressed: "went beyond the step it began from"
        case .stored(let version): "version \(version) was stored"
        case .ended(let end, done: true): "done: \(end.sentence)"
        case .ended(let end, done: false): end.sentence
        case .missedHeartbeat(let silence): "silent for \(Recovery.words(silence))"
        case .reportedFailure(let what): "said that it failed: \(what)"
        case .timerFired: "the wait was over"
        }
    }

    /// One stable word for lists and filters.
    public var kind: String {
        switch self {
        case .wantedRunning, .wantedStopped, .wantedRestart, .wantedSuspended, .supervisorEnds: "operator"
        case .adopted, .foundLost: "takeover"
        case .launched, .launchFailed: "launch"
        case .signOfLife, .progressed: "health"
        case .stored: "checkpoint"
        case .ended, .missedHeartbeat, .reportedFailure: "death"
        case .timerFired, .resumeDue: "timer"
        }
    }
}

extension AgentEvent {
    /// As `words`, and `kind`, of an agent that was in this phase: one that ends on its way to disk has not died.
    func words(in phase: Phase) -> String { endsSuspending(phase) ? "nothing of it runs any more" : words }
    func kind(in phase: Phase) -> String { endsSuspending(phase) ? "operator" : kind }

    private func endsSuspending(_ phase: Phase) -> Bool {
        if case .ending(_, _, .operatorSuspend) = phase, case .ended(_, done: false) = self { true } else { false }
    }
}

extension AgentAction {
    /// What is done, as a phrase.
    public var words: String {
        switch self {
        case .launch(let from): from == .clean ? "start clean" : "restore \(from.words)"
        case .stop(let checkpointFirst, let within):
            (checkpointFirst ? "checkpoint, then stop it" : "stop it") + ", kill it after \(Recovery.words(within))"
        case .kill: "kill it"
        case .setTimer(let moment): moment == nil ? "clear the timer" : "set the timer"
        case .mark(let version, let standing, let because): "mark version \(version) \(standing.rawValue): \(because)"
        case .openIncident(let fault): "open an incident: \(fault.sentence)"
        case .escalate: "call a person"
        case .closeIncident(let because): "close the incident: \(because)"
        case .finish(let end): "finish (\(end.sentence))"
        }
    }
}
