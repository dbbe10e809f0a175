import AgentModel
import Recovery
import Testing

// The ladder walked from end to end, a story a test. Each line is what happened and what was decided.

@Test func anAgentThatDiesAtOnceIsWalkedDownTheWholeLadder() {
    var scene = Scene([version(38, .proven), version(39), version(40, .broken), version(41)])
    #expect(scene.take(.wantedRunning(from: nil)) == "launching(v41 +0 ms) | launch(v41) timer(-)")
    scene.comeUp()
    #expect(scene.take(killed, after: 1) == "launching(v39 +0 ms) | open(ended) suspect(v41) launch(v39) timer(-)")
    scene.comeUp()
    #expect(scene.take(killed, after: 1) == "launching(v38 +0 ms) | suspect(v39) launch(v38) timer(-)")
    scene.comeUp()
    #expect(scene.take(killed, after: 1) == "waiting(clean +1 s) | suspect(v38) timer(+1 s)")
    #expect(scene.fireTimer() == "launching(clean +0 ms) | launch(clean) timer(-)")
    scene.comeUp()
    #expect(scene.take(killed, after: 1) == "waiting(clean +2 s) | timer(+2 s)")
    #expect(scene.fireTimer() == "launching(clean +0 ms) | launch(clean) timer(-)")
    scene.comeUp()
    #expect(scene.take(killed, after: 1) == "cooling(+10 min) | timer(+10 min)")
    #expect(scene.fireTimer() == "launching(clean +0 ms) | launch(clean) timer(-)")
    scene.comeUp()
    #expect(scene.take(killed, after: 1) == "help(+0 ms) | escalate timer(-)")
    #expect(scene.take(.wantedRunning(from: origin(38))) == "launching(v38 +0 ms) | close launch(v38) timer(-)")
    #expect(
        scene.reasons.filter { !$0.hasPrefix("up ") && !$0.hasPrefix("running ") } == [
            "restoring version 41 (stored): the operator wants it up",
            "restoring version 39 (stored): it was killed by signal 11",
            "restoring version 38 (proven): it was killed by signal 11",
            "starting clean in 1 s: 3 restores failed within 5 min; it was killed by signal 11",
            "starting clean: the wait is over",
            "starting clean in 2 s: 3 restores failed within 5 min; it was killed by signal 11",
            "starting clean: the wait is over",
            "cooling down for 10 min: 5 deaths within 5 min without progress; it was killed by signal 11",
            "starting clean: the cool-down is over and no version is left to try (41 suspect, 40 broken, 39 suspect, 38 suspect)",
            "calling a person and leaving it down: it was killed by signal 11, again after 1 cool-down",
            "restoring version 38 (suspect): the operator asked for it",
        ])
}

@Test func deathsAfterProgressCostNothing() {
    var scene = Scene()
    #expect(scene.take(.wantedRunning(from: nil)) == "launching(clean +0 ms) | launch(clean) timer(-)")
    scene.comeUp()
    for number in 1...40 as ClosedRange<UInt64> {
        scene.store(version(number), after: 1)
        let open = number == 1 ? "open(ended) " : ""
        #expect(scene.take(killed, after: 1) == "launching(v\(number) +0 ms) | \(open)launch(v\(number)) timer(-)")
        scene.comeUp()
    }
    // A step beyond the cut is progress too: the same version is restored again.
    for _ in 1...10 {
        scene.take(.progressed, after: 1)
        #expect(scene.take(killed, after: 1) == "launching(v40 +0 ms) | launch(v40) timer(-)")
        scene.comeUp()
    }
    #expect(scene.versions.allSatisfy { $0.standing == .stored })
    // And none of them counts when there is one without.
    #expect(scene.take(killed, after: 1) == "launching(v39 +0 ms) | suspect(v40) launch(v39) timer(-)")
}

@Test func oneKillFromOutsideIsExcused() {
    var scene = Scene([version(1), version(2)])
    scene.take(.wantedRunning(from: nil))
    let shot = AgentEvent.ended(.signaled(9, outOfMemory: false), done: false)
    scene.comeUp()
    #expect(scene.take(shot, after: 1) == "launching(v2 +0 ms) | open(ended) launch(v2) timer(-)")
    scene.comeUp()
    #expect(scene.take(shot, after: 1) == "launching(v1 +0 ms) | suspect(v2) launch(v1) timer(-)")
}

@Test func aForcedCutIsNoProgress() {
    var scene = Scene([version(1), version(2)])
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    scene.store(version(3, forced: true), after: 1)
    #expect(scene.take(killed, after: 1) == "launching(v1 +0 ms) | open(ended) suspect(v2) launch(v1) timer(-)")
}

