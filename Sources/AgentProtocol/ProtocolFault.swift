/// What a peer did that the protocol does not allow. It ends the connection, never the agent. Documentation: docs/protocol.md#faults
public enum ProtocolFault: Error, Hashable, Sendable {
    case frameTooLong(bytes: Int)
    case endedInsideFrame(bytes: Int)
    case malformed(String)
    case badText(field: String)
    case aboveLimit(field: String, count: Int, limit: Int)
    case badValue(field: String, rule: String)
    case wrongDirection(message: String)
    case notHello(message: String)
    case helloLate(after: Duration)
    case secondHello
    case beforeWelcome(message: String)
    case noCommonVersion(agent: ClosedRange<UInt32>, runner: ClosedRange<UInt32>)
    case stranger
    case occupied
    case badRequestNumber(UInt64, rule: String)
    case notAsked(request: UInt64)
    case flood(String)
    case afterEnd(message: String)

    /// Stable; part of the documentation.
    public var code: String {
        switch self {
        case .frameTooLong: "E-PROTOCOL-FRAME-SIZE"
        case .endedInsideFrame: "E-PROTOCOL-TRUNCATED"
        case .malformed: "E-PROTOCOL-MALFORMED"
        case .badText: "E-PROTOCOL-TEXT"
        case .aboveLimit: "E-PROTOCOL-LIMIT"
        case .badValue: "E-PROTOCOL-VALUE"
        case .wrongDirection: "E-PROTOCOL-DIRECTION"
        case .notHello: "E-PROTOCOL-HELLO-FIRST"
        case .helloLate: "E-PROTOCOL-HELLO-LATE"
        case .secondHello: "E-PROTOCOL-HELLO-TWICE"
        case .beforeWelcome: "E-PROTOCOL-BEFORE-WELCOME"
        case .noCommonVersion: "E-PROTOCOL-VERSION"
        case .stranger: "E-PROTOCOL-STRANGER"
        case .occupied: "E-PROTOCOL-OCCUPIED"
        case .badRequestNumber: "E-PROTOCOL-REQUEST"
        case .notAsked: "E-PROTOCOL-NOT-ASKED"
        case .flood: "E-PROTOCOL-FLOOD"
        case .afterEnd: "E-PROTOCOL-AFTER-END"
        }
    }

    /// One line for the log and for the peer's `refusal`: what could not be done, why, and what to do.
    public var sentence: String {
        switch self {
        case .frameTooLong(let bytes):
            "could not read a frame: it says \(bytes) bytes and may have \(ProtocolLimits.frame). Send large state as a file in the staging directory."
        case .endedInsideFrame(let bytes):
            "could not read a frame: the connection ended after \(bytes) bytes of it. Nothing of it was used; connect again."
        case .malformed(let how):
            "could not read a frame: \(how). Encode one Envelope of proto/agent.proto in each frame."
        case .badText(let field):
            "could not read '\(field)': it is not UTF-8 without NUL. Send bytes as bytes."
        case .aboveLimit(let field, let count, let limit):
            "could not read '\(field)': it has \(count) and may have \(limit). Send less."
        case .badValue(let field, let rule):
            "could not accept '\(field)': it must be \(rule). Send another."
        case .wrongDirection(let message):
            "could not accept '\(message)': only the other side sends it. Mend the agent or its SDK."
        case .notHello(let message):
            "could not accept '\(message)': the first message must be 'hello'. Say it at once after connecting."
        case .helloLate(let after):
            "could not keep the connection: no 'hello' came within \(after.components.seconds) s. Say hello at once after connecting."
        case .secondHello:
            "could not accept 'hello': it was said already. Connect again to begin anew."
        case .beforeWelcome(let message):
            "could not accept '\(message)': 'welcome' has not been sent. Wait for it before any request."
        case .noCommonVersion(let agent, let runner):
            "could not agree on a protocol version: the agent speaks \(Self.shown(agent)), this runner \(Self.shown(runner)). Update the older one."
        case .stranger:
            "could not accept the connection: it comes from outside the agent's sandbox. Only the agent itself may connect here."
        case .occupied:
            "could not accept the connection: the agent is connected already. Use one connection, or name the incarnation it resumes."
        case .badRequestNumber(let number, let rule):
            "could not accept request \(number): its number must be \(rule). Count up from 1."
        case .notAsked(let request):
            "could not accept an answer to request \(request): no 'prepare' with that number was sent on this connection. Answer what was asked."
        case .flood(let what):
            "could not accept a request: \(what). Wait for an answer first."
        case .afterEnd(let message):
            "could not accept '\(message)': the agent said that it ended. Nothing but 'pong' and 'beat' may follow."
        }
    }

    private static func shown(_ versions: ClosedRange<UInt32>) -> String {
        versions.count == 1 ? "version \(versions.lowerBound)" : "versions \(versions.lowerBound) to \(versions.upperBound)"
    }
}
