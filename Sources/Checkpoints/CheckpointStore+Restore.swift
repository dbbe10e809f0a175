public import AgentModel
public import OutsideWorld

/// The content of `restoring`: a restore that has begun. Where it is still found, that restore was cut off.
public struct RestoreRecord: Hashable, Sendable, Codable {
    public var version: VersionNumber
    /// The absolute path of the workspace it began in. nil: an older release began it, and did not say where.
    public var workspace: String?
    /// Paths that it leaves alone, beside those that were left out when the version was taken.
    public var excluded: [String]?
}

/// Giving a workspace back. The caller holds the agent's lock, and the agent does not run.
extension CheckpointStore {
    /// What `restoreWorkspace` would do. Changes nothing; reads the version's list of files, not yet their content.
    /// - Parameter excluded: paths to be left alone, beside those that were left out when the version was taken.
    public func planRestore(
        _ agent: AgentName, _ version: VersionNumber, to workspace: any Disk, excluded: [String]
    ) throws(StoreFault) -> WorkspaceRestorePlan {
        let errand = Errand("restore the workspace to", agent, version)
        try require(agent, version, errand)
        let known = try known(try sealedManifest(agent, version, errand), images: false, errand)
        return try plan(known, workspace, excluded, errand).plan
    }

    /// As `planRestore`, for a workspace that is not there: all of it would be added.
    public func planRestore(_ agent: AgentName, _ version: VersionNumber, excluded: [String]) throws(StoreFault) -> WorkspaceRestorePlan {
        let errand = Errand("restore the workspace to", agent, version)
        try require(agent, version, errand)
        let manifest = try sealedManifest(agent, version, errand)
        guard let stored = manifest.workspace else { throw errand.fault(.noSuchPart("workspace")) }
        // The store's disk stands in: it is asked only whom files may be given to, and that goes by the user.
        let known = try known(manifest, images: false, errand)
        let planner = try errand.inStore { () throws(FileFault) in
            try RestorePlanner(known.tree, of: manifest, in: disk, WorkspaceListing(), leavingOut: Exclusions(excluded + stored.excluded))
        }
        return try plan(known, planner, errand).plan
    }

    /// Makes the workspace what it was in the version, durably.
    /// - Throws: `StoreFault`. `broken`: nothing in the workspace was touched, unless a byte decayed between verifying and copying. After any
    ///   other fault `unfinishedRestore` tells whether it was touched; the same call again completes it.
    @discardableResult
    public func restoreWorkspace(
        _ agent: AgentName, _ version: VersionNumber, to workspace: any Disk, excluded: [String]
    ) throws(StoreFault) -> WorkspaceRestorePlan {
        let errand = Errand("restore the workspace to", agent, version)
        try require(agent, version, errand)
        _ = try standing(agent, version, errand)
        let known = try verifyContent(agent, version, images: .none, errand)
        let planned = try plan(known, workspace, excluded, errand)
        let isRepeated = try errand.inStore { () throws(FileFault) in try disk.entry(at: StoreLayout.restoring(agent)) } != nil
        if planned.plan.steps.isEmpty, !isRepeated { return planned.plan }
        // Before the restore is noted as begun: a crash while something is tried leaves a name that the next restore takes away.
        try requireRoom(for: planned, of: known.content, in: workspace, errand)
        try beginRestore(agent, version, in: workspace.rootName, excluded: excluded)
        var restorer = WorkspaceRestorer(
            known.content, planned, workspace: workspace, isRepeated: isRepeated, errand: errand)
        try restorer.execute(planned.plan)
        try endRestore(agent)
        return planned.plan
    }

    private func plan(
        _ known: KnownVersion, _ workspace: any Disk, _ excluded: [String], _ errand: Errand
    ) throws(StoreFault) -> PlannedRestore {
        let exclusions = try exclusions(of: known.manifest, workspace, excluded, errand)
        let planner = try errand.outside { () throws(FileFault) in
            try RestorePlanner(known.tree, of: known.manifest, in: workspace, leavingOut: exclusions)
        }
        return try plan(known, planner, errand)
    }

