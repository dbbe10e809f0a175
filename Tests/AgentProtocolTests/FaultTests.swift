import AgentProtocol
import FoundationEssentials
import Testing

struct FaultTests {
    static let sentences: [(ProtocolFault, String, String)] = [
        (
            .frameTooLong(bytes: 4_294_967_295), "E-PROTOCOL-FRAME-SIZE",
            "could not read a frame: it says 4294967295 bytes and may have 1114112. Send large state as a file in the staging directory."
        ),
        (
            .endedInsideFrame(bytes: 2), "E-PROTOCOL-TRUNCATED",
            "could not read a frame: the connection ended after 2 bytes of it. Nothing of it was used; connect again."
        ),
        (
            .malformed("it ends inside a number"), "E-PROTOCOL-MALFORMED",
            "could not read a frame: it ends inside a number. Encode one Envelope of proto/agent.proto in each frame."
        ),
        (.badText(field: "note"), "E-PROTOCOL-TEXT", "could not read 'note': it is not UTF-8 without NUL. Send bytes as bytes."),
        (
            .aboveLimit(field: "key", count: 513, limit: 512), "E-PROTOCOL-LIMIT",
            "could not read 'key': it has 513 and may have 512. Send less."
        ),
        (
            .badValue(field: "progress", rule: "from 0 to 1"), "E-PROTOCOL-VALUE",
            "could not accept 'progress': it must be from 0 to 1. Send another."
        ),
        (
            .wrongDirection(message: "ping"), "E-PROTOCOL-DIRECTION",
            "could not accept 'ping': only the other side sends it. Mend the agent or its SDK."
        ),
        (
            .notHello(message: "beat"), "E-PROTOCOL-HELLO-FIRST",
            "could not accept 'beat': the first message must be 'hello'. Say it at once after connecting."
        ),
        (
            .helloLate(after: .seconds(5)), "E-PROTOCOL-HELLO-LATE",
            "could not keep the connection: no 'hello' came within 5 s. Say hello at once after connecting."
        ),
        (.secondHello, "E-PROTOCOL-HELLO-TWICE", "could not accept 'hello': it was said already. Connect again to begin anew."),
        (
            .beforeWelcome(message: "save"), "E-PROTOCOL-BEFORE-WELCOME",
            "could not accept 'save': 'welcome' has not been sent. Wait for it before any request."
        ),
        (
            .noCommonVersion(agent: 2...3, runner: 1...1), "E-PROTOCOL-VERSION",
            "could not agree on a protocol version: the agent speaks versions 2 to 3, this runner version 1. Update the older one."
        ),
        (
            .stranger, "E-PROTOCOL-STRANGER",
            "could not accept the connection: it comes from outside the agent's sandbox. Only the agent itself may connect here."
        ),
        (
            .occupied, "E-PROTOCOL-OCCUPIED",
            "could not accept the connection: the agent is connected already. Use one connection, or name the incarnation it resumes."
        ),
        (
            .badRequestNumber(0, rule: "from 1 to 4294967295"), "E-PROTOCOL-REQUEST",
            "could not accept request 0: its number must be from 1 to 4294967295. Count up from 1."
        ),
        (
            .notAsked(request: 9), "E-PROTOCOL-NOT-ASKED",
            "could not accept an answer to request 9: no 'prepare' with that number was sent on this connection. Answer what was asked."
        ),
        (.flood("64 requests are open"), "E-PROTOCOL-FLOOD", "could not accept a request: 64 requests are open. Wait for an answer first."),
        (
            .afterEnd(message: "save"), "E-PROTOCOL-AFTER-END",
            "could not accept 'save': the agent said that it ended. Nothing but 'pong' and 'beat' may follow."
        ),
    ]

    @Test(arguments: sentences) func aFaultSaysWhatWhyAndWhatNext(_ fault: ProtocolFault, _ code: String, _ sentence: String) throws {
        #expect(fault.code == code)
        #expect(fault.sentence == sentence)
        let page = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/protocol.md")
        #expect(try String(contentsOf: page, encoding: .utf8).contains("| `\(code)` |"), "docs/protocol.md must list \(code)")
    }
}
