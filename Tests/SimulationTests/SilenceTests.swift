import AgentModel
import AgentProtocol
import AgentSpecs
import ControlSocket
import OutsideWorld
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// However a checkpoint ends, the watch over the heartbeat goes on.
@Suite struct SilenceTests {
    enum Given: CaseIterable { case state, tooMuch }

    @Test(arguments: Given.allCases) func anAgentThatFallsSilentAfterACheckpointIsFound(_ given: Given) throws {
        let scene = try Scene { $0.health.heartbeat = .seconds(30) }
        try scene.runUntilUp()
        let program = try scene.program()
        let limit = scene.spec.checkpoint.stateLimit.bytes
        if given == .tooMuch { program.state = .file(name: "state", size: limit + 1, sha256: [UInt8](repeating: 0, count: 32)) }
        program.say(.beat(Beat(step: 1)))
        let reply = try scene.answer(to: .checkpoint(wait: true))
        switch (given, reply) {
        case (.state, .stored): break
        case (.tooMuch, .failed(_, let sentence)): #expect(sentence.contains("is over the limit"))
        default: Issue.record("\(reply)")
        }
        try scene.runUntilUp(2)
        #expect(scene.said("it was silent for 30 s") > 0)
    }
}
