// AgentProtocol: the cooperative protocol as values and bytes. Computes. Documentation: docs/protocol.md

public import AgentModel

/// The newest version of the protocol this code speaks, and the oldest it still does.
public enum ProtocolVersion {
    public static let newest: UInt32 = 1
    public static let oldest: UInt32 = 1
}

/// State an agent hands over or is handed back.
public enum StatePayload: Hashable, Sendable {
    /// At most 1 MiB.
    case inline([UInt8])
    /// A regular file directly in the staging directory, by name; its size and SHA-256 are checked by whoever reads it.
    case file(name: String, size: UInt64, sha256: [UInt8])
}

// MARK: Agent to runner

public struct Hello: Hashable, Sendable {
    /// Range of protocol versions the agent speaks.
    public var oldest: UInt32
    public var newest: UInt32
    /// "runner-python 0.1.0"
    public var sdk: String
    /// What it can do: "prepare", "stop", "pressure". Unknown ones are ignored.
    public var capabilities: [String]
    /// Name and number of the agent's own state format; handed back with the state.
    public var stateSchema: String?
    /// Incarnation it already got a `welcome` for, when it re-connects.
    public var resumes: UInt64?
    public init(
        oldest: UInt32 = ProtocolVersion.oldest, newest: UInt32 = ProtocolVersion.newest, sdk: String, capabilities: [String] = [],
        stateSchema: String? = nil, resumes: UInt64? = nil
    ) {
        self.oldest = oldest
        self.newest = newest
        self.sdk = sdk
        self.capabilities = capabilities
        self.stateSchema = stateSchema
        self.resumes = resumes
    }
}

public struct Beat: Hashable, Sendable {
    public var step: UInt64?
    /// 0 to 1.
    public var progress: Double?
    public var note: String?
    /// Since the agent's start, never falling.
    public var tokens: UInt64?
    public var costMicroUSD: UInt64?
    public init(step: UInt64? = nil, progress: Double? = nil, note: String? = nil, tokens: UInt64? = nil, costMicroUSD: UInt64? = nil) {
        self.step = step
        self.progress = progress
        self.note = note
        self.tokens = tokens
        self.costMicroUSD = costMicroUSD
    }
}

/// State at a safe point. The agent stands still until `resume` or `aborted`.
public struct SafePoint: Hashable, Sendable {
    public var state: StatePayload
    public var schema: String?
    public var step: UInt64?
    public init(state: StatePayload, schema: String? = nil, step: UInt64? = nil) {
        self.state = state
        self.schema = schema
        self.step = step
    }
}

public enum AgentMessage: Hashable, Sendable {
    case hello(Hello)
    case beat(Beat)
    /// Answer to `prepare`, by its number.
    case prepared(request: UInt64, SafePoint)
    case refused(request: UInt64, reason: String)
    /// The agent's own wish for a checkpoint, at its own safe point. `request` is the agent's number; `resume`, `committed`, `aborted` carry it.
    case save(request: UInt64, SafePoint)
    /// `idempotent`: doing it again with the same key is harmless.
    case effectBegin(request: UInt64, key: String, description: String, idempotent: Bool)
    /// `result` at most 64 KiB; handed back to whoever begins the same key again.
    case effectEnd(request: UInt64, key: String, result: [UInt8])
    /// Waiting for the model (`true`) or back at work: the best moment to cut.
    case turn(waiting: Bool)
    case done(note: String?)
    case failed(reason: String)
    /// Answer to `ping`, and how a peer proves that the connection lives.
    case pong(UInt64)
}

// MARK: Runner to agent

public struct Welcome: Hashable, Sendable {
    public var version: UInt32
    public var agent: String
    public var incarnation: UInt64
    /// The version it was restored from; nil: a clean start.
    public var restoredFrom: VersionNumber?
    public var state: StatePayload?
    public var stateSchema: String?
    /// Calendar time between the cut and now; nil on a clean start.
    public var slept: Duration?
    /// What changed since the cut, a name each: "spec", "environment", "host", "connections", "agent".
    public var changed: [String]
    /// How often the runner expects a `beat` at the least; nil: it does not watch for them.
    public var beatEvery: Duration?
    public init(
        version: UInt32, agent: String, incarnation: UInt64, restoredFrom: VersionNumber?, state: StatePayload?, stateSchema: String?,
        slept: Duration?, changed: [String], beatEvery: Duration?
    ) {
        self.version = version
        self.agent = agent
        self.incarnation = incarnation
        self.restoredFrom = restoredFrom
        self.state = state
        self.stateSchema = stateSchema
        self.slept = slept
        self.changed = changed
        self.beatEvery = beatEvery
    }
}

public enum EffectVerdict: Hashable, Sendable {
    /// Not known: it is now begun, do it.
    case proceed
    /// Done before; here is what was recorded.
    case done(result: [UInt8])
    /// Begun before and never ended: nobody knows whether it happened. Held until a rule or a person decides.
    case unknown
    /// `effectEnd` was recorded, durably.
    case recorded
    /// Could not be recorded (a full disk, a bad key); do not do it.
    case denied(reason: String)
}

public enum RunnerMessage: Hashable, Sendable {
    case welcome(Welcome)
    /// Go to a safe point and answer `prepared` within `deadline`.
    case prepare(request: UInt64, deadline: Duration, reason: CheckpointReason)
    /// The cut is taken: go on. `committed` or `aborted` comes later.
    case resume(request: UInt64)
    /// The version is durable.
    case committed(request: UInt64, version: VersionNumber)
    /// Nothing was stored; go on.
    case aborted(request: UInt64, reason: String)
    /// End within `deadline`.
    case stop(deadline: Duration, reason: String)
    /// Please shrink.
    case pressure
    case effectResult(request: UInt64, EffectVerdict)
    /// The connection is refused and will be closed; a whole sentence.
    case refusal(code: String, reason: String)
    case ping(UInt64)
}
