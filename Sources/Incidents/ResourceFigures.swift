public import AgentModel

/// What the agent used when the first fault was seen. Everything may be unknown: without a cgroup nothing is counted.
public struct ResourceFigures: Hashable, Sendable, Codable {
    public var memory: ByteCount?
    public var memoryPeak: ByteCount?
    public var memoryLimit: ByteCount?
    public var cpu: Duration?
    public var processes: UInt64?
    /// From the launch of the incarnation to the fault.
    public var uptime: Duration?
    /// The agent's own step, when it said one.
    public var step: UInt64?
    /// Free in the file system of the store.
    public var storeFree: ByteCount?
    public init() {}
}
