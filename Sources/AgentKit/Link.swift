internal import AgentModel
internal import AgentProtocol
internal import Glibc

/// The living end of the protocol: one thread that connects, reads, beats and connects again; callers ask and wait.
/// `@unchecked Sendable`: every `var` is touched only inside `monitor.locked`.
final class Link: @unchecked Sendable {
    private enum Phase { case connecting(lastFailure: String), open, refused(code: String, sentence: String), closed }

    /// How far a request of the agent, or its answer to `prepare`, has come.
    enum Reply { case verdict(EffectVerdict), resumed, committed(VersionNumber), aborted(String) }

    private struct Question {
        /// Asked again, word for word, on the next connection. nil: void when the connection breaks (an answer to `prepare`, and a `save`
        /// after `resume`, because the agent stands still no more).
        var frame: [UInt8]?
        var replies: [Reply] = []
        /// A state file of ours, to be removed when the question is settled.
        var file: String?
        /// Whether somebody waits for more; if not, the next reply ends it.
        var isAwaited = true
    }

    private let path: String
    private let settings: AgentSettings
    let folder: StagingFolder?
    private let monitor = Monitor()

    private var socket: StreamSocket?
    private var phase = Phase.connecting(lastFailure: "nobody has answered yet")
    private var welcomed: Welcome?
    private var questions: [UInt64: Question] = [:]
    private var lastRequest: UInt64 = 0
    private var prepareAsked: UInt64?
    private var beat = Beat()
    private var stop: (deadline: Duration, reason: String)?
    private var pressed = false
    /// `done` or `failed`, said again on every later connection.
    private var lastWord: [UInt8]?

    init(path: String, settings: AgentSettings) {
        self.path = path
        self.settings = settings
        folder = settings.environment["RUNNER_STAGING"].map { StagingFolder(path: $0) }
    }

    // MARK: For callers

    var welcome: Welcome? { monitor.locked { welcomed } }
    var stopAsked: (deadline: Duration, reason: String)? { monitor.locked { stop } }
    var prepareWanted: UInt64? { monitor.locked { prepareAsked } }

    func takePressure() -> Bool {
        monitor.locked {
            defer { pressed = false }
            return pressed
        }
    }

    func newRequest() -> UInt64 {
        monitor.locked {
            lastRequest += 1
            return lastRequest
        }
    }

    /// Sent when connected; otherwise it is old news by the time it could be.
    func tell(_ message: AgentMessage) {
        monitor.locked {
            if case .beat(let newer) = message { beat = beat.merged(with: newer) }
            write(message.framed())
        }
    }

    /// The last word: sent now or as soon as there is a runner.
    func end(with message: AgentMessage) throws(AgentFault) {
        try monitor.locked { () throws(AgentFault) in
            lastWord = message.framed()
            if socket != nil { return write(message.framed()) }
            try waitWhile("end", settings.patience) { socket == nil }
        }
    }

    /// Asks, now and again on every later connection, until a reply comes. - Returns: nil when the question became void.
    func ask(_ request: UInt64, _ message: AgentMessage, file: String? = nil, within limit: Duration) throws(AgentFault) -> Reply? {
        try monitor.locked { () throws(AgentFault) in
            let frame = message.framed()
            questions[request] = Question(frame: frame, file: file)
            write(frame)
            return try nextReply(request, message.name, within: limit)
        }
    }

    /// Waits for the reply after `resumed`. - Returns: nil when the question became void.
    func wait(_ request: UInt64, _ name: String, within limit: Duration) throws(AgentFault) -> Reply? {
        try monitor.locked { () throws(AgentFault) in try nextReply(request, name, within: limit) }
    }

    /// Answers `prepare`, unless it was withdrawn. - Returns: nil when it was, or when the connection broke before the answer came.
    func answerPrepare(_ request: UInt64, _ message: AgentMessage, file: String? = nil, within limit: Duration) throws(AgentFault) -> Reply?
    {
        try monitor.locked { () throws(AgentFault) in
            guard prepareAsked == request, socket != nil else {
                if let file { folder?.remove(file) }
                return nil
            }
            prepareAsked = nil
            questions[request] = Question(frame: nil, file: file)
            write(message.framed())
            let reply = try nextReply(request, message.name, within: limit)
            // `committed` or `aborted` follows and only tidies up; it may have come already.
            questions[request]?.isAwaited = false
            if questions[request]?.replies.isEmpty == false { settle(request) }
            return reply
        }
    }

    func waitForWelcome() throws(AgentFault) {
        try monitor.locked { () throws(AgentFault) in try waitWhile("hello", settings.patience) { welcomed == nil } }
    }

    /// The reader thread closes the socket and ends.
    func close() {
        monitor.locked {
            if case .refused = phase { return }
            phase = .closed
            socket?.hangUp()
            monitor.wakeAll()
        }
    }

    // MARK: Inside the lock

    private func write(_ frame: [UInt8]) {
        guard let socket else { return }
        if !socket.send(frame) { socket.hangUp() }
    }

    private func nextReply(_ request: UInt64, _ name: String, within limit: Duration) throws(AgentFault) -> Reply? {
        do {
            try waitWhile(name, limit) { questions[request].map { $0.replies.isEmpty } ?? false }
        } catch {
            settle(request)
            throw error
        }
        guard let reply = questions[request]?.replies.first else { return nil }
        questions[request]?.replies.removeFirst()
        switch reply {
        case .resumed: questions[request]?.frame = nil
        case .verdict, .committed, .aborted: settle(request)
        }
        return reply
    }

    private func settle(_ request: UInt64) {
        if let file = questions.removeValue(forKey: request)?.file { folder?.remove(file) }
    }

