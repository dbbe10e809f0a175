internal import AgentModel
internal import AgentProtocol
internal import Digests
internal import LaunchPlans
internal import OutsideWorld

/// The agent: works through a task step by step, as its script says, and speaks the protocol as a careful SDK does.
final class SimulatedAgent {
    /// What it is in the middle of.
    private enum Doing {
        case connecting, working
        case effectBegin(UInt64), effectEnd(UInt64)
        /// Stands still for the runner's prepare (its number) or its own save.
        case standing(UInt64)
        case over
    }

    private unowned let sandbox: SimulatedSandbox
    private unowned let machine: SimulatedMachine
    private var connection: ConnectionID?
    private var reader = FrameReader()
    private var doing = Doing.connecting
    private var step: UInt64 = 0
    /// As which incarnation it was welcomed the last time; nil: it never was.
    private var welcomedAs: UInt64?
    private var toPrepare: UInt64?
    private var lastRequest: UInt64 = 0
    /// Grows with everything that makes planned doings stale.
    private var turn: UInt64 = 0
    private var mustStop = false
    private var isDeaf = false
    /// It does nothing: it is frozen, or stopped.
    var frozen: Bool { isFrozen || isStopped }
    private var isFrozen = false
    private(set) var isStopped = false
    private var thawTasks: [() -> Void] = []
    private var isDead = false
    private var hangs = false
    private(set) var hangsSince: Int64?
    private var beats = false
    /// The step at which it stood still for each request.
    private var stoodAt: [UInt64: UInt64] = [:]

    init(sandbox: SimulatedSandbox, machine: SimulatedMachine) {
        self.sandbox = sandbox
        self.machine = machine
    }

    private var script: AgentScript { machine.script }

    func begin() {
        let early = sandbox.plan.origin == .clean ? script.diesAfterCleanStart : script.diesAfterRestore
        if let early { machine.after(early) { [self] in if !isDead { sandbox.end(.exited(70)) } } }
        if script.cooperative { return connectLater(1...20) }
        // It begins where its file ends, and keeps that in memory from then on.
        mendResults()
        step = machine.resultsInWorkspace
        machine.began(sandbox.plan, at: step)
        later(script.stepTime) { $0.workAlone() }
    }

    /// What an image of the process holds.
    struct Memory: Hashable, Codable {
        var step: UInt64
        var welcomedAs: UInt64?
        var lastRequest: UInt64
        var mustStop: Bool
        var hangs: Bool
        /// Of the image, among all that were ever made. Of a living process: 0.
        var image: UInt64 = 0
    }

    var memory: Memory {
        Memory(step: step, welcomedAs: welcomedAs, lastRequest: lastRequest, mustStop: mustStop, hangs: hangs)
    }

    /// Goes on where the image was made. The connection of then reads its end.
    func goOn(from memory: Memory) {
        (step, welcomedAs, lastRequest) = (memory.step, memory.welcomedAs, memory.lastRequest)
        // One that was never welcomed has nothing to go on from but its file, or what it is handed.
        if welcomedAs != nil || !script.cooperative { machine.began(sandbox.plan, at: step, fromImage: memory.image) }
        if memory.mustStop { askedToStop() }
        if memory.hangs { return hang() }
        if let early = script.diesAfterRestore { machine.after(early) { [self] in if !isDead { sandbox.end(.exited(70)) } } }
        if script.cooperative { connectLater(1...20) } else { later(script.stepTime) { $0.workAlone() } }
    }

    /// Nothing planned will happen any more.
    func die() {
        isDead = true
        turn += 1
        if let connection { machine.world?.peerClosed(connection) }
        connection = nil
    }

    /// Does `body` after a while, unless it died or something else came between.
    private func later(_ milliseconds: ClosedRange<Int>, _ body: @escaping (SimulatedAgent) -> Void) {
        turn += 1
        let planned = turn
        machine.after(machine.delay(milliseconds)) { [self] in
            guard !isDead, planned == turn else { return }
            if frozen { thawTasks.append { [self] in if !isDead, planned == turn { body(self) } } } else { body(self) }
        }
    }

    private func connectLater(_ milliseconds: ClosedRange<Int>) {
        machine.after(machine.delay(milliseconds)) { [self] in
            guard !isDead, !hangs, connection == nil else { return }
            if frozen { thawTasks.append { [self] in if !isDead, connection == nil { connect() } } } else { connect() }
        }
    }

