import AgentModel
import AgentSpecs
import Checkpoints
import ControlSocket
import OutsideWorld
import Recovery
import StatusViews
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// Versions are restored once beside the living agent, and what comes of it counts in every later decision.
@Suite struct RehearsalTests {
    private func scene(
        seed: UInt64 = 11, _ when: AgentSpec.Rehearsal.When = .always, _ change: (inout AgentSpec) -> Void = { _ in }
    ) throws -> Scene {
        let scene = try Scene(seed: seed, criu: true) { spec in
            spec.checkpoint.rehearsal.when = when
            change(&spec)
        }
        try scene.runUntilUp()
        scene.file = "first"
        return scene
    }

    @Test(arguments: UInt64(1)...20)
    func aVersionEarnsItsStanding(seed: UInt64) throws {
        let scene = try scene(seed: seed)
        scene.machine.repeatsNews = 100_000
        let version = try scene.checkpoint()
        #expect(version.standing == .stored)
        try scene.run(until: "it is rehearsed") { try scene.standing(version) == .rehearsed }
        #expect(scene.machine.rehearsals == 0 && scene.machine.mostAtOnce == 1)
        #expect(scene.supervisor.incarnations == 1 && scene.machine.livingPID != nil)
        #expect(scene.supervisor.lastRehearsal?.version == version.version && scene.supervisor.lastRehearsal?.problem == nil)
        try scene.run(until: "its scratch is gone") { scene.staging == [] }
        #expect(scene.file == "first")
        // It is still what was stored.
        #expect(try scene.supervisor.store.verifies(scene.spec.name, version.version))
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.isFromImages == true)
    }

    /// Of a plain program there is no other part: the ladder passes the version over.
    @Test(
        arguments: [
            (
                [.refusesRestore],
                "the file '/workspace/results' has 9 bytes, and had 4 when the image was made. Roll the workspace back with it"
            ),
            ([.restoresDead], "what is restored is not what was dumped: process 1000 ('agent') is not there"),
            ([.restoresOtherwise], "what is restored is not what was dumped: process 1000 ('agent') lacks descriptor 1"),
        ] as [([SimulatedCriuTrouble], String)])
    func whatCannotBeRestoredIsPassedOver(troubles: [SimulatedCriuTrouble], why: String) throws {
        let scene = try scene()
        let older = try scene.checkpoint()
        try scene.run(until: "it is rehearsed") { try scene.standing(older) == .rehearsed }
        scene.file = "second"
        let newer = try scene.checkpoint { scene.machine.plan(criu: troubles) }
        try scene.run(until: "it is suspect") { try scene.standing(newer) == .suspect }
        let note = try #require(try scene.versions().last?.note)
        #expect(note == "the processes of version \(newer.version) could not be restored in a rehearsal: \(why)")
        #expect(scene.said("could not be restored in a rehearsal") == 1)
        #expect(scene.machine.rehearsals == 0 && scene.supervisor.incarnations == 1)
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.origin == .version(older.version))
        #expect(scene.supervisor.life?.isFromImages == true && scene.file == "first")
    }

    /// A slow host, or one that ends CRIU, says nothing of the version, however often.
    @Test(
        arguments: [
            (.hangsInRestore, "CRIU did not finish within 30 s"), (.findsDiskFull, "the disk is full. Free space, or run 'runner prune'"),
            (.diesInRestore, "CRIU ended without an answer (signal 9)"),
        ] as [(SimulatedCriuTrouble, String)])
    func aFaultThatStaysIsNotTheVersions(trouble: SimulatedCriuTrouble, why: String) throws {
        let scene = try scene()
        let version = try scene.checkpoint { scene.machine.plan(criu: [trouble, trouble]) }
        try scene.run(until: "it is given up") { scene.noted("version \(version.version) is not rehearsed: \(why)") }
        #expect(try scene.standing(version) == .stored)
        #expect(scene.supervisor.warnings["rehearsal"] == nil)
    }

    /// The copy of a workspace may take seconds to remove, and the agent would stand still for so long.
    @Test func aCutWaitsForNoRemoval() throws {
        let scene = try scene()
        _ = try scene.checkpoint { scene.machine.plan(criu: .hangsInRestore) }
        try scene.run(until: "it is rehearsed") { scene.machine.rehearsals == 1 }
        let asked = try scene.ask(.checkpoint(wait: true))
        try scene.run(until: "the cut") { scene.supervisor.checkpointRun?.stage == .committing }
        #expect(scene.supervisor.rehearsal == nil && scene.staging.count == 2)
        guard case .stored = try scene.answer(on: asked) else { throw Scene.Lost(what: "a version", trace: scene.machine.trace) }
        try scene.run(until: "its scratch is gone") { scene.staging == [] }
    }

    /// It is there when the version is restored, and not in a copy of what the version holds.
    @Test(arguments: [("cache", true), ("kept", false)] as [(String, Bool)])
    func whatNoVersionHoldsIsNotMissed(place: String, isLeftOut: Bool) throws {
        let scene = try scene { spec in spec.checkpoint.exclude = ["cache"] }
        let (directory, file) = (try #require(DiskPath(place)), try #require(DiskPath(place + "/data")))
        try scene.machine.workspace.makeDirectory(directory, mode: 0o755)
        try scene.machine.workspace.open(file, .createNew(mode: 0o644)).write([1])
        scene.machine.agentHolds = [DescriptorSight(number: 5, target: "/workspace/\(file)", kind: .file)]
        let version = try scene.checkpoint { if isLeftOut { scene.machine.plan(criu: .refusesRestore) } }
        let why = "it needs '/workspace/\(file)' of the workspace, which is in no version"
        try scene.run(until: "it is tried or not") {
            try scene.standing(version) != .stored || scene.noted("version \(version.version) is not rehearsed: \(why)")
        }
        #expect(try scene.standing(version) == (isLeftOut ? .stored : .rehearsed))
        #expect(scene.machine.rehearsals == 0 && scene.supervisor.warnings["rehearsal"] == nil)
    }

    @Test(arguments: [SimulatedCriuTrouble.diesInRestore, .hangsInRestore])
    func aFaultThatPassesCostsNothing(trouble: SimulatedCriuTrouble) throws {
        let scene = try scene()
        let version = try scene.checkpoint { scene.machine.plan(criu: trouble) }
        try scene.run(until: "it is rehearsed") { try scene.standing(version) == .rehearsed }
        #expect(scene.supervisor.warnings["rehearsal"] == nil)
    }

    /// What the agent handed over at the same cut is no worse for it.
    @Test func stateIsRestoredWhereImagesCannotBe() throws {
        let scene = try scene()
        let program = try scene.program()
        program.step = 7
        let version = try scene.checkpoint { scene.machine.plan(criu: .refusesRestore) }
        #expect(version.parts.cooperative && version.parts.process)
        try scene.run(until: "it is known") { try scene.versions().last?.imagesUnusable != nil }
        #expect(try scene.standing(version) == .stored)
        scene.programs = []
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        // At once, without asking CRIU once more.
        #expect(scene.supervisor.life?.isFromImages == false)
        #expect(scene.supervisor.life?.restored != nil)
    }

    @Test func aCheckpointDoesNotWaitForIt() throws {
        let scene = try scene()
        let first = try scene.checkpoint { scene.machine.plan(criu: .hangsInRestore) }
        try scene.run(until: "it is under way") { scene.machine.rehearsals == 1 }
        let second = try scene.checkpoint()
        #expect(try scene.standing(first) == .stored)
        try scene.run(until: "the next is rehearsed") { try scene.standing(second) == .rehearsed }
        #expect(scene.machine.rehearsals == 0)
    }

    @Test func aRestoreDoesNotWaitForIt() throws {
        let scene = try scene()
        let version = try scene.checkpoint { scene.machine.plan(criu: .hangsInRestore) }
        // Not only its sandbox: the trouble is for its CRIU.
        try scene.run(until: "it hangs") { scene.machine.rehearsals == 1 && scene.machine.trace.contains { $0.contains("hangsInRestore") } }
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.origin == .version(version.version))
        try scene.run(until: "it is gone") { scene.machine.rehearsals == 0 && scene.supervisor.rehearsal == nil }
        #expect(try scene.standing(version) == .stored)
    }

    @Test(arguments: UInt64(1)...10)
    func itEndsWithItsSupervisor(seed: UInt64) throws {
        let scene = try scene(seed: seed)
        let version = try scene.checkpoint { scene.machine.plan(criu: .hangsInRestore) }
        try scene.run(until: "it is under way") { scene.machine.rehearsals == 1 }
        scene.killSupervisor()
        #expect(scene.machine.rehearsals == 0)
        try scene.startSupervisor()
        try scene.run(for: .seconds(5))
        #expect(scene.supervisor.incarnations == 1 && scene.machine.livingPID != nil)
        #expect(scene.staging == [])
        #expect(try scene.standing(version) == .stored)
        let next = try scene.checkpoint()
        try scene.run(until: "the next is rehearsed") { try scene.standing(next) == .rehearsed }
    }

    /// Killed, or its machine without power, just before each thing it asks of the world while it rehearses.
    @Test(arguments: [false, true]) func itMayBeCutOffAnywhere(byPower: Bool) throws {
        var cutOff = 0
        for operation in 1...80 {
            let scene = try scene(seed: UInt64(operation))
            let version = try scene.checkpoint()
            scene.machine.plan(at: scene.machine.operations + operation) { machine in
                if byPower { machine.cutPower() } else { machine.killSupervisor(because: "the test wants it") }
            }
            // Lost is what is thrown when the supervisor dies; of the store it then hears nothing but errors.
            do { try scene.run(until: "it is rehearsed") { scene.supervisor.versions.last?.standing == .rehearsed } } catch is Scene.Lost {}
            guard scene.machine.supervisorCrashed else { continue }
            cutOff += 1
            #expect(scene.machine.rehearsals == 0)
            try scene.startSupervisor()
            try scene.run(until: "it runs") { scene.machine.livingPID != nil && scene.supervisor.life?.pid != nil }
            #expect(scene.supervisor.incarnations == (byPower ? 2 : 1), "operation \(operation)")
            let known = try scene.standing(version)
            #expect(known == .stored || known == .rehearsed, "operation \(operation): \(String(describing: known))")
            let next = try scene.checkpoint()
            try scene.run(until: "the next is rehearsed") { try scene.standing(next) == .rehearsed }
            try scene.run(until: "nothing is left, operation \(operation)") { scene.staging == [] }
        }
        #expect(cutOff > 40)
    }

    @Test(arguments: [DiskTrouble.full, .io]) func aDiskThatRefusesCostsNoVersion(trouble: DiskTrouble) throws {
        for operation in 1...40 {
            let scene = try scene(seed: UInt64(operation))
            let version = try scene.checkpoint()
            scene.machine.store.fail(at: scene.machine.store.operationCount + operation, with: trouble)
            try scene.run(for: .seconds(60))
            let known = try scene.standing(version)
            #expect(known == .stored || known == .rehearsed, "operation \(operation): \(String(describing: known))")
            #expect(scene.supervisor.incarnations == 1 && scene.machine.rehearsals == 0)
        }
    }

    @Test func onlyWhereThereIsMemoryForIt() throws {
        let scene = try scene()
        scene.machine.freeMemory = .mebibytes(100)
        let version = try scene.checkpoint()
        try scene.run(for: .seconds(30))
        #expect(try scene.standing(version) == .stored)
        #expect(scene.machine.rehearsals == 0 && scene.supervisor.warnings.isEmpty && scene.staging == [])
        scene.machine.freeMemory = nil  // a host that does not tell
        let next = try scene.checkpoint()
        try scene.run(until: "it is rehearsed") { try scene.standing(next) == .rehearsed }
    }

    @Test func notMoreOftenThanWanted() throws {
        let scene = try scene(.auto)
        var standings: [Standing] = []
        for wait in [Duration.seconds(60), .seconds(60), .seconds(601), .seconds(60)] {
            let version = try scene.checkpoint()
            try scene.run(for: wait)
            standings.append(try scene.standing(version) ?? .broken)
        }
        #expect(standings == [.rehearsed, .stored, .proven, .rehearsed])
        let never = try self.scene(.never)
        let version = try never.checkpoint()
        try never.run(for: .seconds(60))
        #expect(try never.standing(version) == .stored)
    }
}

extension Scene {
    func standing(_ version: CheckpointSummary) throws -> Standing? { try versions().first { $0.version == version.version }?.standing }

    /// Whether the journal says so.
    func noted(_ part: String) -> Bool {
        let bytes = machine.store.peek(home / "journal" / "current.jsonl") ?? []
        return String(decoding: bytes, as: UTF8.self).replacing("\\/", with: "/").contains(part)
    }

    /// What lies in the store's staging directory.
    var staging: [String] { (try? machine.store.names(in: "staging")) ?? [] }

    /// As `checkpoint`, and does `body` just before the version is told.
    func checkpoint(_ body: () -> Void) throws -> CheckpointSummary {
        let id = try ask(.checkpoint(wait: true))
        try run(until: "it is committed") { supervisor.checkpointRun?.stage == .committing }
        body()
        guard case .stored(let summary) = try answer(on: id) else { throw Lost(what: "a version", trace: machine.trace) }
        return summary
    }
}

extension SimulatedMachine {
    fileprivate func plan(criu troubles: [SimulatedCriuTrouble]) { for trouble in troubles { plan(criu: trouble) } }
}
