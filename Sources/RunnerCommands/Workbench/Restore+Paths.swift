internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews
internal import Supervision

/// Bringing back single paths. Never beside a living agent: it may hold the file open, or write it at that moment.
extension Restore {
    func perform(_ paths: [DiskPath]) throws(CommandFault) -> String {
        try refuseBesideTheAgent(paths)
        return try bench.long(quietly: isQuiet) { work throws(CommandFault) in
            try perform(paths, work)
        } stopped: {
            "could not restore \(quoted(paths)) of '\(agent)@\(version.version)': it was stopped. Each file is whole, as it was or as it will be; the same command does the rest"
        }
    }

    private func perform(_ paths: [DiskPath], _ work: LongWork) throws(CommandFault) -> String {
        let store = work.watch(store)
        guard let (workspace, excluded) = try workspace() else { throw lacks("workspace") }
        let spec = try bench.storedSpec(of: agent, in: store)
        let start = try comingStart()
        var aside: VersionNumber?
        var changes: WorkspaceRestorePlan?
        try bench.alone(with: agent, in: store) { () throws(StoreFault) in
            let planned = try store.planRestore(of: paths, agent, version.version, to: workspace, excluded: excluded)
            changes = planned
            guard !planned.steps.isEmpty else { return }
            work.say("\(agent): setting the workspace aside")
            aside = try setAside(work.watch(workspace), excluded, limit: spec?.checkpoint.sizeLimit, in: store)
            // Else the next start would make the whole workspace that of the version it begins from, and undo this.
            try leaveWish(WantedFile(startFrom: start, rollsBackWorkspace: false))
            work.say("\(agent)@\(version.version): restoring \(quoted(paths))")
            try store.restorePaths(paths, agent, version.version, to: work.watch(workspace), excluded: excluded)
            work.settle()
        }
        guard let changes, !changes.steps.isEmpty else {
            return "\(quoted(paths)) \(paths.count == 1 ? "is" : "are") as in '\(agent)@\(version.version)' already: nothing was changed"
        }
        let kept = aside.map { "; the workspace as it was is '\(agent)@\($0)'" } ?? ""
        return "\(quoted(paths)) of '\(agent)@\(version.version)' \(paths.count == 1 ? "is" : "are") back in '\(workspace.rootName)'\(kept)"
            + (try beginning(from: start).warning(of: agent).map { ". At its next start \($0)" } ?? "")
    }

    func refuseBesideTheAgent(_ paths: [DiskPath]) throws(CommandFault) {
        let doing = "could not restore \(quoted(paths)) of '\(agent)@\(version.version)'"
        guard !bench.isSupervised(agent, in: store) else {
            let copy = "'runner cat \(agent)@\(version.version):PATH' prints it meanwhile"
            throw CommandFault(.agentHeld, "\(doing): '\(agent)' runs and may be writing there. 'runner stop \(agent)' first; \(copy)")
        }
        try refuseWhileItLives()
        if try bench.status(of: agent, in: store).suspended != nil {
            throw CommandFault(
                .agentSuspended,
                "\(doing): '\(agent)' is suspended, and its processes expect the files they were suspended with. "
                    + "'runner restore \(agent)@\(version.version)' restores all of it")
        }
    }

    /// What the next start would begin from without us.
    func comingStart() throws(CommandFault) -> Origin { try bench.comingStart(of: agent, in: store).startFrom }

    func leaveWish(_ wish: WantedFile) throws(StoreFault) {
        do { try wish.write(to: store.disk, below: store.directory(of: agent)) } catch {
            throw StoreFault(.system(error), doing: "restore", what: "\(agent)@\(version.version)")
        }
    }
}
