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
    /// The answer is for programs.
    var isQuiet = false

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
        try checkWhole()
        if let paths { try refuseBesideTheAgent(paths) }
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
        let start = try paths == nil ? startsFrom : comingStart()
        return RestorePlan(
            agent: agent, version: version.version, startsFrom: start, beginning: try beginning(from: start),
            age: "\(version.kind == .aside ? "aside" : version.standing.rawValue), "
                + version.takenAt.distance(from: bench.machine.wallTime()),
            keptFirst: keptFirst(files), only: paths, workspace: files)
    }

    private func keptFirst(_ files: WorkspaceRestorePlan?) -> String? {
        let status = try? bench.status(of: agent, in: store)
        if status?.state.isAlive == true, bench.isSupervised(agent, in: store) { return "a checkpoint of what runs now" }
        let changes = files?.steps.contains { $0.change != .time } ?? false
        return changes ? "the workspace as it is now, as an aside" : nil
    }

    /// What it begins with from there, after this restore.
    func beginning(from start: Origin) throws(CommandFault) -> Beginning {
        guard case .version(let number) = start else { return .clean }
        let summary = number == version.version ? version : try bench.versions(of: agent, in: store).first { $0.version == number }
        return Beginning(from: summary, rollsBackWorkspace: part == nil)
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
        var aside: VersionNumber?
        return try bench.long(quietly: isQuiet) { work throws(CommandFault) in
            try performHere(work, &aside)
        } stopped: {
            stopped(aside)
        }
    }

    /// What is said when somebody stopped it.
    private func stopped(_ aside: VersionNumber?) -> String {
        let what = "could not restore '\(agent)@\(version.version)': it was stopped"
        guard ((try? store.unfinishedRestore(agent)) ?? nil) != nil else {
            if let aside {
                return "\(what). The workspace is as it was, and kept as '\(agent)@\(aside)', too; the same command begins anew"
            }
            return "\(what). Nothing was changed; the same command begins anew"
        }
        return
            "\(what), and the workspace is neither what it was nor what it will be. The same command completes it, and so does 'runner run'"
    }

    private func performHere(_ work: LongWork, _ aside: inout VersionNumber?) throws(CommandFault) -> String {
        let store = work.watch(store)
        let target = restoresFiles ? try workspace() : nil
        let spec = try bench.storedSpec(of: agent, in: store)
        work.say("\(agent)@\(version.version): verifying")
        try bench.alone(with: agent, in: store) { () throws(StoreFault) in
            try verify(in: store)
            if let (workspace, excluded) = target {
                // Of one that was stopped on the way the workspace was set aside before.
                if try store.restoreRecord(agent)?.workspace != workspace.rootName {
                    work.say("\(agent): setting the workspace aside")
                    aside = try setAside(work.watch(workspace), excluded, limit: spec?.checkpoint.sizeLimit, in: store)
                }
                work.say("\(agent)@\(version.version): restoring the workspace")
                try store.restoreWorkspace(agent, version.version, to: work.watch(workspace), excluded: excluded)
            }
            work.settle()
            // A whole version is compared with the workspace once more when it is started: nothing to do costs little, a change meanwhile much.
            try leaveWish(WantedFile(startFrom: startsFrom, rollsBackWorkspace: part == nil))
        }
        let kept = aside.map { ", and the workspace as it was is '\(agent)@\($0)'" } ?? ""
        let files = target == nil ? "" : "its workspace is restored\(kept); "
        return "no supervisor of '\(agent)' runs: \(files)the next 'runner run' starts it \(try beginning(from: startsFrom).words)"
    }

    /// It is told as what was asked for.
    private func verify(in store: CheckpointStore) throws(StoreFault) {
        do throws(StoreFault) { try store.verify(agent, version.version) } catch {
            throw StoreFault(error.kind, doing: "restore", what: error.what)
        }
    }

    /// What was found broken once is not shown as something that can be restored: a supervisor refuses it, and here it is looked at anew.
    private func checkWhole() throws(CommandFault) {
        guard version.standing == .broken, paths == nil else { return }
        guard bench.isSupervised(agent, in: store) else {
            do throws(StoreFault) { return try verify(in: store) } catch { throw CommandFault(error) }
        }
        throw CommandFault(
            .versionBroken,
            "could not restore '\(agent)@\(version.version)': it is broken (\(version.note ?? "its bytes are not what was stored")). "
                + "Choose another from 'runner versions \(agent)'")
    }

    /// An agent outlives its supervisor for the adoption term, and writes on: its workspace must not be changed under it.
    func refuseWhileItLives() throws(CommandFault) {
        guard bench.livesAlone(agent, in: store) || bench.machine.hasRemains(of: bench.place(of: agent, in: store)) else { return }
        throw CommandFault(.agentHeld, "could not restore '\(agent)@\(version.version)': \(Workbench.livesAloneWords)")
    }

    /// The present workspace becomes an aside version. nil: it is empty, so there is nothing to keep.
    func setAside(
        _ workspace: any Disk, _ excluded: [String], limit: ByteCount?, in store: CheckpointStore
    ) throws(StoreFault) -> VersionNumber? {
        // Nothing ran; what lies there is what the last incarnation left. Others may write there, and are not waited for: what moves meanwhile is
        // taken as it was read.
        let status = try? bench.status(of: agent, in: store)
        var parent: VersionNumber?
        if case .version(let version)? = status?.origin { parent = version }
        let request = CutRequest(
            agent: agent, kind: .aside, reason: .aside, takenAt: bench.machine.wallTime(), forced: true, workspace: workspace,
            excluded: excluded, incarnation: status?.incarnation ?? 0, parent: parent,
            sizeLimit: limit ?? ByteCount(1 << 40))
        do {
            let staged = try store.cut(request, stagingID: bench.hexadecimal(of: bench.machine.randomNumber()))
            return try store.commit(staged).version
        } catch {
            if case .nothing = error.kind { return nil }
            throw error
        }
    }
}
