public import AgentModel
internal import OutsideWorld

/// An agent that was removed as a whole and can be brought back.
public struct RemovedAgent: Hashable, Sendable, Codable {
    public var agent: AgentName
    /// What it is called among the removed, for an agent may be removed more than once: "agent-7@18a1b2c3d4e5f607".
    public var name: String
    public var removedAt: WallTime
    /// From then on it may go for good. nil: what said so is damaged, and it stays.
    public var keptUntil: WallTime?
    public var versions: Int
}

/// The content of `removed` in the directory of an agent that is about to be removed, or is.
struct RemovalRecord: Codable {
    var agent: AgentName
    var removedAt: WallTime
    var keptUntil: WallTime
}

/// Agents on their way out. One rename takes an agent away and one brings it back, so it is wholly there or wholly removed. Documentation:
/// docs/time-travel.md#removed
extension CheckpointStore {
    /// Takes the agent with all that is its own out of the store's agents. The caller holds its lock and has put it in order.
    /// - Parameter until: how long it can be brought back.
    /// - Returns: what it is among the removed, durably.
    @discardableResult
    public func removeAgent(_ agent: AgentName, at now: WallTime, keptUntil until: WallTime) throws(StoreFault) -> RemovedAgent {
        let errand = Errand("remove the agent", agent.text)
        try require(agent, errand)
        let source = StoreLayout.agent(agent)
        return try errand.inStore { () throws(FileFault) in
            try disk.makeDirectories(StoreLayout.removed)
            try disk.syncDirectory(nil)
            var removed = RemovedAgent(agent: agent, name: "", removedAt: now, keptUntil: until, versions: 0)
            repeat {
                removed.name = StoreLayout.prefix(agent) + StoreLayout.digits(removed.removedAt)
                guard try disk.entry(at: StoreLayout.removed / removed.name) != nil else { break }
                removed.removedAt = removed.removedAt + .nanoseconds(1)
            } while true
            removed.versions = (try? versionCount(below: source)) ?? 0  // a damaged agent can be removed, too
            let record = RemovalRecord(agent: agent, removedAt: removed.removedAt, keptUntil: until)
            try disk.replace(source / StoreLayout.removal, with: CheckedLine.encode(record))
            let target = StoreLayout.removed / removed.name
            try disk.renameNew(source, to: target)
            do throws(FileFault) {
                try disk.syncDirectory(StoreLayout.removed)
                try disk.syncDirectory(StoreLayout.agents)
            } catch {
                // Gone from sight, but nobody knows whether durably: taken back.
                try? disk.renameNew(target, to: source)
                throw error
            }
            return removed
        }
    }

    /// All that can be brought back, the newest first.
    public func removedAgents() throws(StoreFault) -> [RemovedAgent] {
        let errand = Errand("list the removed agents of", disk.rootName)
        return try errand.inStore { () throws(FileFault) in
            guard try disk.entry(at: StoreLayout.removed) != nil else { return [] }
            var found: [RemovedAgent] = []
            for name in try disk.names(in: StoreLayout.removed) {
                guard let (agent, removedAt) = StoreLayout.removal(of: name), let path = StoreLayout.removed.appending(untrusted: name),
                    try disk.entry(at: path)?.kind == .directory
                else { continue }
                found.append(
                    RemovedAgent(
                        agent: agent, name: name, removedAt: removedAt, keptUntil: term(of: agent, below: path),
                        versions: (try? versionCount(below: path)) ?? 0))
            }
            return found.sorted { ($1.removedAt, $0.name) < ($0.removedAt, $1.name) }
        }
    }

    /// Brings it back, with all it had.
    /// - Parameter holder: tells others who does so.
    /// - Throws: `agentExists` when there is an agent of that name, `noSuchAgent` when it is gone meanwhile; nothing was changed then.
    public func bringBack(_ removed: RemovedAgent, holder: String) throws(StoreFault) {
        let errand = Errand("bring back the agent", removed.agent.text)
        guard let source = StoreLayout.removed.appending(untrusted: removed.name) else { throw errand.fault(.noSuchAgent) }
        let target = StoreLayout.agent(removed.agent)
        let lock = try lockRemoved(source, holder: holder, errand)
        defer { lock.release() }
        do throws(FileFault) { try disk.renameNew(source, to: target) } catch {
            switch error.kind {
            case .exists, .notEmpty: throw errand.fault(.agentExists)
            case .missing: throw errand.fault(.noSuchAgent)
            default: return try errand.inStore { () throws(FileFault) in throw error }
            }
        }
        try errand.inStore { () throws(FileFault) in
            try disk.syncDirectory(StoreLayout.agents)
            try disk.syncDirectory(StoreLayout.removed)
            try disk.removeFile(target / StoreLayout.removal)
            try disk.syncDirectory(target)
        }
    }

