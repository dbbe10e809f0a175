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

/// To disk and back.
@Suite struct SuspendTests {
    enum Return: CaseIterable { case byOperator, byTime, byTheNextSupervisor, byItsTimeWhileNobodyWaited, byPowerAndTime }

    @Test(arguments: Return.allCases) func itComesBackFromExactlyThat(_ way: Return) throws {
        let scene = try Scene.atWork()
        let until = way == .byOperator || way == .byTheNextSupervisor ? nil : scene.world.wallTime() + .seconds(200)
        let said = until.map { " until \(words($0))" } ?? ""
        #expect(
            try scene.answer(to: .suspend(until: until))
                == .done("'sim' is suspended in version 2\(said); 'runner resume sim' brings it back"))
        #expect(scene.machine.livingSandbox == nil && scene.machine.livingPID == nil && scene.supervisor.life == nil)
        let status = scene.supervisor.status()
        #expect(status.state == .suspended && status.suspended?.version == VersionNumber(2) && status.next?.at == until)
        #expect(!status.wantedRunning && status.memory == nil && status.lastEnd == nil && status.incident == nil)
        switch way {
        case .byOperator:
            try scene.run(for: .seconds(3600))
            #expect(try scene.answer(to: .resume) == .done("'sim' runs (incarnation 2, from version 2)"))
        case .byTime: break
        case .byTheNextSupervisor, .byItsTimeWhileNobodyWaited:
            scene.killSupervisor()
            scene.machine.pass(.seconds(300))
            try scene.startSupervisor()
        case .byPowerAndTime:
            scene.cutPower()
            try scene.startSupervisor()
        }
        try scene.runUntilUp(2)
        if let until { #expect(scene.world.wallTime() >= until) }
        #expect(scene.supervisor.life?.origin == .version(VersionNumber(2)) && scene.file == "two")
        #expect(scene.supervisor.restarts == 0 && scene.supervisor.lastEnd == nil && scene.supervisor.incident == nil)
        #expect(scene.supervisor.recovery.deaths.isEmpty && scene.supervisor.recovery.wanted == .running)
        #expect(try scene.versions().map(\.standing) == [.stored, .stored])
        #expect(try scene.program().welcome?.restoredFrom == VersionNumber(2))
    }

    /// The time is one of the calendar: a clock that is set anew while it is waited for is believed.
    @Test(arguments: [Int64(-1800), 0, 1200]) func itComesBackWhenTheCalendarSaysSo(_ step: Int64) throws {
        let scene = try Scene.atWork()
        let until = scene.world.wallTime() + .seconds(3600)
        _ = try scene.answer(to: .suspend(until: until))
        try scene.run(for: .seconds(300))
        scene.machine.calendarOffset = .seconds(step)
        let before = scene.machine.now
        try scene.run(until: "it is back", within: .seconds(7200)) { scene.supervisor.life != nil }
        let waited = Double(scene.machine.now - before) / 1e9
        #expect(scene.world.wallTime() >= until && waited < Double(3300 - step) + 65, "waited \(waited) s")
    }

    /// A supervisor that is told to end leaves it where it is, also when it was just on its way there.
    @Test(arguments: [false, true]) func aSupervisorThatEndsLeavesItSuspended(onItsWay: Bool) throws {
        let scene = try Scene.atWork()
        let until = scene.world.wallTime() + .seconds(200)
        let asked = try scene.ask(.suspend(until: until))
        if onItsWay {
            scene.machine.script.ignoresStop = true
            try scene.run(until: "it is on its way") { scene.supervisor.isOnDisk }
        } else {
            _ = try scene.answer(on: asked)
        }
        scene.world.signalSupervisor(15)
        try scene.run(until: "the end") { scene.end != nil }
        #expect(scene.end == .exited(0) && scene.machine.livingSandbox == nil)
        guard case .done? = try scene.reply(to: asked) else { throw Scene.Lost(what: "an answer", trace: scene.machine.trace) }
        #expect(scene.supervisor.status().state == .suspended)
        try scene.startSupervisor()
        #expect(scene.timesReady == 2 && scene.said("'sim' stays suspended until") == 1)
        try scene.runUntilUp(2)
        #expect(scene.world.wallTime() >= until && scene.supervisor.life?.origin == .version(VersionNumber(2)))
    }

