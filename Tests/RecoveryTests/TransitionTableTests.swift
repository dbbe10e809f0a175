import AgentModel
import Recovery
import Testing

/// Every phase, each ten seconds old, of an agent that was launched from version 41.
private let phases: [(name: String, phase: Phase)] = [
    ("stopped", .stopped(finished: nil)),
    ("launching", .launching(from: origin(41), since: at(990))),
    ("starting", .starting(from: origin(41), since: at(990))),
    ("running", .running(from: origin(41), since: at(990), healthySince: nil)),
    ("ending", .ending(from: origin(41), since: at(990), cause: .fault(.missedHeartbeat(silentFor: .seconds(30))))),
    ("waiting", .waiting(toLaunch: .clean, until: at(1004))),
    ("cooling", .coolingDown(until: at(1600))),
    ("help", .calledForHelp(since: at(900), retryAt: at(4500))),
    ("suspended", .suspended(in: VersionNumber(41), since: at(990), until: WallTime(seconds: 5000))),
]

private let events: [(name: String, event: AgentEvent)] = [
    ("wantedRunning", .wantedRunning(from: nil)),
    ("wantedStopped", .wantedStopped),
    ("wantedRestart", .wantedRestart(from: nil)),
    ("wantedSuspended", .wantedSuspended(in: VersionNumber(41), until: WallTime(seconds: 9000))),
    ("resumeDue", .resumeDue),
    ("supervisorEnds", .supervisorEnds),
    ("adopted", .adopted(from: origin(41))),
    ("foundLost", .foundLost),
    ("launched", .launched),
    ("launchFailed", .launchFailed(.couldNotStart("its bytes differ"), version: VersionNumber(41))),
    ("signOfLife", .signOfLife),
    ("progressed", .progressed),
    ("stored", .stored(VersionNumber(45))),
    ("ended", killed),
    ("missedHeartbeat", .missedHeartbeat(silentFor: .seconds(30))),
    ("reportedFailure", .reportedFailure("no model")),
    ("timerFired", .timerFired),
]

