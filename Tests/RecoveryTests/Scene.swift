import AgentModel
import Recovery

// What the tests of recovery speak with: times in seconds, versions in one line, decisions as short text.

func at(_ seconds: Double) -> Moment { Moment(nanoseconds: Int64(seconds * 1e9)) }

func version(
    _ number: UInt64, _ standing: Standing = .stored, kind: VersionKind = .checkpoint, cooperative: Bool = true, process: Bool = false,
    forced: Bool = false, reason: CheckpointReason = .schedule
) -> CheckpointSummary {
    CheckpointSummary(
        version: VersionNumber(number), kind: kind, parts: VersionParts(cooperative: cooperative, workspace: true, process: process),
        standing: standing,
        reason: reason, takenAt: WallTime(seconds: Int64(number)), forced: forced, size: ByteCount(1000))
}

func origin(_ number: UInt64) -> Origin { .version(VersionNumber(number)) }

/// A crash of its own. Signal 9 comes from outside and is excused once.
let killed = AgentEvent.ended(.signaled(11, outOfMemory: false), done: false)

/// One agent whose time, versions and marks are kept for it.
struct Scene {
    var state = RecoveryState()
    var now = at(0)
    var versions: [CheckpointSummary] = []
    var settings = RecoverySettings()
    var reasons: [String] = []
    var last = Decision(state: RecoveryState(), actions: [], reason: "")

    init(_ versions: [CheckpointSummary] = [], settings: RecoverySettings = RecoverySettings()) {
        self.versions = versions
        self.settings = settings
    }

    /// Decides, applies the marks, and returns the decision as `brief` tells it.
    @discardableResult mutating func take(_ event: AgentEvent, after seconds: Double = 0) -> String {
        now = now + .fractional(seconds: seconds)
        last = decide(state, on: event, at: now, versions: versions, settings: settings, chance: 0)
        state = last.state
        reasons.append(last.reason)
        for case .mark(let number, let standing, _) in last.actions {
            for index in versions.indices where versions[index].version == number { versions[index].standing = standing }
        }
        return brief(last, now: now)
    }

    /// A version of the living agent is committed.
    @discardableResult mutating func store(_ summary: CheckpointSummary, after seconds: Double = 0) -> String {
        versions.append(summary)
        return take(.stored(summary.version), after: seconds)
    }

    /// From launching to running.
    mutating func comeUp() {
        take(.launched)
        if case .starting = state.phase { take(.signOfLife) }
    }

    mutating func fireTimer() -> String {
        guard case .setTimer(let moment?) = last.actions.last else { return "no timer is set" }
        now = max(now, moment)
        return take(.timerFired)
    }
}

// MARK: Short text

/// "phase: action, action". Times are seconds after `now`.
func brief(_ decision: Decision, now: Moment) -> String {
    let actions = decision.actions.map { brief($0, now) }.joined(separator: " ")
    return brief(decision.state.phase, now) + " | " + (decision.actions.isEmpty ? "nothing" : actions)
}

func brief(_ origin: Origin) -> String {
    switch origin {
    case .clean: "clean"
    case .version(let number): "v\(number)"
    }
}

private func brief(_ moment: Moment, _ now: Moment) -> String {
    "\(moment < now ? "-" : "+")\(words(moment < now ? now - moment : moment - now))"
}

private func brief(_ phase: Phase, _ now: Moment) -> String {
    switch phase {
    case .stopped(let finished): finished.map { "stopped(\($0.exitStatus))" } ?? "stopped"
    case .launching(let from, let since): "launching(\(brief(from)) \(brief(since, now)))"
    case .starting(let from, let since): "starting(\(brief(from)) \(brief(since, now)))"
    case .running(let from, let since, let healthy):
        "running(\(brief(from)) \(brief(since, now))\(healthy.map { " healthy\(brief($0, now))" } ?? ""))"
    case .ending(let from, let since, let cause): "ending(\(brief(from)) \(brief(since, now)) \(brief(cause)))"
    case .waiting(let from, let until): "waiting(\(brief(from)) \(brief(until, now)))"
    case .coolingDown(let until): "cooling(\(brief(until, now)))"
    case .suspended(let version, let since, let until):
        "suspended(v\(version) \(brief(since, now))\(until.map { " until \($0.seconds)" } ?? ""))"
    case .calledForHelp(let since, let retryAt): "help(\(brief(since, now))\(retryAt.map { " retry\(brief($0, now))" } ?? ""))"
    }
}

private func brief(_ cause: EndingCause) -> String {
    switch cause {
    case .operatorStop: "stop"
    case .operatorRestart(let from): "restart-\(brief(from))"
    case .operatorSuspend(let version, _): "suspend-v\(version)"
    case .fault(let fault): brief(fault)
    }
}

private func brief(_ fault: Fault) -> String {
    switch fault {
    case .ended: "ended"
    case .missedHeartbeat: "hang"
    case .noSignOfLife: "mute"
    case .couldNotStart: "start"
    case .reportedFailure: "failure"
    case .lost: "lost"
    }
}

private func brief(_ action: AgentAction, _ now: Moment) -> String {
    switch action {
    case .launch(let from): "launch(\(brief(from)))"
    case .stop(let checkpointFirst, let within): "stop(\(checkpointFirst ? "cut " : "")\(words(within)))"
    case .kill: "kill"
    case .setTimer(let moment): moment.map { "timer(\(brief($0, now)))" } ?? "timer(-)"
    case .mark(let number, let standing, _): "\(standing)(v\(number))"
    case .openIncident(let fault): "open(\(brief(fault)))"
    case .escalate: "escalate"
    case .closeIncident: "close"
    case .finish(let end): "finish(\(end.exitStatus))"
    }
}

// MARK: Chance

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Chance {
    var seed: UInt64
    init(_ seed: UInt64) { self.seed = seed }
    mutating func next() -> UInt64 {
        seed &+= 0x9E37_79B9_7F4A_7C15
        var z = seed
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }
    mutating func pick<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }
}
