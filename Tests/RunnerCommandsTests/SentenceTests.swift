import AgentModel
import Testing

@testable import RunnerCommands

let allFailures =
    usageFailures + missingFailures + damageFailures + storeFailures + supervisorFailures + launchFailures + fileFailures
    + documentedFailures + commonFailures + imageFailures + archiveFailures + suspensionFailures + timeTravelFailures
    + copyFailures + keyFailures + stopFailures

@Test(arguments: allFailures) func aFailureSaysAllOfIt(failure: Failure) throws {
    let stage = try failure.stage()
    let status = stage.run(supervise: failure.supervise)
    #expect(stage.machine.errors.split(separator: "\n").last.map(String.init) == "runner: \(failure.sentence)")
    #expect(status == failure.status)
    if stage.machine.outputLoss == nil { #expect(stage.machine.output == "") }
    // Once more, for its code.
    let again = try failure.stage()
    if again.machine.outputLoss == nil {
        let fault = #expect(throws: CommandFault.self) { try perform(again.machine, supervise: failure.supervise) }
        #expect(fault?.code == failure.code)
    }
}

@Test(arguments: remarks) func aRemarkSaysAllOfIt(remark: Failure) throws {
    let stage = try remark.stage()
    #expect(stage.run() == remark.status)
    #expect(stage.machine.errors == "runner: \(remark.sentence)\n")
}

/// Statuses of commands that only the real machine brings about: test_exit_codes.py has their sentences.
private let endToEnd: Set<String> = ["doctor 1", "restart 1", "restore 1", "stop 1", "verify 65"]

@Test func everyStatusACommandDocumentsIsTested() {
    // A name may be two words: 'image check'.
    let families = Set(allCommands().map(describe).filter { $0.name.contains(" ") }.map { String($0.name.prefix { $0 != " " }) })
    let rows = Set(
        (allFailures + remarks).map { failure in
            let name = failure.words.prefix(families.contains(failure.words[0]) ? 2 : 1).joined(separator: " ")
            return "\(name) \(failure.status)"
        })
    for command in allCommands().map(describe) {
        for status in command.exits.map(\.status) where status != 0 {
            let row = "\(command.name) \(status)"
            #expect(rows.contains(row) != endToEnd.contains(row), "'runner \(command.name)' documents \(status)")
        }
    }
}

@Test func anAnswerThatCannotBeShownIsOurMistake() throws {
    struct Unshowable: Encodable, Error, CustomStringConvertible {
        func encode(to encoder: any Encoder) throws { throw self }
        var description: String { "it will not" }
    }
    let stage = try Stage(["ls"])
    let bench = Workbench(stage.machine, CommonOptions(), supervise: { (_, _) in .exited(0) })
    let expected = Failure(
        "", 70, "E-INTERNAL",
        "could not show the answer: it has no JSON form: it will not. Please report it with 'runner version' and what was typed")
    let fault = #expect(throws: CommandFault.self) { try bench.answer(json: Unshowable()) }
    #expect(fault?.sentence == expected.sentence)
    #expect(fault?.code == expected.code && fault?.status.rawValue == expected.status)
}

@Test func withJSONAFailureIsADocumentToo() throws {
    let stage = try Stage(["status", "agnet-7", "--json"])
    #expect(stage.run() == 66)
    #expect(
        stage.machine.output == """
            {
              "error" : {
                "code" : "E-AGENT-MISSING",
                "message" : "unknown agent 'agnet-7'; did you mean 'agent-7'?"
              }
            }

            """)
}
