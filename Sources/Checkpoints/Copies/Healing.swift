public import AgentModel
internal import OutsideWorld

/// Puts what is damaged back from another copy: another store, or a remote. Only bytes that are what was stored take the place of others.
public final class Healing {
    public enum Outcome: Hashable, Sendable {
        case healed
        /// Why not: for a person.
        case beyond(String)
    }
    private let store: CheckpointStore
    private let carrier: any Carrier
    private let isWanted: () -> Bool
    private let agent: AgentName
    private let remote: RemoteListing.Agent
    private let fetched: FetchedVersions
    private let writer: Writer

    /// Who may write the agent's versions.
    public enum Writer {
        /// The caller, who holds the agent's lock.
        case caller
        /// Somebody else, who goes on with his work: packs are put back beside him, for one of a name is the same whenever it comes. That a version is
        /// whole again he writes down when he is asked to.
        case another(mark: (VersionNumber) throws(CopyFault) -> Void)
    }

    /// - Parameter stagingID: of a room that nobody else draws; `close` removes it.
    public convenience init(
        _ agent: AgentName, of store: CheckpointStore, from carrier: any Carrier, stagingID: String,
        isWanted: @escaping () -> Bool = { true }
    ) throws(CopyFault) {
        try self.init(agent, of: store, from: carrier, in: store.staging(agent, stagingID), .caller, isWanted)
    }

    /// As long as somebody else holds the agent's lock. `close` leaves the look to whoever opened it.
    public convenience init(
        _ agent: AgentName, of store: CheckpointStore, from carrier: any Carrier, in look: Look,
        marking mark: @escaping (VersionNumber) throws(CopyFault) -> Void, isWanted: @escaping () -> Bool = { true }
    ) throws(CopyFault) {
        try self.init(agent, of: store, from: carrier, in: look.directory / agent.text, .another(mark: mark), isWanted)
    }

    private init(
        _ agent: AgentName, of store: CheckpointStore, from carrier: any Carrier, in place: DiskPath, _ writer: Writer,
        _ isWanted: @escaping () -> Bool
    ) throws(CopyFault) {
        (self.agent, self.store, self.carrier, self.isWanted, self.writer) = (agent, store, carrier, isWanted, writer)
        remote = try RemoteListing.of(carrier, agent)
        fetched = FetchedVersions(of: agent, remote, from: carrier, in: place, of: store, isWanted: isWanted)
    }

    public func close() { fetched.discard() }

    // MARK: Packs

    /// Every pack that is not what it was, by its name. A pack of the same name with what its name says is the same pack.
    public func healPacks() throws(CopyFault) -> [String: Outcome] {
        var outcomes: [String: Outcome] = [:]
        let damaged = try copying { () throws(StoreFault) in try store.verifyPacks(agent) }.filter { $0.damage != nil }
        var whole: [PackName] = []
        for (text, damage) in damaged where damage?.base == nil {
            guard isWanted() else { throw .stopped }
            guard let name = PackName(text), remote.packs[name] != nil else {
                outcomes[text] = .beyond("the other copy has no such pack")
                continue
            }
            do throws(CopyFault) {
                try fetched.fetchWhole(name)
                try fetched.verify(name)
                whole.append(name)
            } catch {
                guard case .remote(_, let how) = error else { throw error }
                outcomes[text] = .beyond("that of the other copy is damaged, too: \(how)")
            }
        }
        // Only now: while they are compared, one may rest on another.
        for name in whole {
            try put(name)
            outcomes[name.text] = .healed
        }
        let resting = damaged.filter { $0.damage?.base != nil }.compactMap { PackName($0.pack) }
        guard !resting.isEmpty else { return outcomes }
        let errand = Errand("verify the packs of", agent.text)
        try copying { () throws(StoreFault) in
            try errand.inStore { () throws(FileFault) in
                let shelf = try PackShelf(of: agent, on: store.disk)
                for name in resting {
                    outcomes[name.text] = try shelf.damage(of: name).map { .beyond($0.words) } ?? .healed
                }
            }
        }
        return outcomes
    }

    private func put(_ name: PackName) throws(CopyFault) {
        let errand = Errand("heal a pack of", agent.text)
        let source = fetched.place.joined(RemoteLayout.pack(agent, name))
        try copying { () throws(StoreFault) in
            try errand.inStore { () throws(FileFault) in
                try store.disk.setMode(source, 0o600)
                try store.disk.open(source, .read).sync()
                try store.disk.rename(source, to: StoreLayout.packs(agent) / name.text)
                try store.disk.removeTree(StoreLayout.packs(agent) / name.marked)
                try store.disk.syncDirectory(StoreLayout.packs(agent))
            }
        }
        fetched.forget(name)
    }

    // MARK: Versions