    enum Doubt: CaseIterable { case beforeTheDecision, afterTheDecision, byPowerAfterTheDecision }

    /// Its supervisor dies in the middle: until it was decided nothing was done, from then on it is on disk.
    @Test(arguments: Doubt.allCases) func aSupervisorThatDiesInTheMiddle(_ doubt: Doubt) throws {
        let scene = try Scene.atWork()
        scene.machine.script.ignoresStop = true
        let until = scene.world.wallTime() + .seconds(200)
        _ = try scene.ask(.suspend(until: until))
        switch doubt {
        case .beforeTheDecision: try scene.run(until: "the cut") { scene.supervisor.checkpointRun != nil }
        case .afterTheDecision, .byPowerAfterTheDecision: try scene.run(until: "it is decided") { scene.supervisor.isOnDisk }
        }
        if doubt == .byPowerAfterTheDecision { scene.cutPower() } else { scene.killSupervisor() }
        try scene.startSupervisor()
        if doubt == .beforeTheDecision {
            try scene.run(for: .seconds(30))
            #expect(scene.supervisor.life?.incarnation == 1)
            return
        }
        try scene.run(until: "it is on disk") { if case .suspended = scene.supervisor.recovery.phase { true } else { false } }
        #expect(scene.machine.livingSandbox == nil)
        try scene.runUntilUp(2)
        #expect(scene.world.wallTime() >= until && scene.supervisor.life?.origin == .version(VersionNumber(2)))
    }

    // MARK: What cannot be kept is not ended

    enum Obstacle: CaseIterable { case noState, tooLarge, neverAtASafePoint, diskFull, notRunning }

    @Test(arguments: Obstacle.allCases) func whatCannotBeKeptIsNotEnded(_ obstacle: Obstacle) throws {
        let scene = try Scene { spec in if obstacle == .tooLarge { spec.checkpoint.sizeLimit = ByteCount(1000) } }
        try scene.runUntilUp()
        if obstacle != .noState { _ = try scene.program() }
        scene.file = obstacle == .tooLarge ? String(repeating: "x", count: 3000) : "one"
        switch obstacle {
        case .noState, .tooLarge: break
        case .neverAtASafePoint: scene.programs = []
        case .diskFull: scene.machine.store.setCapacity(ByteCount(0))
        case .notRunning:
            scene.machine.killAgent()
            try scene.run(until: "it is gone") { scene.supervisor.life == nil }
        }
        let expected: (code: String, why: String) =
            switch obstacle {
            case .noState: ("E-SUSPEND-FAILED", "version 1 holds its files and not what it is doing")
            case .tooLarge: ("E-CHECKPOINT-REFUSED", "what it is could not be kept: it takes 3.0 kB, and the limit is 1.0 kB")
            case .neverAtASafePoint: ("E-SUSPEND-FAILED", "for it reached no safe point in time")
            case .diskFull: ("E-STORE-FULL", "what it is could not be kept: the disk is full")
            case .notRunning: ("E-AGENT-NOT-RUNNING", "it is not running")
            }
        guard case .failed(let code, let sentence) = try scene.answer(to: .suspend(until: nil)) else {
            throw Scene.Lost(what: "a refusal", trace: scene.machine.trace)
        }
        #expect(code == expected.code && sentence.hasPrefix("could not suspend 'sim': ") && sentence.contains(expected.why), "\(sentence)")
        guard obstacle != .notRunning else { return }
        #expect(sentence.contains("It runs on"))
        try scene.run(for: .seconds(60))
        #expect(scene.supervisor.life?.incarnation == 1 && scene.machine.livingPID != nil)
    }

