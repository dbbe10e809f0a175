internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld
internal import StatusViews

/// What going back takes away is kept first, state and files, and the command that brings it back is told afterwards.
/// Documentation: docs/time-travel.md#rollback
struct Undo {
    /// The way back.
    struct Way {
        var command: String
        /// false: it brings back files and nothing else.
        var isWhole: Bool

        var sentence: String { "'\(command)' undoes this\(isWhole ? "" : ", as far as its files go")" }
    }

    let agent: AgentName
    /// What it goes back to.
    let target: VersionNumber
    /// nil: all of it.
    let part: RestorePart?
    let store: CheckpointStore
    let bench: Workbench
    /// What is left for the restore of the time there was.
    private(set) var left: Duration
    private let highest: VersionNumber
    /// The life that is left.
    private let incarnation: UInt64?
    /// The version that holds all of it. nil: there is none, and the restore's aside holds the files.
    private var kept: VersionNumber?
    /// Its files were changed since, and stay: only what it starts from is brought back.
    private var isOfStateAlone = false
    /// A checkpoint was asked for that may still come.
    private var isOwed = false

    /// Keeps what is there: a living agent is asked for a checkpoint.
    /// - Parameters:
    ///   - position: where the agent is now.
    ///   - limit: the time there is for this and the restore. An agent that hangs takes no more than half of it.
    init(
        _ agent: AgentName, to target: VersionNumber, of part: RestorePart? = nil, from position: CheckpointSummary?,
        within limit: Duration, in store: CheckpointStore, on bench: Workbench
    ) throws(CommandFault) {
        self.agent = agent
        self.target = target
        self.part = part
        self.store = store
        self.bench = bench
        left = limit
        highest = try bench.versions(of: agent, in: store).last?.version ?? VersionNumber(0)
        let begun = bench.machine.now()
        let status = try? bench.status(of: agent, in: store)
        incarnation = status?.incarnation
        kept = try keepPresent(position, suspended: status?.suspended?.version, within: min(limit / 2, .seconds(120)))
        left = max(.zero, limit - (bench.machine.now() - begun))
    }

    /// nil: nothing was lost.
    func way() throws(CommandFault) -> Way? {
        let whole = if let kept { kept } else { try lateCheckpoint() }
        let version = if let whole { whole } else { try newAside() }
        guard let version, version != target else { return nil }
        return Way(command: "runner restore \(agent)@\(version)\(isOfStateAlone ? " --only state" : "")", isWhole: whole != nil)
    }

    // MARK: Parts

    private mutating func keepPresent(
        _ position: CheckpointSummary?, suspended: VersionNumber?, within limit: Duration
    ) throws(CommandFault) -> VersionNumber? {
        if suspended == nil, bench.isSupervised(agent, in: store) {
            do throws(CommandFault) {
                let request = ControlRequest.checkpoint(wait: true, sparing: target)
                let reply = try bench.ask(agent, in: store, request, to: "checkpoint", within: limit)
                switch reply {
                case .stored(let summary), .nothingNew(let summary): return summary.version
                case .status, .done, .preflight, .failed: return nil
                }
            } catch {
                // One that does not run is as one that is stopped.
                guard error.code == ErrorCode.agentNotRunning.rawValue else {
                    isOwed = error.code == ErrorCode.supervisorSilent.rawValue
                    bench.talk("\(error.sentence); going on: its files are kept")
                    return nil
                }
            }
        }
        return try lastKept(suspended ?? position?.version)
    }

    /// One that is stopped or suspended is in its last version already, unless somebody worked in its files.
    private mutating func lastKept(_ version: VersionNumber?) throws(CommandFault) -> VersionNumber? {
        guard let version, let spec = try bench.storedSpec(of: agent, in: store) else { return nil }
        if isUnchanged(since: version, spec) { return version }
        guard part == .state else { return nil }
        isOfStateAlone = try bench.versions(of: agent, in: store).first { $0.version == version }?.parts.cooperative ?? false
        return version
    }

    private func isUnchanged(since version: VersionNumber, _ spec: AgentSpec) -> Bool {
        guard let path = spec.workspace else { return true }
        guard let workspace = try? bench.machine.disk(at: path, create: false),
            let changes = try? store.planRestore(agent, version, to: workspace, excluded: spec.checkpoint.exclude)
        else { return false }
        return !changes.steps.contains { $0.change != .time }
    }

    /// What was waited for in vain and came all the same, before that life was ended.
    private func lateCheckpoint() throws(CommandFault) -> VersionNumber? {
        guard isOwed, let incarnation else { return nil }
        return try bench.versions(of: agent, in: store)
            .last { $0.isKnownGood && $0.version > highest && $0.incarnation == incarnation }?.version
    }

    /// The newest version that was not there before: the aside of the restore.
    private func newAside() throws(CommandFault) -> VersionNumber? {
        try bench.versions(of: agent, in: store).last { $0.kind == .aside && $0.version > highest }?.version
    }
}
