import Testing

@testable import AgentModel

@Test(
    arguments: [
        ("agent-7", true), ("a", true), ("7", true), ("a.b_c-d", true), (String(repeating: "a", count: 63), true), ("", false),
        (String(repeating: "a", count: 64), false), ("A", false), ("-a", false), (".a", false), ("a/b", false), ("ä", false),
        ("a b", false),
    ])
func anAgentsNameIsOneSafePathComponent(text: String, isName: Bool) {
    #expect((AgentName(text) != nil) == isName)
}

@Test(
    arguments: [
        ("agent-7", "agent-7"), (String(repeating: "a", count: 40), String(repeating: "a", count: 40)),
        (String(repeating: "a", count: 41), "aaaaaaaaaaaaaaaaaaaaaaa~78f03ca8db5a7124"),
    ])
func aLongNameIsShortenedWhereASocketStands(text: String, shortened: String) throws {
    #expect(try #require(AgentName(text)).shortened == shortened)
}

@Test(
    arguments: [
        ("2026-11-21T08:38:00Z", "2026-11-21T08:38:00.000Z"), ("2026-11-21T08:38:00.1234567Z", "2026-11-21T08:38:00.123Z"),
        ("2026-11-21T10:38:00+02:00", "2026-11-21T08:38:00.000Z"), ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"), ("2026-11-21t08:38:00.123456789012345678z", "2026-11-21T08:38:00.123Z"),
        ("2026-11-21 03:08:00.5-05:30", "2026-11-21T08:38:00.500Z"),
    ])
func aTimeIsReadAndWrittenAsRFC3339(text: String, written: String) {
    #expect(WallTime(rfc3339: text)?.description == written)
}

@Test(
    arguments: [
        "", "2026-11-21", "2026-11-21T08:38:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z",
        "2026-11-21T08:38:00.Z",
        "2026-11-21T08:38:00Zx", "2026-11-21T08:38:00+2:00", "9999999-01-01T00:00:00Z", "2262-04-11T23:47:16.999999999Z",
        "2026-11-21T08:38:00.1234567890123456789Z", "２026-11-21T08:38:00Z",
    ])
func whatIsNoTimeIsNone(text: String) {
    #expect(WallTime(rfc3339: text) == nil)
}

@Test func timeSaturatesInsteadOfTrapping() {
    #expect(Moment(nanoseconds: .max) + .seconds(1) == Moment(nanoseconds: .max))
    #expect(Moment(nanoseconds: .min) + .seconds(-1) == Moment(nanoseconds: .min))
    #expect((Moment(nanoseconds: .max) - Moment(nanoseconds: -1)).nanoseconds == .max)
    #expect(Duration.fractional(seconds: .infinity).nanoseconds == .max)
    #expect(Duration.fractional(seconds: .nan) == .zero)
    #expect(Duration.seconds(Int64.max).nanoseconds == .max)
}

@Test(arguments: [(UInt64(0), "0 B"), (999, "999 B"), (1000, "1.0 kB"), (61_000_000, "61.0 MB"), (UInt64.max, "18446.7 PB")])
func aSizeIsReadable(bytes: UInt64, text: String) {
    #expect(ByteCount(bytes).description == text)
}

@Test(arguments: [(ProcessEnd.exited(3), Int32(3)), (.signaled(9, outOfMemory: true), 137), (.unknown, 125)])
func anEndHasTheStatusAShellExpects(end: ProcessEnd, status: Int32) {
    #expect(end.exitStatus == status)
}
