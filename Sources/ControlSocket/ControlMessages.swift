// ControlSocket: what an operator's command says to a supervisor. One JSON object a line, one request and its replies a connection.

public import AgentModel

public enum ControlRequest: Hashable, Sendable, Codable {
    /// Is a supervisor there, and who. Answered at once.
    case status
    /// `wait` false: answered when the checkpoint has begun, else when it is stored or failed.
    case checkpoint(wait: Bool)
    /// Checkpoint, stop the agent, end the supervisor. Answered when the agent is gone.
    case stop(checkpoint: Bool)
    /// Stop what runs and start it again. Answered when the new incarnation runs (or could not be started).
    case restart(from: Origin?)
    /// Stop what runs, roll back, start from the version. Answered as `restart`.
    case restore(VersionNumber, workspace: Bool, state: Bool)
    /// A person's decision about an effect that is `unknown`: it happened (with this result) or it did not.
    case settleEffect(key: String, happened: Bool, result: String?)
    /// Keep a version whatever retention says, or no longer. Answered `done`.
    case pin(VersionNumber, pinned: Bool)
    /// A verification found this of a version. Answered `done`.
    case mark(VersionNumber, Standing, because: String)
}

public enum ControlReply: Hashable, Sendable, Codable {
    /// The status as JSON, the same as the status file.
    case status(String)
    case done(String)
    case stored(CheckpointSummary)
    /// A stable code and a whole sentence.
    case failed(code: String, sentence: String)
}
