internal import AgentModel
internal import AgentProtocol
internal import Glibc

/// The thread that connects, reads, beats and connects again. It alone closes the socket.
extension Link {
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

    private static var longestPause: Duration { .seconds(5) }

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
        guard question.isAwaited else { return settle(request) }
        questions[request]?.replies.append(reply)
        // From here on the agent moves, so the state it handed over is old: it must not be asked about again. This cannot wait until the
        // agent's own thread has seen the reply, because the connection may break before.
        if case .resumed = reply { questions[request]?.frame = nil }
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
            for (request, question) in questions where question.frame == nil {
                if question.isAwaited { questions[request]?.isVoid = true } else { settle(request) }
            }
            monitor.wakeAll()
        }
        Glibc.close(connected.descriptor)
    }
}
