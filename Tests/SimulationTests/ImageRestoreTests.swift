import AgentModel
import AgentProtocol
import AgentSpecs
import Checkpoints
import ControlSocket
import OutsideWorld
import Recovery
import Retention
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// Restores of processes that do not go straight: what ran is put back, what is waited for stays, what was not compared is compared later.
@Suite struct ImageRestoreTests {
    /// A plain program with a version of "first", whose memory follows where it is restored.
    private func lazy(seed: UInt64) throws -> (scene: Scene, version: CheckpointSummary) {
        let scene = try Scene(seed: seed, criu: true) { $0.restore.memory = .lazy }
        try scene.runUntilUp()
        scene.file = "first"
        return (scene, try scene.checkpoint())
    }

    private func killUntilItRunsWithoutMemory(_ scene: Scene) throws {
        scene.machine.killAgent()
        try scene.run(until: "it runs without its memory") { scene.supervisor.imageRestore?.pid != nil }
    }

    /// It worked before its memory was lost: what it did then is set aside and undone before the next try.
    @Test(arguments: UInt64(1)...10) func whatRanIsPutBackBeforeTheNextTry(seed: UInt64) throws {
        let (scene, version) = try lazy(seed: seed)
        scene.machine.plan(pages: .diesAfterRestore)
        try killUntilItRunsWithoutMemory(scene)
        scene.file = "of the try that failed"
        try scene.run(until: "it is up") { scene.supervisor.imageRestore == nil && scene.supervisor.life?.pid != nil }
        #expect(scene.supervisor.life?.origin == .version(version.version) && scene.supervisor.life?.isFromImages == true)
        #expect(scene.file == "first")
        #expect(try scene.versions().count { $0.kind == .aside } == 1)
    }

    enum Moment: CaseIterable { case aThirdIsBeingStored, aThirdTakesItsTime, theFirstIsBeingRemoved }

    /// The checkpoint that was just being stored when an operator wished for another version makes no room at its cost. What is being removed
    /// already is gone: nothing is ended for it.
    @Test(arguments: [false, true], Moment.allCases) func aVersionThatIsWaitedForStays(byARestart: Bool, moment: Moment) throws {
        let scene = try Scene(criu: true) { $0.checkpoint.keep = .onlyLast(2) }
        try scene.runUntilUp()
        scene.file = "first"
        let first = try scene.checkpoint().version
        scene.file = "second"
        try scene.checkpoint()
        let third = try scene.ask(.checkpoint(wait: true))
        switch moment {
        case .aThirdIsBeingStored, .aThirdTakesItsTime:
            try scene.run(until: "all is copied") { scene.supervisor.checkpointRun?.stage == .thawing }
            if moment == .aThirdTakesItsTime { scene.machine.workTakes = .seconds(100) }
            try scene.run(until: "it is being stored") { scene.supervisor.checkpointRun?.stage == .committing }
            scene.machine.workTakes = .zero
        case .theFirstIsBeingRemoved: _ = try scene.answer(on: third)
        }
        let answer = try scene.answer(to: byARestart ? .restart(from: .version(first)) : .restore(first, workspace: true, state: true))
        switch moment {
        case .aThirdIsBeingStored, .aThirdTakesItsTime:
            #expect(answer == .done("'sim' runs (incarnation 2, from version 1)"))
            #expect(try scene.versions().filter { $0.kind == .checkpoint }.map(\.version.description) == ["1", "2", "3"])
            #expect(scene.file == "first" && scene.supervisor.life?.isFromImages == true)
        case .theFirstIsBeingRemoved:
            guard case .failed("E-VERSION-MISSING", _) = answer else {
                Issue.record("\(answer)")
                return
            }
            #expect(scene.machine.livingPID != nil && scene.supervisor.incarnations == 1)
            try scene.run(for: .seconds(1))
            #expect(try scene.versions().map(\.version.description) == ["2", "3"] && scene.supervisor.leaving.isEmpty)
        }
    }

    /// There is no version of what did not come back yet; the last one holds.
    @Test(arguments: UInt64(1)...10) func aStopWhileMemoryIsStillComingSaysWhatItGoesOnFrom(seed: UInt64) throws {
        let (scene, version) = try lazy(seed: seed)
        try killUntilItRunsWithoutMemory(scene)
        #expect(
            try scene.answer(to: .stop(checkpoint: true))
                == .failed(
                    code: "E-STOP-UNSAVED",
                    sentence:
                        "'sim' is stopped, but no last version could be taken: its memory was still coming back; it goes on from version 1 again"
                ))
        #expect(scene.end != nil && scene.machine.livingPID == nil)
        scene.file = "later"
        try scene.startSupervisor()
        try scene.run(until: "it is up") { scene.supervisor.imageRestore == nil && scene.supervisor.life?.pid != nil }
        #expect(scene.supervisor.life?.origin == .version(version.version) && scene.file == "first")
    }

    /// Its supervisor died before it had compared the pages with what was stored: the next one does.
    @Test(arguments: [false, true], UInt64(1)...10) func pagesThatNobodyComparedAreComparedNext(sound: Bool, seed: UInt64) throws {
        let (scene, older) = try lazy(seed: seed)
        let newer = try scene.checkpoint()
        scene.machine.killAgent()
        try scene.run(until: "its restore has begun") { scene.supervisor.imageRestore != nil }
        scene.machine.workTakes = .seconds(100)  // also their comparison
        try scene.run(until: "it runs without its memory") { scene.supervisor.imageRestore?.pid != nil }
        if !sound {
            let path = try #require(DiskPath("agents/sim/versions/\(newer.version)/process/pages-1.img"))
            #expect(scene.machine.store.damage(path, offset: 5, bit: 1))
        }
        scene.killSupervisor()
        scene.machine.workTakes = .zero
        try scene.startSupervisor()
        #expect(scene.supervisor.uncheckedPages == newer.version)
        if sound {
            try scene.run(for: .seconds(30))
            #expect(scene.supervisor.life?.origin == .version(newer.version) && scene.machine.livingPID == scene.supervisor.life?.pid)
        } else {
            try scene.run(until: "it is restored from the one before") {
                scene.supervisor.imageRestore == nil && scene.supervisor.life?.pid != nil
                    && scene.supervisor.life?.origin == .version(older.version)
            }
        }
        #expect(try scene.standing(newer) == (sound ? .stored : .broken))
        #expect(scene.machine.mostAtOnce == 1)
        // Compared once: the third has nothing to do any more.
        try scene.run(for: .seconds(1))
        scene.killSupervisor()
        try scene.startSupervisor()
        #expect(scene.supervisor.uncheckedPages == nil)
    }
}
