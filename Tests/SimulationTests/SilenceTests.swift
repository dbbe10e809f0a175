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
    @Test(arguments: [StatePayload.inline(Array("1".utf8)), .file(name: "../state", size: 1, sha256: [])])
    func anAgentThatFallsSilentAfterACheckpointIsFound(_ state: StatePayload) throws {
        let scene = try Scene { $0.health.heartbeat = .seconds(30) }
        try scene.runUntilUp()
        let program = try scene.program()
        program.state = state
        program.say(.beat(Beat(step: 1)))
        _ = try scene.answer(to: .checkpoint(wait: true))
        try scene.runUntilUp(2)
        #expect(scene.said("it was silent for 30 s") > 0)
    }
}