    func freeze() { isFrozen = true }
    func thaw() {
        isFrozen = false
        catchUp()
    }

    /// SIGSTOP. A thaw changes nothing about it.
    func stop() { isStopped = true }
    /// SIGCONT.
    func goOn() {
        isStopped = false
        catchUp()
    }

    private func catchUp() {
        guard !frozen else { return }
        let tasks = thawTasks
        thawTasks = []
        for task in tasks { task() }
    }

    // MARK: Connection

    private func connect() {
        guard connection == nil, let world = machine.world, let id = world.peerConnects(.agent, agent: self, inside: sandbox.id) else {
            return connectLater(50...400)
        }
        connection = id
        reader = FrameReader()
        send(
            .hello(
                Hello(
                    sdk: "simulated 1", capabilities: ["prepare", "stop"], stateSchema: "step/1",
                    resumes: welcomedAs)))
    }

    func connectionLost() {
        guard connection != nil else { return }
        connection = nil
        toPrepare = nil
        if case .over = doing { return }
        if case .standing = doing { doing = .working }
        turn += 1  // what was asked is asked again after the next welcome
        connectLater(20...200)
    }

    func received(_ bytes: [UInt8]) {
        guard !isDead, connection != nil else { return }
        if frozen { return thawTasks.append { [self] in received(bytes) } }
        reader.push(bytes)
        do throws(ProtocolFault) {
            while let body = try reader.next() {
                guard connection != nil, let message = try RunnerMessage(frame: body) else { continue }
                machine.messagesToAgents += 1
                if machine.messagesToAgents == script.losesConnectionInsteadOfHearing { return hangUp() }
                obey(message)
            }
        } catch { machine.say("agent: unreadable frame from the runner: \(error)") }
    }

    private func send(_ message: AgentMessage) {
        guard let connection, let world = machine.world else { return }
        let bytes = message.framed()
        machine.messagesFromAgents += 1
        if draw(script.tearsFrame) || machine.messagesFromAgents == script.tearsMessage {
            world.peerSent(connection, Array(bytes.prefix(bytes.count / 2)))
            return hangUp()
        }
        // Frames arrive in pieces as the seed says.
        let cut = machine.random.number(below: bytes.count + 1)
        world.peerSent(connection, Array(bytes[..<cut]))
        world.peerSent(connection, Array(bytes[cut...]))
        if machine.messagesFromAgents == script.losesConnectionAfterMessage { hangUp() }
    }

    func connectionBreaks() { if connection != nil { hangUp() } }

    private func hangUp() {
        if let connection { machine.world?.peerClosed(connection) }
        connectionLost()
    }

    private func draw(_ chanceInAMillion: Int) -> Bool {
        chanceInAMillion > 0 && machine.random.number(below: 1_000_000) < chanceInAMillion
    }

    // MARK: What the runner says

    private func obey(_ message: RunnerMessage) {
        switch message {
        case .welcome(let welcome): greet(welcome)
        case .prepare(let request, _, _): if draw(script.deaf) { isDeaf = true } else { toPrepare = request }
        case .resume(let request), .aborted(let request, _): goOn(request)
        case .committed(let request, _): if let stood = stoodAt[request] { machine.committed(stood, of: sandbox.plan.incarnation) }
        case .stop: if !script.ignoresStop { askedToStop() }
        case .effectResult(let request, let verdict): effectAnswered(request, verdict)
        case .refusal(_, let reason): machine.say("agent was refused: \(reason)")
        case .ping(let number): send(.pong(number))
        case .pressure: break
        }
    }

    private func greet(_ welcome: Welcome) {
        let former = welcomedAs
        welcomedAs = welcome.incarnation
        if former == nil {
            step = welcome.state.flatMap(stepOf) ?? 0
            let restored = welcome.state == nil ? nil : step
            if restored == nil { freshStart() }
            machine.began(sandbox.plan, at: restored)
            machine.say("agent begins at step \(step) of incarnation \(sandbox.plan.incarnation)")
        } else if welcome.state != nil {
            machine.wrongs.append("incarnation \(sandbox.plan.incarnation) has its memory, and was handed a state")
        }
        doing = .working
        send(.beat(Beat(step: step)))
        if let every = script.beatsEvery, !beats {
            beats = true
            beatAgain(every)
        }
        later(script.stepTime) { $0.work() }
    }

