/// Codes that agents and their SDKs meet: the runner logs them and sends them, no command ends with them.
enum AgentCode: String, CaseIterable {
    case frameSize = "E-PROTOCOL-FRAME-SIZE"
    case truncated = "E-PROTOCOL-TRUNCATED"
    case malformed = "E-PROTOCOL-MALFORMED"
    case text = "E-PROTOCOL-TEXT"
    case limit = "E-PROTOCOL-LIMIT"
    case value = "E-PROTOCOL-VALUE"
    case direction = "E-PROTOCOL-DIRECTION"
    case helloFirst = "E-PROTOCOL-HELLO-FIRST"
    case helloLate = "E-PROTOCOL-HELLO-LATE"
    case helloTwice = "E-PROTOCOL-HELLO-TWICE"
    case beforeWelcome = "E-PROTOCOL-BEFORE-WELCOME"
    case version = "E-PROTOCOL-VERSION"
    case stranger = "E-PROTOCOL-STRANGER"
    case occupied = "E-PROTOCOL-OCCUPIED"
    case request = "E-PROTOCOL-REQUEST"
    case notAsked = "E-PROTOCOL-NOT-ASKED"
    case flood = "E-PROTOCOL-FLOOD"
    case afterEnd = "E-PROTOCOL-AFTER-END"
    case noRunner = "E-AGENT-NO-RUNNER"
    case noAnswer = "E-AGENT-NO-ANSWER"
    case notSaved = "E-AGENT-NOT-SAVED"
    case state = "E-AGENT-STATE"
    case staging = "E-AGENT-STAGING"
    case key = "E-AGENT-KEY"
    case effectUnknown = "E-AGENT-EFFECT-UNKNOWN"
    case effectDenied = "E-AGENT-EFFECT-DENIED"
    case result = "E-AGENT-RESULT"
    case closed = "E-AGENT-CLOSED"

    var entry: ErrorEntry {
        let (title, explanation) = words
        return ErrorEntry(title, .failed, explanation, remedy: remedy)
    }

    private var remedy: String {
        switch self {
        case .noRunner: "Start the agent with 'runner run', or unset RUNNER_SOCKET to work without."
        case .noAnswer: "'runner logs AGENT' has what the runner did meanwhile; ask again."
        case .notSaved: "The message says why; the next checkpoint is tried as if this one had not been."
        case .state: "Mend the program, or start it without the state: 'runner restart AGENT --from clean'."
        case .staging: "Look at the disk that RUNNER_STAGING is on; 'runner status AGENT' tells whether it is full."
        case .key: "Name the effect, not the attempt: the same key every time the same effect is meant."
        case .effectUnknown: "Find out whether it happened, and say so: 'runner settle AGENT KEY --happened' or '--did-not-happen'."
        case .effectDenied: "Do not do it unrecorded; begin it again when 'runner status AGENT' shows no more trouble."
        case .result: "Keep the result in the workspace, and record its name."
        case .closed: "Ask before the end of the block, or before 'close'."
        default: "Mend the agent or its SDK; docs/protocol.md has the rules. The agent keeps running meanwhile."
        }
    }

    private var words: (title: String, explanation: String) {
        switch self {
        case .frameSize: ("a protocol frame is too long", "A frame announced more bytes than one may have. The connection is closed.")
        case .truncated: ("the connection ended inside a frame", "The peer closed, or died, while it was sending.")
        case .malformed: ("a frame is no message", "Its bytes are not the protocol's messages.")
        case .text: ("a text is not UTF-8", "Texts in messages are UTF-8.")
        case .limit: ("a field is over its limit", "Every field has a limit, checked before anything is done with it.")
        case .value: ("a field has a value it cannot have", "A number or word is outside of what the protocol allows.")
        case .direction: ("a message came from the wrong side", "It is one that only the runner sends.")
        case .helloFirst: ("the first message was not 'hello'", "A connection begins with 'hello'.")
        case .helloLate: ("'hello' came too late", "A connection that does not introduce itself in time is closed.")
        case .helloTwice: ("'hello' came twice", "A connection introduces itself once.")
        case .beforeWelcome: ("a message came before 'welcome'", "The agent waits for 'welcome' before it says more.")
        case .version: ("there is no common protocol version", "The SDK is older or newer than this runner speaks.")
        case .stranger: ("a stranger knocked", "Only processes of the agent itself may speak for it.")
        case .occupied: ("the agent is connected already", "One connection speaks for an agent; a second one is refused.")
        case .request: ("a request number was used wrongly", "Request numbers rise and are not used twice.")
        case .notAsked: ("an answer came without a question", "'prepared' and 'refused' answer a 'prepare'.")
        case .flood: ("too much too fast", "More messages waited than a connection may have.")
        case .afterEnd: ("a message came after 'done' or 'failed'", "These two are an agent's last words.")
        case .noRunner: ("the SDK finds no runner", "The program does not run under runner; the SDK then does nothing.")
        case .noAnswer: ("the runner did not answer the SDK in time", "It is busy or gone; the SDK connects again.")
        case .notSaved: ("the state was not saved", "The checkpoint the agent asked for failed; older versions are untouched.")
        case .state: ("the restored state cannot be read", "The bytes are whole but not what this program writes.")
        case .staging: ("the state could not be handed over", "The staging directory could not be written.")
        case .key: ("the key of an effect is not valid", "A key has a few hundred bytes at most and no control characters.")
        case .effectUnknown:
            ("nobody knows whether the effect happened", "It was open when the agent died. A person decides with 'runner settle'.")
        case .effectDenied: ("the effect may not be done", "The runner refused it; the message says why.")
        case .result: ("the result of an effect is too long", "Results are kept in the ledger and have a limit.")
        case .closed: ("the SDK was closed", "The agent said 'done' or left its block, and spoke on.")
        }
    }
}
