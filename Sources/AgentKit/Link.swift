internal import AgentModel
internal import AgentProtocol

/// The living end of the protocol: one thread that connects, reads, beats and connects again; callers ask and wait.
/// `@unchecked Sendable`: every `var` is touched only inside `monitor.locked`.
final class Link: @unchecked Sendable {
    enum Phase { case connecting(lastFailure: String), open, refused(code: String, sentence: String), closed }

    /// How far a request of the agent, or its answer to `prepare`, has come.
    enum Reply { case verdict(EffectVerdict), resumed, committed(VersionNumber), aborted(String) }

    struct Question {
        /// Asked again, word for word, on the next connection. nil: void when the connection breaks (an answer to `prepare`, and a `save`
        /// after `resume`, because the agent stands still no more).
        var frame: [UInt8]?
        var replies: [Reply] = []
        /// A state file of ours, to be removed when the question is settled.
        var file: String?
        /// Whether somebody waits for more; if not, the next reply ends it.
        var isAwaited = true
        /// No more replies will come. Those that did are still taken first.
        var isVoid = false
    }

    let path: String
    let settings: AgentSettings
    let folder: StagingFolder?
    let monitor = Monitor()

    var socket: StreamSocket?
    var phase = Phase.connecting(lastFailure: "nobody has answered yet")
    var welcomed: Welcome?
    var questions: [UInt64: Question] = [:]
    private var lastRequest: UInt64 = 0
    var prepareAsked: UInt64?
    var beat = Beat()
    var stop: (deadline: Duration, reason: String)?
    var pressed = false
    /// `done` or `failed`, said again on every later connection.
    var lastWord: [UInt8]?

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
            if let question = questions[request], question.isVoid || !question.replies.isEmpty { settle(request) }
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

    func write(_ frame: [UInt8]) {
        guard let socket else { return }
        if !socket.send(frame) { socket.hangUp() }
    }

    private func nextReply(_ request: UInt64, _ name: String, within limit: Duration) throws(AgentFault) -> Reply? {
        do {
            try waitWhile(name, limit) { questions[request].map { $0.replies.isEmpty && !$0.isVoid } ?? false }
        } catch {
            settle(request)
            throw error
        }
        guard let reply = questions[request]?.replies.first else {
            settle(request)
            return nil
        }
        questions[request]?.replies.removeFirst()
        switch reply {
        case .resumed: break
        case .verdict, .committed, .aborted: settle(request)
        }
        return reply
    }

    func settle(_ request: UInt64) {
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
}
