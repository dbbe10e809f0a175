internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import LaunchPlans
internal import OutsideWorld

extension Workbench {
    /// Makes the workspace of an agent that has none yet, empty and the agent's own: versions of it hold files from the first one on.
    func makeWorkspace(of spec: AgentSpec, for plan: LaunchPlan) throws(CommandFault) {
        guard let path = spec.workspace else { return }
        do {
            _ = try machine.disk(at: path, create: false)
            return
        } catch {
            guard error.kind == .missing else { throw CommandFault(error) }
        }
        do {
            let workspace = try machine.disk(at: path, create: true)
            if let user = plan.userID { try workspace.setOwner(nil, FileOwner(user: user, group: plan.groupID ?? user)) }
        } catch { throw CommandFault(error) }
        talk("made the workspace '\(path)', which was not there")
    }

    /// A warning where all speaks for it that the agent's files land outside every version: its command runs beside its workspace, the last
    /// version that was to hold files holds none, and there is still nothing to hold. An agent may keep its files there on purpose.
    func warnOfEmptyVersions(of spec: AgentSpec) {
        guard let path = spec.workspace, let inside = spec.workspaceInside, ![path, inside].contains(where: { isAt(spec.workdir, $0) }),
            let store = try? openStore(), let last = (try? versions(of: spec.name, in: store))?.last(where: { $0.parts.workspace }),
            (try? store.manifest(spec.name, last.version))?.workspace?.entries == 0,
            let names = try? machine.disk(at: path, create: false).names(in: nil), names.isEmpty
        else { return }
        talk(
            "warning: '\(spec.name)@\(last.version)' holds no files: the workspace '\(path)' is empty, and the command runs in "
                + "'\(spec.workdir)'. What it writes there is in no version; set 'workdir: \(inside)', or let it write into the workspace")
    }

    private func isAt(_ directory: String, _ path: String) -> Bool { directory == path || directory.hasPrefix(path + "/") }
}
