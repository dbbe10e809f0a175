import AgentModel
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

/// What operators wish at awkward moments.
@Suite struct WishTests {
    // MARK: What a wish is about

    enum Overruled: CaseIterable { case byCleanStart, byAnotherVersion, byTheSameWhole, byRemoval }

    /// `restore --only state` is said of one launch. Whatever is started instead, and all that comes after, is put back whole.
    @Test(arguments: Overruled.allCases)
    func aPartialRestoreThatWasOverruledLeavesNothingBehind(_ overruled: Overruled) throws {
        let scene = try Scene.withTwoVersions()
        let partial = VersionNumber(1)
        _ = try scene.ask(.restore(partial, workspace: false, state: true))
        let origin: Origin
        let file: String
        switch overruled {
        case .byCleanStart, .byRemoval: (origin, file) = (.clean, "three")
        case .byAnotherVersion: (origin, file) = (.version(VersionNumber(2)), "two")
        case .byTheSameWhole: (origin, file) = (.version(partial), "one")
        }
        if overruled == .byRemoval {
            try scene.run(until: "it is being ended") { scene.supervisor.restoreScope != nil }
            try scene.supervisor.store.remove(scene.spec.name, partial)
            scene.supervisor.refreshVersions()
        } else {
            _ = try scene.ask(.restart(from: origin))
        }
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.origin == origin)
        #expect(scene.file == file)

