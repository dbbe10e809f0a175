import CriuRequests
import OutsideWorld
import Testing

@testable import RunnerCommands

/// What stands where, how it answers, and what is told.
@Test(
    arguments: [
        ([:], nil, "limited criu no process images, only cooperative checkpoints: there is none"),
        (["/opt/runner-criu/criu": CriuVersion(4, 2, 1)], nil, "works criu CRIU 4.2.1, '/opt/runner-criu/criu' works images"),
        (
            ["/usr/sbin/criu": CriuVersion(4, 1, 1)], nil,
            "limited criu '/usr/sbin/criu' is version 4.1.1, which cannot dump network sockets on Linux 6.18.0: that takes 4.2 or newer;"
        ),
        (
            ["/usr/bin/criu": CriuVersion(4, 1, 1), "/usr/sbin/criu": CriuVersion(4, 2)], nil,
            "works criu CRIU 4.2, '/usr/sbin/criu' (passed over: '/usr/bin/criu' is version 4.1.1, which cannot"
        ),
        (
            ["/my/criu": CriuVersion(4, 3), "/opt/runner-criu/criu": CriuVersion(4, 2)], "/my/criu",
            "works criu CRIU 4.3, '/my/criu' works images"
        ),
        (["/usr/sbin/criu": CriuVersion(3, 16)], nil, "is version 3.16, and 3.17 is the oldest that is used"),
    ] as [([String: CriuVersion], String?, String)])
func doctorTellsWhichCriuIsUsed(standing: [String: CriuVersion], setting: String?, told: String) throws {
    let stage = try Stage(["doctor"])
    stage.machine.userID = 0
    stage.machine.environment["RUNNER_CRIU"] = setting
    for (path, version) in standing {
        stage.machine.crius[path] = { request in
            switch request {
            case .version: .packet(CriuAnswer.result(CriuResult(.version, succeeded: true, version: version)).packet())
            case .check: .packet(CriuAnswer.result(CriuResult(.check, succeeded: true)).packet())
            default:
                .packet(
                    CriuAnswer.result(
                        CriuResult(
                            .features, succeeded: true, features: CriuFeatures(dirtyTracking: false, lazyPages: true, pidfdStore: true))
                    ).packet())
            }
        }
    }
    #expect(stage.run() == 0)
    let words = stage.machine.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains(told), "\(words)")
    #expect(words.contains("no dirty tracking: every dump is a whole one") == standing.values.contains { $0 > CriuVersion(4, 0) })
    // The second time nothing is asked.
    let asked = stage.machine.criuQuestions
    #expect(stage.run() == 0)
    #expect(stage.machine.criuQuestions == asked)
}
