import AgentModel
import AgentProtocol
import OutsideWorld

@testable import SimulatedWorld

/// A program in the living sandbox that speaks the protocol. It answers `prepare` with its `step`; all else the test says for it.
final class Program {
    private let scene: Scene
    private let id: ConnectionID
    private var reader = FrameReader()
    private var taken = 0
    /// What it would lose if it died now.
    var step: UInt64 = 0
    /// The payload it answers `prepare` with. nil: its step.
    var state: StatePayload?
    private(set) var heard: [RunnerMessage] = []

    init(in scene: Scene, resumes: UInt64? = nil) throws {
        guard let id = scene.world.peerConnects(.agent, agent: nil, inside: scene.machine.livingSandbox) else {
            throw Scene.Lost(what: "a listener at the agents' door", trace: scene.machine.trace)
        }
        self.scene = scene
        self.id = id
        say(.hello(Hello(sdk: "test 1", capabilities: ["prepare"], stateSchema: "step/1", resumes: resumes)))
    }

    func say(_ message: AgentMessage) { scene.world.peerSent(id, message.framed()) }

    /// Ends its connection and says nothing more.
    func leave() {
        scene.programs.removeAll { $0 === self }
        scene.world.peerClosed(id)
    }

    /// Takes in what the runner said and answers.
    func obey() {
        let told = scene.world.told[id] ?? []
        guard told.count > taken else { return }
        reader.push(Array(told[taken...]))
        taken = told.count
        while let body = try? reader.next() {
            guard let message = try? RunnerMessage(frame: body) else { continue }
            heard.append(message)
            guard case .prepare(let request, _, _) = message else { continue }
            say(.prepared(request: request, SafePoint(state: state ?? .inline(Array("\(step)".utf8)), schema: "step/1", step: step)))
        }
    }

    var welcome: Welcome? {
        for case .welcome(let welcome) in heard { return welcome }
        return nil
    }
    var isWelcome: Bool { welcome != nil }

    /// Asks whether an effect may be begun, and gives the answer.
    func begins(_ key: String, request: UInt64) throws -> EffectVerdict {
        try asked(request) { .effectBegin(request: request, key: key, description: key, idempotent: false) }
    }

    func ends(_ key: String, request: UInt64) throws -> EffectVerdict {
        try asked(request) { .effectEnd(request: request, key: key, result: Array("done".utf8)) }
    }

    private func asked(_ request: UInt64, _ question: () -> AgentMessage) throws -> EffectVerdict {
        let before = heard.count
        say(question())
        var verdict: EffectVerdict?
        try scene.run(until: "a verdict on request \(request)") {
            for case .effectResult(request, let answer) in heard.dropFirst(before) { verdict = answer }
            return verdict != nil
        }
        guard let verdict else { throw Scene.Lost(what: "a verdict", trace: scene.machine.trace) }
        return verdict
    }
}
