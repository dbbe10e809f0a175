// Incidents: what went wrong with an agent, as a value and as a page a person can act on. Computes. Imports no platform module.

internal import AgentModel
public import Recovery

/// What went wrong, in one stable word: what hooks, metrics and filters go by. Additive only.
public enum Cause: String, Hashable, Sendable, Codable, CaseIterable {
    case exit, signal
    case outOfMemory = "out-of-memory"
    case vanished
    case heartbeat
    case noSignOfLife = "no-sign-of-life"
    case startFailure = "start-failure"
    case reportedFailure = "reported-failure"
    case lost

    public init(_ fault: Fault) {
        switch fault {
        case .ended(.exited): self = .exit
        case .ended(.signaled(_, outOfMemory: true)): self = .outOfMemory
        case .ended(.signaled(_, outOfMemory: false)): self = .signal
        case .ended(.unknown): self = .vanished
        case .missedHeartbeat: self = .heartbeat
        case .noSignOfLife: self = .noSignOfLife
        case .couldNotStart: self = .startFailure
        case .reportedFailure: self = .reportedFailure
        case .lost: self = .lost
        }
    }
}
