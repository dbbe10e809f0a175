import AgentModel
import AgentSpecs
import ControlSocket
import OutsideWorld
import SimulatedWorld

/// What operators asked of supervisors, and whether they got their answer.
public struct OperatorDesk {
    public enum Wish: CaseIterable, Sendable {
        case status, checkpoint, checkpointAndWait, restart, restartClean, restore, pin, stop, suspend, resume
        /// In each mode there is; to be stopped after the cut; to be put to disk until somebody wants it up.
        case checkpointInMode, checkpointAndStop, suspendForGood, preflight

        /// Those that an agent without images is asked as well.
        static var ordinary: [Wish] {
            [.status, .checkpoint, .checkpointAndWait, .restart, .restartClean, .restore, .pin, .stop, .suspend, .resume]
        }
    }
    private struct Question {
        let id: ConnectionID
        let request: ControlRequest
        let at: Int64
        var words: String { request.words }
    }
    /// Every request is answered within this and the time an agent is given to come to a safe point, or its supervisor is dead. Longer
    /// where launches may fail and have to wait.
    var patience = Duration.seconds(25)
    var safePointWithin: Int64 = 0

    private let agent: AgentName
    private var open: [Question] = []
    var answered = 0
    var asked = 0

    init(agent: AgentName) { self.agent = agent }

    mutating func ask(_ request: ControlRequest, of world: SimulatedWorld, now: Int64) {
        guard let line = try? ControlCodec.line(request), let id = world.operatorSays(line) else { return }
        asked += 1
        open.append(Question(id: id, request: request, at: now))
    }

    mutating func supervisorDied() { open = [] }

    /// - Returns: what is wrong.
    mutating func look(at world: SimulatedWorld, now: Int64) -> String? {
        guard !open.isEmpty else { return nil }
        for question in open {
            guard let bytes = world.told[question.id] else {
                if now - question.at > patience.nanoseconds + 2 * safePointWithin {
                    return "'\(question.words)' was not answered in \((now - question.at) / 1_000_000_000) s"
                }
                continue
            }
            let lines = bytes.split(separator: UInt8(ascii: "\n"))
            guard lines.count == 1, let reply = try? ControlCodec.reply(Array(lines[0])) else {
                return "'\(question.words)' was answered with '\(String(decoding: bytes, as: UTF8.self))'"
            }
            if let wrong = isTrue(reply, to: question.request, on: world.machine) { return "'\(question.words)': \(wrong)" }
            answered += 1
        }
        open.removeAll { world.told[$0.id] != nil }
        return nil
    }

    /// An answer is a promise: what it says must be so when it is given, and be so after a power cut.
    private func isTrue(_ reply: ControlReply, to request: ControlRequest, on machine: SimulatedMachine) -> String? {
        switch (request, reply) {
        case (.stop, .done): return machine.livingPID.map { "it was answered 'stopped', and there is \($0)" }
        case (.suspend, .done(let words)):
            if let pid = machine.livingPID { return "it was answered 'suspended', and there is \(pid)" }
            guard let version = Self.version(in: words) else { return "it was answered '\(words)', which names no version" }
            return isLost(version, on: machine) ? "it was answered 'suspended', and a power cut takes version \(version) away" : nil
        case (.checkpoint(_, let mode, let stop, _, _), .stored(let summary)):
            if mode == .process, !summary.parts.process { return "version \(summary.version) holds no image" }
            if stop, let pid = machine.livingPID { return "it was to be stopped after its cut, and there is \(pid)" }
            return isLost(summary.version.number, on: machine)
                ? "it was answered 'stored', and a power cut takes version \(summary.version) away" : nil
        case (.checkpoint(_, let mode, let stop, let force, _), .nothingNew(let summary)):
            if stop || force { return "a version was asked for whatever there is, and none was made" }
            if mode == .process, !summary.parts.process { return "version \(summary.version) holds no image" }
            return isLost(summary.version.number, on: machine)
                ? "it was answered that version \(summary.version) holds it, and a power cut takes that away" : nil
        default: return nil
        }
    }

