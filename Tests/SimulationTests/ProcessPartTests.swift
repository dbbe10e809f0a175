import AgentModel
import AgentProtocol
import AgentSpecs
import Checkpoints
import ControlSocket
import CriuDriver
import OutsideWorld
import Recovery
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// Versions that hold images of the agent's processes: taken, restored, and what is done where that does not go.
@Suite struct ProcessPartTests {
    /// A plain program with one version. Its step in memory is what a restore must give back.
    private func plain(seed: UInt64 = 11, _ change: (inout AgentSpec) -> Void = { _ in }) throws -> Scene {
        let scene = try Scene(seed: seed, criu: true, change)
        try scene.runUntilUp()
        scene.file = "first"
        return scene
    }

    @Test(arguments: UInt64(1)...20)
    func aPlainProgramGoesOnWhereItWasCut(seed: UInt64) throws {
        let scene = try plain(seed: seed)
        let version = try scene.checkpoint()
        #expect(version.parts == VersionParts(workspace: true, process: true))
        #expect((version.frozenMicroseconds ?? 0) > 0)
        #expect(version.isKnownGood)
        scene.file = "later"
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.isFromImages == true)
        #expect(scene.file == "first")
        #expect(try scene.supervisor.store.verifies(scene.spec.name, version.version))
        // A version of the restored agent is as good as one of the first.
        #expect(try scene.checkpoint().parts.process)
    }

    @Test(arguments: UInt64(1)...20)
    func anAgentWhoseMemoryFollowsIsUpOnceItIsThere(seed: UInt64) throws {
        let scene = try plain(seed: seed) { $0.restore.memory = .lazy }
        _ = try scene.checkpoint()
        scene.file = "later"
        scene.machine.killAgent()
        try scene.run(until: "it runs without its memory") { scene.supervisor.imageRestore?.pid != nil }
        #expect(
            try scene.answer(to: .checkpoint(wait: true, mode: .process))
                == .failed(
                    code: "E-AGENT-NOT-RUNNING",
                    sentence: "could not checkpoint 'sim': its memory is still on its way back from a lazy restore. Try again in a moment"))
        try scene.runUntilUp(2)
        let life = try #require(scene.supervisor.life)
        #expect(life.isFromImages)
        #expect(!scene.world.awaitsMemory(life.sandbox))
        #expect(scene.file == "first")
        #expect(try scene.checkpoint().parts.process)
    }

    /// All of it comes first then, from the same version, on its own workspace.
    @Test(arguments: SimulatedPageTrouble.allCases, UInt64(1)...10)
    func memoryThatDoesNotFollowCostsNothing(trouble: SimulatedPageTrouble, seed: UInt64) throws {
        let scene = try plain(seed: seed) { $0.restore.memory = .lazy }
        let version = try scene.checkpoint()
        scene.file = "later"
        scene.machine.plan(pages: trouble)
        scene.machine.killAgent()
        try scene.run(until: "it is up again") {
            scene.supervisor.imageRestore == nil && scene.supervisor.life?.pid != nil && scene.supervisor.incarnations > 1
        }
        #expect(scene.supervisor.life?.isFromImages == true)
        #expect(scene.supervisor.life?.origin == .version(version.version))
        #expect(scene.file == "first")
        #expect(scene.supervisor.recovery.deaths.count == 1)
        #expect(try scene.versions().first { $0.version == version.version }?.standing == .stored)
        try scene.run(for: .seconds(2))
        #expect(scene.machine.livingPID != nil)
    }

    @Test func whatCannotBeDumpedIsSaidOnceAndLeftOut() throws {
        let scene = try plain()
        for _ in 1...3 {
            scene.machine.plan(criu: .refusesDump)
            let version = try scene.checkpoint()
            #expect(version.parts == VersionParts(workspace: true))
            let notes = try scene.supervisor.store.manifest(scene.spec.name, version.version).notes
            #expect(notes.count == 1 && notes[0].hasPrefix("no process part: "), "\(notes)")
        }
        #expect(scene.said("hold no image of its processes") == 1)
        #expect(try scene.checkpoint().parts.process)
        #expect(scene.supervisor.warnings["process"] == nil)
    }

    @Test func whatAskedForImagesOnlyGetsNoVersionWithoutThem() throws {
        let scene = try plain()
        scene.machine.agentHolds = [.init(number: 9, target: "anon_inode:[io_uring]", kind: .anonymous("io_uring"))]
        let reply = try scene.answer(to: .checkpoint(wait: true, mode: .process))
        let (code, sentence) = (
            "E-CHECKPOINT-PROCESS",
            "could not checkpoint 'sim': its processes cannot be put into an image: fd 9 of 'agent' (process 1000) is an io_uring; CRIU cannot dump it. Turn io_uring off in the program. It runs on, and older versions are untouched. '--mode cooperative' does without"
        )
        #expect(reply == .failed(code: code, sentence: sentence))
        #expect(try scene.versions().isEmpty)
        #expect(scene.machine.livingPID != nil)
    }

    @Test func withoutCriuTheSameIsDoneWithoutImagesAndSaidOnce() throws {
        let scene = try Scene()
        try scene.runUntilUp()
        scene.file = "first"
        #expect(try scene.checkpoint().parts == VersionParts(workspace: true))
        #expect(try scene.checkpoint().parts == VersionParts(workspace: true))
        #expect(scene.said("there is no CRIU") == 1)
        guard case .failed("E-CHECKPOINT-PROCESS", _) = try scene.answer(to: .checkpoint(wait: true, mode: .process)) else {
            Issue.record("a version without images")
            return
        }
    }

    /// Of a plain program there is no other part of the version: an older one is taken.
    @Test(arguments: [(SimulatedCriuTrouble.refusesRestore, 1), (.diesInRestore, 2), (.missing, 1)])
    func imagesThatCannotBeRestoredLeadToAnOlderVersion(trouble: SimulatedCriuTrouble, tries: Int) throws {
        let scene = try plain()
        let older = try scene.checkpoint()
        scene.file = "second"
        let newer = try scene.checkpoint()
        for _ in 1...tries { scene.machine.plan(criu: trouble) }
        scene.machine.killAgent()
        try scene.run(until: "it is restored") {
            scene.supervisor.life?.pid != nil && scene.supervisor.life?.origin == .version(older.version)
        }
        #expect(scene.supervisor.life?.isFromImages == true)
        #expect(scene.file == "first")
        // That nothing answered says nothing of the images.
        #expect(try scene.versions().first { $0.version == newer.version }?.standing == (trouble == .refusesRestore ? .suspect : .stored))
    }

    /// What a host cannot do now it may do after a wait. An older version would lose work for nothing.
    @Test(arguments: [SimulatedCriuTrouble.hangsInRestore, .findsDiskFull], [2, 5])
    func aSlowOrFullHostLosesNoWork(trouble: SimulatedCriuTrouble, tries: Int) throws {
        let scene = try plain()
        _ = try scene.checkpoint()
        scene.file = "second"
        let newer = try scene.checkpoint()
        for _ in 1...tries { scene.machine.plan(criu: trouble) }
        scene.machine.killAgent()
        try scene.run(until: "it is restored", within: .seconds(1200)) {
            scene.supervisor.life?.pid != nil && scene.supervisor.incarnations > 1
        }
        #expect(scene.supervisor.life?.origin == .version(newer.version) && scene.supervisor.life?.isFromImages == true)
        #expect(scene.file == "second")
        #expect(try scene.versions().map(\.standing) == [.stored, .stored])
    }

    @Test func aFaultThatPassesCostsNothing() throws {
        let scene = try plain()
        let version = try scene.checkpoint()
        scene.machine.plan(criu: .diesInRestore)
        scene.machine.killAgent()
        try scene.run(until: "it is restored") {
            scene.supervisor.life?.pid != nil && scene.supervisor.life?.origin == .version(version.version)
        }
        #expect(scene.supervisor.life?.isFromImages == true)
        #expect(try scene.versions().map(\.standing) == [.stored])
    }

    /// An agent that speaks before all its memory is there, and whose restore fails after that, is restored all the same.
    @Test(arguments: SimulatedPageTrouble.allCases, UInt64(1)...10)
    func whatSpokeTooEarlyIsNotTakenForUp(trouble: SimulatedPageTrouble, seed: UInt64) throws {
        let scene = try plain(seed: seed) { $0.restore.memory = .lazy }
        let program = try scene.program()
        program.step = 7
        let version = try scene.checkpoint()
        program.leave()
        scene.machine.plan(pages: trouble)
        scene.machine.killAgent()
        try scene.run(until: "it runs, or is about to") { scene.supervisor.life?.pid != nil && scene.supervisor.incarnations > 1 }
        if scene.supervisor.imageRestore != nil, let early = try? scene.program(resumes: 1) { early.say(.beat(Beat(step: 8))) }
        try scene.run(until: "it is up") { scene.supervisor.life?.isUp == true && scene.supervisor.imageRestore == nil }
        #expect(scene.supervisor.life?.origin == .version(version.version))
        try scene.run(for: .seconds(30))
        #expect(scene.machine.livingPID != nil)
        #expect(scene.supervisor.life?.isUp == true)
    }

    /// The hook of a restore runs once for each.
    @Test(arguments: UInt64(1)...10) func aRestoreIsToldOnce(seed: UInt64) throws {
        let scene = try plain(seed: seed)
        scene.machine.hooks = ["after-restore"]
        scene.machine.repeatsNews = 300_000
        for life in 2...4 {
            try scene.checkpoint()
            scene.machine.killAgent()
            try scene.runUntilUp(UInt64(life))
            try scene.run(for: .seconds(90))
        }
        #expect(scene.machine.hookRuns.count { $0.name == "after-restore" } == 3)
    }

    /// Found before anything of the agent runs, wherever it is.
    @Test(arguments: ["pages-1.img", "stats-dump"]) func aChangedByteIsFoundBeforeItRuns(name: String) throws {
        let scene = try plain()
        let older = try scene.checkpoint()
        let newer = try scene.checkpoint()
        let path = try #require(DiskPath("agents/sim/versions/\(newer.version)/process/\(name)"))
        var bytes = try #require(scene.machine.store.peek(path))
        bytes[bytes.count / 2] ^= 1
        scene.machine.store.plant(path, bytes)
        let lives = scene.machine.timesRunning
        scene.machine.killAgent()
        try scene.run(until: "it is restored") {
            scene.supervisor.life?.pid != nil && scene.supervisor.life?.origin == .version(older.version)
        }
        #expect(scene.supervisor.life?.isFromImages == true)
        #expect(try scene.versions().first { $0.version == newer.version }?.standing == .broken)
        #expect(scene.machine.timesRunning == lives + 1)
    }

    /// What lies in packs, too, costs no version.
    @Test(arguments: ["pages-1.img", "stats-dump"]) func aChangedByteIsMadeGoodFromPacks(name: String) throws {
        let scene = try plain()
        _ = try scene.checkpoint()
        let newer = try scene.checkpoint()
        try scene.run(for: .seconds(10))
        let path = try #require(DiskPath("agents/sim/versions/\(newer.version)/process/\(name)"))
        let whole = try #require(scene.machine.store.peek(path))
        #expect(try scene.supervisor.store.isPacked(scene.supervisor.agent, newer.version))
        var bytes = whole
        bytes[bytes.count / 2] ^= 1
        scene.machine.store.plant(path, bytes)
        let lives = scene.machine.timesRunning
        scene.machine.killAgent()
        try scene.run(until: "it is restored") { scene.supervisor.life?.pid != nil && scene.machine.timesRunning > lives }
        #expect(scene.supervisor.life?.isFromImages == true && scene.supervisor.life?.origin == .version(newer.version))
        #expect(scene.machine.timesRunning == lives + 1 && scene.machine.mostAtOnce == 1)
        #expect(scene.machine.store.peek(path) == whole)
        #expect(try scene.versions().first { $0.version == newer.version }?.standing != .broken)
    }

    // MARK: Files alone

    /// A cut whose images failed is kept to look at: a death leads back to the memory.
    @Test(arguments: [CheckpointMode.auto, .cooperative]) func filesAloneAreNotPreferredToMemory(mode: CheckpointMode) throws {
        let scene = try plain()
        try scene.run(for: .seconds(60))
        let older = try scene.checkpoint()
        scene.file = "second"
        scene.machine.plan(criu: .refusesDump)
        guard case .stored(let newer) = try scene.answer(to: .checkpoint(wait: true, mode: mode)) else {
            throw Scene.Lost(what: "a version", trace: scene.machine.trace)
        }
        #expect(newer.parts == VersionParts(workspace: true) && !newer.isKnownGood)
        let why = mode == .auto ? "a process holds an io_uring" : "images of its processes were not wanted"
        #expect(
            newer.lacksMemory?.hasPrefix("version 1 has its memory, and this one has files only: \(why)") == true,
            "\(newer.lacksMemory ?? "")")
        // Also after many more, for they do not count.
        for _ in 1...20 {
            scene.machine.plan(criu: .refusesDump)
            _ = try scene.answer(to: .checkpoint(wait: true, mode: .cooperative))
        }
        scene.killSupervisor()
        try scene.startSupervisor()
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.origin == .version(older.version) && scene.supervisor.life?.isFromImages == true)
        #expect(scene.file == "first")
    }

    /// To go back an hour for what was done in a minute would lose more than it brings back.
    @Test func theLesserLossCounts() throws {
        let scene = try plain()
        try scene.run(for: .seconds(60))
        _ = try scene.checkpoint()
        try scene.run(for: .seconds(40))
        scene.machine.plan(criu: .refusesDump)
        #expect(try scene.checkpoint().lacksMemory != nil)
        try scene.run(for: .seconds(40))
        scene.file = "second"
        scene.machine.plan(criu: .refusesDump)
        let last = try scene.checkpoint()
        #expect(last.lacksMemory == nil && last.isKnownGood)
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.origin == .version(last.version) && scene.file == "second")
        // What that one has in memory is its own.
        scene.machine.plan(criu: .refusesDump)
        #expect(try scene.checkpoint().lacksMemory == nil)
    }

    /// `checkpoint --stop` promises that the agent goes on at the very instruction.
    @Test func whatWouldLoseItsMemoryIsNotStopped() throws {
        let scene = try plain()
        scene.machine.plan(criu: .refusesDump)
        guard case .failed("E-CHECKPOINT-PROCESS", let sentence) = try scene.answer(to: .checkpoint(wait: true, stop: true)) else {
            throw Scene.Lost(what: "a refusal", trace: scene.machine.trace)
        }
        #expect(sentence.hasPrefix("could not stop 'sim': version 1 holds its files and not what it is doing (no process part: "))
        #expect(sentence.hasSuffix("It runs on; 'runner stop sim' ends it all the same"))
        try scene.run(for: .seconds(60))
        #expect(scene.supervisor.life?.incarnation == 1 && scene.machine.livingPID != nil)
        guard case .stored = try scene.answer(to: .checkpoint(wait: true, mode: .cooperative, stop: true)) else {
            throw Scene.Lost(what: "a version", trace: scene.machine.trace)
        }
        try scene.run(until: "it is stopped") { scene.supervisor.life == nil }
    }

    /// What the agent handed over at the same cut is the next best.
    @Test func stateIsTheNextPart() throws {
        let scene = try plain()
        let program = try scene.program()
        program.step = 7
        let version = try scene.checkpoint()
        #expect(version.parts == VersionParts(cooperative: true, workspace: true, process: true))
        scene.programs = []
        for _ in 1...2 { scene.machine.plan(criu: .refusesRestore) }
        scene.machine.killAgent()
        try scene.run(until: "it runs again") { scene.supervisor.life?.pid != nil && scene.supervisor.incarnations > 1 }
        #expect(scene.supervisor.life?.isFromImages == false)
        let next = try scene.program()
        #expect(next.welcome?.state == .inline(Array("7".utf8)))
        #expect(try scene.versions().map(\.standing) == [.stored])
    }

    /// What it had in memory, it has: only a program that is new there is handed the state.
    @Test(arguments: [true, false])
    func aRestoredProgramIsToldHowLongItSlept(remembers: Bool) throws {
        let scene = try plain()
        let program = try scene.program()
        program.step = 7
        let version = try scene.checkpoint()
        program.leave()
        try scene.run(for: .seconds(60))
        scene.machine.killAgent()
        try scene.runUntilUp(2)
        let welcome = try #require(try scene.program(resumes: remembers ? 1 : nil).welcome)
        #expect((welcome.state == nil) == remembers)
        #expect(welcome.restoredFrom == version.version)
        #expect((welcome.slept ?? .zero) >= .seconds(60))
        #expect(welcome.changed == ["connections"])
        #expect(welcome.incarnation == 2)
    }

    @Test(arguments: [SimulatedCriuTrouble.hangsInDump, .missing])
    func aDumpThatDoesNotComeAboutLeavesTheAgentRunning(trouble: SimulatedCriuTrouble) throws {
        let scene = try plain()
        scene.machine.plan(criu: trouble)
        let pid = scene.machine.livingPID
        let version = try scene.checkpoint()
        #expect(version.parts == VersionParts(workspace: true))
        #expect(version.standing == .stored)
        #expect(scene.machine.livingPID == pid)
        #expect(scene.supervisor.incarnations == 1)
    }

    @Test func nothingRunsAfterALastCut() throws {
        let scene = try plain()
        let id = try scene.ask(.checkpoint(wait: true, stop: true))
        try scene.run(until: "the end") { scene.end != nil }
        guard case .stored(let version)? = try scene.reply(to: id) else {
            Issue.record("no version")
            return
        }
        #expect(version.parts.process)
        #expect(scene.machine.livingPID == nil)
        try scene.startSupervisor()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.isFromImages == true)
    }

    @Test func aLastCutThatCannotBeKeptLetsTheAgentGoOn() throws {
        let scene = try plain()
        // Room for what is copied, none for the record of it.
        scene.machine.afterWrite = { path in
            if path.text.hasSuffix("manifest.json") { scene.machine.store.setCapacity(ByteCount(0)) }
        }
        guard case .failed(_, let sentence) = try scene.answer(to: .checkpoint(wait: true, stop: true)) else {
            Issue.record("a version on a full disk")
            return
        }
        #expect(sentence.contains("full"))
        #expect(scene.machine.livingPID != nil)
        #expect(scene.machine.isLivingAgentFrozen == false)
        #expect(scene.end == nil)
    }

    @Test func anImageOfAnotherCommandIsNotRestored() throws {
        let scene = try plain()
        try scene.checkpoint()
        scene.file = "later"
        _ = try scene.ask(.stop(checkpoint: false))
        try scene.run(until: "the end") { scene.end != nil }
        scene.spec.command = ["agent", "--new"]
        try scene.startSupervisor()
        try scene.runUntilUp(2)
        #expect(scene.supervisor.life?.isFromImages == false)
        #expect(scene.file == "first")
        #expect(
            scene.supervisor.warnings["images"]?.hasPrefix("'sim' begins anew on the files of version 1, for command, environment") == true)
        // What it has in memory now is kept again.
        try scene.checkpoint()
        #expect(scene.supervisor.warnings.isEmpty)
    }

    @Test func anAgentInTheMiddleOfAnEffectGetsNoImage() throws {
        let scene = try plain()
        let program = try scene.program()
        _ = try program.begins("pay", request: 1)
        guard case .failed("E-CHECKPOINT-PROCESS", let sentence) = try scene.answer(to: .checkpoint(wait: true, mode: .process)) else {
            Issue.record("an image that pays twice")
            return
        }
        #expect(sentence.contains("the effect 'pay'"))
        _ = try program.ends("pay", request: 2)
        guard case .stored = try scene.answer(to: .checkpoint(wait: true, mode: .process)) else {
            Issue.record("no version")
            return
        }
    }

    @Test func aStopCallsARestoreOff() throws {
        let scene = try plain()
        try scene.checkpoint()
        scene.machine.plan(criu: .hangsInRestore)
        scene.machine.killAgent()
        try scene.run(until: "a restore") { scene.supervisor.imageRestore != nil }
        guard case .done = try scene.answer(to: .stop(checkpoint: true)) else {
            Issue.record("not stopped")
            return
        }
        try scene.run(until: "the end") { scene.end != nil }
        #expect(scene.machine.livingPID == nil)
    }

    /// A supervisor dies at any moment of a cut or a restore; the next one finds one agent, and every version whole.
    @Test(arguments: Array(stride(from: 1, through: 400, by: 7)))
    func theNextSupervisorGoesOn(operation: Int) throws {
        let scene = try plain()
        let first = try scene.checkpoint()
        let base = scene.machine.operations
        scene.machine.plan(at: base + operation) { $0.killSupervisor(because: "operation \(operation)") }
        _ = try? scene.ask(.checkpoint(wait: true))
        try? scene.run(for: .seconds(2))
        if !scene.machine.supervisorCrashed {
            scene.machine.killAgent()
            try? scene.run(for: .seconds(2))
        }
        guard scene.machine.supervisorCrashed else { return }
        try scene.startSupervisor()
        try scene.run(until: "it runs") { scene.supervisor.life?.pid != nil }
        try scene.run(for: .seconds(5))
        #expect(scene.machine.mostAtOnce == 1)
        #expect(scene.machine.isLivingAgentFrozen == false)
        for version in try scene.versions() {
            #expect(try scene.supervisor.store.verifies(scene.spec.name, version.version))
        }
        #expect(try scene.versions().contains { $0.version == first.version })
        #expect(try scene.machine.store.names(in: "staging").isEmpty)
    }
}

extension CheckpointStore {
    func verifies(_ agent: AgentName, _ version: VersionNumber) throws -> Bool {
        try verify(agent, version)
        return true
    }
}
