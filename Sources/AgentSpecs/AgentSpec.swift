// AgentSpecs: what a person wrote in agent.yaml, as a value that cannot be wrong, and every mistake with its place. Computes.

public import AgentModel
public import Recovery
public import Retention

/// One agent as its owner wants it. Documentation: docs/agent.yaml.md
public struct AgentSpec: Hashable, Sendable, Codable {
    public var name: AgentName
    /// argv. A single string in the file becomes `/bin/sh -c STRING`.
    public var command: [String]
    /// Absolute. Default: the directory of the spec file (or where the runner was called).
    public var workdir: String
    /// After `env_file` and expansion. Sorted by name in output.
    public var env: [String: String]
    /// Absolute; nil: the agent has no workspace and its versions hold none.
    public var workspace: String?
    /// Number or a name from /etc/passwd, as written.
    public var user: String?
    public var limits = Limits()
    public var checkpoint = Checkpoint()
    public var health = Health()
    public var recovery = RecoverySettings()
    public var restore = Restore()
    public var stop = Stop()
    public var effects = Effects()
    public var sandbox = Sandbox()
    public var log = Log()
    /// Higher is more important. Acted on when agents share a daemon.
    public var priority: Int = 0
    /// Absolute directory of hook executables; nil: none.
    public var hooks: String?

    public init(name: AgentName, command: [String], workdir: String, env: [String: String] = [:], workspace: String? = nil) {
        self.name = name
        self.command = command
        self.workdir = workdir
        self.env = env
        self.workspace = workspace
    }

    public struct Limits: Hashable, Sendable, Codable {
        public var memory: ByteCount?
        /// Thousandths of one processor: `50%` and `0.5` are 500, `200%` is 2000.
        public var cpuMilli: UInt32?
        public var processes: UInt32?
        public var openFiles: UInt64?
        public init() {}
    }

    public struct Checkpoint: Hashable, Sendable, Codable {
        public var mode: CheckpointMode = .auto
        public var every: Duration?
        /// Five fields, as written; checked.
        public var cron: String?
        /// How far ahead of UTC the clock is that `cron` is read on, and whose hours and days `keep` means.
        public var utcOffset: Duration = .zero
        public var keep = RetentionPolicy()
        public var keepAsides: Int = 3
        /// From `prepare` to a forced cut.
        public var deadline: Duration = .seconds(30)
        /// On SIGTERM and `runner stop`.
        public var onStop: Bool = true
        public var stateLimit: ByteCount = .mebibytes(1024)
        /// Bytes one version may take.
        public var sizeLimit: ByteCount = .mebibytes(10 * 1024)
        public var tcp: TCP = .close
        /// Workspace paths left out: exact, or a directory ending in '/'.
        public var exclude: [String] = []
        public var rehearsal = Rehearsal()
        /// Where a scheduled cut, or one by hand, holds nothing that the newest version does not hold, it becomes no version.
        public var skipUnchanged: Bool = true
        /// How long a cut that is due may wait for the agent to wait for its model.
        public var turnWait: Duration = .seconds(30)
        /// How often all that is stored is read and compared; nil: never.
        public var scrubEvery: Duration? = .seconds(7 * 86_400)
        public init() {}

        /// What becomes of established TCP connections in an image of processes.
        public enum TCP: String, Hashable, Sendable, Codable, CaseIterable {
            /// They are closed in what is restored, which connects anew.
            case close
            /// They go on where the other end still waits.
            case keep
        }
    }

    /// Whether versions with images of processes are restored once beside the living agent, to know that they can be.
    public struct Rehearsal: Hashable, Sendable, Codable {
        public enum When: String, Hashable, Sendable, Codable, CaseIterable {
            /// The first of each life, then one in `every`; where there is memory for it.
            case auto
            /// Each; where there is memory for it.
            case always
            case never
        }
        public var when: When = .auto
        public var every: Duration = .seconds(600)
        public init() {}
    }

    public struct Restore: Hashable, Sendable, Codable {
        /// When the memory of restored processes is there.
        public enum Memory: String, Hashable, Sendable, Codable, CaseIterable {
            /// Before they run.
            case eager
            /// Afterwards: what they touch first.
            case lazy
        }
        public var memory: Memory = .eager
        public init() {}
    }

    public struct Health: Hashable, Sendable, Codable {
        /// Silence longer than this is a hang. nil: heartbeats are not watched. Watched only after the first one.
        public var heartbeat: Duration?
        public init() {}
    }

    public struct Stop: Hashable, Sendable, Codable {
        /// SIGTERM unless said otherwise.
        public var signal: Int32 = 15
        public var deadline: Duration = .seconds(10)
        /// How long an agent may live without a supervisor.
        public var adoptWithin: Duration = .seconds(60)
        public init() {}
    }

    public struct Effects: Hashable, Sendable, Codable {
        public enum Unknown: String, Hashable, Sendable, Codable, CaseIterable {
            /// Wait for `runner settle`.
            case hold
            /// Do it again when the agent said it is idempotent, else hold.
            case retryIfIdempotent = "retry-if-idempotent"
        }
        public enum New: String, Hashable, Sendable, Codable, CaseIterable {
            /// The agent may begin it.
            case perform
            /// Only what was done already is answered, with its result.
            case deny
        }
        public var unknown: Unknown = .hold
        /// Of an effect that was not done yet.
        public var new: New = .perform
        public init() {}
    }

    /// What the agent sees of the host.
    public struct Sandbox: Hashable, Sendable, Codable {
        public enum Network: String, Hashable, Sendable, Codable, CaseIterable {
            case host
            /// Nothing but a loopback of its own.
            case none
        }
        public var network: Network = .host
        /// Absolute path at which the agent sees its workspace; nil: where it is.
        public var workspaceAt: String?
        public init() {}
    }

    /// Where the agent sees its workspace; nil: it has none.
    public var workspaceInside: String? { workspace.map { sandbox.workspaceAt ?? $0 } }

    public struct Log: Hashable, Sendable, Codable {
        /// A log file is turned over at this size …
        public var size: ByteCount = .mebibytes(10)
        /// … and so many old ones are kept.
        public var keep: Int = 5
        public init() {}
    }
}

extension KeyedDecodingContainer {
    func decode(_ type: AgentSpec.Sandbox.Type, forKey key: Key) throws -> AgentSpec.Sandbox {
        try decodeIfPresent(type, forKey: key) ?? AgentSpec.Sandbox()
    }

    func decode(_ type: AgentSpec.Effects.New.Type, forKey key: Key) throws -> AgentSpec.Effects.New {
        try decodeIfPresent(type, forKey: key) ?? .perform
    }

    /// A spec that was stored by a release without this section has its defaults.
    func decode(_ type: AgentSpec.Rehearsal.Type, forKey key: Key) throws -> AgentSpec.Rehearsal {
        try decodeIfPresent(type, forKey: key) ?? AgentSpec.Rehearsal()
    }
}
