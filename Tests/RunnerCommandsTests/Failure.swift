import AgentModel
import AgentSpecs
import ControlSocket
import OutsideWorld
import Supervision
import Testing

@testable import RunnerCommands

/// One way to fail: what is typed, what is wrong, and what comes of it: the status, the code, the whole sentence.
///
/// `Tests/HouseTests/SentencesTests.swift` reads these rows as text: the three stand side by side, as literals.
struct Failure: Sendable, CustomTestStringConvertible {
    var words: [String]
    var status: Int32
    var code: String
    var sentence: String
    var versions: Int
    var setUp: @Sendable (Stage) throws -> Void
    /// Why the supervisor that `run` starts cannot begin.
    var cause: SupervisionFault.Cause?

    init(
        _ words: String, _ status: Int32, _ code: String, _ sentence: String, versions: Int = 0,
        _ setUp: @escaping @Sendable (Stage) throws -> Void = { _ in }, cause: SupervisionFault.Cause? = nil
    ) {
        self.words = words.split(separator: " ").map(String.init)
        self.status = status
        self.code = code
        self.sentence = sentence
        self.versions = versions
        self.cause = cause
        self.setUp = setUp
    }
    var testDescription: String { "\(words.joined(separator: " ")) -> \(status)" }

    var supervise: Supervise {
        { (request, _) throws(SupervisionFault) in
            if let cause { throw SupervisionFault(agent: request.spec.name, cause: cause) }
            return .exited(0)
        }
    }

    func stage() throws -> Stage {
        let stage = try Stage(words, versions: versions)
        try setUp(stage)
        return stage
    }
}

/// A supervisor that gives this answer, whatever it is asked.
func answering(_ reply: ControlReply) -> @Sendable (Stage) -> Void {
    { stage in stage.machine.supervisor = { _ in .success(reply) } }
}

/// No answer comes.
func refusing(_ fault: AskFault) -> @Sendable (Stage) -> Void {
    { stage in stage.machine.supervisor = { _ in .failure(fault) } }
}

/// The disk at `path` cannot be used.
func disk(_ path: String, _ kind: FileFault.Kind) -> @Sendable (Stage) -> Void {
    { stage in stage.machine.diskFaults[path] = kind }
}
