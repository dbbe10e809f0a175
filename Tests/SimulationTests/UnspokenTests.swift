import AgentModel
import AgentProtocol
import ControlSocket
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// An image of a process that has not yet taken what it is to go on from.
@Suite struct UnspokenTests {
    @Test func anImageBeforeTheFirstWordLosesNoState() throws {
        let scene = try Scene(criu: true)
        try scene.runUntilUp()
        let program = try scene.program()
        program.step = 7
        guard case .stored = try scene.answer(to: .checkpoint(wait: true, mode: .cooperative)) else { return }
        program.leave()
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.isFromImages == false)
        _ = try scene.answer(to: .checkpoint(wait: true, mode: .process))
        scene.machine.killAgent()
        try scene.runUntilUp(3)
        #expect(try scene.program().welcome?.state == .inline(Array("7".utf8)))
    }
}
