internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld
internal import StatusViews
internal import Supervision

/// One restore that an operator asked for: planned first, then done by the supervisor, or here when there is none.
struct Restore {
    let agent: AgentName
    let version: CheckpointSummary
    /// nil: all the version holds.
    let part: RestorePart?
    let store: CheckpointStore
    let bench: Workbench

    private var restoresFiles: Bool { part != .state && version.parts.workspace }
    /// nil: the whole workspace.
    private var paths: [DiskPath]? {
        if case .paths(let paths)? = part { paths } else { nil }
    }
    /// A version without state is still what the next incarnation descends from.
    private var startsFrom: Origin { part == .workspace ? .clean : .version(version.version) }

    /// A version without the part that was asked for cannot give it.
    func checkParts() throws(CommandFault) {
        switch part {
        case .state where !version.parts.cooperative: throw lacks("state")
        case .workspace where !version.parts.workspace: throw lacks("workspace")
        case .paths where !version.parts.workspace: throw lacks("workspace")
        default: return
        }
    }

    func lacks(_ what: String) -> CommandFault {
        let sentence = StoreFault(.noSuchPart(what), doing: "restore", what: "\(agent)@\(version.version)")
        return CommandFault(sentence)
    }

    // MARK: Plan

    func plan() throws(CommandFault) -> RestorePlan {
        try checkParts()
        var files: WorkspaceRestorePlan?
        if restoresFiles, let spec = try workspaceSpec() {
            let workspace = try present(spec.path)
            do throws(StoreFault) {
                files =
                    if let paths {
                        try store.planRestore(of: paths, agent, version.version, to: workspace, excluded: spec.excluded)
                    } else if let workspace {
                        try store.planRestore(agent, version.version, to: workspace, excluded: spec.excluded)
                    } else {
                        try store.planRestore(agent, version.version, excluded: spec.excluded)
                    }
            } catch { throw CommandFault(error) }
        }
        return RestorePlan(
            agent: agent, version: version.version, startsFrom: try paths == nil ? startsFrom : comingStart(), only: paths, workspace: files
        )
    }

    /// Where the agent's workspace is, whose, and what is left out of it; nil: it has none (any more).
    func workspaceSpec() throws(CommandFault) -> (path: String, user: String?, excluded: [String])? {
        guard let spec = try bench.storedSpec(of: agent, in: store), let path = spec.workspace else { return nil }
        return (path, spec.user, spec.checkpoint.exclude)
    }

    /// The workspace as it is; nil: it is gone. A plan makes nothing.
    private func present(_ path: String) throws(CommandFault) -> (any Disk)? {
        do { return try bench.machine.disk(at: path, create: false) } catch {
            guard error.kind == .missing else { throw CommandFault(error) }
            return nil
        }
    }

    /// The workspace to restore to, made when it is gone.
    func workspace() throws(CommandFault) -> (any Disk, [String])? {
        guard let spec = try workspaceSpec() else { return nil }
        do { return (try openOrMake(spec.path, for: spec.user), spec.excluded) } catch { throw CommandFault(error) }
    }

    /// A workspace that we make belongs to the agent's user.
    private func openOrMake(_ path: String, for user: String?) throws(FileFault) -> any Disk {
        do throws(FileFault) { return try bench.machine.disk(at: path, create: false) } catch {
            guard error.kind == .missing else { throw error }
        }
        let disk = try bench.machine.disk(at: path, create: true)
        if let user, let known = bench.machine.user(user) {
            let owner = FileOwner(user: known.userID, group: known.groupID)
            if disk.mayGive(owner) { try disk.setOwner(nil, owner) }
        }
        return disk
    }

    // MARK: Do

    /// - Returns: a sentence that says what was done.
    func perform(within limit: Duration) throws(CommandFault) -> String {
        if let paths { return try perform(paths) }
        do {
            let request = ControlRequest.restore(version.version, workspace: part != .state, state: part != .workspace)
            let reply = try bench.ask(agent, in: store, request, to: "restore", within: limit)
            if case .done(let sentence) = reply { return sentence }
            return "'\(agent)' runs again, from version \(version.version)"
        } catch {
            guard error.code == ErrorCode.supervisorNone.rawValue else { throw error }
            return try performHere()
        }
    }

