// AgentKit: the Swift SDK for agents. Acts: sockets, files and one thread of its own. Documentation: docs/swift-sdk.md

public import AgentModel
internal import AgentProtocol

/// What a process that runs under `runner` uses to be cut at its own safe points, to get its state back, and to have its effects
/// remembered. Without a runner (`$RUNNER_SOCKET` is not set) every call does nothing and the program runs as it would alone.
///
///     let agent = try Agent(AgentSettings(stateSchema: "crawler 1"))
///     var done = try agent.restored(as: [String].self) ?? []
///     for page in pages where !done.contains(page) {
///         let answer = try agent.effect("ask \(page)", idempotent: true) { try askModel(about: page) }
///         done.append(page)
///         agent.beat(step: UInt64(done.count))
///         try agent.checkpointPoint(encoding: done, step: UInt64(done.count))
///         if agent.shouldStop { break }
///     }
///     try agent.done()
///
/// All calls may come from any thread. Not one of them may be made between `fork` and `exec`.
public final class Agent: Sendable {
    let link: Link?
    let settings: AgentSettings

    /// State the agent handed over at the version it was restored from; nil after a clean start, or without a runner.
    public let restored: RestoredState?

    /// Returns once the runner has welcomed the agent, or at once when there is none.
    /// - Throws: `noRunner` when nobody answers within `patience`, `refused`, or `stateUnreadable`.
    public init(_ settings: AgentSettings = AgentSettings()) throws(AgentFault) {
        self.settings = settings
        guard let path = settings.environment["RUNNER_SOCKET"], !path.isEmpty else {
            (link, restored) = (nil, nil)
            return
        }
        let link = Link(path: path, settings: settings)
        self.link = link
        link.startThread()
        do {
            try link.waitForWelcome()
            restored = try link.welcome.flatMap { welcome throws(AgentFault) in try RestoredState(welcome, from: link.folder) }
        } catch {
            link.close()
            throw error
        }
    }

    deinit { link?.close() }

    // MARK: Where it is

    public var isSupervised: Bool { link != nil }
    /// Which start of the agent this is, from 1; nil without a runner. It changes when the process itself is restored from an image.
    public var incarnation: UInt64? { link?.welcome?.incarnation }

    // MARK: What it tells

    /// How far it is. What is not said stays as it was. `tokens` and `costMicroUSD` count from the agent's start.
    public func beat(
        step: UInt64? = nil, progress: Double? = nil, note: String? = nil, tokens: UInt64? = nil, costMicroUSD: UInt64? = nil
    ) {
        let sound = progress.flatMap { $0.isNaN ? nil : min(max($0, 0), 1) }
        link?.tell(.beat(Beat(step: step, progress: sound, note: note, tokens: tokens, costMicroUSD: costMicroUSD)))
    }

    /// It waits for its model (or does so no longer): the best moment for a checkpoint.
    public func turn(waiting: Bool) { link?.tell(.turn(waiting: waiting)) }

    /// The task is complete. Exit with status 0 after it.
    public func done(note: String? = nil) throws(AgentFault) { try link?.end(with: .done(note: note)) }

    /// It gives up; what follows is recovery, whatever the exit status.
    public func failed(_ reason: String) throws(AgentFault) { try link?.end(with: .failed(reason: reason)) }

    /// Ends the connection. Later calls throw `closed`.
    public func close() { link?.close() }

    // MARK: What it is asked

    /// The runner wants it to end: finish the step, and leave.
    public var shouldStop: Bool { link?.stopAsked != nil }
    /// Why, and how long it had when it was asked.
    public var stopRequest: StopRequest? { link?.stopAsked.map { StopRequest(within: $0.deadline, reason: $0.reason) } }
    /// A checkpoint is wanted: get to a `checkpointPoint`.
    public var isCheckpointWanted: Bool { link?.prepareWanted != nil }
    /// Whether memory is short and the agent was asked to shrink. Asking takes the request.
    public func takePressure() -> Bool { link?.takePressure() ?? false }
}

public struct StopRequest: Hashable, Sendable {
    public var within: Duration
    public var reason: String
}

/// What a restore brought back.
public struct RestoredState: Hashable, Sendable {
    public var bytes: [UInt8]
    public var schema: String?
    public var version: VersionNumber
    /// Calendar time between the cut and now.
    public var slept: Duration
    /// What is not as it was: "spec", "environment", "host".
    public var changed: [String]

    init?(_ welcome: Welcome, from folder: StagingFolder?) throws(AgentFault) {
        guard let state = welcome.state, let version = welcome.restoredFrom else { return nil }
        bytes = try StagingFolder.takeBack(state, from: folder)
        schema = welcome.stateSchema
        self.version = version
        slept = welcome.slept ?? .zero
        changed = welcome.changed
    }
}
