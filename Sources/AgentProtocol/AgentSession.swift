public import AgentModel

/// The runner's side of one connection: bytes in, events out. It keeps the order of messages, the limits and the deadlines, so that what
/// comes through may be acted on. Decides; touches no socket. Documentation: docs/protocol.md#states-of-a-connection
public struct AgentSession: Sendable {
    private enum Stage: Hashable, Sendable {
        case connected(helloBy: Moment)
        case introduced, open, ended, closed
    }
    private enum Request: Hashable, Sendable { case save, effect }

    private var stage: Stage
    private var reader = FrameReader()
    private let versions: ClosedRange<UInt32>
    private let helloWithin: Duration
    /// The `prepare` that is not answered, and the highest number ever sent here.
    private var openPrepare: UInt64?
    private var lastPrepare: UInt64?
    /// The agent's requests that are not answered.
    private var requests: [UInt64: Request] = [:]
    private var saidIgnored: Set<String> = []

    public init(
        connectedAt now: Moment, helloWithin: Duration = ProtocolLimits.helloWithin,
        versions: ClosedRange<UInt32> = ProtocolVersion.oldest...ProtocolVersion.newest
    ) {
        stage = .connected(helloBy: now + helloWithin)
        self.helloWithin = helloWithin
        self.versions = versions
    }

    /// When `tick` must be called at the latest; nil: nothing is waited for.
    public var deadline: Moment? {
        if case .connected(let helloBy) = stage { helloBy } else { nil }
    }

    public var isClosed: Bool { stage == .closed }
    /// Welcomed, and neither ended nor closed: requests may be sent to it.
    public var isOpen: Bool { stage == .open }
    /// The `prepare` the agent has not answered yet.
    public var unanswered: UInt64? { openPrepare }

    // MARK: In

    /// Takes bytes as they came. After `close` everything is ignored.
    public mutating func receive(_ bytes: [UInt8], at now: Moment) -> [SessionEvent] {
        guard stage != .closed else { return [] }
        var events = tick(at: now)
        reader.push(bytes)
        do {
            while stage != .closed, let frame = try reader.next() {
                if let message = try AgentMessage(frame: frame) {
                    try accept(message, into: &events)
                } else {
                    ignore("an envelope without a known body was ignored", into: &events)
                }
            }
        } catch {
            events += refuse(error)
        }
        return events
    }

    /// Looks at the clock.
    public mutating func tick(at now: Moment) -> [SessionEvent] {
        guard case .connected(let helloBy) = stage, now >= helloBy else { return [] }
        return refuse(.helloLate(after: helloWithin))
    }

    /// The peer closed. - Returns: what is to be logged, if anything.
    public mutating func finish() -> ProtocolFault? {
        defer { stage = .closed }
        guard stage != .closed, reader.pending > 0 else { return nil }
        return .endedInsideFrame(bytes: reader.pending)
    }

    // MARK: Out

    /// The frame to send; notes what it answers or asks. Empty when the connection is closed, and for an answer to an effect that was not
    /// asked for here (it was asked on an earlier connection; the agent asks again).
    public mutating func encoded(_ message: RunnerMessage) -> [UInt8] {
        guard stage != .closed else { return [] }
        switch message {
        case .welcome: stage = .open
        case .prepare(let request, _, _):
            openPrepare = request
            lastPrepare = max(request, lastPrepare ?? 0)
        case .resume(let request):
            if openPrepare == request { openPrepare = nil }
        case .aborted(let request, _):
            if openPrepare == request { openPrepare = nil }
            requests[request] = nil
        case .committed(let request, _): requests[request] = nil
        case .effectResult(let request, _):
            guard requests.removeValue(forKey: request) != nil else { return [] }
        case .refusal: stage = .closed
        case .stop, .pressure, .ping: break
        }
        return message.framed()
    }

    /// Ends the connection with a sentence for the peer.
    public mutating func refuse(_ fault: ProtocolFault) -> [SessionEvent] {
        let bytes = encoded(.refusal(code: fault.code, reason: fault.sentence))
        stage = .closed
        reader = FrameReader()
        return [.send(bytes), .close(fault)]
    }