@Test func probationProvesWhatWasRestoredAndWhatWasCut() {
    var scene = Scene([version(1), version(2)])
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    scene.take(killed, after: 1)
    scene.comeUp()
    scene.store(version(3), after: 10)
    #expect(scene.fireTimer() == "running(v1 -2 min healthy-110 s) | proven(v1) close timer(+10 s)")
    #expect(scene.last.reason == "the probation is over: it stayed healthy for 2 min after a restore of version 1")
    #expect(scene.state.troubleSince == nil && scene.state.tried.isEmpty && scene.state.deaths.isEmpty)
    #expect(scene.fireTimer() == "running(v1 -2.1 min healthy-2 min) | proven(v3) timer(-)")
    #expect(scene.versions.map(\.standing) == [.proven, .suspect, .proven])
    // A timer that comes late takes nothing away from what was earned.
    scene.store(version(4), after: 5)
    #expect(scene.take(killed, after: 500) == "launching(v4 +0 ms) | proven(v4) open(ended) launch(v4) timer(-)")
}

@Test(arguments: [
    // standings of versions 1…4, silence in seconds, what is restored after a hang
    ([Standing.stored, .proven, .rehearsed, .stored], 5.0, "v2"),
    ([.stored, .suspect, .rehearsed, .stored], 5, "v3"),
    ([.stored, .stored, .stored, .stored], 5, "v4"),
    ([.stored, .stored, .stored, .stored], 15, "v3"),
    ([.stored, .stored, .stored, .stored], 25, "v2"),
    ([.broken, .broken, .stored, .stored], 40, "clean"),
]) func aHangIsAnsweredByAStateThatIsTrusted(_ standings: [Standing], _ silence: Double, _ expected: String) {
    var scene = Scene()
    scene.take(.wantedRunning(from: nil))
    scene.take(.launched)
    for (index, standing) in standings.enumerated() { scene.store(version(UInt64(index + 1), standing), after: 10) }
    scene.settings.backOffInitial = .zero
    #expect(scene.take(.missedHeartbeat(silentFor: .fractional(seconds: silence)), after: 9).hasSuffix("open(hang) kill timer(-)"))
    #expect(scene.take(killed) == "launching(\(expected) +0 ms) | launch(\(expected)) timer(-)")
}

@Test func doubtLastsUntilThereIsProgress() {
    var scene = Scene([version(1), version(2, .proven), version(3), version(4, .proven), version(5)])
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    scene.take(.missedHeartbeat(silentFor: .seconds(5)), after: 5)
    #expect(scene.take(killed) == "launching(v4 +0 ms) | launch(v4) timer(-)")
    scene.comeUp()
    // Version 5 is whole, but the ladder goes back, never into the future it left; and version 3 is less trusted than 2.
    #expect(scene.take(killed, after: 1) == "launching(v2 +0 ms) | suspect(v4) launch(v2) timer(-)")
    scene.comeUp()
    scene.store(version(6), after: 1)
    #expect(scene.take(killed, after: 1) == "launching(v6 +0 ms) | launch(v6) timer(-)")
}

@Test func aRollBackByTheOperatorIsNotUndoneByTheNextDeath() {
    var scene = Scene([version(1), version(2), version(3)])
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    #expect(scene.take(.wantedRestart(from: origin(1)), after: 1) == "ending(v3 +0 ms restart-v1) | stop(10 s) timer(-)")
    #expect(scene.take(killed) == "launching(v1 +0 ms) | launch(v1) timer(-)")
    scene.versions.append(version(4, kind: .aside))
    scene.comeUp()
    scene.take(.progressed, after: 1)
    #expect(scene.take(killed, after: 1) == "launching(v1 +0 ms) | open(ended) launch(v1) timer(-)")
    scene.comeUp()
    #expect(scene.take(.wantedStopped, after: 1) == "ending(v1 +0 ms stop) | stop(cut 10 s) timer(-)")
    scene.store(version(5, reason: .stop))
    #expect(scene.take(.ended(.exited(0), done: false)) == "stopped | close timer(-) finish(0)")
    #expect(scene.take(.wantedRunning(from: nil)) == "launching(v5 +0 ms) | launch(v5) timer(-)")
}

