import AgentModel
import Retention
import Testing

struct RetentionExample: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let versions: [CheckpointSummary]
    var policy = only(last: 2)
    var asides = 1
    var utcOffset = Duration.zero
    let reasons: [UInt64: [String]]
}

private let failed = "last 3 suspect or broken"
private let always = ["newest", "newest known-good"]

private let simple = [
    RetentionExample(testDescription: "nothing to do for nothing", versions: [], reasons: [:]),
    RetentionExample(
        testDescription: "the oldest goes", versions: [version(1), version(2), version(3)],
        reasons: [1: [], 2: ["last 2"], 3: ["newest", "newest known-good", "last 2"]]),
    RetentionExample(
        testDescription: "the newest proven outlives the last",
        versions: [version(1, .proven), version(2, .proven), version(3), version(4), version(5)],
        reasons: [1: [], 2: ["newest proven"], 3: [], 4: ["last 2"], 5: ["newest", "newest known-good", "last 2"]]),
    RetentionExample(
        testDescription: "suspect and broken ones take no good one's place",
        versions: [version(1), version(2), version(3, .suspect), version(4, .broken), version(5, .suspect), version(6, .suspect)],
        reasons: [
            1: ["last 2"], 2: ["newest known-good", "last 2"], 3: [], 4: [failed], 5: [failed], 6: ["newest", failed],
        ]),
    RetentionExample(
        testDescription: "pins stay, whatever they are",
        versions: [version(1, .broken, pinned: true), version(2, pinned: true), version(3), version(4), version(5)],
        reasons: [
            1: ["pinned", failed], 2: ["pinned"], 3: [], 4: ["last 2"], 5: ["newest", "newest known-good", "last 2"],
        ]),
    RetentionExample(
        testDescription: "asides have their own quota and are never known-good",
        versions: [version(1), version(2, kind: .aside), version(3, kind: .aside), version(4, kind: .aside)], asides: 2,
        reasons: [
            1: ["newest", "newest known-good", "last 2"], 2: [], 3: ["last 2 asides"], 4: ["newest aside", "last 2 asides"],
        ]),
    RetentionExample(
        testDescription: "keeping none keeps what is always kept",
        versions: [version(1, .proven), version(2), version(3, kind: .aside)], policy: only(), asides: 0,
        reasons: [1: ["newest proven"], 2: ["newest", "newest known-good"], 3: []]),
]

private let byAge = [
    RetentionExample(
        testDescription: "of each hour the newest good one stays",
        versions: [
            version(1, at: monday), version(2, at: monday + .seconds(3599)), version(3, at: monday + .seconds(3600)),
            version(4, at: monday + .seconds(3700)), version(5, .suspect, at: monday + .seconds(7199)),
            version(6, at: monday + .seconds(10_800)),
        ],
        policy: only(hourly: 3),
        reasons: [
            1: [], 2: ["hourly 2026-11-16 00:00"], 3: [], 4: ["hourly 2026-11-16 01:00"], 5: [failed],
            6: always + ["hourly 2026-11-16 03:00"],
        ]),
    RetentionExample(
        testDescription: "hours without a version do not count",
        versions: [version(1, at: monday), version(2, at: monday + .seconds(500_000)), version(3, at: monday + .seconds(900_000))],
        policy: only(hourly: 2),
        reasons: [1: [], 2: ["hourly 2026-11-21 18:00"], 3: always + ["hourly 2026-11-26 10:00"]]),
    RetentionExample(
        testDescription: "days, weeks and months each have their own",
        versions: [
            version(1, at: monday + .seconds(-40 * 86_400)), version(2, at: monday + .seconds(-86_400)), version(3, at: monday),
            version(4, at: monday + .seconds(60)), version(5, at: monday + .seconds(86_400)),
        ],
        policy: only(daily: 2, weekly: 2, monthly: 2),
        reasons: [
            1: ["monthly 2026-10"], 2: ["weekly 2026-W46"], 3: [], 4: ["daily 2026-11-16"],
            5: always + ["daily 2026-11-17", "weekly 2026-W47", "monthly 2026-11"],
        ]),
    RetentionExample(
        testDescription: "a day begins where the agent's clock says",
        versions: [version(1, at: monday + .seconds(-7201)), version(2, at: monday + .seconds(-7200)), version(3, at: monday)],
        policy: only(daily: 3), utcOffset: .seconds(7200),
        reasons: [1: ["daily 2026-11-15"], 2: [], 3: always + ["daily 2026-11-16"]]),
    RetentionExample(
        testDescription: "within is counted from the newest, so that resting costs nothing",
        versions: [version(1, at: monday), version(2, at: monday + .seconds(1)), version(3, at: monday + .seconds(3601))],
        policy: only(within: .seconds(3600)),
        reasons: [1: [], 2: ["within 1h"], 3: always + ["within 1h"]]),
]

private let byQuota = [
    RetentionExample(
        testDescription: "the quota takes the oldest first",
        versions: [version(1), version(2), version(3), version(4)], policy: only(last: 4, quota: 250),
        reasons: [1: [], 2: [], 3: ["last 4"], 4: always + ["last 4"]]),
    RetentionExample(
        testDescription: "and before them what no restore begins with",
        versions: [version(1), version(2, .suspect), version(3, .broken), version(4)], policy: only(last: 4, quota: 200),
        reasons: [1: ["last 4"], 2: [], 3: [], 4: always + ["last 4"]]),
    RetentionExample(
        testDescription: "but nothing that recovery needs, and no pins",
        versions: [version(1, pinned: true), version(2, .proven), version(3), version(4, .suspect), version(5, kind: .aside)],
        policy: only(last: 4, quota: 1),
        reasons: [
            1: ["pinned", "last 4"], 2: ["newest proven", "last 4"], 3: ["newest known-good", "last 4"], 4: ["newest", failed], 5: [],
        ]),
]

@Test(arguments: simple + byAge + byQuota)
func everyVersionStaysForAReasonOrGoes(_ example: RetentionExample) {
    let plan = plan(example.versions, example.policy, asides: example.asides, utcOffset: example.utcOffset)
    #expect(reasons(plan) == example.reasons)
}

@Test func whatTheQuotaTakesSaysWhatItWasKeptFor() {
    let plan = plan([version(1, at: monday), version(2, at: monday + .seconds(3600))], only(hourly: 2, quota: 100))
    #expect(plan.verdicts.map(\.overruled) == [["hourly 2026-11-16 00:00"], []])
    #expect(plan.removed == [VersionNumber(1)])
    #expect(plan.freed == ByteCount(100))
}

@Test(
    arguments: [
        ("20", RetentionPolicy.onlyLast(20)),
        (#"{"last": 3, "daily": 7}"#, only(last: 3, daily: 7)),
        (#"{}"#, only()),
    ])
func aStoredPolicyIsReadAsItWasWritten(text: String, policy: RetentionPolicy) throws {
    #expect(try JSONText.decode(RetentionPolicy.self, from: Array(text.utf8)) == policy)
}

@Test func aPolicyComesBackFromItsJSON() throws {
    for policy in [RetentionPolicy(), .onlyLast(3), only(monthly: 2, within: .seconds(86_400), quota: 5_000_000_000)] {
        #expect(try JSONText.decode(RetentionPolicy.self, from: try JSONText.encode(policy)) == policy)
    }
}
