public import AgentModel
public import Recovery

// What happened and what is done about it, in words. The agent is "it".

extension ProcessEnd {
    /// `exited with status 3`, `killed by signal 9 (SIGKILL)`, `killed for memory`, `gone, nobody knows how`.
    public var words: String {
        switch self {
        case .exited(let status): "exited with status \(status)"
        case .signaled(_, outOfMemory: true): "killed for memory"
        case .signaled(let signal, outOfMemory: false): "killed by signal \(signal)" + (signalName(signal).map { " (\($0))" } ?? "")
        case .unknown: "gone, nobody knows how"
        }
    }
}

extension Origin {
    /// `clean`, `version 41`.
    public var words: String {
        switch self {
        case .clean: "clean"
        case .version(let version): "version \(version)"
        }
    }
}

extension Fault {
    /// What went wrong, as a clause: `it was killed by signal 9 (SIGKILL)`.
    public var words: String {
        switch self {
        case .ended(.exited(let status)): "it exited with status \(status)"
        case .ended(.unknown): "it is gone, nobody knows how"
        case .ended(let end): "it was \(end.words)"
        case .missedHeartbeat(let silence): "it was silent for \(silence.words)"
        case .noSignOfLife(let after): "it gave no sign of life within \(after.words)"
        case .couldNotStart(let why): "it could not be started: \(why)"
        case .reportedFailure(let what): "it said that it failed: \(what)"
        case .lost: "it was lost while no supervisor ran"
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
        case .adopted(let from): "found alive and taken over (it began from \(from.words))"
        case .foundLost: "found lost: the last supervisor is gone and so is the agent"
        case .launched: "launched"
        case .launchFailed(let fault, let version):
            "the launch failed" + (version.map { " (version \($0))" } ?? "") + ": \(fault.words)"
        case .signOfLife: "gave its first sign of life"
        case .progressed: "went beyond the step it began from"
        case .stored(let version): "version \(version) was stored"
        case .ended(let end, done: true): "done: \(end.words)"
        case .ended(let end, done: false): end.words
        case .missedHeartbeat(let silence): "silent for \(silence.words)"
        case .reportedFailure(let what): "said that it failed: \(what)"
        case .timerFired: "the wait was over"
        }
    }

    /// One stable word for lists and filters.
    public var kind: String {
        switch self {
        case .wantedRunning, .wantedStopped, .wantedRestart: "operator"
        case .adopted, .foundLost: "takeover"
        case .launched, .launchFailed: "launch"
        case .signOfLife, .progressed: "health"
        case .stored: "checkpoint"
        case .ended, .missedHeartbeat, .reportedFailure: "death"
        case .timerFired: "timer"
        }
    }
}

extension AgentAction {
    /// What is done, as a phrase.
    public var words: String {
        switch self {
        case .launch(let from): from == .clean ? "start clean" : "restore \(from.words)"
        case .stop(let checkpointFirst, let within):
            (checkpointFirst ? "checkpoint, then stop it" : "stop it") + ", kill it after \(within.words)"
        case .kill: "kill it"
        case .setTimer(let moment): moment == nil ? "clear the timer" : "set the timer"
        case .mark(let version, let standing, let because): "mark version \(version) \(standing.rawValue): \(because)"
        case .openIncident(let fault): "open an incident: \(fault.words)"
        case .escalate: "call a person"
        case .closeIncident(let because): "close the incident: \(because)"
        case .finish(let end): "finish (\(end.words))"
        }
    }
}

/// The name of a signal of this platform (x86 and Arm agree on these).
func signalName(_ number: Int32) -> String? {
    let names: [Int32: String] = [
        1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
        10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
    ]
    return names[number]
}