@Test func aRestartGoesOnFromItsLastCheckpoint() {
    var scene = Scene([version(1)])
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    #expect(scene.take(.wantedRestart(from: nil), after: 1) == "ending(v1 +0 ms restart-v1) | stop(cut 10 s) timer(-)")
    #expect(scene.store(version(2, reason: .stop)) == "ending(v1 +0 ms restart-v2) | timer(-)")
    #expect(scene.take(.ended(.exited(0), done: false)) == "launching(v2 +0 ms) | launch(v2) timer(-)")
    // Who names an origin gets it, whatever is stored meanwhile.
    scene.comeUp()
    scene.take(.wantedStopped, after: 1)
    #expect(scene.take(.wantedRunning(from: nil)) == "ending(v2 +0 ms restart-v2) | timer(-)")
    scene.take(.wantedRestart(from: origin(1)))
    #expect(scene.store(version(3, reason: .stop)) == "ending(v2 +0 ms restart-v1) | nothing")
    #expect(scene.take(.ended(.exited(0), done: false)) == "launching(v1 +0 ms) | launch(v1) timer(-)")
}

@Test func aBrokenVersionGivesWayToTheOneBefore() {
    var scene = Scene([version(1), version(2), version(3)])
    scene.take(.wantedRunning(from: nil))
    for number in [3, 2] as [UInt64] {
        let open = number == 3 ? "open(start) " : ""
        #expect(
            scene.take(.launchFailed(.couldNotStart("state.bin differs from its hash"), version: VersionNumber(number)))
                == "launching(v\(number - 1) +0 ms) | \(open)launch(v\(number - 1)) timer(-)")
    }
    #expect(
        scene.last.reason
            == "restoring version 1 (stored): version 2 could not be used (it could not be started: state.bin differs from its hash)")
    #expect(scene.state.deaths.isEmpty && scene.state.restoreAttempts.isEmpty)
}

@Test func aLaunchThatFailsForOutsideReasonsIsTriedAgainFromTheSameVersion() {
    var scene = Scene([version(1), version(2)])
    scene.take(.wantedRunning(from: nil))
    let failed = AgentEvent.launchFailed(.couldNotStart("the disk is full"), version: nil)
    #expect(scene.take(failed) == "waiting(v2 +1 s) | open(start) timer(+1 s)")
    #expect(scene.last.reason == "restoring version 2 (stored) in 1 s: it could not be started: the disk is full")
    #expect(scene.fireTimer() == "launching(v2 +0 ms) | launch(v2) timer(-)")
    for wait in ["2 s", "4 s", "8 s"] {
        #expect(scene.take(failed) == "waiting(v2 +\(wait)) | timer(+\(wait))")
        #expect(scene.fireTimer() == "launching(v2 +0 ms) | launch(v2) timer(-)")
    }
    #expect(scene.take(failed) == "cooling(+10 min) | timer(+10 min)")
    #expect(scene.fireTimer() == "launching(v2 +0 ms) | launch(v2) timer(-)")
    scene.comeUp()
    #expect(scene.fireTimer() == "running(v2 -2 min healthy-2 min) | proven(v2) close timer(-)")
}

@Test func whatGoesDownWithItsSupervisorIsNotBlamed() {
    var scene = Scene([version(1), version(2)])
    scene.take(.wantedRunning(from: nil))
    for turn in 0..<20 {
        #expect(scene.take(.foundLost, after: 1) == "launching(v2 +0 ms) | \(turn == 0 ? "open(lost) " : "")launch(v2) timer(-)")
        scene.comeUp()
    }
    #expect(scene.take(.adopted(from: origin(2))) == "running(v2 +0 ms) | timer(+2 min)")
}

@Test func aSlowDeathWithoutProgressEndsTheLadderToo() {
    var scene = Scene()
    scene.take(.wantedRunning(from: nil))
    var waits: [String] = []
    while case .launching = scene.state.phase {
        scene.take(.launched)
        waits.append(String(scene.take(killed, after: 100).prefix { $0 != ")" }))
        _ = scene.fireTimer()
    }
    #expect(waits.first == "waiting(clean +1 s" && waits.dropLast().last == "waiting(clean +8.5 min" && waits.count == 11)
    #expect(scene.last.reason == "calling a person and leaving it down: it was killed by signal 11, after 10 starts with back-off")
}

