import AgentModel
import AgentProtocol
import AgentSpecs
import Checkpoints
import ControlSocket
import OutsideWorld
import Recovery
import Retention
import StatusViews
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// A store whose disk runs full: versions go, then checkpoints pause, and both end by themselves.
@Suite struct RoomTests {
    private func scene(seed: UInt64 = 11, size: Int = 100_000) throws -> (Scene, Program) {
        let scene = try Scene(seed: seed) { spec in
            spec.checkpoint.every = .seconds(20)
            spec.checkpoint.mode = .cooperative
            spec.checkpoint.keep = .onlyLast(50)
        }
        try scene.runUntilUp()
        let program = try scene.program()
        grow(program, 1, size)
        return (scene, program)
    }

    /// Incompressible, so that packs give nothing back.
    private func grow(_ program: Program, _ step: UInt64, _ size: Int) {
        var random = SeededRandom(seed: step)
        program.step = step
        program.state = .inline((0..<size).map { _ in UInt8(random.number(below: 256)) })
    }

    private func leave(_ bytes: UInt64, on scene: Scene) {
        scene.machine.store.setCapacity(ByteCount(scene.machine.store.used.bytes + bytes))
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5]) func theOldestGoAndCheckpointsGoOn(_ seed: UInt64) throws {
        let (scene, program) = try scene(seed: seed)
        for step in UInt64(1)...12 {
            grow(program, step, 100_000)
            try scene.checkpoint()
        }
        let before = try scene.versions()
        _ = try scene.answer(to: .pin(before[0].version, pinned: true))
        try scene.supervisor.store.set(StoreLimits(keepFree: ByteCount(200_000)))
        leave(150_000, on: scene)
        grow(program, 13, 100_000)
        try scene.run(until: "a version after room was made") { (try scene.versions().last?.version.number ?? 0) > 12 }
        let after = try scene.versions().map(\.version.number)
        #expect(after.contains(1) && !after.contains(2) && scene.supervisor.warnings.isEmpty)
        #expect(scene.said("nothing new is stored until") == 0)
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5]) func whereNothingWouldDoNothingGoesAndTheAgentRunsOn(_ seed: UInt64) throws {
        let (scene, program) = try scene(seed: seed)
        for step in UInt64(1)...4 {
            grow(program, step, 10_000)
            try scene.checkpoint()
        }
        let before = try scene.versions().map(\.version)
        try scene.supervisor.store.set(StoreLimits(keepFree: ByteCount(10_000_000)))
        leave(1_000_000, on: scene)
        try scene.run(until: "it is told") { !scene.supervisor.warnings.isEmpty }
        try scene.run(for: .seconds(120))
        #expect(try scene.versions().map(\.version) == before)
        #expect(scene.said("nothing new is stored until there is room") == 1 && scene.supervisor.incarnations == 1)
        #expect(scene.supervisor.status().warnings.contains { $0.contains("nothing new is stored until there is room") })

        // Its own wish is refused; an operator's is tried.
        program.say(.save(request: 9, SafePoint(state: .inline([1]), schema: "step/1", step: 5)))
        try scene.run(until: "it is refused") {
            program.heard.contains { if case .aborted(9, _) = $0 { true } else { false } }
        }
        let byHand = try scene.checkpoint().version
        #expect(scene.said("nothing new is stored until there is room") == 1 && !scene.supervisor.warnings.isEmpty)

        // A restore is not held back.
        program.leave()
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        let next = try scene.program()
        grow(next, 6, 10_000)
        next.say(.turn(waiting: true))  // a sign of life
        try scene.run(until: "it runs") { scene.supervisor.status().state == .running }

        scene.machine.store.setCapacity(nil)
        try scene.run(until: "it is made good", within: .seconds(15)) { (try scene.versions().last?.version ?? byHand) > byHand }
        #expect(scene.supervisor.warnings.isEmpty && scene.said("the store takes writes again") == 1)
    }

    /// The newest version is large, and the next one takes little.
    @Test func aLargeVersionIsNoReasonToWait() throws {
        let (scene, program) = try scene()
        var random = SeededRandom(seed: 1)
        var large = [UInt8](repeating: 0, count: 2_000_000)
        for place in large.indices { large[place] = UInt8(random.number(below: 256)) }
        scene.machine.workspace.plant("large", large)
        grow(program, 1, 100_000)
        try scene.checkpoint()
        try scene.run(for: .seconds(50))
        #expect(scene.supervisor.checkpointRun == nil)
        let before = try scene.versions().map(\.version)
        try scene.supervisor.store.set(StoreLimits(keepFree: ByteCount(500_000)))
        leave(1_500_000, on: scene)
        scene.machine.workspace.plant("large", [])
        grow(program, 2, 100_000)
        try scene.run(until: "a version", within: .seconds(60)) { try scene.versions().last?.version != before.last }
        #expect(try before == Array(scene.versions().map(\.version).prefix(before.count)) && scene.supervisor.warnings.isEmpty)
    }

    /// Memory is written anew by every cut.
    @Test func theRoomForImagesIsThereBeforeTheyAreMade() throws {
        let scene = try Scene(criu: true) { $0.checkpoint.every = .seconds(20) }
        try scene.runUntilUp()
        try scene.supervisor.store.set(StoreLimits(keepFree: ByteCount(0)))
        let before = try scene.checkpoint().version
        #expect(scene.supervisor.imagesWritten == ByteCount(4_096_000))
        leave(4_200_000, on: scene)
        try scene.run(until: "it is told") { !scene.supervisor.warnings.isEmpty }
        #expect(scene.said("nothing new is stored until there is room") == 1)
        scene.machine.store.setCapacity(nil)
        try scene.run(until: "it is made good", within: .seconds(15)) { (try scene.versions().last?.version ?? before) > before }
        #expect(try scene.versions().last?.parts.process == true && scene.supervisor.warnings.isEmpty)
    }

    /// A cut was refused for a large file, which is removed later.
    @Test(arguments: [UInt64(1), 2, 3]) func whatACutNeededIsNotBelievedForEver(_ seed: UInt64) throws {
        let (scene, program) = try scene(seed: seed)
        try scene.supervisor.store.set(StoreLimits(keepFree: ByteCount(0)))
        grow(program, 1, 10_000)
        try scene.checkpoint()
        try scene.run(for: .seconds(60))
        leave(500_000, on: scene)
        scene.machine.workspace.plant("large", [UInt8](repeating: 1, count: 1_000_000))
        try scene.run(until: "it is told") { scene.supervisor.neededSpace != nil && scene.supervisor.isPausedForRoom }
        let before = try scene.versions().map(\.version)
        // Tried again, and refused again: it is said once, and nothing goes for it.
        try scene.run(for: .seconds(1500))
        #expect(try scene.versions().map(\.version) == before && scene.said("warning: ") == 1)
        scene.machine.workspace.plant("large", [])
        grow(program, 2, 10_000)
        try scene.run(until: "a version", within: .seconds(400)) { try scene.versions().last?.version != before.last }
        #expect(scene.supervisor.warnings.isEmpty && scene.supervisor.neededSpace == nil)
    }

    /// Versions in packs share their bytes: that removing them is worth little is found out once, not at every try.
    @Test func tryingAgainCostsNoVersions() throws {
        let (scene, program) = try scene()
        try scene.supervisor.store.set(StoreLimits(keepFree: ByteCount(0)))
        grow(program, 1, 100_000)
        for _ in 1...20 { try scene.checkpoint() }
        try scene.run(for: .seconds(19))
        leave(500_000, on: scene)
        scene.machine.workspace.plant("large", [UInt8](repeating: 1, count: 1_000_000))
        try scene.run(until: "it is told") { scene.supervisor.isPausedForRoom }
        let before = try scene.versions().map(\.version)
        try scene.run(for: .seconds(1500))
        #expect(try scene.versions().map(\.version) == before)
    }

    /// A cut that found nothing new found room for it.
    @Test func whatIsNotNewNeedsNothing() throws {
        let scene = try Scene {
            $0.checkpoint.mode = .cooperative
            $0.checkpoint.skipUnchanged = true
            $0.recovery.probation = .seconds(20)
        }
        try scene.runUntilUp()
        _ = try scene.program()
        let version = try scene.checkpoint()
        scene.supervisor.neededSpace = ByteCount(1 << 50)
        #expect(!scene.supervisor.hasRoom())
        #expect(try scene.answer(to: .checkpoint(wait: true)) == .nothingNew(since: version))
        #expect(scene.supervisor.hasRoom())
    }

    /// Versions go for room, and the disk takes its time for it.
    private func removingSlowly(seed: UInt64) throws -> Scene {
        let (scene, program) = try scene(seed: seed)
        for step in UInt64(1)...6 {
            grow(program, step, 100_000)
            try scene.checkpoint()
        }
        try scene.run(for: .seconds(10))
        try scene.supervisor.store.set(StoreLimits(keepFree: ByteCount(200_000)))
        leave(150_000, on: scene)
        scene.machine.workTakes = .seconds(30)
        try scene.run(until: "room is made") { scene.supervisor.isMakingRoom }
        scene.machine.workTakes = .zero
        return scene
    }

    /// Whoever takes the agent's lock next must find the store at rest.
    @Test(arguments: [UInt64(1), 2, 3]) func whoeverLeavesWaitsForWhatGoes(_ seed: UInt64) throws {
        let scene = try removingSlowly(seed: seed)
        scene.world.signalSupervisor(15)
        scene.world.signalSupervisor(15)
        try scene.run(until: "its end is near") { scene.supervisor.finished != nil }
        #expect(scene.supervisor.isMakingRoom && scene.machine.store.lockHolder(scene.home / "lock") != nil)
        try scene.run(until: "it ends") { scene.end != nil }
        #expect(!scene.supervisor.isMakingRoom && scene.machine.store.lockHolder(scene.home / "lock") == nil)
    }

    @Test(arguments: [UInt64(1), 2, 3]) func aRestoreDoesNotWaitForACollection(_ seed: UInt64) throws {
        let scene = try removingSlowly(seed: seed)
        let wish = try #require(scene.supervisor.roomWish)
        scene.programs = []
        scene.machine.killAgent()
        try scene.run(until: "its files come back") { scene.supervisor.incarnations == 2 }
        #expect(!wish.isWanted && scene.supervisor.isMakingRoom)
        try scene.runUntilUp(2)
    }

    /// What a collection that was called off is worth is found out by the next, and nothing more goes before.
    @Test func aCollectionThatWasCalledOffIsMadeGood() throws {
        let scene = try removingSlowly(seed: 1)
        try scene.run(until: "room was made") { !scene.supervisor.isMakingRoom }
        let before = try scene.versions().map(\.version)
        leave(150_000, on: scene)
        let since = Supervisor.Space(free: ByteCount(0), least: ByteCount(200_000))
        scene.supervisor.roomUnfinished = (Array(scene.supervisor.versions.prefix(1)), since)
        #expect(!scene.supervisor.hasRoom() && scene.supervisor.leaving.isEmpty)
        try scene.run(until: "it is collected") { !scene.supervisor.isMakingRoom }
        #expect(scene.supervisor.roomUnfinished == nil && scene.supervisor.roomPlan.removed > 0)
        let after = try scene.versions().map(\.version)
        #expect(before.suffix(2).allSatisfy { after.contains($0) })
    }

    @Test func theQuotaOfTheStoreIsKept() throws {
        let (scene, program) = try scene()
        try scene.supervisor.store.set(StoreLimits(quota: ByteCount(350_000)))
        for step in UInt64(1)...8 {
            grow(program, step, 100_000)
            try scene.checkpoint()
        }
        try scene.run(until: "older ones are gone") { try scene.versions().count == 3 }
        try scene.supervisor.store.set(StoreLimits(quota: ByteCount(10_000)))
        grow(program, 9, 100_000)
        try scene.checkpoint()
        try scene.run(until: "it is told") { scene.supervisor.warnings["quota"] != nil }
        #expect(try !scene.versions().isEmpty)
        try scene.supervisor.store.set(StoreLimits())
        grow(program, 10, 100_000)
        try scene.checkpoint()
        try scene.run(until: "it is over") { scene.supervisor.warnings.isEmpty }
    }
}