        scene.programs = []
        _ = try scene.program()
        scene.file = "four"
        let newest = try scene.checkpoint().version
        scene.file = "five"
        scene.machine.killAgent()
        try scene.runUntilUp(3)
        #expect(scene.supervisor.life?.origin == .version(newest))
        #expect(scene.file == "four")
    }

    /// What is said is what happens: on files alone nothing goes on, and whoever looks is told.
    @Test(arguments: [false, true]) func aStartOnFilesAloneIsToldAsOne(keepsMemory: Bool) throws {
        let scene = try Scene(criu: true)
        try scene.runUntilUp()
        let version = try scene.checkpoint().version
        let answer = try scene.answer(to: .restore(version, workspace: true, state: keepsMemory))
        let anew = ", files only: started anew"
        #expect(answer == .done("'sim' runs (incarnation 2, from version 1\(keepsMemory ? "" : anew))"))
        #expect(scene.supervisor.status().beganAnew == (keepsMemory ? nil : true))
        #expect(scene.said("memory of version 1 is not used") == (keepsMemory ? 0 : 1))
        // The next supervisor knows it, too.
        scene.killSupervisor()
        try scene.startSupervisor()
        #expect(scene.supervisor.incarnations == 2 && scene.supervisor.beganAnew == !keepsMemory)
    }

    /// The aside is of the life that ends, not of the one that comes.
    @Test func anAsideKnowsWhatTheLifeBeganFromThatLeftIt() throws {
        let scene = try Scene(criu: true)
        try scene.runUntilUp()
        scene.file = "first"
        let first = try scene.checkpoint().version
        var parents: [VersionNumber?] = []
        for life in UInt64(2)...3 {
            scene.file = "later \(life)"
            _ = try scene.answer(to: .restore(first, workspace: true, state: true))
            let aside = try #require(try scene.versions().last { $0.kind == .aside })
            #expect(aside.incarnation == life - 1)
            parents.append(try scene.supervisor.store.manifest(scene.spec.name, aside.version).parent)
        }
        #expect(parents == [nil, first])
    }

    /// A checkpoint that is taken to go back does not take away what is gone back to.
    @Test func whatIsGoneBackToSurvivesTheCheckpointBefore() throws {
        let scene = try Scene(criu: true) { $0.checkpoint.keep = .onlyLast(1) }
        try scene.runUntilUp()
        scene.file = "first"
        let first = try scene.checkpoint().version
        scene.file = "second"
        guard case .stored = try scene.answer(to: .checkpoint(wait: true, sparing: first)) else {
            Issue.record("no checkpoint")
            return
        }
        try scene.run(for: .seconds(5))
        #expect(try scene.versions().contains { $0.version == first })
        #expect(try scene.answer(to: .restore(first, workspace: true, state: true)) == .done("'sim' runs (incarnation 2, from version 1)"))
        #expect(scene.file == "first")
    }

    /// Whoever was about to go back there may be gone.
    @Test func whatIsNotGoneBackToIsHeldNoLongerThanTheNextCheckpoint() throws {
        let scene = try Scene(criu: true) { $0.checkpoint.keep = .onlyLast(1) }
        try scene.runUntilUp()
        scene.file = "first"
        let first = try scene.checkpoint().version
        scene.file = "second"
        _ = try scene.answer(to: .checkpoint(wait: true, sparing: first))
        try scene.run(for: .seconds(5))
        #expect(try scene.versions().contains { $0.version == first })
        scene.file = "third"
        try scene.checkpoint()
        try scene.run(until: "it is gone") { try !scene.versions().contains { $0.version == first } }
    }

    /// What was tried in vain is not advised.
    @Test func imagesThatCannotBeUsedAreNotSaidToComeBack() throws {
        let scene = try Scene(criu: true)
        try scene.runUntilUp()
        let version = try scene.checkpoint().version
        try scene.supervisor.store.markImagesUnusable(scene.spec.name, version, because: "a library is gone")
        scene.supervisor.refreshVersions()
        _ = try scene.answer(to: .restore(version, workspace: false, state: true))
        #expect(scene.supervisor.status().beganAnew == true)
        #expect(scene.said("memory of version 1 is not used, since it cannot be restored: a library is gone") == 1)
        #expect(scene.said("brings both back") == 0)
    }

    @Test func aPartialRestoreIsOfOneLaunch() throws {
        let scene = try Scene.withTwoVersions()
        _ = try scene.ask(.restore(VersionNumber(1), workspace: false, state: true))
        try scene.runUntilUp(2)
        #expect(scene.file == "three")
        scene.machine.killAgent()
        try scene.runUntilUp(3)
        #expect(scene.supervisor.life?.origin == .version(VersionNumber(1)))
        #expect(scene.file == "one")
    }

    enum Overruling: CaseIterable { case byStop, bySignal, byStopWhileRestoring, byStopWithoutAnAnswer }

    /// Files of now with the state of then would do steps twice.
    @Test(arguments: Overruling.allCases) func aPartialRestoreThatWasStoppedIsOfNoLaterRun(_ overruling: Overruling) throws {
        let scene = try Scene.withTwoVersions()
        let version = VersionNumber(2)
        _ = try scene.ask(.restore(version, workspace: false, state: true))
        if overruling == .byStopWhileRestoring {
            try scene.run(until: "it is on its way") { scene.supervisor.launchRun != nil }
            #expect(scene.remembersPartialRestore)
        } else {
            try scene.run(until: "it is being ended") { scene.supervisor.restoreScope != nil }
        }
        switch overruling {
        case .byStop, .byStopWhileRestoring: #expect(try scene.answer(to: .stop(checkpoint: false)) == .done("'sim' is stopped"))
        case .bySignal:
            scene.world.signalSupervisor(15)
            try scene.run(until: "the end") { scene.end != nil }
        case .byStopWithoutAnAnswer:
            _ = try scene.ask(.stop(checkpoint: false))
            try scene.run(until: "the stop is decided") { scene.supervisor.recovery.wanted == .stopped }
            scene.cutPower()
        }
        try scene.startSupervisor()
        try scene.run(until: "the next one is up") { scene.supervisor.life?.pid != nil }
        #expect(scene.supervisor.life?.origin == .version(version))
        #expect(scene.file == "two")
    }

    /// Power went before there was a sandbox: the launch of that version is the next supervisor's, that of another one is whole.
    @Test(arguments: [false, true]) func aPartialRestoreThatWasCutOffIsOfThatVersion(isRemoved: Bool) throws {
        let scene = try Scene.withTwoVersions()
        let version = VersionNumber(2)
        scene.machine.workspace.syncAll()
        _ = try scene.ask(.restore(version, workspace: false, state: true))
        try scene.run(until: "it is on its way") { scene.supervisor.launchRun != nil }
        scene.cutPower()
        if isRemoved {
            try CheckpointStore.open(scene.machine.store, create: false, identity: { "" }).remove(scene.spec.name, version)
        }
        try scene.startSupervisor()
        try scene.run(until: "the next one is up") { scene.supervisor.life?.pid != nil }
        #expect(scene.supervisor.life?.origin == .version(isRemoved ? VersionNumber(1) : version))
        #expect(scene.file == (isRemoved ? "one" : "three"))
    }

    /// Remembered and never decided: the agent ran on, and what the ladder restores later is whole.
    @Test func aPartialRestoreThatNobodyWaitsForIsForgotten() throws {
        let scene = try Scene.withTwoVersions()
        scene.supervisor.restoreScope = RestoreScope(origin: .version(VersionNumber(2)), workspace: false)
        scene.supervisor.writeMemory()
        scene.killSupervisor()
        try scene.startSupervisor()
        try scene.runUntilUp()
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.origin == .version(VersionNumber(2)))
        #expect(scene.file == "two")
    }

    // MARK: Checkpoints that are joined

    enum Stage: CaseIterable { case hook, preparing, cutting, committing }
    enum Wish: CaseIterable { case checkpoint, stop }

    /// Before the cut one checkpoint serves all; after it the agent has worked on, and who asks then gets the next one.
    @Test(arguments: Stage.allCases, Wish.allCases)
    func aVersionHoldsWhatWasDoneBeforeItWasAskedFor(_ stage: Stage, _ wish: Wish) throws {
        let scene = try Scene(before: { $0.hooks = ["before-checkpoint"] })
        try scene.runUntilUp()
        let program = try scene.program()
        program.step = 1
        _ = try scene.ask(.checkpoint(wait: false))
        try scene.run(until: "\(stage)") { scene.isCheckpoint(at: stage) }
        program.step = 2
        let answer = try scene.answer(to: wish == .stop ? .stop(checkpoint: true) : .checkpoint(wait: true))
        let versions = try scene.versions()
        #expect(versions.last?.step == 2)
        #expect(versions.count == (stage == .hook || stage == .preparing ? 1 : 2))
        switch wish {
        case .checkpoint: #expect(answer == versions.last.map(ControlReply.stored))
        case .stop:
            #expect(answer == .done("'sim' is stopped"))
            #expect(versions.last?.reason == .stop)
        }
    }

    // MARK: Wishes that contradict each other

    @Test func aStopThatWasOverruledIsToldSo() throws {
        let scene = try Scene()
        try scene.runUntilUp()
        let stop = try scene.ask(.stop(checkpoint: false))
        let restart = try scene.ask(.restart(from: .clean))
        #expect(
            try scene.answer(on: stop)
                == .failed(
                    code: "E-STOP-FAILED",
                    sentence: "could not stop 'sim': it was asked to run again meanwhile. Stop it again, if that still holds"))
        #expect(try scene.answer(on: restart) == .done("'sim' runs (incarnation 2, clean)"))
        #expect(try scene.answer(to: .stop(checkpoint: false)) == .done("'sim' is stopped"))
    }

    /// Who asked for something else than what came is told so.
    @Test(arguments: [ControlRequest.restore(VersionNumber(1), workspace: true, state: true), .restart(from: .version(VersionNumber(1)))])
    func aLaunchThatWasOverruledIsToldSo(_ wish: ControlRequest) throws {
        let scene = try Scene.withTwoVersions()
        scene.machine.script.ignoresStop = true
        let overruled = try scene.ask(wish)
        try scene.run(until: "it was asked to end") { scene.supervisor.deadlines[.stopped] != nil }
        let clean = try scene.ask(.restart(from: .clean))
        #expect(try scene.answer(on: clean) == .done("'sim' runs (incarnation 2, clean)"))
        let isRestore = if case .restore = wish { true } else { false }
        #expect(
            try scene.answer(on: overruled)
                == .failed(
                    code: isRestore ? "E-RESTORE-FAILED" : "E-RESTART-FAILED",
                    sentence: "could not \(isRestore ? "restore 'sim@1'" : "restart 'sim'"): something else was asked of it meanwhile, "
                        + "and it runs (incarnation 2, clean). Ask again, if that still holds"))
    }

    // MARK: What would be lost

    @Test(arguments: [
        ControlRequest.restart(from: nil), .restart(from: .version(VersionNumber(1))),
        .restore(VersionNumber(1), workspace: true, state: true),
    ])
    func whatCannotBeKeptIsNotEnded(_ wish: ControlRequest) throws {
        let scene = try Scene.withTooMuchToKeep()
        guard case .failed("E-CHECKPOINT-REFUSED", let sentence) = try scene.answer(to: wish) else {
            throw Scene.Lost(what: "a refusal", trace: scene.machine.trace)
        }
        #expect(sentence.hasPrefix("could not rest") && sentence.contains("it takes 3.0 kB, and the limit is 1.0 kB. "))
        #expect(sentence.contains("t runs on"))
        #expect(scene.supervisor.life?.incarnation == 1)
        #expect(scene.file?.count == 3000)

        // The state alone, and a clean start, overwrite nothing.
        #expect(try scene.answer(to: .restart(from: .clean)) == .done("'sim' runs (incarnation 2, clean)"))
    }

    @Test(arguments: [false, true]) func aStopWithoutALastVersionIsToldSo(bySignal: Bool) throws {
        let scene = try Scene.withTooMuchToKeep()
        let sentence =
            "'sim' is stopped, but no last version could be taken: it takes 3.0 kB, and the limit is 1.0 kB. Put that right, or leave it "
            + "out of the checkpoint; older versions are untouched"
        if bySignal {
            scene.world.signalSupervisor(15)
            try scene.run(until: "the end") { scene.end != nil }
        } else {
            #expect(try scene.answer(to: .stop(checkpoint: true)) == .failed(code: "E-STOP-UNSAVED", sentence: sentence))
        }
        #expect(scene.machine.livingSandbox == nil)
        #expect(scene.said(sentence) == 1)
    }

    /// The last version is taken before the restart is decided; who stops it meanwhile has the last word.
    @Test func aRestartThatIsOverruledWhileItsVersionIsTaken() throws {
        let scene = try Scene()
        try scene.runUntilUp()
        _ = try scene.program()
        let restart = try scene.ask(.restart(from: nil))
        try scene.run(until: "its version is taken") { scene.supervisor.checkpointRun != nil }
        let stop = try scene.ask(.stop(checkpoint: true))
        #expect(try scene.answer(on: stop) == .done("'sim' is stopped"))
        guard case .failed("E-RESTART-FAILED", _) = try scene.answer(on: restart) else {
            throw Scene.Lost(what: "a failure", trace: scene.machine.trace)
        }
        #expect(try scene.versions().count == 1)
    }

    /// The second SIGTERM kills; one of an earlier life is not the first.
    @Test func aSignalOfAnEarlierLifeIsUsedUp() throws {
        let scene = try Scene()
        try scene.runUntilUp()
        scene.world.signalSupervisor(15)
        _ = try scene.ask(.restart(from: nil))
        try scene.runUntilUp(2)
        let program = try scene.program()
        program.step = 5
        scene.world.signalSupervisor(15)
        try scene.run(until: "the end") { scene.end != nil }
        #expect(scene.end == .exited(0))
        #expect(scene.said("asked again: killing sim") == 0)
        #expect(try scene.versions().last?.step == 5)
    }

    @Test func theSignalAfterARestartCounts() throws {
        let scene = try Scene()
        try scene.runUntilUp()
        scene.world.signalSupervisor(15)
        _ = try scene.ask(.restart(from: nil))
        scene.world.signalSupervisor(15)
        try scene.run(until: "the end") { scene.end != nil }
        #expect(scene.end == .signaled(9, outOfMemory: false))
        #expect(scene.supervisor.incarnations == 1)
    }
}

extension Scene {
    /// An agent that runs, with a workspace over the limit of a version.
    static func withTooMuchToKeep() throws -> Scene {
        let scene = try Scene { $0.checkpoint.sizeLimit = ByteCount(1000) }
        try scene.runUntilUp()
        _ = try scene.program()
        scene.file = "one"
        try scene.checkpoint()
        scene.file = String(repeating: "x", count: 3000)
        return scene
    }

    /// Version 1 holds "one", version 2 "two", and the workspace "three".
    static func withTwoVersions() throws -> Scene {
        let scene = try Scene()
        try scene.runUntilUp()
        _ = try scene.program()
        for text in ["one", "two"] {
            scene.file = text
            try scene.checkpoint()
        }
        scene.file = "three"
        return scene
    }

    fileprivate var remembersPartialRestore: Bool {
        String(decoding: machine.store.peek(home / "counters.json") ?? [], as: UTF8.self).contains(#""workspace":false"#)
    }

    fileprivate func isCheckpoint(at stage: WishTests.Stage) -> Bool {
        switch (stage, supervisor.checkpointRun?.stage) {
        case (.hook, .hook), (.preparing, .preparing), (.cutting, .cutting), (.committing, .committing): true
        default: false
        }
    }
}
