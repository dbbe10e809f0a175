import AgentModel
import AgentProtocol
import AgentSpecs
import Checkpoints
import ControlSocket
import Incidents
import OutsideWorld
import Recovery
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// What a supervisor finds that another one left, and what it says of its own beginning.
@Suite struct NextSupervisorTests {
    // MARK: Interrupted work

    @Test(arguments: [ControlRequest.restart(from: nil), .restart(from: .clean), .restore(VersionNumber(1), workspace: true, state: true)])
    func aWishDuringAnInterruptedRollBackLaunchesOnce(_ wish: ControlRequest) throws {
        let scene = try Scene.withInterruptedRollBack()
        try scene.startSupervisor()
        #expect(scene.supervisor.isBeginning)
        let reply = try scene.answer(to: wish)
        guard case .done = reply else { throw Scene.Lost(what: "a launch: \(reply)", trace: scene.machine.trace) }
        try scene.run(for: .seconds(30))
        #expect(scene.machine.mostAtOnce == 1)
        #expect(scene.file == "one")
        #expect(try scene.answer(to: .stop(checkpoint: false)) == .done("'sim' is stopped"))
    }

    /// The last word counts.
    @Test(arguments: [false, true]) func aStopDuringAnInterruptedRollBackIsGranted(afterAnotherWish: Bool) throws {
        let scene = try Scene.withInterruptedRollBack()
        try scene.startSupervisor()
        #expect(scene.supervisor.isBeginning)
        let restart = afterAnotherWish ? try scene.ask(.restart(from: .clean)) : nil
        #expect(try scene.answer(to: .stop(checkpoint: true)) == .done("'sim' is stopped"))
        if let restart {
            let sentence =
                "could not restart 'sim': stopped: the operator wants it down. Its supervisor has ended: start it with 'runner run'"
            #expect(try scene.answer(on: restart) == .failed(code: "E-RESTART-FAILED", sentence: sentence))
        }
        #expect(scene.file == "one")
        #expect(scene.machine.livingSandbox == nil)
    }

    enum Place: CaseIterable { case elsewhere, elsewhereAndGone, noneAnyMore, notNoted }

    /// Files of another workspace were never set aside for it.
    @Test(arguments: Place.allCases) func anInterruptedRollBackIsFinishedWhereItBegan(_ place: Place) throws {
        let scene = try Scene.withInterruptedRollBack()
        let other = SimulatedDisk(seed: 5, rootName: "/other")
        other.plant("precious", Array("mine".utf8))
        scene.machine.elsewhere["/other"] = other
        scene.machine.elsewhere["/workspace"] = scene.machine.workspace
        switch place {
        case .elsewhere: scene.spec.workspace = "/other"
        case .elsewhereAndGone:
            scene.spec.workspace = "/other"
            scene.machine.isMissing = ["/workspace"]
        case .noneAnyMore: scene.spec.workspace = nil
        case .notNoted: try scene.supervisorsStore().beginRestore(scene.spec.name, VersionNumber(1), in: nil, excluded: [])
        }
        try scene.startSupervisor()
        try scene.run(until: "it has begun") { !scene.supervisor.isBeginning }
        #expect(other.peek("precious") == Array("mine".utf8))
        let isFinished = place == .elsewhere || place == .noneAnyMore
        #expect(scene.file == (isFinished ? "one" : "two"))
        #expect(scene.said("cut off") == (isFinished ? 0 : 1))
        #expect((scene.machine.store.peek(scene.home / "restoring") == nil) == isFinished)
    }

    enum Left: CaseIterable { case living, gone }