    // MARK: Whole processes

    @Test(arguments: UInt64(1)...10) func aPlainProgramGoesOnAtTheVeryInstruction(seed: UInt64) throws {
        let scene = try Scene(seed: seed, criu: true)
        try scene.runUntilUp()
        scene.file = "first"
        let until = scene.world.wallTime() + .seconds(200)
        _ = try scene.answer(to: .suspend(until: until))
        #expect(scene.machine.livingSandbox == nil)
        #expect(try scene.versions().map(\.parts) == [VersionParts(workspace: true, process: true)])
        // Nothing is asked to end that stands still: not one instruction of it runs.
        #expect(scene.supervisor.deadlines[.stopped] == nil)
        if seed % 2 == 0 {
            scene.cutPower()
            try scene.startSupervisor()
        }
        try scene.runUntilUp(2)
        #expect(scene.world.wallTime() >= until && scene.supervisor.life?.isFromImages == true && scene.file == "first")
    }

    enum Standing: CaseIterable { case cannotBeStored, isWantedUp, cannotBeDumped }

    /// What stood still for its last cut and is not ended after it goes on.
    @Test(arguments: Standing.allCases) func whatStoodStillGoesOn(_ why: Standing) throws {
        let scene = try Scene(criu: true) { $0.health.heartbeat = .seconds(30) }
        try scene.runUntilUp()
        scene.file = "first"
        if why == .cannotBeDumped {
            scene.machine.agentHolds = [.init(number: 9, target: "anon_inode:[io_uring]", kind: .anonymous("io_uring"))]
        }
        let asked = try scene.ask(.suspend(until: nil))
        var expected = (code: "E-SUSPEND-FAILED", why: "somebody wants it up. It runs on")
        switch why {
        case .cannotBeStored:
            try scene.run(until: "its images are whole") { scene.supervisor.checkpointRun?.stage == .committing }
            scene.machine.store.setCapacity(ByteCount(0))
            expected = ("E-STORE-FULL", "what it is could not be kept: the disk is full")
        case .isWantedUp:
            try scene.run(until: "its images are whole") { scene.supervisor.checkpointRun?.stage == .committing }
            #expect(try scene.answer(to: .resume) == .done("'sim' is not suspended, and runs"))
        case .cannotBeDumped:
            expected.why = "(no process part: fd 9 of 'agent' (process 1000) is an io_uring; CRIU cannot dump it."
        }
        guard case .failed(expected.code, let sentence) = try scene.answer(on: asked) else {
            throw Scene.Lost(what: "a refusal", trace: scene.machine.trace)
        }
        #expect(sentence.contains(expected.why), "\(sentence)")
        try scene.run(for: .seconds(5))
        let agent = scene.machine.livingSandbox.flatMap { scene.machine.sandboxes[$0]?.agent }
        #expect(agent?.frozen == false && scene.supervisor.life?.incarnation == 1)
    }

