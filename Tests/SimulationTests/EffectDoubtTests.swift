import AgentModel
import AgentProtocol
import AgentSpecs
import ControlSocket
import OutsideWorld
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// Where the effect ledger must rather say no than be wrong.
@Suite struct EffectDoubtTests {
    @Test func anUnreadableLedgerIsNotTakenForAnEmptyOne() throws {
        let scene = try Scene()
        try scene.runUntilUp()
        var program = try scene.program()
        #expect(try program.begins("pay", request: 1) == .proceed)
        #expect(try program.ends("pay", request: 2) == .recorded)
        let ledger = scene.home / "effects/ledger"
        let written = try #require(scene.machine.store.peek(ledger))

        scene.killSupervisor()
        try scene.machine.store.removeFile(ledger)
        scene.machine.store.plantOther(ledger)
        try scene.startSupervisor()
        program = try scene.program(resumes: 1)
        let denied = EffectVerdict.denied(reason: "the effect ledger cannot be read at the moment")
        #expect(try program.begins("pay", request: 3) == denied)
        #expect(try program.begins("new", request: 4) == denied)
        #expect(try program.ends("pay", request: 5) == denied)
        let sentence = "could not read the effect ledger: "
        let warning = try #require(scene.supervisor.warnings["ledger"])
        #expect(warning.hasPrefix(sentence) && warning.hasSuffix(". Effects are denied until it can be read"))
        #expect(scene.said(sentence) == 1)
        #expect(
            try scene.answer(to: .settleEffect(key: "pay", happened: true, result: nil))
                == .failed(code: "E-STORE-IO", sentence: "could not settle effect 'pay': \(warning)"))

        try scene.machine.store.removeFile(ledger)
        scene.machine.store.plant(ledger, written)
        #expect(try program.begins("pay", request: 6) == .done(result: Array("done".utf8)))
        #expect(try program.begins("new", request: 7) == .proceed)
        #expect(scene.supervisor.warnings["ledger"] == nil)
    }

    enum Asker: CaseIterable { case sameProgram, secondProgram }

    /// The same number from the program that asked before is the same question; from another program it is another one, and nobody knows
    /// what became of the first.
    @Test(arguments: Asker.allCases, [false, true])
    func theNumbersOfARequestAreTheProgramsOwn(_ asker: Asker, takenOver: Bool) throws {
        let scene = try Scene()
        try scene.runUntilUp()
        let first = try scene.program()
        #expect(try first.begins("pay", request: 1) == .proceed)
        first.leave()
        if asker == .secondProgram { _ = try scene.program() }
        if takenOver {
            scene.killSupervisor()
            try scene.startSupervisor()
        }
        let resumes: UInt64? = asker == .sameProgram || takenOver ? 1 : nil
        let now = asker == .secondProgram && !takenOver ? try #require(scene.programs.last) : try scene.program(resumes: resumes)
        #expect(try now.begins("pay", request: 1) == (asker == .sameProgram ? .proceed : .unknown))
    }

    /// A fork sees what was done, and does nothing itself.
    @Test func aFencedAgentBeginsNothing() throws {
        let scene = try Scene()
        try scene.runUntilUp()
        let program = try scene.program()
        #expect(try program.begins("pay", request: 1) == .proceed)
        _ = try program.ends("pay", request: 2)
        scene.killSupervisor()
        scene.spec.effects.new = .deny
        try scene.startSupervisor()
        let fenced = try scene.program(resumes: 1)
        #expect(try fenced.begins("pay", request: 3) == .done(result: Array("done".utf8)))
        let denied = "effects of 'sim' are fenced ('effects.new: deny'): only what was done already is answered"
        #expect(try fenced.begins("mail", request: 4) == .denied(reason: denied))
        // It was never begun, so nothing is in doubt.
        #expect(scene.supervisor.toldUnknown == [])
    }
}
