import AgentModel
import AgentProtocol
import AgentSpecs
import ControlSocket
import OutsideWorld
import Recovery
import StatusViews
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// A checkpoint where nothing is new makes no version, and says so.
@Suite struct NothingNewTests {
    private func scene(seed: UInt64 = 11, criu: Bool = false, _ change: (inout AgentSpec) -> Void = { _ in }) throws -> (Scene, Program) {
        let scene = try Scene(seed: seed, criu: criu) { spec in
            spec.checkpoint.skipUnchanged = true
            spec.checkpoint.mode = criu ? .auto : .cooperative
            spec.recovery.probation = .seconds(20)
            change(&spec)
        }
        try scene.runUntilUp()
        return (scene, try scene.program())
    }

    @Test func onlyWhatIsNewBecomesAVersion() throws {
        let (scene, program) = try scene()
        program.step = 1
        let first = try scene.checkpoint()
        #expect(try scene.answer(to: .checkpoint(wait: true)) == .nothingNew(since: first))
        let answered = RunnerMessage.committed(request: try #require(lastRequest(of: program)), version: first.version)
        try scene.run(until: "it is told that it is durable") { program.heard.last == answered }
        #expect(try scene.versions() == [first] && scene.supervisor.status().nothingNewAt != nil)

        program.step = 2
        let second = try scene.checkpoint()
        #expect(second.version > first.version && scene.supervisor.status().nothingNewAt == nil)
        scene.file = "new"
        let third = try scene.checkpoint()
        #expect(third.version > second.version)
        #expect(try scene.answer(to: .checkpoint(wait: true)) == .nothingNew(since: third))
        guard case .stored(let forced) = try scene.answer(to: .checkpoint(wait: true, force: true)) else {
            throw Scene.Lost(what: "a version", trace: scene.machine.trace)
        }
        #expect(forced.version > third.version)
    }

    @Test func itsNewestVersionIsProvenAllTheSame() throws {
        let (scene, _) = try scene { $0.checkpoint.every = .seconds(5) }
        try scene.run(for: .seconds(120))
        let versions = try scene.versions()
        #expect(versions.count == 1 && versions.last?.standing == .proven)
        #expect(scene.supervisor.status().nothingNewAt.map { scene.world.wallTime() - $0 < .seconds(10) } == true)
    }

    @Test(arguments: [Standing.suspect, .broken]) func aDoubtfulVersionStandsForNothing(_ standing: Standing) throws {
        let (scene, _) = try scene()
        let first = try scene.checkpoint()
        _ = try scene.answer(to: .mark(first.version, standing, because: "a test"))
        #expect(try scene.checkpoint().version > first.version)
    }

    /// It would stay `stored` for ever: nobody watches it any more.
    @Test func aVersionThatCanEarnNothingStandsForNothing() throws {
        let (scene, program) = try scene()
        program.step = 1
        let first = try scene.checkpoint()
        program.step = 2
        _ = try scene.checkpoint()
        program.leave()
        _ = try scene.ask(.restore(first.version, workspace: true, state: true))
        try scene.runUntilUp(2)
        let again = try scene.program()
        again.step = 2
        #expect(try scene.checkpoint().step == 2)
    }

    @Test func anAgentsOwnWishAndALastVersionAreNeverLeftOut() throws {
        let (scene, program) = try scene()
        let first = try scene.checkpoint()
        program.say(.save(request: 7, SafePoint(state: .inline(Array("0".utf8)), schema: "step/1", step: 0)))
        try scene.run(until: "the agent's version") { try scene.versions().count == 2 }
        _ = try scene.answer(to: .restart(from: nil))
        #expect(try scene.versions().count == 3 && first.version < (try scene.versions().last?.version ?? first.version))
    }

    @Test func imagesAreComparedByteForByte() throws {
        let (scene, program) = try scene(criu: true)
        let first = try scene.checkpoint()
        #expect(first.parts.process)
        #expect(try scene.answer(to: .checkpoint(wait: true)) == .nothingNew(since: first))
        program.step = 3
        #expect(try scene.checkpoint().version > first.version)
    }

    /// A refusing disk is taken to work again by what it holds already.
    @Test func whatWasMissedOnAFullDiskIsMadeGoodByNothingNew() throws {
        let (scene, _) = try scene()
        let first = try scene.checkpoint()
        scene.machine.store.setCapacity(scene.machine.store.used)
        _ = try scene.answer(to: .checkpoint(wait: true))
        #expect(!scene.supervisor.warnings.isEmpty)
        scene.machine.store.setCapacity(nil)
        try scene.run(until: "the store takes writes again") { scene.supervisor.warnings.isEmpty }
        #expect(try scene.versions().map(\.version) == [first.version])
    }

    private func lastRequest(of program: Program) -> UInt64? {
        for case .prepare(let request, _, _) in program.heard.reversed() { return request }
        return nil
    }
}