    /// As a careful agent reads it: a file only when it is what the runner said it is.
    private func stepOf(_ state: StatePayload) -> UInt64? {
        let bytes: [UInt8]
        switch state {
        case .inline(let given): bytes = given
        case .file(let name, let size, let sha256):
            guard let path = DiskPath(name), let read = try? machine.staging.read(path, limit: .mebibytes(64)), read.count == Int(size),
                SHA256.digest(of: read) == sha256
            else {
                machine.wrongs.append("incarnation \(sandbox.plan.incarnation) was handed a state file that is not what was said of it")
                return nil
            }
            bytes = read
        }
        let first = bytes.prefix { $0 != UInt8(ascii: " ") }
        guard let step = UInt64(String(decoding: first, as: UTF8.self)), bytes.count == stateBytes(at: step).count else {
            machine.wrongs.append("incarnation \(sandbox.plan.incarnation) was handed a state that is none")
            return nil
        }
        return step
    }

    private func stateBytes(at step: UInt64) -> [UInt8] {
        let bytes = Array("\(step)".utf8)
        return bytes + [UInt8](repeating: UInt8(ascii: " "), count: max(0, script.stateSize - bytes.count))
    }

    /// Small states travel in the frame, large ones through the staging directory.
    private func payload(_ name: String) -> StatePayload? {
        let bytes = stateBytes(at: step)
        guard bytes.count > ProtocolLimits.inlineState else { return .inline(bytes) }
        guard let path = DiskPath(name) else { return nil }
        do throws(FileFault) {
            if try machine.staging.entry(at: path) != nil { try machine.staging.removeFile(path) }
            let file = try machine.staging.open(path, .createNew(mode: 0o600))
            try file.write(bytes)
            return .file(name: name, size: UInt64(bytes.count), sha256: SHA256.digest(of: bytes))
        } catch {
            machine.say("agent could not write its state: \(error)")
            return nil
        }
    }

    private func beatAgain(_ every: ClosedRange<Int>) {
        machine.after(machine.delay(every)) { [self] in
            guard !isDead, !hangs else { return }
            if !frozen, connection != nil { send(.beat(Beat(step: step))) }
            beatAgain(every)
        }
    }

    /// A task from its beginning clears what an earlier try left.
    private func freshStart() {
        step = 0
        if (try? machine.workspace.entry(at: "results")) != nil { try? machine.workspace.removeFile("results") }
    }

    func askedToStop() {
        guard !script.ignoresStop, !mustStop else { return }
        mustStop = true
        machine.after(machine.delay(10...80)) { [self] in endWell() }
    }

    /// Not while it stands still.
    private func endWell() {
        if frozen { return thawTasks.append { [self] in endWell() } }
        if !isDead { sandbox.end(.exited(0)) }
    }

    // MARK: Work

    private func work() {
        guard case .working = doing, !mustStop, !hangs else { return }
        if draw(script.dies) { return sandbox.end(.signaled(11, outOfMemory: false)) }
        if draw(script.diesOfMemory) { return sandbox.end(.signaled(9, outOfMemory: true)) }
        if draw(script.exitsWithError) { return sandbox.end(.exited(1)) }
        if draw(script.hangs) {
            machine.doubted.append(machine.now)
            return hang()
        }
        if draw(script.reportsFailure) {
            send(.failed(reason: "simulated failure"))
            machine.doubted.append(machine.now)
            doing = .over
            return machine.after(machine.delay(5...50)) { [self] in if !isDead { sandbox.end(.exited(1)) } }
        }
        guard step < UInt64(script.steps) else { return finish() }
        guard connection != nil else { return }  // effects need the runner; the next welcome goes on
        lastRequest += 1
        doing = .effectBegin(lastRequest)
        send(.effectBegin(request: lastRequest, key: "step-\(step + 1)", description: "step \(step + 1)", idempotent: script.idempotent))
    }

    private func hang() {
        hangs = true
        hangsSince = machine.now
        machine.say("agent hangs")
    }

    private func effectAnswered(_ request: UInt64, _ verdict: EffectVerdict) {
        switch doing {
        case .effectBegin(request): began(verdict)
        case .effectEnd(request): doStep()
        case .connecting, .working, .effectBegin, .effectEnd, .standing, .over: break
        }
    }

