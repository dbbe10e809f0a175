import AgentModel
import AgentProtocol
import AgentSpecs
import Checkpoints
import ControlSocket
import OutsideWorld
import Recovery
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// `checkpoint --stop` leaves the agent standing once its images are made. Where they cannot be kept it goes on as if nothing had been.
@Suite struct LastCutTests {
    /// It could not beat while it stood, however long its images took; a beat that was under way when it was stopped changes nothing about it.
    @Test(arguments: [false, true]) func silenceBeforeACutThatCannotBeKeptIsForgiven(aBeatIsLate: Bool) throws {
        let scene = try Scene(criu: true) { $0.health.heartbeat = .seconds(30) }
        try scene.runUntilUp()
        scene.file = "first"
        let program = try scene.program()
        program.say(.beat(Beat(step: 1)))
        let asked = try scene.ask(.checkpoint(wait: true, stop: true))
        try scene.run(until: "all is copied") { scene.supervisor.checkpointRun?.stage == .thawing }
        scene.machine.workTakes = .seconds(100)
        try scene.run(until: "its images are whole") { scene.supervisor.checkpointRun?.stage == .committing }
        scene.machine.workTakes = .zero
        scene.machine.store.setCapacity(ByteCount(0))
        if aBeatIsLate { program.say(.beat(Beat(step: 1))) }
        guard case .failed("E-STORE-FULL", _) = try scene.answer(on: asked) else {
            Issue.record("a version on a full disk")
            return
        }
        #expect(!scene.machine.isLivingAgentFrozen)
        try scene.run(for: .seconds(20))
        #expect(scene.said("it was silent") == 0)
        #expect(scene.supervisor.recovery.deaths.isEmpty && scene.supervisor.incarnations == 1)
        // What it is silent from now on counts.
        try scene.run(until: "it is found") { scene.said("it was silent for 30 s") > 0 }
    }

    /// Its supervisor is killed while it stands. A thaw is not enough: CRIU leaves its processes stopped.
    @Test func whatWasLeftStandingGoesOnUnderTheNextSupervisor() throws {
        let scene = try Scene(criu: true)
        try scene.runUntilUp()
        scene.file = "first"
        _ = try scene.ask(.checkpoint(wait: true, stop: true))
        try scene.run(until: "its images are whole") { scene.supervisor.checkpointRun?.stage == .committing }
        scene.killSupervisor()
        scene.machine.pass(.seconds(1))
        #expect(scene.machine.isLivingAgentFrozen)
        try scene.startSupervisor()
        try scene.run(for: .seconds(1))
        #expect(!scene.machine.isLivingAgentFrozen)
        #expect(scene.supervisor.incarnations == 1 && scene.supervisor.life?.pid == scene.machine.livingPID)
    }

    enum Before: CaseIterable { case nothing, aCutThatWasNotKept, aCutThatASupervisorLeft, aSuspensionThatWasOverruled }

    /// An operator's own SIGSTOP is his, whatever was before.
    @Test(arguments: Before.allCases) func whatSomebodyElseStoppedStaysStopped(before: Before) throws {
        let scene = try Scene(criu: true)
        try scene.runUntilUp()
        scene.file = "first"
        let whole = { scene.supervisor.checkpointRun?.stage == .committing }
        switch before {
        case .nothing: break
        case .aCutThatWasNotKept:
            let asked = try scene.ask(.checkpoint(wait: true, stop: true))
            try scene.run(until: "its images are whole", whole)
            scene.machine.store.setCapacity(ByteCount(0))
            _ = try scene.answer(on: asked)
            scene.machine.store.setCapacity(nil)
        case .aCutThatASupervisorLeft:
            _ = try scene.ask(.checkpoint(wait: true, stop: true))
            try scene.run(until: "its images are whole", whole)
            scene.killSupervisor()
            try scene.startSupervisor()
        case .aSuspensionThatWasOverruled:
            _ = try scene.ask(.suspend(until: nil))
            try scene.run(until: "its images are whole", whole)
            #expect(try scene.answer(to: .resume) == .done("'sim' is not suspended, and runs"))
            try scene.run(until: "it is over") { scene.supervisor.checkpointRun == nil }
        }
        try scene.run(for: .seconds(120))
        #expect(!scene.machine.isLivingAgentFrozen && scene.supervisor.incarnations == 1)
        scene.machine.stopAgent()
        scene.killSupervisor()
        try scene.startSupervisor()
        try scene.run(for: .seconds(5))
        #expect(scene.machine.isLivingAgentFrozen && scene.supervisor.incarnations == 1)
    }