    // MARK: For good

    /// Removes for good what is past its term, and what an earlier call left of such.
    /// - Parameter isWanted: asked before each file; the next call goes on.
    /// - Returns: those that are gone.
    @discardableResult
    public func removeExpired(at now: WallTime, while isWanted: () -> Bool = { true }) throws(StoreFault) -> [RemovedAgent] {
        try clearGone(while: isWanted)
        var gone: [RemovedAgent] = []
        for removed in try removedAgents() {
            guard let until = removed.keptUntil, until <= now, isWanted() else { continue }
            if try removeForGood(removed, while: isWanted) { gone.append(removed) }
        }
        return gone
    }

    /// - Returns: whether it is out of reach now; false: somebody is bringing it back, or another was faster.
    @discardableResult
    public func removeForGood(_ removed: RemovedAgent, while isWanted: () -> Bool = { true }) throws(StoreFault) -> Bool {
        let errand = Errand("remove for good", removed.name)
        guard let path = StoreLayout.removed.appending(untrusted: removed.name) else { return false }
        let lock: any DiskLock
        do throws(StoreFault) { lock = try lockRemoved(path, holder: "who removes it for good", errand) } catch {
            switch error.kind {
            case .held, .noSuchAgent: return false
            default: throw error
            }
        }
        defer { lock.release() }
        let gone = StoreLayout.removed / (removed.name + StoreLayout.goneEnding)
        try errand.inStore { () throws(FileFault) in
            // Would one of its old names come back after some of it is gone, an agent were half there.
            try disk.syncDirectory(StoreLayout.agents)
            try disk.rename(path, to: gone)
            try disk.syncDirectory(StoreLayout.removed)
        }
        try? clear(gone, while: isWanted)  // the next call does
        return true
    }

    private func clearGone(while isWanted: () -> Bool) throws(StoreFault) {
        let errand = Errand("clear the removed agents of", disk.rootName)
        let names = try errand.inStore { () throws(FileFault) -> [String] in
            guard try disk.entry(at: StoreLayout.removed) != nil else { return [] }
            return try disk.names(in: StoreLayout.removed).filter { $0.hasSuffix(StoreLayout.goneEnding) }
        }
        guard !names.isEmpty else { return }
        // Whoever renamed them may have died before that was durable.
        try errand.inStore { () throws(FileFault) in try disk.syncDirectory(StoreLayout.removed) }
        for name in names.sorted() {
            guard let path = StoreLayout.removed.appending(untrusted: name) else { continue }
            try? clear(path, while: isWanted)  // another may be at it, too; what stays is in nobody's way
        }
    }

    private func clear(_ path: DiskPath, while isWanted: () -> Bool) throws(FileFault) {
        guard isWanted(), let entry = try disk.entry(at: path) else { return }
        guard entry.kind == .directory else { return try disk.removeFile(path) }
        if entry.mode & 0o700 != 0o700 { try disk.setMode(path, entry.mode | 0o700) }
        for name in try disk.names(in: path) { try clear(path / name, while: isWanted) }
        guard isWanted() else { return }
        try disk.removeDirectory(path)
    }

    // MARK: Parts

    private func lockRemoved(_ path: DiskPath, holder: String, _ errand: Errand) throws(StoreFault) -> any DiskLock {
        do throws(FileFault) {
            guard try disk.entry(at: path)?.kind == .directory else { throw FileFault(.missing, doing: "open", what: path.text) }
            return try disk.lock(path / StoreLayout.lockName, holder: holder)
        } catch {
            switch error.kind {
            case .busy: throw errand.fault(.held(by: disk.lockHolder(path / StoreLayout.lockName) ?? "somebody who did not say who"))
            case .missing: throw errand.fault(.noSuchAgent)
            default: return try errand.inStore { () throws(FileFault) in throw error }
            }
        }
    }

    private func term(of agent: AgentName, below path: DiskPath) -> WallTime? {
        guard let bytes = try? disk.read(path / StoreLayout.removal, limit: CheckedLine.limit),
            let record = CheckedLine.decode(RemovalRecord.self, from: bytes), record.agent == agent
        else { return nil }  // listed without a term, which a person sees
        return record.keptUntil
    }

    private func versionCount(below path: DiskPath) throws(FileFault) -> Int {
        try disk.names(in: path / "versions").count { StoreLayout.number(Substring($0)) != nil }
    }
}