    private func began(_ verdict: EffectVerdict) {
        switch verdict {
        case .proceed:
            let answer = machine.service.call("step-\(step + 1)", remembers: script.idempotent)
            later(1...30) { agent in
                agent.lastRequest += 1
                agent.doing = .effectEnd(agent.lastRequest)
                agent.send(.effectEnd(request: agent.lastRequest, key: "step-\(agent.step + 1)", result: answer))
            }
        case .done: doStep()
        case .unknown:
            machine.say("agent is told that step \(step + 1) is unknown")
            doing = .working
            later(30_000...60_000) { $0.work() }  // a person must say; it asks again
        case .recorded, .denied:
            doing = .working
            later(500...1000) { $0.work() }
        }
    }

    /// The step's own mark in the workspace, then a safe point.
    private func doStep() {
        guard appendResult("step \(step + 1)\n") else { return }
        step += 1
        machine.reached(step, of: sandbox.plan.incarnation)
        doing = .working
        send(.beat(Beat(step: step, progress: Double(step) / Double(max(1, script.steps)))))
        if connection != nil { machine.heardProgress(of: sandbox.plan.incarnation) }
        safePoint()
    }

    /// What a power cut left of a plain program's file is of use up to the first line that is not what it should be.
    private func mendResults() {
        guard let bytes = machine.workspace.peek("results") else { return }
        var whole: [UInt8] = []
        for step in 1...max(1, script.steps) {
            let line = Array("step \(step)\n".utf8)
            guard bytes.dropFirst(whole.count).starts(with: line) else { break }
            whole += line
        }
        guard whole.count < bytes.count else { return }
        try? machine.workspace.removeFile("results")
        try? machine.workspace.open("results", .append(mode: 0o644)).write(whole)
    }

    /// An agent that cannot write its result does not go on as if it had: it ends, as a program with an unhandled error does.
    private func appendResult(_ line: String) -> Bool {
        do throws(FileFault) {
            let file = try machine.workspace.open("results", .append(mode: 0o644))
            try file.write(Array(line.utf8))
            return true
        } catch {
            machine.say("agent could not write: \(error)")
            sandbox.end(.exited(74))
            return false
        }
    }

    private func safePoint() {
        guard connection != nil else { return }  // the next welcome goes on
        if let request = toPrepare {
            toPrepare = nil
            guard let point = point("state-\(request)") else { return refuse(request) }
            doing = .standing(request)
            stoodAt[request] = step
            send(.prepared(request: request, point))
        } else if let every = script.savesEvery, step % UInt64(every) == 0, let point = point("state-save-\(step)") {
            lastRequest += 1
            doing = .standing(lastRequest)
            stoodAt[lastRequest] = step
            send(.save(request: lastRequest, point))
        } else {
            later(script.stepTime) { $0.work() }
        }
    }

    private func point(_ name: String) -> SafePoint? { payload(name).map { SafePoint(state: $0, schema: "step/1", step: step) } }

    private func refuse(_ request: UInt64) {
        send(.refused(request: request, reason: "its state could not be written"))
        later(script.stepTime) { $0.work() }
    }

    private func goOn(_ request: UInt64) {
        if toPrepare == request { toPrepare = nil }
        guard case .standing(request) = doing else { return }
        doing = .working
        later(script.stepTime) { $0.work() }
    }

    private func finish() {
        makeResultsSafe()
        send(.done(note: nil))
        doing = .over
        machine.finishedTasks += 1
        machine.after(machine.delay(1...20)) { [self] in if !isDead { sandbox.end(.exited(0)) } }
    }

    /// Whoever says that it is done has its results on stable storage.
    private func makeResultsSafe() {
        do throws(FileFault) {
            try machine.workspace.open("results", .append(mode: 0o644)).sync()
            try machine.workspace.syncDirectory(nil)
        } catch { machine.say("agent could not sync: \(error)") }
    }

    // MARK: Without the protocol

    private func workAlone() {
        if draw(script.dies) { return sandbox.end(.signaled(11, outOfMemory: false)) }
        if draw(script.diesOfMemory) { return sandbox.end(.signaled(9, outOfMemory: true)) }
        if draw(script.exitsWithError) { return sandbox.end(.exited(1)) }
        guard step < UInt64(script.steps) else {
            makeResultsSafe()
            machine.finishedTasks += 1
            return sandbox.end(.exited(0))
        }
        guard appendResult("step \(step + 1)\n") else { return }
        step += 1
        machine.reached(step, of: sandbox.plan.incarnation)
        later(script.stepTime) { $0.workAlone() }
    }
}