    /// Whoever starts a supervisor wants the agent up, also when it was on its way down.
    @Test(arguments: [ControlRequest.stop(checkpoint: true), .restart(from: nil)], Left.allCases)
    func anInterruptedStopBecomesARestart(_ wish: ControlRequest, _ left: Left) throws {
        let scene = try Scene()
        try scene.runUntilUp()
        let program = try scene.program()
        program.step = 3
        scene.machine.script.ignoresStop = true
        _ = try scene.ask(wish)
        try scene.run(until: "it was asked to end") { scene.supervisor.deadlines[.stopped] != nil }
        switch left {
        case .living: scene.killSupervisor()
        case .gone: scene.cutPower()
        }
        scene.machine.script.ignoresStop = false
        try scene.startSupervisor()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.origin == .version(VersionNumber(1)))
        #expect(scene.supervisor.recovery.wanted == .running)
        #expect(scene.machine.mostAtOnce == 1)
    }

    /// What a power cut may take is drawn from the seed.
    @Test(arguments: 1...12 as ClosedRange<UInt64>) func aReportOutlivesAPowerCut(_ seed: UInt64) throws {
        let scene = try Scene(seed: seed)
        try scene.runUntilUp()
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        let opened = try #require(scene.supervisor.incident?.value.id)
        #expect(scene.machine.store.peek(scene.home / "incidents" / opened / "incident.json") != nil)
        scene.cutPower()
        try scene.startSupervisor()
        #expect(scene.supervisor.incident?.value.id == opened)
        #expect(scene.machine.store.peekNames(scene.home / "incidents") == [opened])
    }

    /// `restore --only` is said of the next launch, whoever does it.
    @Test(arguments: [(true, false), (false, true)], Left.allCases)
    func aPartialRestoreStaysPartial(_ parts: (workspace: Bool, state: Bool), _ left: Left) throws {
        let scene = try Scene()
        try scene.runUntilUp()
        scene.file = "one"
        var program = try scene.program()
        program.step = 3
        try scene.checkpoint()
        scene.file = "two"
        scene.machine.workspace.syncAll()
        _ = try scene.ask(.restore(VersionNumber(1), workspace: parts.workspace, state: parts.state))
        switch left {
        case .gone:
            try scene.run(until: "it was asked to end") { scene.supervisor.deadlines[.stopped] != nil }
            scene.cutPower()
        case .living:
            try scene.runUntilUp(2)
            scene.killSupervisor()
        }
        try scene.startSupervisor()
        try scene.runUntilUp(2)
        #expect(scene.file == (parts.workspace ? "one" : "two"))
        program = try scene.program()
        #expect(program.welcome?.restoredFrom == VersionNumber(1))
        #expect(program.welcome?.state == (parts.state ? .inline(Array("3".utf8)) : nil))
    }

    /// It was remembered, and the supervisor died before it was decided: what is restored then is another version, whole.
    @Test func aPartialRestoreThatWasNeverDecidedIsOfNoOtherVersion() throws {
        let scene = try Scene.withTwoVersions()
        let counters = scene.home / "counters.json"
        scene.machine.planWhen({ String(decoding: $0.store.peek(counters) ?? [], as: UTF8.self).contains("restoreScope") }) {
            $0.killSupervisor(because: "kill -9 between remembering and deciding")
        }
        _ = try scene.ask(.restore(VersionNumber(1), workspace: false, state: true))
        try? scene.run(until: "it is remembered") { scene.machine.supervisorCrashed }
        try scene.startSupervisor()
        try scene.runUntilUp(1)
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.origin == .version(VersionNumber(2)))
        #expect(scene.file == "two")
    }

    // MARK: A troubled disk

    @Test(arguments: [false, true]) func aDiskThatTakesNothingHidesNoVersion(isReadOnly: Bool) throws {
        let scene = try Scene()
        try scene.runUntilUp()
        scene.file = "one"
        _ = try scene.program()
        try scene.checkpoint()
        scene.cutPower()
        // Something that a start would put in order, if it could.
        try scene.machine.store.removeFile(scene.home / "latest")
        try scene.machine.store.makeDirectory("staging/sim@left", mode: 0o700)
        // Without its lock a supervisor would not begin at all.
        let store = scene.machine.store
        let lock = scene.home / "lock"
        scene.machine.planWhen({ _ in store.lockHolder(lock) != nil }) { _ in
            if isReadOnly { store.setReadOnly(true) } else { store.setCapacity(store.used) }
        }
        try scene.startSupervisor()
        #expect(scene.supervisor.versions.map(\.version) == [VersionNumber(1)])
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.origin == .version(VersionNumber(1)))
    }

    /// What the store could not be told, the next supervisor must not take for what it was told before.
    @Test(arguments: [false, true], [false, true]) func aSpecTheDiskRefusedIsNotForgotten(isReadOnly: Bool, dies: Bool) throws {
        let scene = try Scene()
        try scene.runUntilUp()
        scene.cutPower()
        scene.machine.elsewhere["/other"] = SimulatedDisk(seed: 5, rootName: "/other")
        scene.spec.workspace = "/other"
        let store = scene.machine.store
        let lock = scene.home / "lock"
        scene.machine.planWhen({ _ in store.lockHolder(lock) != nil }) { _ in
            if isReadOnly { store.setReadOnly(true) } else { store.setCapacity(store.used) }
        }
        try scene.startSupervisor()
        try scene.runUntilUp(2)
        #expect(scene.workspaceTold == "/workspace")
        if dies {
            scene.killSupervisor()
        }
        store.setReadOnly(false)
        store.setCapacity(nil)
        if dies {
            try scene.startSupervisor()
            #expect(scene.supervisor.incarnations == 2)
            #expect(scene.supervisor.formerSpec == nil)
            #expect(scene.supervisor.agentsSpec.workspace == "/other")
        } else {
            try scene.run(for: .seconds(30))
            let counters = String(decoding: store.peek(scene.home / "counters.json") ?? [], as: UTF8.self)
            #expect(counters.contains(#""incarnations":2"#))
            #expect(scene.machine.runtime.peek("started-with") == nil)
            scene.killSupervisor()
            scene.spec.workspace = "/workspace"
            try scene.startSupervisor()
            #expect(scene.supervisor.agentsSpec.workspace == "/other")
        }
        #expect(scene.workspaceTold == "/other")
    }

    // MARK: A trouble that was told before

    @Test func aReportThatWasLostIsOpenedAgain() throws {
        let scene = try Scene {
            $0.recovery.cleanStartsBeforeEscalation = 3
        } before: {
            $0.hooks = ["on-incident"]
            $0.script.diesAfterCleanStart = .seconds(1)
        }
        // It lives: in a pause the next supervisor would begin anew.
        try scene.run(until: "the trouble is told") { !scene.machine.hookRuns.isEmpty && scene.supervisor.life?.pid != nil }
        scene.cutPower()
        try scene.machine.store.removeTree(scene.home / "incidents")
        try scene.startSupervisor()
        try scene.run(until: "a call for help", within: .seconds(7200)) { scene.moments.contains("escalated") }
        #expect(scene.moments == ["opened", "opened", "escalated"])
        let identity = try #require(scene.machine.hookRuns.last?.value("RUNNER_INCIDENT_ID"))
        #expect(scene.machine.store.peek(scene.home / "incidents/\(identity)/report.md") != nil)
    }

    // MARK: Ready

    enum Start: CaseIterable { case clean, fromVersion, refused, noSuchCommand, commandGone }

    /// In the background nobody sees a terminal: whoever waits is let go when there is nothing to wait for, and not before.
    @Test(arguments: Start.allCases) func readyIsSaidWhenNothingIsToBeWaitedFor(_ start: Start) throws {
        let scene = try Scene { _ in
        } before: { machine in
            switch start {
            case .refused: machine.refusesLaunch = 1_000_000
            case .noSuchCommand: machine.cannotStart = LaunchFault(.commandNotFound, "'agent' is not there")
            case .clean, .fromVersion, .commandGone: break
            }
        }
        switch start {
        case .clean:
            #expect(scene.timesReady == 0)
            try scene.runUntilUp()
        case .fromVersion:
            try scene.runUntilUp()
            _ = try scene.program()
            try scene.checkpoint()
            scene.cutPower()
            #expect(scene.timesReady == 1)
            try scene.startSupervisor()
            #expect(scene.timesReady == 1)
            try scene.runUntilUp(2)
            #expect(scene.timesReady == 2)
            return
        case .commandGone:
            try scene.runUntilUp()
            _ = try scene.program()
            try scene.checkpoint()
            scene.cutPower()
            scene.machine.cannotStart = LaunchFault(.commandNotFound, "'agent' is not there")
            try scene.startSupervisor()
            try scene.run(until: "the end") { scene.end != nil }
            #expect(scene.end == .exited(127))
            #expect(scene.timesReady == 1)
            return
        case .refused:
            try scene.run(until: "it waits") { scene.supervisor.recovery.phase.isShortPause }
            #expect(scene.timesReady == 0)
            #expect(scene.saidNotStarted.count == 1)
            let said = scene.saidNotStarted.first ?? ""
            #expect(said.hasPrefix("E-LAUNCH-") && said.hasSuffix(". Its supervisor goes on trying"))
            scene.machine.refusesLaunch = 0
            try scene.runUntilUp(scene.supervisor.incarnations + 1)
        case .noSuchCommand:
            try scene.run(until: "the end") { scene.end != nil }
            #expect(scene.end == .exited(127))
            #expect(scene.timesReady == 0)
            return
        }
        #expect(scene.timesReady == 1)
    }

    /// Whoever starts a supervisor wants the agent up, also out of a pause of the ladder.
    @Test func aPauseEndsWithItsSupervisor() throws {
        let scene = try Scene { $0.recovery.backOffInitial = .seconds(60) }
        try scene.runUntilUp()
        scene.machine.killAgent()
        try scene.run(until: "it waits") { scene.supervisor.recovery.phase.isShortPause }
        scene.killSupervisor()
        let before = scene.machine.now
        try scene.startSupervisor()
        try scene.runUntilUp(2)
        #expect(scene.machine.now - before < Duration.seconds(30).nanoseconds)
        #expect(scene.timesReady == 2)
    }
}

