// ControlSocket: what an operator's command says to a supervisor. One JSON object a line, one request and its replies a connection.

public import AgentModel

public enum ControlRequest: Hashable, Sendable, Codable {
    /// Is a supervisor there, and who. Answered at once.
    case status
    /// `wait` false: answered when the checkpoint has begun, else when it is stored or failed. `mode` nil: as the spec says. `stop`: no
    /// instruction of the agent runs after the cut where its processes are part of it; it is then stopped. `force`: a version is made even where there is nothing new.
    /// `sparing`: retention does not take that one away for it, since somebody is about to go back to it.
    case checkpoint(wait: Bool, mode: CheckpointMode? = nil, stop: Bool = false, force: Bool = false, sparing: VersionNumber? = nil)
    /// Checkpoint, stop the agent, end the supervisor. Answered when the agent is gone.
    case stop(checkpoint: Bool)
    /// Stop what runs and start it again. Answered when the new incarnation runs (or could not be started).
    case restart(from: Origin?)
    /// Stop what runs, roll back, start from the version. Answered as `restart`.
    case restore(VersionNumber, workspace: Bool, state: Bool)
    /// To disk: its last version, then nothing of it runs. Answered when nothing of it is left, or when it could not be kept and runs on.
    /// `until` nil: until somebody wants it up.
    case suspend(until: WallTime?)
    /// Back from disk. Answered as `restart`.
    case resume
    /// What would its next version hold, and what stands in the way of the rest. Answered at once; nothing is done.
    case preflight
    /// A person's decision about an effect that is `unknown`: it happened (with this result) or it did not.
    case settleEffect(key: String, happened: Bool, result: String?)
    /// Keep a version whatever retention says, or no longer. Answered `done`.
    case pin(VersionNumber, pinned: Bool)
    /// A verification found this of a version. Answered `done`.
    case mark(VersionNumber, Standing, because: String)
}

extension ControlRequest {
    /// What is asked, in words: "checkpoint, and wait for it".
    public var words: String {
        switch self {
        case .status: "tell the status"
        case .checkpoint(let wait, let mode, let stop, let force, let spared):
            "checkpoint" + (mode.map { " (\($0.rawValue))" } ?? "") + (stop ? " and stop" : "") + (force ? ", whatever there is" : "")
                + (spared.map { ", to go back to version \($0)" } ?? "") + (wait ? ", and wait for it" : "")
        case .stop(let checkpoint): checkpoint ? "stop, after a checkpoint" : "stop without a checkpoint"
        case .restart(nil): "restart"
        case .restart(.clean): "restart from a clean state"
        case .restart(.version(let version)): "restart from version \(version)"
        case .restore(let version, true, false): "restore the workspace of version \(version)"
        case .restore(let version, false, true): "restore the state of version \(version)"
        case .restore(let version, _, _): "restore version \(version)"
        case .suspend(let until): "suspend" + (until.map { " until \($0)" } ?? "")
        case .resume: "resume"
        case .preflight: "look at what the next version would hold"
        case .settleEffect(let key, let happened, _): "settle the effect '\(key)': it \(happened ? "happened" : "did not happen")"
        case .pin(let version, let pinned): "\(pinned ? "pin" : "unpin") version \(version)"
        case .mark(let version, let standing, let because): "mark version \(version) \(standing.rawValue): \(because)"
        }
    }
}

public enum ControlReply: Hashable, Sendable, Codable {
    /// The status as JSON, the same as the status file.
    case status(String)
    case done(String)
    case stored(CheckpointSummary)
    /// There is no new version: this one holds all that would be in it.
    case nothingNew(since: CheckpointSummary)
    case preflight(Preflight)
    /// A stable code and a whole sentence.
    case failed(code: String, sentence: String)
}
