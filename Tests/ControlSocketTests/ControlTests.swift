import AgentModel
import Testing

@testable import ControlSocket

private let summary = CheckpointSummary(
    version: VersionNumber(42), parts: VersionParts(workspace: true), reason: .operator, takenAt: WallTime(seconds: 1_795_250_280),
    size: ByteCount(9))

private let requests: [ControlRequest] = [
    .status, .checkpoint(wait: true), .checkpoint(wait: false), .stop(checkpoint: true), .stop(checkpoint: false), .restart(from: nil),
    .restart(from: .clean), .restart(from: .version(VersionNumber(4))), .restore(VersionNumber(4), workspace: true, state: true),
    .restore(VersionNumber(4), workspace: true, state: false), .restore(VersionNumber(4), workspace: false, state: true),
    .settleEffect(key: "pay\n-1", happened: true, result: "ok"), .settleEffect(key: "k", happened: false, result: nil),
    .preflight, .suspend(until: nil), .suspend(until: WallTime(seconds: 1_795_250_280)), .resume,
    .pin(VersionNumber(4), pinned: true), .mark(VersionNumber(4), .broken, because: "'state': it is missing"),
]

/// The fault `body` ends with.
private func refusal(_ body: () throws(ControlFault) -> Void) -> ControlFault? {
    do throws(ControlFault) { try body() } catch { return error }
    return nil
}

private let replies: [ControlReply] = [
    .preflight(
        Preflight(mode: .auto, criu: "4.2.1", missing: nil, blockers: ["fd 9 is an io_uring"], handsStateOver: false, workspace: "/work")),
    .status("{\n}"), .done("agent-7 is stopped"), .stored(summary), .failed(code: "E-STORE-FULL", sentence: "the disk is full"),
]

@Test(arguments: requests)
func aRequestIsOneLineAndComesBack(request: ControlRequest) throws {
    let line = try ControlCodec.line(request)
    #expect(line.last == 10 && line.dropLast().allSatisfy { $0 != 10 })
    #expect(try ControlCodec.request(Array(line.dropLast())) == request)
    #expect(!request.words.isEmpty && !request.words.contains("ControlRequest"))
}

@Test(arguments: replies)
func aReplyIsOneLineAndComesBack(reply: ControlReply) throws {
    let line = try ControlCodec.line(reply)
    #expect(line.last == 10 && line.dropLast().allSatisfy { $0 != 10 })
    #expect(try ControlCodec.reply(Array(line.dropLast())) == reply)
}

@Test(
    arguments: [
        ("", ControlFault.malformed("it is not JSON of a known message")), ("{", .malformed("it is not JSON of a known message")),
        ("[]", .malformed("it is not JSON of a known message")), (#"{"reboot":{}}"#, .malformed("it is not JSON of a known message")),
        (#"{"checkpoint":{}}"#, .malformed("'wait' is missing")),
        (#"{"checkpoint":{"wait":1}}"#, .malformed("'checkpoint.wait' has another type than expected")),
        (#"{"restart":{"from":"dirty"}}"#, .malformed("'restart.from' is not valid")),
    ])
func whatIsNoRequestIsRefusedByName(text: String, fault: ControlFault) {
    #expect(refusal { () throws(ControlFault) in _ = try ControlCodec.request(Array(text.utf8)) } == fault)
}

@Test(arguments: [1, 2, 3, 7, 64])
func linesDoNotDependOnHowTheyArrive(size: Int) throws {
    let stream = Array("one\n\ntwo\nthree\nun".utf8)
    var reader = LineReader(limit: 8)
    var lines: [String] = []
    for start in stride(from: 0, to: stream.count, by: size) {
        lines += try reader.push(Array(stream[start..<min(stream.count, start + size)])).map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(lines == ["one", "two", "three"])
    #expect(refusal { () throws(ControlFault) in try reader.finish() } == ControlFault.cutOff(bytes: 2))
}

@Test func aLineHasItsLimit() throws {
    var reader = LineReader(limit: 4)
    #expect(try reader.push(Array("1234".utf8)).isEmpty)
    #expect(refusal { () throws(ControlFault) in _ = try reader.push([53]) } == ControlFault.tooLong(limit: 4))
    let long = ControlReply.done(String(repeating: "x", count: 70_000))
    #expect(refusal { () throws(ControlFault) in _ = try ControlCodec.line(long) } == ControlFault.tooLong(limit: 65_536))
    let tooLong = [UInt8](repeating: 32, count: 65_537)
    #expect(refusal { () throws(ControlFault) in _ = try ControlCodec.request(tooLong) } == ControlFault.tooLong(limit: 65_536))
    #expect(ControlFault.tooLong(limit: 4).sentence == "the line is longer than 4 bytes")
    #expect(ControlFault.cutOff(bytes: 2).sentence == "the peer hung up after 2 bytes of a line")
}

@Test func randomBytesNeverDoMoreThanFail() {
    var seed: UInt64 = 42
    func next() -> UInt8 {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: seed >> 33)
    }
    for _ in 0..<2000 {
        let bytes = (0..<Int(next() % 64)).map { _ in next() }
        #expect((try? ControlCodec.request(bytes)) == nil)
    }
}
