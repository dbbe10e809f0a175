internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews
internal import Supervision

/// Going back by a number of known-good checkpoints, along what the agent really did: what it did before a roll-back and was rolled away is
/// not stepped through again. Documentation: docs/time-travel.md#rollback
struct Rollback {
    let agent: AgentName
    let store: CheckpointStore
    let bench: Workbench
    private let versions: [CheckpointSummary]

    init(of agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) {
        self.agent = agent
        self.store = store
        self.bench = bench
        versions = try bench.versions(of: agent, in: store)
    }

    // MARK: Where it is, and what lies behind it

    /// The version the agent has come from last: the newest checkpoint, unless it began from another and has taken none since.
    func position() throws(CommandFault) -> CheckpointSummary? {
        let newest = versions.last { $0.kind == .checkpoint }
        let wish: WantedFile?
        do { wish = try WantedFile.read(from: store.disk, below: store.directory(of: agent)) } catch { throw CommandFault(inStore: error) }
        if let wish { return summary(wish.startFrom) ?? newest }
        guard let status = try? bench.status(of: agent, in: store), let origin = summary(status.origin) else { return newest }
        let hasTaken = newest?.incarnation.map { $0 >= status.incarnation } ?? true
        return hasTaken ? newest : origin
    }

    /// - Throws: when there are not so many behind it.
    func target(_ steps: Int, before position: CheckpointSummary?) throws(CommandFault) -> CheckpointSummary {
        var line: [CheckpointSummary] = []
        var current = position
        while line.count < steps, let here = current, let earlier = try predecessor(of: here) {
            if earlier.isKnownGood { line.append(earlier) }
            current = earlier
        }
        if line.count == steps, let last = line.last { return last }
        let versions = steps == 1 ? "one version" : "\(steps) versions"
        let there =
            switch line.count {
            case 0: "no known-good one lies"
            case 1: "only one known-good one lies"
            default: "only \(line.count) known-good ones lie"
            }
        let here = position.map { "before version \($0.version), where it is now" } ?? "there: it has none yet"
        let advice = "'runner versions \(agent)' lists those there are"
        throw CommandFault(.versionUnknown, "could not roll '\(agent)' back by \(versions): \(there) \(here). \(advice)")
    }

    private func summary(_ origin: Origin?) -> CheckpointSummary? {
        guard case .version(let version)? = origin else { return nil }
        return versions.first { $0.version == version }
    }

    /// The checkpoint before it in the same life; else the version that life began from; else the one with the next lower number.
    private func predecessor(of version: CheckpointSummary) throws(CommandFault) -> CheckpointSummary? {
        let before = versions.filter { $0.version < version.version && $0.kind == .checkpoint }
        if let life = version.incarnation, life > 0, let same = before.last(where: { $0.incarnation == life }) { return same }
        // One whose manifest is damaged cannot say what it came from: then by number.
        let parent = (try? store.manifest(agent, version.version))?.parent
        guard let parent, parent < version.version else { return before.last }
        return before.last { $0.version <= parent }
    }
}