    // MARK: The order of messages

    private mutating func accept(_ message: AgentMessage, into events: inout [SessionEvent]) throws(ProtocolFault) {
        switch (stage, message) {
        case (.connected, .hello(let hello)):
            events.append(.hello(hello, version: try agree(hello)))
            stage = .introduced
        case (.connected, _): throw .notHello(message: message.name)
        case (_, .hello): throw .secondHello
        case (.introduced, .beat), (.introduced, .turn), (.introduced, .pong): append(message, to: &events)
        case (.introduced, _): throw .beforeWelcome(message: message.name)
        case (.open, _): try correlate(message, into: &events)
        case (.ended, .pong), (.ended, .beat): append(message, to: &events)
        case (.ended, _): throw .afterEnd(message: message.name)
        case (.closed, _): break
        }
    }

    private func agree(_ hello: Hello) throws(ProtocolFault) -> UInt32 {
        let newest = min(hello.newest, versions.upperBound)
        guard newest >= max(hello.oldest, versions.lowerBound) else {
            throw .noCommonVersion(agent: hello.oldest...hello.newest, runner: versions)
        }
        return newest
    }

    private mutating func correlate(_ message: AgentMessage, into events: inout [SessionEvent]) throws(ProtocolFault) {
        switch message {
        case .prepared(let request, _), .refused(let request, _):
            guard let lastPrepare, request <= lastPrepare, request > 0 else { throw .notAsked(request: request) }
            guard openPrepare == request else {
                return ignore("a late answer to 'prepare' was ignored", into: &events)
            }
            openPrepare = nil
        case .save(let request, _):
            guard !requests.values.contains(.save) else { throw .flood("a 'save' is open already") }
            try open(request, .save)
        case .effectBegin(let request, _, _, _), .effectEnd(let request, _, _): try open(request, .effect)
        case .done, .failed: stage = .ended
        case .hello, .beat, .turn, .pong: break
        }
        append(message, to: &events)
    }

    private mutating func open(_ request: UInt64, _ kind: Request) throws(ProtocolFault) {
        guard (1...ProtocolLimits.lastAgentRequest).contains(request) else {
            throw .badRequestNumber(request, rule: "from 1 to \(ProtocolLimits.lastAgentRequest)")
        }
        guard requests[request] == nil else { throw .badRequestNumber(request, rule: "one that is not open") }
        guard requests.count < ProtocolLimits.openRequests else { throw .flood("\(ProtocolLimits.openRequests) requests are open") }
        requests[request] = kind
    }

    /// Beats that follow each other become one, so that a flood of them costs the supervisor one event.
    private func append(_ message: AgentMessage, to events: inout [SessionEvent]) {
        if case .beat(let newer) = message, case .message(.beat(let older))? = events.last {
            events[events.count - 1] = .message(.beat(older.merged(with: newer)))
        } else {
            events.append(.message(message))
        }
    }

    private mutating func ignore(_ what: String, into events: inout [SessionEvent]) {
        if saidIgnored.insert(what).inserted { events.append(.ignored(what)) }
    }
}

extension Beat {
    /// The newest of each field.
    public func merged(with newer: Beat) -> Beat {
        Beat(
            step: newer.step ?? step, progress: newer.progress ?? progress, note: newer.note ?? note, tokens: newer.tokens ?? tokens,
            costMicroUSD: newer.costMicroUSD ?? costMicroUSD)
    }
}

extension AgentMessage {
    /// As proto/agent.proto calls it.
    public var name: String {
        switch self {
        case .hello: "hello"
        case .beat: "beat"
        case .prepared: "prepared"
        case .refused: "refused"
        case .save: "save"
        case .effectBegin: "effect_begin"
        case .effectEnd: "effect_end"
        case .turn: "turn"
        case .done: "done"
        case .failed: "failed"
        case .pong: "pong"
        }
    }
}
