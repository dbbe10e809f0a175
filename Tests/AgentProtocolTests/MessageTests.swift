import AgentModel
import AgentProtocol
import Testing

struct MessageTests {
    private static let point = SafePoint(state: .inline([0, 1, 255]), schema: "state 1", step: 7)
    private static let filePoint = SafePoint(state: .file(name: "state-1", size: 5 << 20, sha256: [UInt8](repeating: 9, count: 32)))

    static let fromAgent: [AgentMessage] = [
        .hello(Hello(sdk: "test 1")),
        .hello(Hello(oldest: 1, newest: 9, sdk: "t", capabilities: ["prepare", "stop"], stateSchema: "s", resumes: .max)),
        .beat(Beat()), .beat(Beat(step: .max, progress: 1, note: "ünïcode 🚀", tokens: 5, costMicroUSD: 6)),
        .prepared(request: 1 << 32, point), .prepared(request: 1, filePoint), .refused(request: 2, reason: "busy"),
        .save(request: 3, point),
        .save(request: 3, SafePoint(state: .inline([]))),
        .save(
            request: 4,
            SafePoint(state: .inline([UInt8](repeating: 7, count: ProtocolLimits.inlineState)), schema: String(repeating: "s", count: 4096))
        ),
        .effectBegin(request: 4, key: "k", description: "", idempotent: false),
        .effectBegin(request: 4, key: String(repeating: "k", count: 512), description: "d", idempotent: true),
        .effectEnd(request: 5, key: "k", result: []), .effectEnd(request: 5, key: "k", result: [UInt8](repeating: 0, count: 64 << 10)),
        .turn(waiting: true), .turn(waiting: false), .done(note: nil), .done(note: ""), .failed(reason: "gave up"), .pong(0),
    ]

    static let fromRunner: [RunnerMessage] = [
        .welcome(.plain()),
        .welcome(
            Welcome(
                version: 1, agent: "a", incarnation: 9, restoredFrom: VersionNumber(41), state: .inline([1]), stateSchema: "s",
                slept: .milliseconds(1500), changed: ["spec", "host"], beatEvery: .seconds(3))),
        .prepare(request: 1 << 32, deadline: .seconds(30), reason: .schedule), .prepare(request: 1, deadline: .zero, reason: .operator),
        .resume(request: 1), .committed(request: 1, version: VersionNumber(42)), .aborted(request: 1, reason: "the disk is full"),
        .stop(deadline: .seconds(10), reason: "asked"), .pressure, .effectResult(request: 1, .proceed),
        .effectResult(request: 1, .done(result: [1, 2])), .effectResult(request: 1, .unknown), .effectResult(request: 1, .recorded),
        .effectResult(request: 1, .denied(reason: "full")), .refusal(code: "E-PROTOCOL-VERSION", reason: "no."), .ping(.max),
    ]

    @Test(arguments: fromAgent) func whatAnAgentSaysArrives(_ message: AgentMessage) throws {
        #expect(try AgentMessage(frame: onlyFrame(of: message.framed())) == message)
    }

    @Test(arguments: fromRunner) func whatTheRunnerSaysArrives(_ message: RunnerMessage) throws {
        #expect(try RunnerMessage(frame: onlyFrame(of: message.framed())) == message)
    }

    @Test(arguments: fromRunner) func anAgentThatTalksLikeARunnerIsTold(_ message: RunnerMessage) throws {
        let frame = try onlyFrame(of: message.framed())
        #expect { try AgentMessage(frame: frame) } throws: { ($0 as? ProtocolFault)?.code == "E-PROTOCOL-DIRECTION" }
    }

    @Test func textsForPeopleAreCutAndNULsReplaced() throws {
        let long = String(repeating: "é", count: 4000)
        guard case .failed(let reason)? = try AgentMessage(frame: onlyFrame(of: AgentMessage.failed(reason: long).framed())) else {
            Issue.record("not a failure")
            return
        }
        #expect(reason == String(repeating: "é", count: 2048))
        let holed = AgentMessage.done(note: "a\0b").framed()
        #expect(try AgentMessage(frame: onlyFrame(of: holed)) == .done(note: "a\u{fffd}b"))
    }

    private func onlyFrame(of bytes: [UInt8]) throws -> [UInt8] {
        var reader = FrameReader()
        reader.push(bytes)
        let frame = try #require(try reader.next())
        #expect(reader.pending == 0)
        return frame
    }
}