extension Scene {
    /// Power went while the workspace was being rolled back to version 1, which holds "one".
    fileprivate static func withInterruptedRollBack() throws -> Scene {
        let scene = try Scene()
        try scene.runUntilUp()
        scene.file = "one"
        _ = try scene.program()
        try scene.checkpoint()
        scene.file = "two"
        scene.machine.killAgent()
        scene.programs = []
        let marker = scene.home / "restoring"
        scene.machine.planWhen({ $0.store.peek(marker) != nil }) { $0.killSupervisor(because: "kill -9 in a roll-back") }
        try? scene.run(until: "the roll-back is cut off") { scene.machine.supervisorCrashed }
        #expect(scene.machine.store.peek(marker) != nil)
        return scene
    }

    /// The store as somebody else finds it while no supervisor runs.
    fileprivate func supervisorsStore() throws -> CheckpointStore {
        try CheckpointStore.open(machine.store, create: false, identity: { "" })
    }

    /// Where the store says that the agent works.
    fileprivate var workspaceTold: String? {
        let bytes = machine.store.peek(home / "spec.json") ?? []
        return (try? JSONText.decode(AgentSpec.self, from: bytes))?.workspace
    }

    fileprivate var moments: [String] { machine.hookRuns.compactMap { $0.value("RUNNER_MOMENT") } }
}

extension SimulatedMachine {
    /// Does `body` at the first operation of a supervisor before which `condition` holds.
    fileprivate func planWhen(_ condition: @escaping (SimulatedMachine) -> Bool, _ body: @escaping (SimulatedMachine) -> Void) {
        plan(at: operations + 1) { machine in
            if condition(machine) { body(machine) } else { machine.planWhen(condition, body) }
        }
    }
}
