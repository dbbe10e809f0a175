import AgentModel
import AgentProtocol
import AgentSpecs
import ControlSocket
import OutsideWorld
import StatusViews
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// A checkpoint that is due prefers the moment in which the agent waits for its model.
@Suite struct TurnTests {
    private func scene(seed: UInt64 = 11, wait: Duration = .seconds(30)) throws -> (Scene, Program) {
        let scene = try Scene(seed: seed) { spec in
            spec.checkpoint.every = .seconds(100)
            spec.checkpoint.mode = .cooperative
            spec.checkpoint.turnWait = wait
        }
        try scene.runUntilUp()
        return (scene, try scene.program())
    }

    private func runUntilDue(_ scene: Scene) throws {
        try scene.run(until: "a checkpoint is due") { scene.supervisor.deadlines[.turn] != nil }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5]) func itWaitsForTheTurn(_ seed: UInt64) throws {
        let (scene, program) = try scene(seed: seed)
        program.say(.turn(waiting: false))
        try runUntilDue(scene)
        try scene.run(for: .seconds(10))
        #expect(try scene.versions().isEmpty && scene.supervisor.status().next?.what.contains("turn") == true)
        program.say(.turn(waiting: true))
        try scene.run(until: "a version", within: .seconds(5)) { try scene.versions().count == 1 }
        #expect(scene.supervisor.deadlines[.turn] == nil && scene.supervisor.deadlines[.checkpointSchedule] != nil)
    }

    @Test func itDoesNotWaitForEver() throws {
        let (scene, program) = try scene()
        program.say(.turn(waiting: false))
        try runUntilDue(scene)
        try scene.run(until: "a version", within: .seconds(40)) { try scene.versions().count == 1 }
        #expect(scene.world.wallTime() - scene.supervisor.startedAt >= .seconds(130))
    }

    @Test(arguments: [nil, true]) func whoWaitsOrNeverSaidSoIsCutAtOnce(_ waiting: Bool?) throws {
        let (scene, program) = try scene()
        if let waiting { program.say(.turn(waiting: waiting)) }
        try scene.run(until: "a version", within: .seconds(110)) { try scene.versions().count == 1 }
    }

    @Test func zeroIsOff() throws {
        let (scene, program) = try scene(wait: .zero)
        program.say(.turn(waiting: false))
        try scene.run(until: "a version", within: .seconds(110)) { try scene.versions().count == 1 }
    }

    /// Whoever asks in the meantime has it at once, and that one does for both.
    @Test func anOperatorDoesNotWait() throws {
        let (scene, program) = try scene()
        program.say(.turn(waiting: false))
        try runUntilDue(scene)
        try scene.checkpoint()
        program.say(.turn(waiting: true))
        try scene.run(for: .seconds(40))
        #expect(try scene.versions().count == 1)
    }

    @Test func anAgentThatDiesMeanwhileIsNotCutDead() throws {
        let (scene, program) = try scene()
        program.say(.turn(waiting: false))
        try runUntilDue(scene)
        program.leave()
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        _ = try scene.program()
        try scene.run(until: "a version of the next life", within: .seconds(210)) { try scene.versions().last?.incarnation == 2 }
    }
}