@Test func backOffIsBoundedJitteredAndReset() {
    var settings = RecoverySettings()
    settings.backOffMaximum = .seconds(4)
    settings.flappingDeaths = 100
    var scene = Scene(settings: settings)
    scene.take(.wantedRunning(from: nil))
    var waits: [String] = []
    for life in [1.0, 1, 1, 1, 130, 1] {
        scene.comeUp()
        let jittered = decide(scene.state, on: killed, at: scene.now, versions: [], settings: settings, chance: .max)
        let steady = decide(scene.state, on: killed, at: scene.now, versions: [], settings: settings, chance: 0)
        if case .setTimer(let late?) = jittered.actions.last, case .setTimer(let early?) = steady.actions.last {
            #expect(abs((late - scene.now).inSeconds / (early - scene.now).inSeconds - 1.1) < 0.001)
        }
        waits.append(scene.take(killed, after: life))
        _ = scene.fireTimer()
    }
    #expect(waits.map { String($0.prefix { $0 != "|" }) } == [1, 2, 4, 4, 1, 2].map { "waiting(clean +\($0) s) " })
}

@Test(arguments: [
    // policy, end, done, what follows
    (RecoverySettings.Restart.onFailure, ProcessEnd.exited(0), false, "stopped(0) | timer(-) finish(0)"),
    (.onFailure, .exited(3), true, "stopped(3) | timer(-) finish(3)"),
    (.onFailure, .exited(3), false, "launching(v1 +0 ms) | open(ended) launch(v1) timer(-)"),
    (.onFailure, .signaled(9, outOfMemory: true), false, "launching(v1 +0 ms) | open(ended) launch(v1) timer(-)"),
    (.onFailure, .unknown, false, "launching(v1 +0 ms) | open(ended) launch(v1) timer(-)"),
    (.never, .exited(0), false, "stopped(0) | timer(-) finish(0)"),
    (.never, .exited(3), false, "stopped(3) | open(ended) timer(-) finish(3)"),
    (.never, .signaled(15, outOfMemory: false), false, "stopped(143) | open(ended) timer(-) finish(143)"),
    (.always, .exited(0), false, "launching(v1 +0 ms) | open(ended) launch(v1) timer(-)"),
    (.always, .exited(0), true, "waiting(clean +1 s) | timer(+1 s)"),
    (.always, .exited(3), false, "launching(v1 +0 ms) | open(ended) launch(v1) timer(-)"),
]) func theRestartPolicyDecidesWhatAnEndMeans(_ policy: RecoverySettings.Restart, _ end: ProcessEnd, _ done: Bool, _ expected: String) {
    var scene = Scene()
    scene.settings.restart = policy
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    scene.store(version(1), after: 1)
    #expect(scene.take(.ended(end, done: done), after: 1) == expected)
}

@Test func afterARunThatEndedWellANewOneStartsClean() {
    var scene = Scene([version(1)])
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    scene.take(.ended(.exited(0), done: true), after: 1)
    #expect(scene.take(.wantedRunning(from: nil)) == "launching(clean +0 ms) | launch(clean) timer(-)")
    scene.comeUp()
    #expect(scene.take(killed, after: 1) == "waiting(clean +1 s) | open(ended) timer(+1 s)")
    #expect(scene.last.reason == "starting clean in 1 s: no version is left to try (1 passed over); it was killed by signal 11")
}

/// The cause is mended, and the work is wanted back: what the ladder's clean starts passed over is not lost for that.
@Test(arguments: [
    (from: Origin?.none, "launching(v40 +0 ms) | close launch(v40) timer(-)"),
    (from: .clean, "launching(clean +0 ms) | close launch(clean) timer(-)"),
]) func aPersonGetsBackWhatTheLadderLeftBehind(_ from: Origin?, _ expected: String) {
    var settings = RecoverySettings()
    settings.restoreAttempts = 1
    settings.coolDownsBeforeEscalation = 0
    settings.flappingDeaths = 3
    var scene = Scene([version(40, .proven), version(41)], settings: settings)
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    #expect(scene.take(killed, after: 1) == "waiting(clean +1 s) | open(ended) suspect(v41) timer(+1 s)")
    while case .waiting = scene.state.phase {
        #expect(scene.fireTimer() == "launching(clean +0 ms) | launch(clean) timer(-)")
        scene.comeUp()
        scene.take(killed, after: 1)
    }
    guard case .calledForHelp = scene.state.phase else { return #expect(Bool(false), "\(scene.state.phase)") }
    #expect(scene.take(.wantedRestart(from: from)) == expected)
}

/// What was left before the trouble stays left: a finished task is not begun again because the next one failed.
@Test func aPersonDoesNotGetBackAFinishedTask() {
    var scene = Scene([version(1)])
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    scene.take(.ended(.exited(0), done: true), after: 1)
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    scene.take(killed, after: 1)
    #expect(scene.take(.wantedRunning(from: nil)) == "launching(clean +0 ms) | close launch(clean) timer(-)")
}

@Test func anAgentThatIsRetriedCallsOnlyOnce() {
    var settings = RecoverySettings()
    settings.coolDownsBeforeEscalation = 0
    settings.flappingDeaths = 1
    settings.whenExhausted = .retry
    var scene = Scene([version(1)], settings: settings)
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    #expect(scene.take(killed, after: 1) == "help(+0 ms retry+60 min) | open(ended) suspect(v1) escalate timer(+60 min)")
    for _ in 0..<5 {
        #expect(scene.fireTimer() == "launching(clean +0 ms) | launch(clean) timer(-)")
        scene.take(.launched)
        #expect(scene.take(killed, after: 1) == "help(+0 ms retry+60 min) | timer(+60 min)")
    }
    #expect(
        scene.last.reason
            == "a person was called already, next start in 60 min: it was killed by signal 11, and the ladder has no rung left"
    )
}

