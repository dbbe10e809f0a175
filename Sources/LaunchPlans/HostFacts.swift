// LaunchPlans: what will be started, as a value that can be printed. Decides. Imports no platform module.

public import AgentModel

/// What the host allows, found out once by the front and handed in. Also what `runner doctor` prints.
public struct HostFacts: Hashable, Sendable, Codable {
    /// What stands between asking and having.
    public enum Availability: Hashable, Sendable {
        case available
        /// One sentence: why not, and what would change it.
        case missing(String)
    }
    /// Which control groups there are and where an agent's group may be made.
    public enum ControlGroups: Hashable, Sendable {
        /// Mount point of each usable version 1 controller: "memory", "cpu", "pids", "freezer".
        case v1([String: String])
        /// The directory below which groups may be made, and the controllers delegated there.
        case v2(root: String, controllers: [String])
        case none(String)
    }
    public var userID: UInt32
    public var groupID: UInt32
    public var kernelRelease: String
    public var hostName: String
    public var processors: Int
    public var memory: ByteCount
    public var namespaces: Availability
    public var controlGroups: ControlGroups
    /// Where `runner-init` was found.
    public var sandboxInit: Availability
    /// Where `runner-archive` was found.
    public var archiveHelper: Availability
    public var bootID: String

    public init(
        userID: UInt32, groupID: UInt32, kernelRelease: String, hostName: String, processors: Int, memory: ByteCount,
        namespaces: Availability, controlGroups: ControlGroups, sandboxInit: Availability, archiveHelper: Availability = .available,
        bootID: String
    ) {
        self.userID = userID
        self.groupID = groupID
        self.kernelRelease = kernelRelease
        self.hostName = hostName
        self.processors = processors
        self.memory = memory
        self.namespaces = namespaces
        self.controlGroups = controlGroups
        self.sandboxInit = sandboxInit
        self.archiveHelper = archiveHelper
        self.bootID = bootID
    }
}