/// What is decided for each pair, in the order of `phases`. Ending, waiting, cooling and help are those of an
/// agent that hung ten seconds ago; in the others there is no trouble.
private let table = """
    stopped wantedRunning: launching(v41 +0 ms) | launch(v41) timer(-)
    stopped wantedStopped: stopped | timer(-) finish(0)
    stopped wantedRestart: launching(v41 +0 ms) | launch(v41) timer(-)
    stopped wantedSuspended: stopped | nothing
    stopped resumeDue: stopped | nothing
    stopped supervisorEnds: stopped | timer(-) finish(0)
    stopped adopted: ending(v41 +0 ms stop) | stop(cut 10 s) timer(-)
    stopped foundLost: stopped | timer(-)
    stopped launched: stopped | nothing
    stopped launchFailed: stopped | nothing
    stopped signOfLife: stopped | nothing
    stopped progressed: stopped | nothing
    stopped stored: stopped | nothing
    stopped ended: stopped | nothing
    stopped missedHeartbeat: stopped | nothing
    stopped reportedFailure: stopped | nothing
    stopped timerFired: stopped | nothing
    launching wantedRunning: launching(v41 -10 s) | nothing
    launching wantedStopped: ending(v41 +0 ms stop) | stop(10 s) timer(-)
    launching wantedRestart: ending(v41 +0 ms restart-v41) | stop(10 s) timer(-)
    launching wantedSuspended: launching(v41 -10 s) | nothing
    launching resumeDue: launching(v41 -10 s) | nothing
    launching supervisorEnds: ending(v41 +0 ms stop) | stop(10 s) timer(-)
    launching adopted: running(v41 +0 ms) | timer(+2 min)
    launching foundLost: launching(v41 +0 ms) | open(lost) launch(v41) timer(-)
    launching launched: starting(v41 +0 ms) | timer(+60 s)
    launching launchFailed: launching(v40 +0 ms) | open(start) launch(v40) timer(-)
    launching signOfLife: running(v41 +0 ms) | timer(+2 min)
    launching progressed: running(v41 +0 ms healthy+0 ms) | timer(+2 min)
    launching stored: launching(v41 -10 s) | timer(-)
    launching ended: launching(v40 +0 ms) | open(ended) suspect(v41) launch(v40) timer(-)
    launching missedHeartbeat: launching(v41 -10 s) | nothing
    launching reportedFailure: launching(v41 -10 s) | nothing
    launching timerFired: launching(v41 -10 s) | timer(-)
    starting wantedRunning: starting(v41 -10 s) | nothing
    starting wantedStopped: ending(v41 +0 ms stop) | stop(10 s) timer(-)
    starting wantedRestart: ending(v41 +0 ms restart-v41) | stop(10 s) timer(-)
    starting wantedSuspended: ending(v41 +0 ms suspend-v41) | stop(10 s) timer(-)
    starting resumeDue: starting(v41 -10 s) | nothing
    starting supervisorEnds: ending(v41 +0 ms stop) | stop(10 s) timer(-)
    starting adopted: starting(v41 +0 ms) | timer(+60 s)
    starting foundLost: launching(v41 +0 ms) | open(lost) launch(v41) timer(-)
    starting launched: starting(v41 -10 s) | nothing
    starting launchFailed: launching(v40 +0 ms) | open(start) launch(v40) timer(-)
    starting signOfLife: running(v41 -10 s) | timer(+110 s)
    starting progressed: running(v41 -10 s healthy+0 ms) | timer(+110 s)
    starting stored: running(v41 -10 s healthy+0 ms) | timer(+110 s)
    starting ended: launching(v40 +0 ms) | open(ended) suspect(v41) launch(v40) timer(-)
    starting missedHeartbeat: ending(v41 +0 ms hang) | open(hang) suspect(v41) kill timer(-)
    starting reportedFailure: ending(v41 +0 ms failure) | open(failure) suspect(v41) stop(10 s) timer(-)
    starting timerFired: starting(v41 -10 s) | timer(+50 s)
    running wantedRunning: running(v41 -10 s) | nothing
    running wantedStopped: ending(v41 +0 ms stop) | stop(cut 10 s) timer(-)
    running wantedRestart: ending(v41 +0 ms restart-v41) | stop(cut 10 s) timer(-)
    running wantedSuspended: ending(v41 +0 ms suspend-v41) | stop(10 s) timer(-)
    running resumeDue: running(v41 -10 s) | nothing
    running supervisorEnds: ending(v41 +0 ms stop) | stop(cut 10 s) timer(-)
    running adopted: running(v41 -10 s) | timer(+110 s)
    running foundLost: launching(v41 +0 ms) | open(lost) launch(v41) timer(-)
    running launched: running(v41 -10 s) | nothing
    running launchFailed: running(v41 -10 s) | nothing
    running signOfLife: running(v41 -10 s) | nothing
    running progressed: running(v41 -10 s healthy+0 ms) | timer(+110 s)
    running stored: running(v41 -10 s healthy+0 ms) | timer(+110 s)
    running ended: launching(v40 +0 ms) | open(ended) suspect(v41) launch(v40) timer(-)
    running missedHeartbeat: ending(v41 +0 ms hang) | open(hang) suspect(v41) kill timer(-)
    running reportedFailure: ending(v41 +0 ms failure) | open(failure) suspect(v41) stop(10 s) timer(-)
    running timerFired: running(v41 -10 s) | timer(+110 s)
    ending wantedRunning: ending(v41 -10 s hang) | nothing
    ending wantedStopped: ending(v41 -10 s stop) | timer(-)
    ending wantedRestart: ending(v41 -10 s restart-v41) | close timer(-)
    ending wantedSuspended: ending(v41 -10 s hang) | nothing
    ending resumeDue: ending(v41 -10 s hang) | nothing
    ending supervisorEnds: ending(v41 -10 s stop) | timer(-)
    ending adopted: ending(v41 -10 s hang) | kill timer(-)
    ending foundLost: launching(v38 +0 ms) | launch(v38) timer(-)
    ending launched: ending(v41 -10 s hang) | kill timer(-)
    ending launchFailed: launching(v38 +0 ms) | launch(v38) timer(-)
    ending signOfLife: ending(v41 -10 s hang) | nothing
    ending progressed: ending(v41 -10 s hang) | nothing
    ending stored: ending(v41 -10 s hang) | nothing
    ending ended: launching(v38 +0 ms) | launch(v38) timer(-)
    ending missedHeartbeat: ending(v41 -10 s hang) | nothing
    ending reportedFailure: ending(v41 -10 s hang) | nothing
    ending timerFired: ending(v41 -10 s hang) | timer(-)
    waiting wantedRunning: launching(v41 +0 ms) | close launch(v41) timer(-)
    waiting wantedStopped: stopped | close timer(-) finish(0)
    waiting wantedRestart: launching(v41 +0 ms) | close launch(v41) timer(-)
    waiting wantedSuspended: waiting(clean +4 s) | nothing
    waiting resumeDue: waiting(clean +4 s) | nothing
    waiting supervisorEnds: stopped | close timer(-) finish(0)
    waiting adopted: running(v41 +0 ms) | timer(+2 min)
    waiting foundLost: waiting(clean +4 s) | timer(+4 s)
    waiting launched: waiting(clean +4 s) | nothing
    waiting launchFailed: waiting(clean +4 s) | nothing
    waiting signOfLife: waiting(clean +4 s) | nothing
    waiting progressed: waiting(clean +4 s) | nothing
    waiting stored: waiting(clean +4 s) | nothing
    waiting ended: waiting(clean +4 s) | nothing
    waiting missedHeartbeat: waiting(clean +4 s) | nothing
    waiting reportedFailure: waiting(clean +4 s) | nothing
    waiting timerFired: waiting(clean +4 s) | timer(+4 s)
    cooling wantedRunning: launching(v41 +0 ms) | close launch(v41) timer(-)
    cooling wantedStopped: stopped | close timer(-) finish(0)
    cooling wantedRestart: launching(v41 +0 ms) | close launch(v41) timer(-)
    cooling wantedSuspended: cooling(+10 min) | nothing
    cooling resumeDue: cooling(+10 min) | nothing
    cooling supervisorEnds: stopped | close timer(-) finish(0)
    cooling adopted: running(v41 +0 ms) | timer(+2 min)
    cooling foundLost: cooling(+10 min) | timer(+10 min)
    cooling launched: cooling(+10 min) | nothing
    cooling launchFailed: cooling(+10 min) | nothing
    cooling signOfLife: cooling(+10 min) | nothing
    cooling progressed: cooling(+10 min) | nothing
    cooling stored: cooling(+10 min) | nothing
    cooling ended: cooling(+10 min) | nothing
    cooling missedHeartbeat: cooling(+10 min) | nothing
    cooling reportedFailure: cooling(+10 min) | nothing
    cooling timerFired: cooling(+10 min) | timer(+10 min)
    help wantedRunning: launching(v41 +0 ms) | close launch(v41) timer(-)
    help wantedStopped: stopped | close timer(-) finish(0)
    help wantedRestart: launching(v41 +0 ms) | close launch(v41) timer(-)
    help wantedSuspended: help(-100 s retry+58.3 min) | nothing
    help resumeDue: help(-100 s retry+58.3 min) | nothing
    help supervisorEnds: stopped | close timer(-) finish(0)
    help adopted: running(v41 +0 ms) | timer(+2 min)
    help foundLost: help(-100 s retry+58.3 min) | timer(+58.3 min)
    help launched: help(-100 s retry+58.3 min) | nothing
    help launchFailed: help(-100 s retry+58.3 min) | nothing
    help signOfLife: help(-100 s retry+58.3 min) | nothing
    help progressed: help(-100 s retry+58.3 min) | nothing
    help stored: help(-100 s retry+58.3 min) | nothing
    help ended: help(-100 s retry+58.3 min) | nothing
    help missedHeartbeat: help(-100 s retry+58.3 min) | nothing
    help reportedFailure: help(-100 s retry+58.3 min) | nothing
    help timerFired: help(-100 s retry+58.3 min) | timer(+58.3 min)
    suspended wantedRunning: launching(v41 +0 ms) | launch(v41) timer(-)
    suspended wantedStopped: stopped | timer(-) finish(0)
    suspended wantedRestart: launching(v41 +0 ms) | launch(v41) timer(-)
    suspended wantedSuspended: suspended(v41 -10 s until 9000) | timer(-)
    suspended resumeDue: launching(v41 +0 ms) | launch(v41) timer(-)
    suspended supervisorEnds: suspended(v41 -10 s until 5000) | timer(-) finish(0)
    suspended adopted: running(v41 +0 ms) | timer(+2 min)
    suspended foundLost: suspended(v41 -10 s until 5000) | timer(-)
    suspended launched: suspended(v41 -10 s until 5000) | nothing
    suspended launchFailed: suspended(v41 -10 s until 5000) | nothing
    suspended signOfLife: suspended(v41 -10 s until 5000) | nothing
    suspended progressed: suspended(v41 -10 s until 5000) | nothing
    suspended stored: suspended(v41 -10 s until 5000) | nothing
    suspended ended: suspended(v41 -10 s until 5000) | nothing
    suspended missedHeartbeat: suspended(v41 -10 s until 5000) | nothing
    suspended reportedFailure: suspended(v41 -10 s until 5000) | nothing
    suspended timerFired: suspended(v41 -10 s until 5000) | nothing
    """