    /// What a restore leaves alone: what was left out of the version, what is to be left out now, and the store itself.
    func exclusions(
        of manifest: Manifest, _ workspace: any Disk, _ excluded: [String], _ errand: Errand
    ) throws(StoreFault) -> Exclusions {
        guard let stored = manifest.workspace else { throw errand.fault(.noSuchPart("workspace")) }
        var patterns = excluded + stored.excluded
        switch Neighbourhood(store: disk.rootName, workspace: workspace.rootName) {
        case .apart: break
        case .storeInside(let path): patterns.append(IgnoreRules.literal(path))
        case .workspaceInside: throw errand.fault(.refused("the workspace '\(workspace.rootName)' lies in the store"))
        }
        return Exclusions(patterns)
    }

    func plan(_ known: KnownVersion, _ planner: RestorePlanner, _ errand: Errand) throws(StoreFault) -> PlannedRestore {
        do throws(RestorePlanner.Obstacle) {
            return try planner.plan(known.manifest.version) { entry in
                known.content.mayShare(entry.size ?? 0, with: planner.workspace) && known.content.isPlain(file: entry.path)
            }
        } catch {
            switch error {
            case .workspace(let fault): throw errand.fault(.system(fault))
            case .excludedInTheWay(let path, let held):
                throw errand.fault(.refused("'\(path)' is no directory in the version, and '\(held)' in it is excluded"))
            }
        }
    }

    // MARK: Unfinished restores

    /// The version whose restore was cut off: the workspace is then neither old nor new, and the same restore must be done again.
    public func unfinishedRestore(_ agent: AgentName) throws(StoreFault) -> VersionNumber? {
        let errand = Errand("look for an unfinished restore of", agent.text)
        try require(agent, errand)
        return try unfinishedRestore(agent, errand)
    }

    /// As `unfinishedRestore`, with the place where it must be done again: in no other one may it be.
    public func restoreRecord(_ agent: AgentName) throws(StoreFault) -> RestoreRecord? {
        let errand = Errand("look for an unfinished restore of", agent.text)
        try require(agent, errand)
        return try restoreRecord(agent, errand)
    }

    func unfinishedRestore(_ agent: AgentName, _ errand: Errand) throws(StoreFault) -> VersionNumber? {
        try restoreRecord(agent, errand)?.version
    }

    private func restoreRecord(_ agent: AgentName, _ errand: Errand) throws(StoreFault) -> RestoreRecord? {
        let path = StoreLayout.restoring(agent)
        guard try errand.inStore({ () throws(FileFault) in try disk.entry(at: path) }) != nil else { return nil }
        let bytes = try errand.reading("restoring") { () throws(FileFault) in try disk.read(path, limit: CheckedLine.limit) }
        guard let record = CheckedLine.decode(RestoreRecord.self, from: bytes) else {
            throw errand.fault(.broken(part: "restoring", how: "it does not match its checksum"))
        }
        return record
    }

    /// Notes, durably, that a workspace is about to be changed. `restoreWorkspace` does it by itself.
    /// - Parameter workspace: its absolute path. nil: as an older release, which did not note it.
    public func beginRestore(
        _ agent: AgentName, _ version: VersionNumber, in workspace: String?, excluded: [String]
    ) throws(StoreFault) {
        let errand = Errand("begin to restore", agent, version)
        let record = CheckedLine.encode(RestoreRecord(version: version, workspace: workspace, excluded: excluded))
        // A list too long to be read back would make the mark unreadable: then nothing is begun.
        guard record.count <= CheckedLine.limit.bytes else {
            throw errand.fault(.refused("the list of what is left alone is too long: the mark may have \(CheckedLine.limit)"))
        }
        try errand.inStore { () throws(FileFault) in
            try disk.replace(StoreLayout.restoring(agent), with: record)
        }
    }

    /// Notes that the workspace is whole again. Nothing when no restore was begun.
    public func endRestore(_ agent: AgentName) throws(StoreFault) {
        let errand = Errand("end the restore of", agent.text)
        try errand.inStore { () throws(FileFault) in
            guard try disk.entry(at: StoreLayout.restoring(agent)) != nil else { return }
            try disk.removeFile(StoreLayout.restoring(agent))
            try disk.syncDirectory(StoreLayout.agent(agent))
        }
    }
}
