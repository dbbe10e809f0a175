import AgentModel
import Recovery
import Testing

// What nobody saw proves nothing: a life whose end no supervisor noticed, and a version that was cut of an agent that was silent already.

@Test func aLifeThatWasFoundLostHasSurvivedNothing() {
    var scene = Scene([version(1), version(2)])
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    scene.store(version(3), after: 1)
    #expect(scene.take(.foundLost, after: 600) == "launching(v3 +0 ms) | open(lost) launch(v3) timer(-)")
    #expect(scene.versions.allSatisfy { $0.standing == .stored })
}

/// Rehearsed or not: that an image can be restored does not say that what is in it works.
@Test(arguments: [
    (false, "ending(clean +0 ms hang) | open(hang) suspect(v3) suspect(v4) kill timer(-)", "v2"),
    (true, "ending(clean +0 ms hang) | open(hang) kill timer(-)", "v4"),
]) func anImageOfASilentAgentIsNotGoneOnFrom(_ cooperative: Bool, _ ending: String, _ expected: String) {
    var scene = Scene()
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    for number in 1...4 as ClosedRange<UInt64> {
        scene.store(version(number, .rehearsed, cooperative: cooperative, process: true), after: 20)
    }
    #expect(scene.take(.missedHeartbeat(silentFor: .seconds(30)), after: 5) == ending)
    #expect(scene.take(killed).hasPrefix("launching(\(expected) +0 ms)"))
}

/// What was stored while it was silent is no progress of it, so that the version it came from is blamed.
@Test func aVersionOfASilentAgentIsNoProgress() {
    var scene = Scene([
        version(1, .rehearsed, cooperative: false, process: true), version(2, .rehearsed, cooperative: false, process: true),
    ])
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    scene.store(version(3, .rehearsed, cooperative: false, process: true), after: 20)
    #expect(
        scene.take(.missedHeartbeat(silentFor: .seconds(30)), after: 10)
            == "ending(v2 +0 ms hang) | open(hang) suspect(v3) suspect(v2) kill timer(-)")
    #expect(scene.take(killed).hasPrefix("launching(v1 +0 ms)"))
}

/// Where a silence may be longer than a probation, what was proven in it is suspect all the same.
@Test func aProbationInSilenceIsNone() {
    let image = { (number: UInt64) in version(number, .rehearsed, cooperative: false, process: true) }
    var scene = Scene([image(1), image(2)])
    scene.take(.wantedRunning(from: nil))
    scene.comeUp()
    scene.store(image(3), after: 20)
    scene.take(.timerFired, after: 200)
    #expect(scene.versions.map(\.standing) == [.rehearsed, .proven, .proven])
    #expect(
        scene.take(.missedHeartbeat(silentFor: .seconds(1820)), after: 1600)
            == "ending(v2 +0 ms hang) | open(hang) suspect(v3) suspect(v2) kill timer(-)")
    #expect(scene.take(killed).hasPrefix("launching(v1 +0 ms)"))
}
