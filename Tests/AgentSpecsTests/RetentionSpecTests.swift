import AgentModel
import AgentSpecs
import Retention
import Testing

/// `checkpoint.keep` is a number or a mapping, in every layer.
@Suite struct RetentionSpecTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var keep: String
        var policy: RetentionPolicy
        var testDescription: String { keep }
    }

    @Test(arguments: [
        Row(keep: "20", policy: RetentionPolicy(last: 20, hourly: 0, daily: 0, weekly: 0, monthly: 0)),
        Row(keep: "{}", policy: RetentionPolicy()),
        Row(keep: "{daily: 30}", policy: RetentionPolicy(last: 10, hourly: 24, daily: 30, weekly: 4, monthly: 0)),
        Row(
            keep: "{last: 0, hourly: 1, daily: 2, weekly: 3, monthly: 4, within: 2d12h, quota: 5GB}",
            policy: RetentionPolicy(
                last: 0, hourly: 1, daily: 2, weekly: 3, monthly: 4, within: .seconds(216_000), quota: ByteCount(5_000_000_000))),
        Row(keep: "{within: null, quota: null}", policy: RetentionPolicy()),
    ])
    func whatIsWrittenIsWhatIsKept(_ row: Row) throws {
        let reading = read(minimal + "checkpoint: {keep: \(row.keep)}")
        #expect(reading.notices == [])
        let spec = try #require(reading.spec)
        #expect(spec.checkpoint.keep == row.policy)
        // And is shown so that it reads as the same.
        let shown = EffectiveText.lines(EffectiveSetting.all(of: spec, origins: reading.origins), origins: .shown)
        #expect(read(shown.joined(separator: "\n")).spec == spec)
        // And is stored so.
        #expect(try JSONText.decode(AgentSpec.self, from: try JSONText.encode(spec)) == spec)
    }

    @Test func theDefaultThinsOut() throws {
        let spec = try #require(read(minimal).spec)
        #expect(spec.checkpoint.keep == RetentionPolicy(last: 10, hourly: 24, daily: 7, weekly: 4, monthly: 0))
    }

    @Test func aNumberOfALaterLayerSaysAllOfIt() throws {
        let flags = SpecFlags(flags: [.init(flag: "--keep", setting: "checkpoint.keep", text: "5")])
        let reading = read(minimal + "checkpoint: {keep: {daily: 30, quota: 1GB}}", flags: flags)
        #expect(reading.notices == [])
        #expect(reading.spec?.checkpoint.keep == .onlyLast(5))
        #expect(reading.origins["checkpoint.keep.daily"] == .flag("--keep"))
    }

    @Test func oneRuleOfALaterLayerLeavesTheOthers() throws {
        let flags = SpecFlags(flags: [try SpecFlags.set("checkpoint.keep.quota=2GB")])
        let reading = read(
            minimal + "checkpoint: {keep: 20}", environment: ["RUNNER_CHECKPOINT_KEEP_DAILY": "3"], flags: flags)
        #expect(reading.notices == [])
        #expect(
            reading.spec?.checkpoint.keep
                == RetentionPolicy(last: 20, hourly: 0, daily: 3, weekly: 0, monthly: 0, quota: ByteCount(2_000_000_000)))
        #expect(reading.origins["checkpoint.keep.last"] == .file("agent.yaml", line: 3))
        #expect(reading.origins["checkpoint.keep.daily"] == .variable("RUNNER_CHECKPOINT_KEEP_DAILY"))
    }

    /// As stores hold specs that were written before there were rules.
    @Test func aStoredSpecWithANumberIsStillRead() throws {
        var spec = try #require(read(minimal + "checkpoint: {keep: 17}").spec)
        let text = String(decoding: try JSONText.encode(spec), as: UTF8.self)
        let head = try #require(text.firstRange(of: #""keep":{"#))
        let tail = try #require(text[head.upperBound...].firstIndex(of: "}"))
        let old = text[..<head.lowerBound] + #""keep":17"# + text[text.index(after: tail)...]
        #expect(try JSONText.decode(AgentSpec.self, from: Array(old.utf8)) == spec)
        spec.checkpoint.keep.last = 18
        #expect(try JSONText.decode(AgentSpec.self, from: Array(old.utf8)) != spec)
    }

    @Test(arguments: [
        ("{latest: 3}", "3:21: error: 'latest' is not a setting of 'checkpoint.keep'; did you mean 'last'? [E-SPEC-UNKNOWN]"),
        (
            "[3]",
            "3:20: error: 'checkpoint.keep' takes a mapping, not a list; its settings are 'last', 'hourly', 'daily', 'weekly', 'monthly', 'within' and 'quota' [E-SPEC-TYPE]"
        ),
        ("0", "3:20: error: 'keep: 0' is out of range; it takes a whole number from 1 to 100000 [E-SPEC-RANGE]"),
        ("{within: 2}", "3:29: error: 'within: 2' has no unit; did you mean '2s' or '2m'? [E-SPEC-UNIT]"),
        ("{hourly: -1}", "3:29: error: 'hourly: -1' is negative; it takes a whole number from 0 to 100000 [E-SPEC-NEGATIVE]"),
        ("null", "3:14: error: 'keep' has no value; remove the line to get the default [E-SPEC-EMPTY]"),
    ])
    func aMistakeIsToldWhereItIs(keep: String, notice: String) {
        #expect(read(minimal + "checkpoint: {keep: \(keep)}").notices.map(\.description) == ["agent.yaml:" + notice])
    }

    /// The names that were announced before.
    @Test func anOldNameIsToldTheNewOne() {
        #expect(
            read(minimal + "checkpoint: {keep_daily: 3}").notices.map(\.description) == [
                "agent.yaml:3:14: error: 'keep_daily' is not a setting of 'checkpoint'; did you mean 'checkpoint.keep.daily'? [E-SPEC-UNKNOWN]"
            ])
    }
}
