/// Why something an agent asked its runner for did not happen.
public enum AgentFault: Error, Hashable, Sendable {
    /// `$RUNNER_SOCKET` is set and nobody answers there.
    case noRunner(path: String, why: String)
    /// The runner does not want this process. With its own code and sentence.
    case refused(code: String, sentence: String)
    case noAnswer(to: String, seconds: Int64)
    /// The checkpoint was not stored; the agent goes on as before.
    case notSaved(reason: String)
    /// What the runner handed back is not what was handed over.
    case stateUnreadable(String)
    case stateNotHandedOver(String)
    case badKey
    /// It was begun before and never ended: nobody knows whether it happened. Do not do it; a rule or a person settles it.
    case effectUnknown(key: String)
    case effectDenied(key: String, reason: String)
    case resultTooLong(key: String, bytes: Int, limit: Int)
    case closed

    public var code: String {
        switch self {
        case .noRunner: "E-AGENT-NO-RUNNER"
        case .refused(let code, _): code
        case .noAnswer: "E-AGENT-NO-ANSWER"
        case .notSaved: "E-AGENT-NOT-SAVED"
        case .stateUnreadable: "E-AGENT-STATE"
        case .stateNotHandedOver: "E-AGENT-STAGING"
        case .badKey: "E-AGENT-KEY"
        case .effectUnknown: "E-AGENT-EFFECT-UNKNOWN"
        case .effectDenied: "E-AGENT-EFFECT-DENIED"
        case .resultTooLong: "E-AGENT-RESULT"
        case .closed: "E-AGENT-CLOSED"
        }
    }

    /// One line for a person.
    public var sentence: String {
        switch self {
        case .noRunner(let path, let why):
            "could not reach the runner at '\(path)': \(why). Start the agent with 'runner run', or unset RUNNER_SOCKET."
        case .refused(_, let sentence): sentence
        case .noAnswer(let question, let seconds):
            "could not get an answer to '\(question)': the runner was silent for \(seconds) s. Look at its log."
        case .notSaved(let reason): "could not save a checkpoint: \(reason). The agent goes on; the version before is as it was."
        case .stateUnreadable(let why):
            "could not read the state handed back: \(why). Start clean with 'runner restart AGENT --from clean'."
        case .stateNotHandedOver(let why): "could not hand over the state: \(why). Nothing was stored; the agent goes on."
        case .badKey:
            "could not begin an effect: its key must have 1 to 512 bytes and no control characters. Name the effect, not the attempt."
        case .effectUnknown(let key):
            "could not begin effect '\(key)': it was begun before and nobody knows whether it happened. Settle it with 'runner settle'."
        case .effectDenied(let key, let reason): "could not record effect '\(key)': \(reason). Do not do it unrecorded."
        case .resultTooLong(let key, let bytes, let limit):
            "could not record the result of effect '\(key)': it has \(bytes) bytes and may have \(limit). Keep it in the workspace, record its name."
        case .closed: "could not ask the runner: this agent has closed its connection. Ask before 'close'."
        }
    }
}
