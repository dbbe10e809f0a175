import AgentModel
import Recovery
import Testing

@testable import StatusViews

private let now = WallTime(rfc3339: "2026-11-21T08:38:00Z") ?? WallTime(nanoseconds: 0)
private let agent7 = named("agent-7")

private func named(_ text: String) -> AgentName {
    guard let name = AgentName(text) else { preconditionFailure("'\(text)' is no agent's name") }
    return name
}

private func version(_ number: UInt64, _ standing: Standing, ago: Int64) -> CheckpointSummary {
    CheckpointSummary(
        version: VersionNumber(number), parts: VersionParts(cooperative: true, workspace: true), standing: standing, reason: .schedule,
        takenAt: now + .seconds(-ago), step: 128, size: ByteCount(1_240_000))
}

/// One agent in the middle of its work, one that waits, one that never ran.
private var fleet: [AgentStatus] {
    var busy = AgentStatus(
        agent: agent7, state: .running, wantedRunning: true, supervisorPID: 4700,
        reason: "restoring version 41 (proven): it was killed by signal 9",
        command: ["python3", "agent.py"], store: "/var/lib/runner", updatedAt: now + .seconds(-2))
    busy.pid = 4711
    busy.incarnation = 3
    busy.origin = .version(VersionNumber(41))
    busy.startedAt = now + .seconds(-(4 * 86_400 + 2 * 3600))
    busy.restarts = 1
    busy.lastEnd = .signaled(9, outOfMemory: false)
    busy.lastBeat = now + .seconds(-3)
    busy.step = 128
    busy.progress = 0.42
    busy.note = "reading\u{1b}[31m the book"
    busy.costMicroUSD = 1_900_000
    busy.memory = ByteCount(612_000_000)
    busy.memoryLimit = ByteCount(2_000_000_000)
    busy.cpu = .milliseconds(3200)
    busy.latest = version(41, .proven, ago: 360)
    busy.knownGood = VersionNumber(41)
    busy.nextCheckpointAt = now + .seconds(1440)
    busy.unknownEffects = ["pay-1", "mail-7", "a", "b"]
    busy.warnings = ["the disk of the store is full"]

    var waiting = busy
    waiting.agent = named("a-rather-long-name-of-an-agent")
    waiting.state = .coolingDown
    waiting.next = AgentStatus.Next(what: "clean start", at: now + .seconds(40))
    waiting.restarts = 12

    let fresh = AgentStatus(
        agent: named("b"), state: .stopped, wantedRunning: false, supervisorPID: 0, reason: "it has not run yet", command: [],
        store: "/var/lib/runner", updatedAt: now)
    return [busy, waiting, fresh]
}

@Test func aFleetFitsEightyColumns() throws {
    let text = try render(fleet, as: .table, on: Paper(now: now, width: 80))
    #expect(
        text == """
            NAME          STATE            UP   ↺    MEM/CAP  STEP  CKPT       NEXT
            agent-7       running       4d02h   1  612M/2.0G   128  v41 prov…  ckpt 24m
            a-rather-lo…  cooling-down      -  12  612M/2.0G   128  v41 prov…  clean s…
            b             stopped           -   0          -     -  -          -

            """)
    #expect(text.split(separator: "\n").allSatisfy { displayWidth(String($0)) <= 80 })
}

@Test(arguments: [ListFormat.name, .ndjson, .json])
func nothingToListIsNothingToRead(format: ListFormat) throws {
    let text = try render([AgentStatus](), as: format, on: Paper(now: now))
    #expect(text == (format == .json ? "[\n\n]\n" : ""))
}

@Test func namesAreOneALine() throws {
    #expect(try render(fleet, as: .name, on: Paper(now: now)) == "agent-7\na-rather-long-name-of-an-agent\nb\n")
    #expect(try render(fleet, as: .ndjson, on: Paper(now: now)).split(separator: "\n").count == 3)
}

@Test func jsonHasSecondsBytesAndTimes() throws {
    let text = try json(fleet[0], pretty: false)
    for part in [
        #""cpu":3.2,"#, #""memory":612000000"#, #""startedAt":"2026-11-17T06:38:00.000Z""#, #""origin":41"#,
        #""lastEnd":{"kind":"signaled""#,
    ] {
        #expect(text.contains(part), "\(part)")
    }
    #expect(try JSONText.decode(AgentStatus.self, from: Array(text.utf8)) == fleet[0])
    let quiet = try json(fleet[2], pretty: false)
    #expect(!quiet.contains("cpu"))
    #expect(try JSONText.decode(AgentStatus.self, from: Array(quiet.utf8)) == fleet[2])
}

@Test func aPageTellsEverythingAndObeysNothing() {
    let page = StatusPage(fleet[0], lastLogLines: ["2026-11-21T08:37:59.000Z out \u{9b}31mhello"])
    #expect(
        page.text(on: Paper(now: now, width: 80)) == """
            agent-7  running for 4 d (incarnation 3, from version 41)
              why         restoring version 41 (proven): it was killed by signal 9
              checkpoint  next one in 24 min
              process     pid 4711, 612.0 MB of 2.0 GB of memory, 3.2 s of processor time
              work        step 128, 42%, 'reading [31m the book', 1.90 USD, last beat 3 s
                          ago
              versions    latest 41 (proven, 6 min ago, 1.2 MB), known-good 41
              last end    it was killed by signal 9; 1 restart
              effects     nobody knows whether 'pay-1', 'mail-7', 'a' and 1 more happened;
                          decide with 'runner settle agent-7 KEY'
              warning     the disk of the store is full
              command     python3 agent.py
              store       /var/lib/runner
              as of       2 s ago

            last log lines
              2026-11-21T08:37:59.000Z out  31mhello

            """)
}

