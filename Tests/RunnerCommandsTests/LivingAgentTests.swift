import AgentModel
import OutsideWorld
import SimulatedWorld
import Supervision
import Testing

@testable import RunnerCommands

/// An agent whose supervisor died lives on for its adoption term. What `restore` finds of it, in the record of its sandbox and in /proc.
@Suite struct LivingAgentTests {
    struct Finding: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var record: String?
        var stat: String?
        let lives: Bool
    }

    private static let record = "runner-sandbox 1\nboot 0f\nnamespaces\ninit 812 4455\n"
    /// proc(5): the 20th field behind the name is the start time. A name may hold anything.
    private static func stat(_ state: String, startTime: Int, name: String = "runner-init") -> String {
        "812 (\(name)) \(state) " + (4...21).map(String.init).joined(separator: " ") + " \(startTime) 0 0\n"
    }

    static let findings = [
        Finding(testDescription: "it lives", record: record, stat: stat("S", startTime: 4455), lives: true),
        Finding(testDescription: "it is frozen", record: record, stat: stat("D", startTime: 4455), lives: true),
        Finding(
            testDescription: "a name with spaces and brackets", record: record, stat: stat("S", startTime: 4455, name: "a) Z (b"),
            lives: true),
        Finding(testDescription: "nobody reaped it", record: record, stat: stat("Z", startTime: 4455), lives: false),
        Finding(testDescription: "its number is another's now", record: record, stat: stat("S", startTime: 9999), lives: false),
        Finding(testDescription: "it is gone", record: record, stat: nil, lives: false),
        Finding(testDescription: "it never ran", record: "runner-sandbox 1\nboot 0f\n", stat: stat("S", startTime: 4455), lives: false),
        Finding(testDescription: "no sandbox was left", record: nil, stat: stat("S", startTime: 4455), lives: false),
    ]

    @Test(arguments: findings) func aWorkspaceIsNotChangedUnderALivingAgent(_ finding: Finding) throws {
        let stage = try Stage(["restore", "agent-7", "1"], versions: 2)
        stage.machine.files["/tmp/runner-1000/0123456789abcdef/agent-7/sandbox"] = finding.record
        stage.machine.files["/proc/812/stat"] = finding.stat
        #expect(stage.run() == (finding.lives ? 75 : 0))
        let refusal =
            "runner: could not restore 'agent-7@1': the agent runs on without a supervisor. 'runner run' takes it over; without one it ends by "
            + "itself within its adoption term ('stop.adopt_within')\n"
        #expect((stage.machine.errors == refusal) == finding.lives)
        #expect(try stage.machine.disks["/work"]?.read("count", limit: .kibibytes(1)) == Array((finding.lives ? "2\n" : "1\n").utf8))
        #expect(try (WantedFile.read(from: stage.disk, below: stage.directory) == nil) == finding.lives)
    }
}