    private func performHere() throws(CommandFault) -> String {
        try refuseWhileItLives()
        let target = restoresFiles ? try workspace() : nil
        let spec = try bench.storedSpec(of: agent, in: store)
        var aside: VersionNumber?
        try bench.alone(with: agent, in: store) { () throws(StoreFault) in
            try store.verify(agent, version.version)
            if let (workspace, excluded) = target {
                aside = try setAside(workspace, excluded, limit: spec?.checkpoint.sizeLimit)
                try store.restoreWorkspace(agent, version.version, to: workspace, excluded: excluded)
            }
            // A whole version is compared with the workspace once more when it is started: nothing to do costs little, a change meanwhile much.
            try leaveWish(WantedFile(startFrom: startsFrom, rollsBackWorkspace: part == nil))
        }
        let kept = aside.map { ", and the workspace as it was is '\(agent)@\($0)'" } ?? ""
        let files = target == nil ? "" : "its workspace is restored\(kept); "
        let start = startsFrom == .clean ? "a clean state" : startsFrom.words
        return "no supervisor of '\(agent)' runs: \(files)the next 'runner run' starts it from \(start)"
    }

    /// An agent outlives its supervisor for the adoption term, and writes on: its workspace must not be changed under it.
    func refuseWhileItLives() throws(CommandFault) {
        guard bench.livesAlone(agent, in: store) || bench.machine.hasRemains(of: bench.place(of: agent, in: store)) else { return }
        throw CommandFault(.agentHeld, "could not restore '\(agent)@\(version.version)': \(Workbench.livesAloneWords)")
    }

    /// The present workspace becomes an aside version. nil: it is empty, so there is nothing to keep.
    func setAside(_ workspace: any Disk, _ excluded: [String], limit: ByteCount?) throws(StoreFault) -> VersionNumber? {
        let request = CutRequest(
            agent: agent, kind: .aside, reason: .aside, takenAt: bench.machine.wallTime(), forced: true, workspace: workspace,
            excluded: excluded, incarnation: 0, sizeLimit: limit ?? ByteCount(1 << 40))
        do {
            let staged = try store.cut(request, stagingID: bench.hexadecimal(of: bench.machine.randomNumber()))
            return try store.commit(staged).version
        } catch {
            if case .nothing = error.kind { return nil }
            throw error
        }
    }
}

/// What a restore would do. `runner restore --dry-run` prints it.
struct RestorePlan: Encodable {
    var agent: AgentName
    var version: VersionNumber
    var startsFrom: Origin
    /// nil: all of it.
    var only: [DiskPath]?
    /// nil: the workspace stays as it is.
    var workspace: WorkspaceRestorePlan?

    var text: String {
        let start = startsFrom == .clean ? "a clean state" : startsFrom.words
        var text =
            if let only {
                "restoring \(quoted(only)) of '\(agent)@\(version)' would change nothing else\n"
            } else {
                "restoring '\(agent)@\(version)' would start it from \(start)\n"
            }
        guard let workspace else { return text + "the workspace would stay as it is\n" }
        text += statistics + "\n"
        for step in workspace.steps.prefix(200) { text += line(step) }
        if workspace.ownersLost > 0 {
            text += "  \(workspace.ownersLost) belonged to others; only root can give them back, so they will be yours\n"
        }
        if workspace.steps.count > 200 { text += "  … and \(workspace.steps.count - 200) more ('--json' has all)\n" }
        return text
    }

    /// "workspace: 1 added, 2 changed, …"
    var statistics: String {
        guard let workspace else { return "workspace: stays as it is" }
        let counts = WorkspaceRestorePlan.Change.allCases.map { "\(workspace.steps($0).count) \($0.rawValue)" }.joined(separator: ", ")
        return "workspace: \(counts), \(workspace.unchanged) unchanged"
    }

    private func line(_ step: WorkspaceRestorePlan.Step) -> String {
        let owner = step.owner.map { "  (owner \($0))" } ?? ""
        return "  \(sign(step.change)) \(printable(step.path.text))\(owner)\n"
    }

    private func sign(_ change: WorkspaceRestorePlan.Change) -> String {
        switch change {
        case .added: "+"
        case .changed: "~"
        case .removed: "-"
        case .owner: "o"
        case .mode: "m"
        case .time: "t"
        }
    }
}