    /// Makes the version whole again, and says so in its standing. Nothing is changed when the other copy is of other content, or damaged itself.
    public func heal(_ version: VersionNumber) throws(CopyFault) -> Outcome {
        do throws(CopyFault) {
            if try !isWhole(version) {
                if case .another = writer {
                    return .beyond("it is more than packs, and the agent runs: 'runner stop \(agent)', then the same command again")
                }
                try replace(version)
            }
            try settle(version)
            return .healed
        } catch {
            switch error {
            case .remote(let part, let how): return .beyond("'\(part)' of the other copy: \(how)")
            case .notListed: return .beyond("the other copy does not have it")
            case .other: return .beyond("the other copy has another version of that number")
            case .unmarked(let why): return .beyond("it is whole again, but \(why)")
            case .store(let fault):
                guard case .broken(let part, let how) = fault.kind else { throw error }
                return .beyond("'\(part)': \(how)")
            default: throw error
            }
        }
    }

    private func isWhole(_ version: VersionNumber) throws(CopyFault) -> Bool {
        do throws(StoreFault) {
            try store.verify(agent, version)
            if try store.isPacked(agent, version) { try store.verifyPacked(agent, version) }
            return true
        } catch {
            guard case .broken = error.kind else { throw .store(error) }
            return false
        }
    }

    /// All its parts, from there. A version whose parts lie in its directory is whole, whatever packs hold.
    private func replace(_ version: VersionNumber) throws(CopyFault) {
        try fetched.fetchLists(of: [version])
        let other = try fetched.version(version)
        try requireSame(version, other)
        try fetched.requireRoom(for: [other])
        try fetched.fetchPacks(of: [other])
        let room = fetched.place / "made\(version)"
        let errand = Errand("heal", agent, version)
        try copying { () throws(StoreFault) in try errand.inStore { () throws(FileFault) in try store.disk.removeTree(room) } }
        try fetched.layOut(other, to: room, links: true)
        let target = VersionLayout(directory: StoreLayout.version(agent, version))
        let made = VersionLayout(directory: room)
        let wasThin = try copying { () throws(StoreFault) in
            try errand.inStore { () throws(FileFault) in
                for part in [target.workspace, target.files, target.process, target.state] where try store.disk.entry(at: part) != nil {
                    return false
                }
                return try store.disk.entry(at: target.chunks) != nil
            }
        }
        try copying { () throws(StoreFault) in
            try errand.inStore { () throws(FileFault) in
                let disk = store.disk
                try disk.replace(target.manifest, with: other.manifestBytes)
                try disk.replace(target.seal, with: other.seal)
                try store.syncTree(room)
                for (new, old) in [
                    (made.state, target.state), (made.tree, target.tree), (made.images, target.images), (made.workspace, target.workspace),
                    (made.process, target.process), (made.files, target.files),
                ] {
                    let away = StoreLayout.trash / (StoreLayout.prefix(agent) + "\(version).\(old.name)")
                    try disk.removeTree(away)
                    if try disk.entry(at: old) != nil { try disk.rename(old, to: away) }
                    if try disk.entry(at: new) != nil { try disk.rename(new, to: old) }
                    try disk.removeTree(away)
                }
                // What lies in packs is told anew below.
                if try disk.entry(at: target.chunks) != nil { try disk.removeFile(target.chunks) }
                try disk.syncDirectory(target.directory)
            }
        }
        try removeStrangers(target, errand)
        try settle(version)
        repack(version, thins: wasThin)
    }

    /// - Throws: `other` when what is here tells of another version.
    private func requireSame(_ version: VersionNumber, _ other: FetchedVersions.Version) throws(CopyFault) {
        let layout = VersionLayout(directory: StoreLayout.version(agent, version))
        let seal = try? store.disk.read(layout.seal, limit: .kibibytes(1))
        let manifest = try? store.disk.read(layout.manifest, limit: Manifest.limit)
        guard seal == other.seal || manifest == other.manifestBytes else {
            throw .other(version: "\(agent)@\(version)", there: carrier.name)
        }
    }

    /// What verification would call no part of the version.
    private func removeStrangers(_ target: VersionLayout, _ errand: Errand) throws(CopyFault) {
        var known = ["manifest.json", "seal", "standing", "chunks", "state", "tree", "images", "workspace", "process"]
        if store.hidesNames(in: target.directory) { known.append("files") }
        try copying { () throws(StoreFault) in
            try errand.inStore { () throws(FileFault) in
                for name in try store.disk.names(in: target.directory) where !known.contains(name) {
                    guard let path = target.directory.appending(untrusted: name) else { continue }
                    try store.disk.removeTree(path)
                }
            }
        }
    }

    /// The mark that it is broken goes with the damage: only a version that verifies can be marked so.
    private func settle(_ version: VersionNumber) throws(CopyFault) {
        try copying { () throws(StoreFault) in
            let record = try? store.standing(agent, version, Errand("read", agent, version))
            guard record == nil || record?.standing == .broken else { return try store.verify(agent, version) }
            if case .another = writer { return }
            try store.mark(agent, version, .stored, because: "healed from another copy")
            try store.verify(agent, version)
        }
        guard case .another(let mark) = writer else { return }
        let record = try? store.standing(agent, version, Errand("read", agent, version))
        if record == nil || record?.standing == .broken { try mark(version) }
    }

    /// What cannot be put into packs again stays as plain files, which are whole.
    private func repack(_ version: VersionNumber, thins: Bool) {
        do throws(StoreFault) {
            try store.pack(agent, version)
            try store.verifyPacked(agent, version)
            if thins { try store.thin(agent, version) }
        } catch {}
    }
}