/// Found by the long simulation: 42 days of work were begun anew while good versions were there.
@Test func anAgentThatIsRetriedGoesOnFromAVersionNothingSpeaksAgainst() {
    var settings = RecoverySettings()
    settings.coolDownsBeforeEscalation = 0
    settings.flappingDeaths = 1
    settings.whenExhausted = .retry
    var scene = Scene([version(1), version(2)], settings: settings)
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    #expect(scene.take(killed, after: 1) == "help(+0 ms retry+60 min) | open(ended) suspect(v2) escalate timer(+60 min)")
    #expect(scene.fireTimer() == "launching(v1 +0 ms) | launch(v1) timer(-)")
    #expect(scene.last.reason == "restoring version 1 (stored): a person was called, this is the next try")
    scene.comeUp()
    #expect(scene.take(killed, after: 1) == "help(+0 ms retry+60 min) | suspect(v1) timer(+60 min)")
    #expect(scene.fireTimer() == "launching(clean +0 ms) | launch(clean) timer(-)")
}

@Test func troubleThatLastsCallsAPersonWhateverTheRung() {
    var scene = Scene([version(1), version(2)])
    scene.settings.escalateAfter = .seconds(30)
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    scene.take(killed, after: 1)
    scene.comeUp()
    #expect(scene.fireTimer() == "running(v1 -30 s) | escalate timer(+90 s)")
    #expect(scene.last.reason == "calling a person: the trouble has lasted 30 s")
    #expect(scene.fireTimer() == "running(v1 -2 min healthy-2 min) | proven(v1) close timer(-)")
}

@Test func onlyACooperativeAgentIsAskedForASignOfLife() {
    var scene = Scene([version(1, cooperative: false), version(2)])
    scene.take(.wantedRunning(from: nil))
    #expect(scene.take(.launched) == "starting(v2 +0 ms) | timer(+60 s)")
    #expect(scene.fireTimer() == "ending(v2 +0 ms mute) | open(mute) suspect(v2) kill timer(-)")
    #expect(scene.take(killed) == "launching(v1 +0 ms) | launch(v1) timer(-)")
    #expect(scene.take(.launched) == "running(v1 +0 ms) | timer(+2 min)")
}

// MARK: The plan

@Test func thePlanTellsTheLadderBeforeItIsWalked() {
    var scene = Scene([version(40), version(41)])
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    let plan = explain(scene.state, versions: scene.versions, settings: scene.settings, at: scene.now)
    #expect(
        plan.sentences == [
            "+0 ms  if it crashes: restoring version 40 (stored): it was killed by signal 11",
            "+0 ms  if it crashes: starting clean in 1 s: no version is left to try (41 suspect, 40 suspect); it was killed by signal 11",
            "+1 s  if the wait is over: starting clean: the wait is over",
            "+1 s  if it crashes: starting clean in 2 s: no version is left to try (41 suspect, 40 suspect); it was killed by signal 11",
            "+3 s  if the wait is over: starting clean: the wait is over",
            "+3 s  if it crashes: starting clean in 4 s: no version is left to try (41 suspect, 40 suspect); it was killed by signal 11",
            "+7 s  if the wait is over: starting clean: the wait is over",
            "+7 s  if it crashes: cooling down for 10 min: 5 deaths within 5 min without progress; it was killed by signal 11",
            "+10.1 min  if the cool-down is over: starting clean: the cool-down is over and no version is left to try (41 suspect, 40 suspect)",
            "+10.1 min  if it crashes: calling a person and leaving it down: it was killed by signal 11, again after 1 cool-down",
        ])
}
