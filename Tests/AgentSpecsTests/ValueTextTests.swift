import AgentModel
import AgentSpecs
import Testing

@Suite struct ValueTextTests {
    @Test(arguments: [
        ("0s", Duration.zero), ("500ms", .milliseconds(500)), ("10s", .seconds(10)), ("10m", .seconds(600)), ("1h30m", .seconds(5400)),
        ("2d", .seconds(172_800)), ("1.5h", .seconds(5400)), ("0.25s", .milliseconds(250)), ("1d2h3m4s5ms", .milliseconds(93_784_005)),
        ("1us", .microseconds(1)), ("1ns", .nanoseconds(1)), ("36500d", .seconds(3_153_600_000)),
    ])
    func durationsAreRead(_ row: (text: String, duration: Duration)) throws {
        #expect(try DurationText.parse(row.text) == row.duration)
        #expect(try DurationText.parse(DurationText.text(row.duration)) == row.duration)
    }

    @Test(
        arguments: [
            ("0B", 0), ("100B", 100), ("64kB", 64_000), ("64KiB", 65_536), ("512MB", 512_000_000), ("512mb", 512_000_000),
            ("1.5GiB", 1_610_612_736), ("1.5Gi", 1_610_612_736), ("0.5kB", 500), ("2 TB", 2_000_000_000_000), ("1TiB", 1_099_511_627_776),
        ] as [(String, UInt64)])
    func sizesAreRead(_ row: (text: String, bytes: UInt64)) throws {
        #expect(try SizeText.parse(row.text) == ByteCount(row.bytes))
        #expect(try SizeText.parse(SizeText.text(ByteCount(row.bytes))) == ByteCount(row.bytes))
    }

    @Test(arguments: [("50%", 500), ("0.5", 500), ("200%", 2000), ("2", 2000), ("12.5%", 125), ("0.1%", 1)] as [(String, UInt32)])
    func sharesOfProcessorsAreRead(_ row: (text: String, milli: UInt32)) throws {
        #expect(try ShareText.parseProcessors(row.text) == row.milli)
        #expect(try ShareText.parseProcessors(ShareText.processorsText(row.milli)) == row.milli)
    }

    @Test(arguments: [("SIGTERM", 15), ("term", 15), ("Int", 2), ("15", 15), ("SIGUSR1", 10), ("34", 34)] as [(String, Int32)])
    func signalsAreRead(_ row: (text: String, number: Int32)) throws {
        #expect(try SignalText.parse(row.text) == row.number)
        #expect(try SignalText.parse(SignalText.text(row.number)) == row.number)
    }

    @Test(arguments: [("Z", 0), ("+02:00", 7200), ("-05:30", -19_800), ("+00:00", 0)])
    func distancesToUTCAreRead(_ row: (text: String, seconds: Int)) throws {
        #expect(try OffsetText.parse(row.text) == .seconds(row.seconds))
        #expect(try OffsetText.parse(OffsetText.text(.seconds(row.seconds))) == .seconds(row.seconds))
    }

    /// What is refused is refused by a mistake, never by a trap.
    @Test(arguments: [
        "", "-", ".", "1.", ".5s", "s", "1s1s", "1e3s", "0x10s", "∞", "٣s", "1s ", "18446744073709551615d", "1.0000000001s", "+5s", "%",
        "-%",
    ])
    func oddTextsAreRefused(_ text: String) {
        #expect(throws: ValueMistake.self) { try DurationText.parse(text) }
        #expect(throws: ValueMistake.self) { try SizeText.parse(text) }
        #expect(throws: ValueMistake.self) { try ShareText.parseProcessors(text) }
        #expect(throws: ValueMistake.self) { try ShareText.parseFraction(text) }
        #expect(throws: ValueMistake.self) { try SignalText.parse(text) }
        #expect(throws: ValueMistake.self) { try OffsetText.parse(text) }
        #expect(throws: ValueMistake.self) { try SpecFlags.set(text) }
    }

    @Test func aFlagSaysWhatASpecSays() {
        #expect { try DurationText.parse("10") } throws: { error in
            (error as? ValueMistake)?.sentence(about: "--timeout 10") == "'--timeout 10' has no unit; did you mean '10s' or '10m'?"
        }
    }
}
