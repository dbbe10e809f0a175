public import AgentModel

/// Everything needed to start one incarnation of an agent. Printable: `runner plan agent-7`.
public struct LaunchPlan: Hashable, Sendable, Codable {
    /// What separates the agent from the host.
    public enum Isolation: Hashable, Sendable, Codable {
        /// `runner-init` is pid 1 of its own pid, mount, ipc and uts namespaces.
        case namespaces(hostName: String)
        /// `runner-init` is a child subreaper between the runner and the agent. Why not more, in one sentence.
        case subreaper(because: String)
    }
    /// One control group for the agent; `runner-init` stays outside it.
    public struct ControlGroup: Hashable, Sendable, Codable {
        /// Where and which version.
        public var host: HostFacts.ControlGroups
        /// Below the controller's mount (v1) or root (v2): `runner/<store id>/<agent>`.
        public var path: String
        public var memoryLimit: ByteCount?
        /// Thousandths of one processor: 500 is half a core.
        public var cpuLimitMilli: UInt32?
        public var processLimit: UInt32?
        public init(host: HostFacts.ControlGroups, path: String, memoryLimit: ByteCount?, cpuLimitMilli: UInt32?, processLimit: UInt32?) {
            self.host = host
            self.path = path
            self.memoryLimit = memoryLimit
            self.cpuLimitMilli = cpuLimitMilli
            self.processLimit = processLimit
        }
    }
    /// Lines and columns.
    public struct TerminalSize: Hashable, Sendable, Codable {
        public var rows: UInt16
        public var columns: UInt16
        public init(rows: UInt16, columns: UInt16) {
            self.rows = rows
            self.columns = columns
        }
    }
    /// A directory of the host that is seen inside in the place of another: a private copy of a workspace, under the path that a process
    /// image names. Only with a mount namespace.
    public struct Bind: Hashable, Sendable, Codable {
        /// Absolute, both. `inside` is made when it is missing.
        public var host: String
        public var inside: String
        public init(host: String, inside: String) {
            self.host = host
            self.inside = inside
        }
    }
    /// What the agent sees of the network.
    public enum Network: String, Hashable, Sendable, Codable, CaseIterable {
        case host
        /// A network of its own with nothing in it but a loopback. Only with namespaces.
        case none
    }
    /// What the sandbox is for.
    public enum Purpose: String, Hashable, Sendable, Codable, CaseIterable {
        /// The agent's life: at most one of these, which outlives its supervisor and is adopted by the next.
        case life
        /// A restore beside it that is thrown away: at most one of these, which ends with its supervisor.
        case rehearsal
    }
    public struct Variable: Hashable, Sendable, Codable {
        public var name: String
        public var value: String
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    public var agent: AgentName
    public var origin: Origin
    /// Counts starts of this agent, from 1. The agent sees it in `welcome`.
    public var incarnation: UInt64
    /// argv; the first is looked up in the plan's own PATH when it holds no slash.
    public var arguments: [String]
    /// Complete: nothing is inherited beside it. Sorted by name.
    public var environment: [Variable]
    /// Absolute.
    public var workingDirectory: String
    /// nil: as the runner.
    public var userID: UInt32?
    public var groupID: UInt32?
    public var isolation: Isolation
    public var controlGroup: ControlGroup?
    /// Host directory that holds `agent.sock`, `notify.sock` and `staging/`; seen by the agent as `doorsInside`.
    public var doorsDirectory: String
    /// `/run/runner` inside a mount namespace, else the same as `doorsDirectory`.
    public var doorsInside: String
    /// Host directories hidden from the agent (the store, the control sockets). Only with a mount namespace.
    public var hiddenDirectories: [String]
    public var binds: [Bind]
    public var network: Network
    public var purpose: Purpose
    /// Open files the agent may hold.
    public var openFileLimit: UInt64?
    /// How long the sandbox waits for a supervisor after it lost one; then it stops the agent and ends. nil: for ever.
    public var adoptWithin: Duration?
    /// Signal that asks the agent to end, and how long it has before SIGKILL, also when the sandbox ends it on its own.
    public var stopSignal: Int32
    public var stopDeadline: Duration
    /// The agent has a terminal of this size for its standard streams. nil: it has pipes.
    public var terminal: TerminalSize?
    /// What the spec wanted and this host cannot give, a sentence each.
    public var losses: [String]

    public init(
        agent: AgentName, origin: Origin, incarnation: UInt64, arguments: [String], environment: [Variable], workingDirectory: String,
        userID: UInt32? = nil, groupID: UInt32? = nil, isolation: Isolation, controlGroup: ControlGroup? = nil, doorsDirectory: String,
        doorsInside: String, hiddenDirectories: [String] = [], binds: [Bind] = [], network: Network = .host, purpose: Purpose = .life,
        openFileLimit: UInt64? = nil, adoptWithin: Duration?, stopSignal: Int32 = 15, stopDeadline: Duration,
        terminal: TerminalSize? = nil, losses: [String] = []
    ) {
        self.agent = agent
        self.origin = origin
        self.incarnation = incarnation
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.userID = userID
        self.groupID = groupID
        self.isolation = isolation
        self.controlGroup = controlGroup
        self.doorsDirectory = doorsDirectory
        self.doorsInside = doorsInside
        self.hiddenDirectories = hiddenDirectories
        self.binds = binds
        self.network = network
        self.purpose = purpose
        self.openFileLimit = openFileLimit
        self.adoptWithin = adoptWithin
        self.stopSignal = stopSignal
        self.stopDeadline = stopDeadline
        self.terminal = terminal
        self.losses = losses
    }
}
