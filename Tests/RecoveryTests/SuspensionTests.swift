import AgentModel
import Recovery
import Testing

// An agent to disk and back, a story a test.

private let eight = WallTime(seconds: 28_800)

/// Restored once after a crash, so that there is trouble, and with version 3 of its own.
private func atWork(process: Bool = false) -> Scene {
    var scene = Scene([version(1), version(2)])
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    scene.take(killed, after: 1)
    scene.comeUp()
    scene.store(version(3, process: process, reason: .stop), after: 5)
    return scene
}

@Test func whatHandsItsStateOverIsAskedToEndAndComesBackFromExactlyThat() {
    var scene = atWork()
    #expect(
        scene.take(.wantedSuspended(in: VersionNumber(3), until: eight))
            == "ending(v1 +0 ms suspend-v3) | close stop(10 s) timer(-)")
    #expect(scene.take(.ended(.signaled(15, outOfMemory: false), done: false), after: 1) == "suspended(v3 +0 ms until 28800) | timer(-)")
    #expect(scene.state.wanted == .suspended && scene.state.deaths.isEmpty && scene.state.troubleSince == nil && scene.state.lastEnd == nil)
    #expect(scene.take(.foundLost, after: 600) == "suspended(v3 -10 min until 28800) | timer(-)")
    #expect(scene.take(.resumeDue, after: 600) == "launching(v3 +0 ms) | launch(v3) timer(-)")
    #expect(scene.state.wanted == .running)
    scene.comeUp()
    #expect(
        scene.reasons.suffix(6).prefix(4) == [
            "suspending it in version 3 until 1970-01-01T08:00:00Z: the operator wants it on disk",
            "suspended in version 3 until 1970-01-01T08:00:00Z: the operator wants it on disk",
            "suspended in version 3 until 1970-01-01T08:00:00Z: nothing ran, so nothing is lost",
            "restoring version 3 (stored): it was suspended until 1970-01-01T08:00:00Z",
        ])
    // It counts as any other restore from there on: who dies young at once is walked back.
    #expect(scene.take(killed, after: 1) == "launching(v1 +0 ms) | open(ended) suspect(v3) launch(v1) timer(-)")
}

@Test func whatIsStoredWithItsProcessesIsGoneAtOnce() {
    var scene = atWork(process: true)
    #expect(scene.take(.wantedSuspended(in: VersionNumber(3), until: nil)) == "ending(v1 +0 ms suspend-v3) | close kill timer(-)")
    #expect(scene.take(.adopted(from: origin(1)), after: 1) == "ending(v1 -1 s suspend-v3) | kill timer(-)")
    #expect(scene.take(.ended(.signaled(9, outOfMemory: false), done: false)) == "suspended(v3 +0 ms) | timer(-)")
    #expect(scene.take(.resumeDue) == "suspended(v3 +0 ms) | nothing")
    #expect(scene.take(.wantedSuspended(in: VersionNumber(3), until: eight)) == "suspended(v3 +0 ms until 28800) | timer(-)")
    #expect(scene.take(.wantedRunning(from: nil)) == "launching(v3 +0 ms) | launch(v3) timer(-)")
}

@Test(arguments: [
    // what is wished of one that is suspended, and what comes of it
    (AgentEvent.wantedRunning(from: nil), "launching(v3 +0 ms) | launch(v3) timer(-)", Wanted.running),
    (.wantedRunning(from: .clean), "launching(clean +0 ms) | launch(clean) timer(-)", .running),
    (.wantedRestart(from: nil), "launching(v3 +0 ms) | launch(v3) timer(-)", .running),
    (.wantedRestart(from: origin(1)), "launching(v1 +0 ms) | launch(v1) timer(-)", .running),
    (.wantedStopped, "stopped | timer(-) finish(0)", .stopped),
    (.supervisorEnds, "suspended(v3 +0 ms) | timer(-) finish(0)", .suspended),
]) func everyWishIsAnswered(_ wish: AgentEvent, _ expected: String, _ wanted: Wanted) {
    var scene = atWork()
    scene.take(.wantedSuspended(in: VersionNumber(3), until: nil))
    scene.take(.ended(.exited(0), done: false))
    #expect(scene.take(wish) == expected)
    #expect(scene.state.wanted == wanted)
    // Stopped or not, what it is is still there to go on from.
    if wanted == .stopped { #expect(scene.take(.wantedRunning(from: nil)) == "launching(v3 +0 ms) | launch(v3) timer(-)") }
}

@Test(arguments: [
    // what is wished of one that is just going to disk, and what it is when it is gone
    (AgentEvent.wantedRunning(from: nil), "launching(v3 +0 ms) | launch(v3) timer(-)"),
    (.wantedRunning(from: origin(1)), "launching(v1 +0 ms) | launch(v1) timer(-)"),
    (.wantedRestart(from: nil), "launching(v3 +0 ms) | launch(v3) timer(-)"),
    (.wantedStopped, "stopped | timer(-) finish(0)"),
    (.supervisorEnds, "suspended(v3 +0 ms) | timer(-)"),
    (.wantedSuspended(in: VersionNumber(9), until: eight), "suspended(v3 +0 ms) | timer(-)"),
    (.missedHeartbeat(silentFor: .seconds(30)), "suspended(v3 +0 ms) | timer(-)"),
    (.timerFired, "suspended(v3 +0 ms) | timer(-)"),
]) func aWishOnTheWayToDiskHolds(_ wish: AgentEvent, _ expected: String) {
    var scene = atWork()
    scene.take(.wantedSuspended(in: VersionNumber(3), until: nil))
    scene.take(wish)
    #expect(scene.take(.ended(.exited(0), done: false)) == expected)
}

/// A task that is done is not done again.
@Test func whatWasDoneInsteadIsDone() {
    var scene = atWork()
    scene.take(.wantedSuspended(in: VersionNumber(3), until: nil))
    #expect(scene.take(.ended(.exited(0), done: true)) == "stopped(0) | timer(-) finish(0)")
    scene = atWork()
    scene.settings.restart = .always
    scene.take(.wantedSuspended(in: VersionNumber(3), until: nil))
    #expect(scene.take(.ended(.exited(0), done: true)) == "suspended(v3 +0 ms) | timer(-)")
}

@Test func aPlanOfASuspendedAgentBeginsWithItsReturn() {
    var scene = atWork()
    scene.take(.wantedSuspended(in: VersionNumber(3), until: eight))
    scene.take(.ended(.exited(0), done: false))
    let plan = explain(scene.state, versions: scene.versions, settings: scene.settings, at: scene.now)
    let expected =
        "+0 ms  if the time it is suspended until has come: restoring version 3 (stored): it was suspended until 1970-01-01T08:00:00Z"
    #expect(plan.sentences.first == expected)
}