@Test(arguments: phases.indices) func aDecisionForEveryPair(_ index: Int) throws {
    let (phaseName, phase) = phases[index]
    var state = RecoveryState()
    state.phase = phase
    state.wanted = phaseName == "stopped" ? .stopped : phaseName == "suspended" ? .suspended : .running
    state.passedOver = [VersionSpan(above: VersionNumber(41), through: VersionNumber(44))]
    if ["ending", "waiting", "cooling", "help"].contains(phaseName) {
        let hang = Fault.missedHeartbeat(silentFor: .seconds(30))
        state.troubleSince = at(990)
        state.deaths = [Death(at: at(990), fault: hang, origin: origin(41), afterProgress: false)]
        state.tried = [VersionNumber(41)]
    }
    var given: [String] = []
    for (name, event) in events {
        let stored = name == "stored" ? [version(45)] : []
        let decision = decide(
            state, on: event, at: at(1000), versions: versions + stored, settings: RecoverySettings(), chance: 0)
        #expect(!decision.reason.isEmpty && decision.reason.first?.isUppercase == false)
        if decision.doesNothing { #expect(decision.state == state, "\(name) is silent but changes the state") }
        given.append("\(phaseName) \(name): \(brief(decision, now: at(1000)))")
    }
    let expected = table.split(separator: "\n").filter { $0.hasPrefix(phaseName + " ") }
    #expect(given == expected.map(String.init), "\n\(given.joined(separator: "\n"))")
}

private let versions = [
    version(38, .proven), version(39, .rehearsed), version(40), version(41), version(42, .suspect), version(43, .broken),
    version(44, kind: .aside),
]

@Test func theTableHasARowForEveryPair() {
    #expect(table.split(separator: "\n").count == phases.count * events.count)
}
