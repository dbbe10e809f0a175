import AgentModel
import AgentProtocol
import AgentSpecs
import Checkpoints
import OutsideWorld
import StatusViews
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// All that is stored is read once in a while, and what decayed is found.
@Suite struct ScrubTests {
    private func scene(seed: UInt64 = 11, every period: Duration = .seconds(600), versions: UInt64 = 5) throws -> (Scene, Program) {
        let scene = try Scene(seed: seed) { spec in
            spec.checkpoint.mode = .cooperative
            spec.checkpoint.scrubEvery = period
        }
        try scene.runUntilUp()
        let program = try scene.program()
        for step in UInt64(0)..<versions {
            program.step = step
            scene.file = "work of step \(step)"
            try scene.checkpoint()
        }
        return (scene, program)
    }

    private func runUntilRead(_ scene: Scene, _ rounds: Int = 1) throws {
        var ends: Set<WallTime> = []
        try scene.run(until: "\(rounds) rounds", within: .seconds(3000 * rounds)) {
            if let end = scene.supervisor.scrub?.finished { ends.insert(end) }
            return ends.count == rounds
        }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5]) func everyVersionAndPackIsReadOncePerPeriod(_ seed: UInt64) throws {
        let (scene, _) = try scene(seed: seed)
        try runUntilRead(scene, 2)
        let report = try #require(scene.supervisor.status().scrub)
        #expect(report.versions == 5 && report.packs > 0 && report.damaged.isEmpty && report.nextAt != nil)
        #expect(scene.supervisor.warnings.isEmpty)
    }

    @Test(arguments: ["state", "workspace/file"]) func whatDecayedIsFoundAndMarked(_ part: String) throws {
        let (scene, _) = try scene()
        try scene.run(for: .seconds(120))
        // The newest is there as plain files, and was put into packs already.
        let version = try #require(try scene.versions().last?.version)
        let path = try #require(DiskPath("agents/sim/versions/\(version)/\(part)"))
        var bytes = try #require(scene.machine.store.peek(path))
        bytes[0] ^= 1
        scene.machine.store.plant(path, bytes)
        try runUntilRead(scene)
        #expect(try scene.versions().last?.standing == .broken)
        #expect(scene.supervisor.status().scrub?.damaged == ["version \(version): \(part)"])
        #expect(scene.supervisor.warnings["scrub \(version)"]?.contains(part) == true)
    }

    /// A disk may fail once. What can be read a minute later is not damaged.
    @Test func oneReadThatFailedIsNoDamage() throws {
        var doubted = 0
        for offset in 1...24 {
            let (scene, _) = try scene(versions: 2)
            let disk = scene.machine.store
            var isPlanned = false
            var isDoubted = false
            try scene.run(until: "a round", within: .seconds(3000)) {
                if scene.supervisor.scrubWish != nil, !isPlanned {
                    disk.fail(at: disk.operationCount + offset, with: .io)
                    isPlanned = true
                }
                if scene.supervisor.scrubDoubt != nil { isDoubted = true }
                return scene.supervisor.scrub?.finished != nil
            }
            doubted += isDoubted ? 1 : 0
            #expect(try scene.versions().allSatisfy { $0.standing != .broken }, "operation \(offset)")
            #expect(scene.supervisor.status().scrub?.damaged == [] && scene.supervisor.warnings.isEmpty, "operation \(offset)")
            #expect(scene.supervisor.scrub?.versions == 2)
        }
        #expect(doubted > 5)
    }

    /// Bytes that were read wrong once, as with a bad cable.
    @Test func whatWasReadWrongOnceIsReadAgain() throws {
        let (scene, _) = try scene()
        try scene.run(for: .seconds(120))
        let version = try #require(try scene.versions().last?.version)
        let path = try #require(DiskPath("agents/sim/versions/\(version)/state"))
        let stored = try #require(scene.machine.store.peek(path))
        scene.machine.store.damage(path, offset: 0, bit: 0)
        try scene.run(until: "it is doubted", within: .seconds(3000)) { scene.supervisor.scrubDoubt != nil }
        scene.machine.store.plant(path, stored)
        try runUntilRead(scene)
        #expect(try scene.versions().allSatisfy { $0.standing != .broken } && scene.supervisor.warnings.isEmpty)
    }

    /// A disk that gives nothing says nothing of what is stored.
    @Test func whatCannotBeReadIsToldAndNotCalledBroken() throws {
        let (scene, _) = try scene(versions: 2)
        let disk = scene.machine.store
        var isBad = true
        try scene.run(until: "a round", within: .seconds(3000)) {
            disk.forgetTroubles()
            if isBad, scene.supervisor.scrubWish != nil {
                for offset in 1...100 { disk.fail(at: disk.operationCount + offset, with: .io) }
            }
            return scene.supervisor.scrub?.finished != nil
        }
        #expect(try scene.versions().allSatisfy { $0.standing != .broken } && scene.supervisor.status().scrub?.damaged == [])
        #expect(scene.supervisor.warnings["unread"]?.contains("Look at 'dmesg' and at the disk") == true)
        isBad = false
        disk.forgetTroubles()
        try runUntilRead(scene, 2)
        #expect(scene.supervisor.warnings.isEmpty && scene.supervisor.scrub?.versions == 2)
    }

    @Test func whereItStoodSurvivesItsSupervisor() throws {
        let (scene, _) = try scene(versions: 8)
        try scene.run(until: "some versions are read", within: .seconds(1000)) { (scene.supervisor.scrub?.versions ?? 0) >= 3 }
        let before = try #require(scene.supervisor.scrub)
        scene.killSupervisor()
        try scene.startSupervisor()
        #expect(scene.supervisor.scrub == nil)  // nothing is read for it at the start
        try scene.run(until: "it is looked at", within: .seconds(100)) { scene.supervisor.scrub != nil }
        #expect(scene.supervisor.scrub?.begun == before.begun && (scene.supervisor.scrub?.versions ?? 0) >= before.versions)
        try runUntilRead(scene)
        #expect(scene.supervisor.scrub?.versions == 8)
    }

    @Test func neverIsNever() throws {
        let scene = try Scene { $0.checkpoint.scrubEvery = nil }
        try scene.runUntilUp()
        try scene.run(for: .seconds(2000))
        #expect(scene.supervisor.scrub == nil && scene.supervisor.deadlines[.scrub] == nil)
    }
}
