// Built only with FUZZ in the environment, by dev/fuzz: libFuzzer brings its own main.

internal import AgentModel
internal import AgentProtocol
internal import EffectLedgers

/// One input is tried as everything a hostile peer or a damaged file can be. Whatever comes of it must be a value or a named fault.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    converse(bytes)
    if let message = try? AgentMessage(frame: bytes) { roundTrip(message) }
    if let message = try? RunnerMessage(frame: bytes) { roundTrip(message) }
    _ = try? NotifyDatagram(bytes)
    replay(bytes)
    return 0
}

/// A connection in which the runner asks for a checkpoint at once. Read in one piece and byte by byte, it must end the same way.
private func converse(_ bytes: [UInt8]) {
    let hello = AgentMessage.hello(Hello(sdk: "fuzz")).framed()
    let now = Moment(nanoseconds: 0)
    let asked = RunnerMessage.prepare(request: ProtocolLimits.firstRunnerRequest, deadline: .seconds(1), reason: .schedule)
    func open() -> AgentSession {
        var session = AgentSession(connectedAt: now)
        _ = session.receive(hello, at: now)
        _ = session.encoded(.welcome(welcome))
        _ = session.encoded(asked)
        return session
    }
    var whole = open()
    var pieces = open()
    let last = whole.receive(bytes, at: now).last
    let lastOfPieces = bytes.flatMap { pieces.receive([$0], at: now) }.last
    precondition(whole.isClosed == pieces.isClosed, "cut differently, it ends differently")
    if case .close(let fault)? = last, case .close(let other)? = lastOfPieces { precondition(fault == other) }
}

private let welcome = Welcome(
    version: 1, agent: "agent-7", incarnation: 1, restoredFrom: nil, state: nil, stateSchema: nil, slept: nil, changed: [], beatEvery: nil)

/// What was read can be written and read again, and is then the same.
private func roundTrip(_ message: AgentMessage) {
    precondition((try? AgentMessage(frame: Array(message.framed().dropFirst(4)))) == message, "\(message) changed on its way")
}

private func roundTrip(_ message: RunnerMessage) {
    precondition((try? RunnerMessage(frame: Array(message.framed().dropFirst(4)))) == message, "\(message) changed on its way")
}

/// A ledger that was read, compacted, is the same ledger without its damage.
private func replay(_ bytes: [UInt8]) {
    let replay = EffectLedger.replay(bytes)
    precondition(replay.validLength <= bytes.count)
    let again = EffectLedger.replay(replay.ledger.compacted(at: WallTime(seconds: 0)).flatMap { $0.encoded() })
    precondition(again.notices.isEmpty)
    precondition(again.ledger.entries.mapValues(\.outcome) == replay.ledger.entries.mapValues(\.outcome))
}