    /// "'sim' is suspended in version 42 until …"
    private static func version(in words: String) -> UInt64? {
        guard let at = words.firstRange(of: "in version ") else { return nil }
        return UInt64(words[at.upperBound...].prefix { $0.isNumber })
    }

    private func isLost(_ version: UInt64, on machine: SimulatedMachine) -> Bool {
        let disk = machine.store.copy(seed: UInt64(machine.now))
        disk.powerCut()
        disk.restart()
        return disk.peek(Oracle.versions(agent) / "\(version)/seal") == nil
    }

    func unanswered(by world: SimulatedWorld) -> [String] { open.filter { world.told[$0.id] == nil }.map(\.words) }
}

extension Simulation {
    public var questions: Int { desk.asked }

    func planWishes() {
        guard let every = operatorEvery else { return }
        let milliseconds = Int(every.nanoseconds / 1_000_000)
        machine.plan(after: .milliseconds(1 + random.number(below: 2 * milliseconds))) { [unowned self] _ in
            guard !isOver else { return }
            if let world { askSomething(world) }
            settleUnknown()
            planWishes()
        }
    }

    /// One request at one moment.
    func asks(_ request: ControlRequest, after delay: Duration) {
        machine.plan(after: delay) { [unowned self] machine in
            if let world, !isOver { desk.ask(request, of: world, now: machine.now) }
        }
    }

    /// A signal to whichever supervisor lives then.
    func signals(_ number: Int32, after delay: Duration) {
        machine.plan(after: delay) { [unowned self] _ in world?.signalSupervisor(number) }
    }

    private func askSomething(_ world: SimulatedWorld) {
        guard !wishes.isEmpty else { return }
        let wish = wishes[random.number(below: wishes.count)]
        machine.say("operator: \(wish)")
        let versions = machine.store.peekNames(Oracle.versions(spec.name)).compactMap(UInt64.init)
        let version = VersionNumber(versions.isEmpty ? 1 : versions[random.number(below: versions.count)])
        let target = goesBackAtMost.flatMap { some($0) } ?? version
        let request: ControlRequest =
            switch wish {
            case .status: .status
            case .checkpoint: .checkpoint(wait: false)
            case .checkpointAndWait: .checkpoint(wait: true)
            case .restart: .restart(from: nil)
            case .restartClean: .restart(from: .clean)
            case .restore: .restore(target, workspace: true, state: true)
            case .pin: .pin(version, pinned: random.coin())
            case .stop: .stop(checkpoint: random.coin())
            case .suspend: .suspend(until: world.wallTime() + .seconds(Int64(1 + random.number(below: 90))))
            case .resume: .resume
            case .checkpointInMode: .checkpoint(wait: true, mode: [nil, .auto, .cooperative, .process][random.number(below: 4)])
            case .checkpointAndStop: .checkpoint(wait: true, mode: [nil, .auto, .process][random.number(below: 3)], stop: true)
            case .suspendForGood: .suspend(until: nil)
            case .preflight: .preflight
            }
        desk.ask(request, of: world, now: machine.now)
    }

    /// One of the newest good versions.
    private func some(_ count: Int) -> VersionNumber? {
        let newest = oracle.goodVersions.suffix(count)
        return newest.isEmpty ? nil : VersionNumber(newest[newest.startIndex + random.number(below: newest.count)])
    }

    /// A person looks up in the service's own books what became of a call, and says so.
    private func settleUnknown() {
        guard let world, spec.effects.unknown == .hold else { return }
        for step in 1...machine.script.steps {
            guard machine.service.executions["step-\(step)"] == nil || step == machine.service.executions.count else { continue }
            let happened = machine.service.executions["step-\(step)"] != nil
            machine.say("operator settles step \(step): happened \(happened)")
            desk.ask(
                .settleEffect(key: "step-\(step)", happened: happened, result: happened ? "answer to step-\(step)" : nil), of: world,
                now: machine.now)
            if !happened { return }
        }
    }
}
