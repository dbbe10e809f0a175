import AgentModel
import AgentSpecs
import Checkpoints
import OutsideWorld
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// What the disk does not give at a restore is not called damaged: it may give it again.
@Suite struct RestoreReadTests {
    /// An agent whose newest version must be restored next, and how many operations of the store that takes.
    private func killed(_ images: Bool) throws -> (Scene, CheckpointSummary) {
        let scene = try Scene(criu: images) { spec in spec.checkpoint.mode = images ? .process : .cooperative }
        try scene.runUntilUp()
        if !images { _ = try scene.program() }
        scene.file = "first"
        try scene.checkpoint()
        scene.file = "second"
        let newest = try scene.checkpoint()
        try scene.run(for: .seconds(30))  // all of it is in packs, too
        scene.machine.killAgent()
        return (scene, newest)
    }

    private func runUntilRestored(_ scene: Scene) throws {
        try scene.run(until: "it is restored", within: .seconds(3000)) {
            scene.supervisor.imageRestore == nil && scene.supervisor.life?.pid != nil && scene.supervisor.incarnations > 1
        }
    }

    /// - Parameter length: of so many operations in a row none succeeds.
    @Test(arguments: [false, true], [1, 6]) func aReadThatFailsCostsNoVersion(images: Bool, length: Int) throws {
        var newest = 0
        var older = 0
        for offset in 1...90 {
            let (scene, version) = try killed(images)
            let disk = scene.machine.store
            for operation in offset..<(offset + length) { disk.fail(at: disk.operationCount + operation, with: .io) }
            try runUntilRestored(scene)
            disk.forgetTroubles()
            let standings = try scene.versions().map(\.standing)
            #expect(!standings.contains(.broken), "operation \(offset): \(standings)")
            if scene.supervisor.life?.origin == .version(version.version) { newest += 1 } else { older += 1 }
        }
        // One failure is got over; where several in a row hit what is read twice, the one before serves.
        #expect(newest > 60, "\(newest) of the newest, \(older) of another")
    }

    /// What is damaged is still called so.
    @Test func whatIsDamagedIsBrokenAtTheFirstRestore() throws {
        let (scene, version) = try killed(false)
        for part in ["workspace/file", "chunks"] {
            let path = try #require(DiskPath("agents/sim/versions/\(version.version)/\(part)"))
            #expect(scene.machine.store.damage(path, offset: 5, bit: 1))
        }
        try runUntilRestored(scene)
        #expect(try scene.versions().first { $0.version == version.version }?.standing == .broken)
        #expect(scene.supervisor.life?.origin != .version(version.version))
    }
}
