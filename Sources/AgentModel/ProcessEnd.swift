/// How a process ended, as the kernel told it.
public enum ProcessEnd: Hashable, Sendable, Codable {
    /// It called exit with this status, 0 to 255.
    case exited(Int32)
    /// A signal ended it. `outOfMemory`: the cgroup's out-of-memory counter rose, so the kernel killed it for memory.
    case signaled(Int32, outOfMemory: Bool)
    /// It is gone and nobody could tell how (its sandbox was killed from outside, or the machine went down).
    case unknown

    /// The exit status `runner run` passes on: the agent's own, or 128 + the signal; 125 when nobody knows.
    public var exitStatus: Int32 {
        switch self {
        case .exited(let status): status
        case .signaled(let signal, _): 128 + signal
        case .unknown: 125
        }
    }
}