@Test func colourIsOnlyWhereItIsAskedFor() throws {
    let plain = try render([fleet[0]], as: .table, on: Paper(now: now, colour: false))
    let coloured = try render([fleet[0]], as: .table, on: Paper(now: now, colour: true))
    #expect(!plain.contains("\u{1b}"))
    #expect(coloured.contains("\u{1b}[32mrunning\u{1b}[0m"))
}

@Test func versionsShowWhereTheLinksPoint() throws {
    var aside = version(43, .stored, ago: 1)
    aside.kind = .aside
    aside.parts = VersionParts(workspace: true)
    var dumped = version(41, .proven, ago: 360)
    dumped.frozenMicroseconds = 76_400
    let rows = VersionRow.rows(
        of: [version(40, .broken, ago: 90_000), dumped, version(42, .suspect, ago: 60), aside], agent: agent7)
    #expect(
        try render(rows, as: .table, on: Paper(now: now, width: 80)) == """
            VERSION  STANDING    AGE  STEP  SIZE  FROZEN  PARTS        WHY       LINKS
            40       broken    1d01h   128  1.2M       -  state+files  schedule  -
            41       proven       6m   128  1.2M    76ms  state+files  schedule  known-good
            42       suspect      1m   128  1.2M       -  state+files  schedule  latest
            43       aside        1s   128  1.2M       -  files        schedule  -

            """)
    aside.standing = .broken
    let broken = try render(VersionRow.rows(of: [aside], agent: agent7), as: .table, on: Paper(now: now, width: 80))
    #expect(broken.contains("broken aside"), "\(broken)")
    #expect(try render(rows, as: .name, on: Paper(now: now)) == "agent-7@40\nagent-7@41\nagent-7@42\nagent-7@43\n")
}

@Test(
    arguments: [
        (Int64(0), "0s"), (850, "850ms"), (3_000, "3s"), (59_999, "59s"), (60_000, "1m"), (3_599_000, "59m"), (4_200_000, "1h10m"),
        (352_800_000, "4d02h"), (-5, "0s"),
    ])
func aSpanIsBriefInAColumn(milliseconds: Int64, expected: String) {
    #expect(Duration.milliseconds(milliseconds).brief == expected)
}

@Test(
    arguments: [
        (UInt64(0), "0B"), (999, "999B"), (1000, "1.0k"), (1_590, "1.5k"), (38_000_000, "38M"), (2_000_000_000, "2.0G"), (999_999, "999k"),
        (UInt64.max, "18446744T"),
    ])
func aSizeIsBriefInAColumn(bytes: UInt64, expected: String) {
    #expect(ByteCount(bytes).brief == expected)
}

@Test(arguments: [(Int64(480), "in 8 min"), (-6, "6 s ago"), (0, "now")])
func aDistanceIsSeenFromNow(seconds: Int64, expected: String) {
    #expect((now + .seconds(seconds)).distance(from: now) == expected)
}

/// Every event and action has words, a stable kind, and no debris of a debugger.
@Test func everyEventAndActionHasWords() {
    let fault = Fault.couldNotStart("no python3")
    let events: [AgentEvent] = [
        .wantedRunning(from: nil), .wantedRunning(from: .clean), .wantedStopped, .wantedRestart(from: .version(VersionNumber(4))),
        .adopted(from: .clean),
        .foundLost, .launched, .launchFailed(fault, version: VersionNumber(4)), .signOfLife, .progressed, .stored(VersionNumber(4)),
        .ended(.exited(0), done: true), .ended(.unknown, done: false), .missedHeartbeat(silentFor: .seconds(30)),
        .reportedFailure("no key"), .timerFired,
        .wantedSuspended(in: VersionNumber(4), until: now), .wantedSuspended(in: VersionNumber(4), until: nil), .resumeDue, .supervisorEnds,
    ]
    let actions: [AgentAction] = [
        .launch(from: .clean), .launch(from: .version(VersionNumber(4))), .stop(checkpointFirst: true, within: .seconds(10)), .kill,
        .setTimer(nil),
        .setTimer(Moment(nanoseconds: 1)), .mark(VersionNumber(4), .suspect, because: "it died young"), .openIncident(fault), .escalate,
        .closeIncident(because: "healthy"), .finish(.exited(0)),
    ]
    for words in events.map(\.words) + actions.map(\.words) {
        #expect(!words.isEmpty && !words.contains("(_") && !words.contains("AgentModel") && !words.contains("Optional"), "\(words)")
    }
    #expect(Set(events.map(\.kind)) == ["operator", "takeover", "launch", "health", "checkpoint", "death", "timer"])
}

@Test(arguments: [(Origin.clean, #""clean""#), (.version(VersionNumber(41)), "41")])
func anOriginIsReadableJSON(origin: Origin, text: String) throws {
    #expect(String(decoding: try JSONText.encode(origin), as: UTF8.self) == text)
    #expect(try JSONText.decode(Origin.self, from: Array(text.utf8)) == origin)
}

@Test(arguments: [ProcessEnd.exited(3), .signaled(9, outOfMemory: true), .unknown])
func anEndComesBackFromJSON(end: ProcessEnd) throws {
    #expect(try JSONText.decode(ProcessEnd.self, from: try JSONText.encode(end)) == end)
}
