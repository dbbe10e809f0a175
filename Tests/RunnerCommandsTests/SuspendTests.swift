import AgentModel
import ControlSocket
import StatusViews
import Testing

@testable import RunnerCommands

private let now = WallTime(rfc3339: "2026-11-21T08:38:00Z") ?? WallTime(nanoseconds: 0)

@Test(
    arguments: [
        // as said, how far ahead of UTC the clock is (minutes), when that is
        ("8h", 0, "2026-11-21T16:38:00.000Z"), ("+8h", 90, "2026-11-21T16:38:00.000Z"), ("1h30m", 0, "2026-11-21T10:08:00.000Z"),
        ("08:38", 0, "2026-11-22T08:38:00.000Z"), ("08:39", 0, "2026-11-21T08:39:00.000Z"), ("8:00", 0, "2026-11-22T08:00:00.000Z"),
        ("08:00", 120, "2026-11-22T06:00:00.000Z"), ("11:00", 120, "2026-11-21T09:00:00.000Z"),
        ("00:00", -600, "2026-11-21T10:00:00.000Z"), ("23:30", -600, "2026-11-21T09:30:00.000Z"),
        ("00:10", 930, "2026-11-21T08:40:00.000Z"),
        ("2026-11-22T08:00:00+02:00", 0, "2026-11-22T06:00:00.000Z"), ("2020-01-01T00:00:00Z", 0, "2020-01-01T00:00:00.000Z"),
        ("8", 0, "no"), ("24:00", 0, "no"), ("08:60", 0, "no"), ("08:0", 0, "no"), ("+08:00", 0, "no"), ("-8h", 0, "no"),
        ("tomorrow", 0, "no"),
        ("008:00", 0, "no"), (":00", 0, "no"), ("", 0, "no"),
    ])
func aTimeToComeIsReadAsPeopleSayIt(word: String, offset: Int, expected: String) {
    let time = ComingTime(argument: word)?.time(after: now, utcOffset: .seconds(60 * offset))
    #expect((time.map { "\($0)" } ?? "no") == expected)
}

/// What is on disk is shown as it is, with or without a supervisor; without one nobody brings it back by itself.
@Test(
    arguments: [
        // seconds until its time; whether a supervisor answers; the end of the reason; what comes next
        (3600, true, "on disk", true), (3600, false, "No supervisor runs: 'runner run' waits for that time", false),
        (-3600, false, "No supervisor runs: 'runner run' brings it back", false),
        (nil, false, "No supervisor runs: 'runner run' brings it back", false),
    ] as [(Int64?, Bool, String, Bool)])
func aSuspendedAgentIsShownAsSuch(seconds: Int64?, supervised: Bool, reason: String, comesBack: Bool) throws {
    let stage = try Stage(["ls", "-o", "json"])
    let status = stage.suspended(until: seconds.map { stage.machine.wallTime() + .seconds($0) })
    try stage.write(status: status)
    if supervised {
        let text = String(decoding: try JSONText.encode(status), as: UTF8.self)
        stage.machine.supervisor = { _ in .success(.status(text)) }
    }
    #expect(stage.run() == 0)
    let output = stage.machine.output
    #expect(output.contains(#""state" : "suspended""#) && output.contains(#""version" : 42"#) && output.contains(reason + "\""))
    #expect(output.contains(#""what" : "resume""#) == comesBack)
}

@Test func theSpecsClockTellsWhenEightIs() throws {
    let stage = try Stage(["suspend", "agent-7", "--until", "08:00"])
    var asked: [ControlRequest] = []
    stage.machine.supervisor = { request in
        asked.append(request)
        return .success(.done("'agent-7' is suspended"))
    }
    #expect(stage.run() == 0 && stage.machine.errors == "runner: 'agent-7' is suspended\n")
    guard case .suspend(let until?)? = asked.first else { throw CommandFault(.usage, "nothing was asked") }
    #expect(until > stage.machine.wallTime() && until.description.hasSuffix("T08:00:00.000Z"))
}