    private func waitWhile(_ question: String, _ limit: Duration, _ isSo: () -> Bool) throws(AgentFault) {
        let deadline = Tick.now().after(limit)
        while isSo() {
            switch phase {
            case .refused(let code, let sentence): throw .refused(code: code, sentence: sentence)
            case .closed: throw .closed
            case .open, .connecting: break
            }
            guard monitor.wait(until: deadline) else {
                if case .connecting(let why) = phase { throw .noRunner(path: path, why: why) }
                throw .noAnswer(to: question, seconds: limit.components.seconds)
            }
        }
    }

    // MARK: The thread

    /// Signals stay with the agent's own threads.
    func startThread() {
        var (all, before) = (sigset_t(), sigset_t())
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        var thread = pthread_t()
        let own = Unmanaged.passRetained(self)
        let result = pthread_create(&thread, nil, { Link.threadBody($0) }, own.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        if result == 0 { pthread_detach(thread) } else { own.release() }
    }

    private static func threadBody(_ own: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let own else { return nil }
        let link = Unmanaged<Link>.fromOpaque(own).takeRetainedValue()
        link.live()
        return nil
    }

    private static let longestPause = Duration.seconds(5)

    private func live() {
        var pause = Duration.milliseconds(50)
        while goesOn {
            let begun = Tick.now()
            switch StreamSocket.connect(to: path) {
            case .success(let connected):
                converse(over: connected)
                disconnect(connected)
                // One that lived was a good one: try again at once. One that did not may be a loop.
                if begun.after(Self.longestPause) < Tick.now() { pause = .milliseconds(50) }
            case .failure(let error):
                monitor.locked { if case .connecting = phase { phase = .connecting(lastFailure: error.text) } }
            }
            rest(pause)
            pause = min(pause * 2, Self.longestPause)
        }
    }

    private var goesOn: Bool {
        monitor.locked {
            switch phase {
            case .connecting, .open: true
            case .refused, .closed: false
            }
        }
    }

    private func rest(_ pause: Duration) {
        let deadline = Tick.now().after(pause)
        monitor.locked {
            while case .connecting = phase, monitor.wait(until: deadline) {}
        }
    }

    private func converse(over connected: StreamSocket) {
        let hello = Hello(
            sdk: settings.sdk, capabilities: ["prepare", "stop", "pressure"], stateSchema: settings.stateSchema,
            resumes: welcome?.incarnation)
        guard connected.send(AgentMessage.hello(hello).framed()) else { return }
        var reader = FrameReader()
        let welcomeBy = Tick.now().after(.seconds(30))
        var beatAt = welcomeBy
        while goesOn {
            switch connected.receive(until: beatAt) {
            case .end: return
            case .nothing: break
            case .bytes(let bytes):
                reader.push(bytes)
                // A runner that does not keep the protocol is left; the next connection may meet a better one.
                do {
                    while let frame = try reader.next() {
                        if let message = try RunnerMessage(frame: frame), !handle(message, on: connected) { return }
                    }
                } catch { return }
            }
            guard isOpen || Tick.now() < welcomeBy else { return }
            if isOpen { beatAt = beatWhenDue(beatAt == welcomeBy ? Tick.now() : beatAt) }
        }
    }

    private var isOpen: Bool { monitor.locked { socket != nil } }

    /// - Returns: when the next one is due.
    private func beatWhenDue(_ due: Tick) -> Tick {
        monitor.locked {
            guard settings.heartbeats == .fromThread, let every = welcomed?.beatEvery else { return Tick.now().after(.seconds(60)) }
            guard Tick.now() >= due else { return due }
            write(AgentMessage.beat(beat).framed())
            return Tick.now().after(max(.milliseconds(10), every / 3))
        }
    }

    /// - Returns: whether the connection goes on.
    private func handle(_ message: RunnerMessage, on connected: StreamSocket) -> Bool {
        monitor.locked {
            switch message {
            case .welcome(let welcome): open(connected, welcome)
            case .prepare(let request, _, _): prepareAsked = request
            case .resume(let request): answer(request, .resumed)
            case .committed(let request, let version): answer(request, .committed(version))
            case .aborted(let request, let reason): answer(request, .aborted(reason))
            case .effectResult(let request, let verdict): answer(request, .verdict(verdict))
            case .stop(let deadline, let reason): stop = (deadline, reason)
            case .pressure: pressed = true
            case .ping(let number): write(AgentMessage.pong(number).framed())
            case .refusal(let code, let sentence):
                if ["E-PROTOCOL-VERSION", "E-PROTOCOL-STRANGER", "E-PROTOCOL-OCCUPIED"].contains(code) {
                    phase = .refused(code: code, sentence: sentence)
                }
                monitor.wakeAll()
                return false
            }
            monitor.wakeAll()
            return true
        }
    }

    private func answer(_ request: UInt64, _ reply: Reply) {
        if prepareAsked == request { prepareAsked = nil }
        guard let question = questions[request] else { return }
        if question.isAwaited { questions[request]?.replies.append(reply) } else { settle(request) }
    }

    /// What was asked and not answered is asked again, in order; what the runner had asked is void.
    private func open(_ connected: StreamSocket, _ welcome: Welcome) {
        guard case .connecting = phase else { return }
        phase = .open
        socket = connected
        welcomed = welcome
        for (_, question) in questions.sorted(by: { $0.key < $1.key }) {
            if let frame = question.frame { write(frame) }
        }
        if let lastWord { write(lastWord) }
    }

    private func disconnect(_ connected: StreamSocket) {
        monitor.locked {
            socket = nil
            prepareAsked = nil
            if case .open = phase { phase = .connecting(lastFailure: "the connection was lost") }
            for (request, question) in questions where question.frame == nil { settle(request) }
            monitor.wakeAll()
        }
        Glibc.close(connected.descriptor)
    }
}