    enum Refused: CaseIterable { case beforeItStands, whileItStands, whileItIsCopied }

    /// The state that the agent hands over at the same cut is no good: its images are not kept either, and take no room.
    @Test(arguments: Refused.allCases, [false, true]) func imagesOfARefusedCutAreDiscarded(refused: Refused, stops: Bool) throws {
        let scene = try Scene(criu: true)
        try scene.runUntilUp()
        scene.file = "first"
        let program = try scene.program()
        scene.machine.staging.plant("state", Array("other".utf8))
        let place = scene.supervisor.request.place.doors + "/staging"
        let size = refused == .beforeItStands ? scene.spec.checkpoint.stateLimit.bytes + 1 : 5
        program.state = .file(name: "state", size: size, sha256: [UInt8](repeating: 0, count: 32))
        let asked = try scene.ask(.checkpoint(wait: true, stop: stops))
        if refused == .whileItStands {
            try scene.run(until: "it stands, or is about to") { scene.supervisor.checkpointRun?.stage == .dumping }
            scene.machine.isMissing = [place]
        }
        guard case .failed = try scene.answer(on: asked) else {
            Issue.record("a version")
            return
        }
        #expect(scene.machine.lastCriu == (refused == .beforeItStands ? 0 : 1))
        #expect(scene.staging.isEmpty)
        #expect(try scene.versions().isEmpty)
        #expect(!scene.machine.isLivingAgentFrozen)
        scene.machine.isMissing = []
        program.state = nil
        #expect(try scene.checkpoint().parts.process)
    }

    /// A disk that does not answer holds CRIU, and CRIU the agent. Both end, and nothing of a cut that was none is kept.
    @Test(arguments: [false, true], UInt64(1)...10) func aCriuThatNeverEndsIsKilled(stops: Bool, seed: UInt64) throws {
        let scene = try Scene(seed: seed, criu: true)
        try scene.runUntilUp()
        scene.file = "first"
        let version = try scene.checkpoint()
        scene.file = "later"
        scene.machine.plan(criu: .staysInDump)
        let asked = try scene.ask(.checkpoint(wait: true, stop: stops))
        try scene.runUntilUp(2)
        #expect(scene.said("CRIU does not end: 'sim' is killed, and restored from its last version") == 1)
        guard case .failed? = try scene.reply(to: asked) else {
            Issue.record("\(String(describing: try scene.reply(to: asked)))")
            return
        }
        #expect(scene.supervisor.life?.origin == .version(version.version) && scene.supervisor.life?.isFromImages == true)
        #expect(scene.file == "first")
        #expect(try scene.versions().filter { $0.kind == .checkpoint }.map(\.standing) == [.stored])
        #expect(scene.staging.isEmpty)
    }
    /// One agent in four does not survive that CRIU is killed. What lies in its workspace then is newer than its last version, and less.
    @Test(arguments: UInt64(1)...20) func whatDiesWithCriuLeavesNoVersion(seed: UInt64) throws {
        let scene = try Scene(seed: seed, criu: true)
        try scene.runUntilUp()
        scene.file = "first"
        let version = try scene.checkpoint()
        scene.file = "later"
        scene.machine.plan(criu: .diesInDump)
        let answer = try scene.answer(to: .checkpoint(wait: true))
        try scene.run(for: .seconds(5))
        switch answer {
        case .stored(let newer): #expect(!newer.parts.process && scene.supervisor.incarnations == 1 && scene.file == "later")
        case .failed("E-CHECKPOINT-ABORTED", _):
            #expect(scene.supervisor.life?.origin == .version(version.version) && scene.supervisor.life?.isFromImages == true)
            #expect(scene.file == "first")
        default: Issue.record("\(answer)")
        }
    }
}
