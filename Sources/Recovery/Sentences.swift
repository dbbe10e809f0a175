public import AgentModel

// The words of recovery, in one place, so that journal, status and incident say the same thing the same way.

extension Fault {
    /// What happened, as the end of a sentence: "it was killed by signal 9".
    public var sentence: String {
        switch self {
        case .ended(let end): end.sentence
        case .missedHeartbeat(let silence): "it was silent for \(words(silence))"
        case .noSignOfLife(let wait): "it gave no sign of life within \(words(wait))"
        case .couldNotStart(let text): "it could not be started: \(text)"
        case .reportedFailure(let text): "it reported a failure: \(text)"
        case .lost: "it went down together with its supervisor"
        }
    }
}

extension ProcessEnd {
    /// How it ended, as the end of a sentence: "it exited with status 3".
    public var sentence: String {
        switch self {
        case .exited(let status): "it exited with status \(status)"
        case .signaled(let signal, outOfMemory: true): "it was killed for memory (signal \(signal))"
        case .signaled(let signal, outOfMemory: false): "it was killed by signal \(signal)"
        case .unknown: "it is gone and nobody saw how"
        }
    }
}

/// A duration as a person reads it: `250 ms`, `4 s`, `1.5 s`, `10 min`, `2 h`, `3 d`. Rounded to what matters at its size.
public func words(_ duration: Duration) -> String {
    let milliseconds = duration.milliseconds
    switch milliseconds {
    case ..<1000: return "\(max(0, milliseconds)) ms"
    case ..<120_000: return tenths(milliseconds / 100, "s")
    case ..<7_200_000: return tenths(milliseconds / 6000, "min")
    case ..<172_800_000: return tenths(milliseconds / 360_000, "h")
    default: return tenths(milliseconds / 8_640_000, "d")
    }
}

private func tenths(_ count: Int64, _ unit: String) -> String {
    count % 10 == 0 ? "\(count / 10) \(unit)" : "\(count / 10).\(count % 10) \(unit)"
}

/// A time of the calendar without its fraction: `2026-11-22T08:00:00Z`.
public func words(_ time: WallTime) -> String { String(time.description.prefix { $0 != "." }) + "Z" }

func counted(_ count: Int, _ noun: String) -> String { count == 1 ? "1 \(noun)" : "\(count) \(noun)s" }

func words(_ origin: Origin) -> String {
    switch origin {
    case .clean: "clean"
    case .version(let version): "from version \(version)"
    }
}

extension Draft {
    /// "restoring version 41 (proven)", "starting clean".
    func doing(_ origin: Origin) -> String {
        switch origin {
        case .clean: "starting clean"
        case .version(let version):
            "restoring version \(version)" + (summary(of: version).map { " (\($0.kind == .aside ? "aside" : $0.standing.rawValue))" } ?? "")
        }
    }
}

extension AgentEvent {
    /// What happened, as a whole sentence without its dot: "it was launched".
    public var sentence: String {
        switch self {
        case .wantedRunning(let from): "the operator wants it up" + (from.map { " " + words($0) } ?? "")
        case .wantedStopped: "the operator wants it down"
        case .wantedRestart(let from): "the operator wants a restart" + (from.map { " " + words($0) } ?? "")
        case .wantedSuspended(_, let until): "the operator wants it on disk" + (until.map { " until \(words($0))" } ?? "")
        case .resumeDue: "the time it was suspended until has come"
        case .supervisorEnds: "its supervisor was told to end"
        case .adopted: "it was found alive by a new supervisor"
        case .foundLost: "a new supervisor found nothing of it"
        case .launched: "it was launched"
        case .launchFailed(let fault, let version): fault.sentence + (version.map { " (version \($0))" } ?? "")
        case .signOfLife: "it gave its first sign of life"
        case .progressed: "it went beyond the cut it began from"
        case .stored(let version): "version \(version) was stored"
        case .ended(let end, let done): end.sentence + (done ? " and had said that its work is done" : "")
        case .missedHeartbeat(let silence): "it was silent for \(words(silence))"
        case .reportedFailure(let text): "it reported a failure: \(text)"
        case .timerFired: "the timer fired"
        }
    }
}