    /// Wished twice it is done once, from the one cut after which it did nothing.
    @Test(arguments: UInt64(1)...10, [false, true]) func wishedTwiceItStandsFromTheCutOn(seed: UInt64, isAsked: Bool) throws {
        let scene = try Scene(seed: seed, criu: true)
        try scene.runUntilUp()
        scene.file = "first"
        // One that does not answer: the second wish comes before the cut.
        if isAsked { _ = try scene.program() }
        scene.programs = []
        let until = scene.world.wallTime() + .seconds(200)
        let first = try scene.ask(.suspend(until: nil))
        let second = try scene.ask(.suspend(until: until))
        try scene.run(until: "its images are whole") { scene.supervisor.checkpointRun?.stage == .committing }
        try scene.run(until: "it is on disk") { scene.supervisor.life == nil }
        #expect(!scene.machine.trace.contains { $0.hasSuffix("is let go on") })
        for asked in [first, second] {
            #expect(
                try scene.answer(on: asked)
                    == .done("'sim' is suspended in version 1 until \(words(until)); 'runner resume sim' brings it back"))
        }
        #expect(try scene.versions().count == 1)
    }

    // MARK: Before it matters

    /// What the next version would hold is told while there is time to do something about it; nothing is done for it.
    @Test(arguments: [false, true]) func whatStandsInTheWayIsTold(blocked: Bool) throws {
        let scene = try Scene(criu: true)
        try scene.runUntilUp()
        if blocked { scene.machine.agentHolds = [.init(number: 9, target: "anon_inode:[io_uring]", kind: .anonymous("io_uring"))] }
        let blocker = "fd 9 of 'agent' (process 1000) is an io_uring; CRIU cannot dump it. Turn io_uring off in the program"
        var expected = Preflight(
            mode: .auto, criu: "4.2.1", missing: nil, blockers: blocked ? [blocker] : [], handsStateOver: false, workspace: "/workspace")
        #expect(try scene.answer(to: .preflight) == .preflight(expected))
        #expect(expected.keepsWork == !blocked)
        _ = try scene.program()
        expected.handsStateOver = true
        #expect(try scene.answer(to: .preflight) == .preflight(expected) && expected.keepsWork)
        #expect(try scene.versions().isEmpty)
        _ = try scene.answer(to: .suspend(until: nil))
        #expect(try scene.answer(to: .preflight).failed == "E-AGENT-SUSPENDED")
    }

    // MARK: Wishes of one that is on disk, or on its way

    @Test func onDiskOnlySomeWishesMakeSense() throws {
        let scene = try Scene.atWork()
        _ = try scene.answer(to: .suspend(until: nil))
        guard case .failed("E-AGENT-SUSPENDED", let sentence) = try scene.answer(to: .checkpoint(wait: true)) else {
            throw Scene.Lost(what: "a refusal", trace: scene.machine.trace)
        }
        #expect(
            sentence
                == "could not checkpoint 'sim': it is suspended in version 2, and nothing of it runs. 'runner resume sim' brings it back")
        // Another time, then none.
        let until = scene.world.wallTime() + .seconds(60)
        #expect(
            try scene.answer(to: .suspend(until: until))
                == .done("'sim' is suspended in version 2 until \(words(until)); 'runner resume sim' brings it back"))
        #expect(try scene.answer(to: .suspend(until: nil)) == .done("'sim' is suspended in version 2; 'runner resume sim' brings it back"))
        try scene.run(for: .seconds(600))
        #expect(scene.supervisor.life == nil && scene.supervisor.incarnations == 1)
        // Another version, as ever.
        #expect(
            try scene.answer(to: .restore(VersionNumber(1), workspace: true, state: true))
                == .done("'sim' runs (incarnation 2, from version 1)"))
        #expect(scene.file == "one")
        #expect(try scene.answer(to: .resume) == .done("'sim' is not suspended, and runs"))
    }

    @Test func aStopEndsTheSuspensionAndTheNextRunGoesOnFromIt() throws {
        let scene = try Scene.atWork()
        _ = try scene.answer(to: .suspend(until: scene.world.wallTime() + .seconds(86_400)))
        #expect(try scene.answer(to: .stop(checkpoint: true)) == .done("'sim' is stopped"))
        #expect(scene.end == .exited(0) && scene.supervisor.status().state == .stopped)
        try scene.startSupervisor()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.origin == .version(VersionNumber(2)))
    }

    enum Overruling: CaseIterable { case byResume, byStop, byRestart, byAnother }

    @Test(arguments: Overruling.allCases, [false, true])
    func aWishOnTheWayToDiskIsTheLastWord(_ overruling: Overruling, decided: Bool) throws {
        let scene = try Scene.atWork()
        let suspend = try scene.ask(.suspend(until: nil))
        try scene.run(until: "it is on its way") { decided ? scene.supervisor.isOnDisk : scene.supervisor.checkpointRun != nil }
        let until = scene.world.wallTime() + .seconds(900)
        let request: ControlRequest =
            switch overruling {
            case .byResume: .resume
            case .byStop: .stop(checkpoint: true)
            case .byRestart: .restart(from: .clean)
            case .byAnother: .suspend(until: until)
            }
        let answer = try scene.answer(to: request)
        let first = try scene.answer(on: suspend)
        switch (overruling, decided) {
        case (.byResume, false):
            #expect(answer == .done("'sim' is not suspended, and runs") && first.failed == "E-SUSPEND-FAILED")
            try scene.run(for: .seconds(30))
            #expect(scene.supervisor.life?.incarnation == 1)
        case (.byResume, true):
            #expect(answer == .done("'sim' runs (incarnation 2, from version 2)") && first.failed == "E-SUSPEND-FAILED")
        case (.byRestart, _):
            #expect(answer == .done("'sim' runs (incarnation 2, clean)") && first.failed == "E-SUSPEND-FAILED")
        case (.byStop, _):
            #expect(answer == .done("'sim' is stopped") && first.failed == "E-SUSPEND-FAILED")
        case (.byAnother, _):
            #expect(answer == first && first.failed == nil)
            #expect(scene.supervisor.status().next?.at == (decided ? nil : until))
        }
    }

    @Test func onlyWhatIsSuspendedIsResumed() throws {
        let scene = try Scene()
        try scene.runUntilUp()
        scene.machine.killAgent()
        try scene.run(until: "it waits") { if case .waiting = scene.supervisor.recovery.phase { true } else { false } }
        #expect(try scene.answer(to: .resume).failed == "E-AGENT-NOT-SUSPENDED")
    }

    /// The version is damaged on disk: whoever asked is told, and the ladder goes on.
    @Test func whatCannotBeBroughtBackIsTold() throws {
        let scene = try Scene.atWork()
        _ = try scene.answer(to: .suspend(until: nil))
        _ = scene.machine.store.damage(scene.home / "versions" / "2" / "state", offset: 0, bit: 0)
        try scene.run(for: .seconds(10))
        // The newest pack is its own.
        let packs = scene.machine.store.peekNames(scene.home / "packs")
        let newest = try #require(packs.max { Int($0.prefix { $0 != "-" }) ?? 0 < Int($1.prefix { $0 != "-" }) ?? 0 })
        #expect(packs.count == 2 && scene.machine.store.damage(scene.home / "packs" / newest, offset: 30, bit: 0))
        guard case .failed(let code, let sentence) = try scene.answer(to: .resume) else {
            throw Scene.Lost(what: "a failure", trace: scene.machine.trace)
        }
        #expect(code == "E-VERSION-BROKEN" && sentence.hasPrefix("could not resume 'sim' from version 2: it is broken ("))
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.origin == .version(VersionNumber(1)))
    }

    /// What lies in a version's directory is the nearest copy, and not the only one.
    @Test(arguments: ["state", "tree", "workspace/file"])
    func whatIsDamagedComesOutOfPacks(part: String) throws {
        let scene = try Scene.atWork()
        _ = try scene.answer(to: .suspend(until: nil))
        try scene.run(for: .seconds(10))
        #expect(!scene.machine.store.peekNames(scene.home / "packs").isEmpty)
        let path = DiskPath(stringLiteral: "\(scene.home)/versions/2/\(part)")
        #expect(scene.machine.store.damage(path, offset: 0, bit: 0))
        #expect(try scene.answer(to: .resume) == .done("'sim' runs (incarnation 2, from version 2)"))
        #expect(scene.file == "two")
    }
}

extension Scene {
    /// Version 1 holds "one", the agent that hands its state over has "two".
    fileprivate static func atWork() throws -> Scene {
        let scene = try Scene()
        try scene.runUntilUp()
        let program = try scene.program()
        scene.file = "one"
        program.step = 1
        try scene.checkpoint()
        scene.file = "two"
        program.step = 2
        return scene
    }
}

extension ControlReply {
    fileprivate var failed: String? { if case .failed(let code, _) = self { code } else { nil } }
}
