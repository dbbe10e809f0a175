internal import AgentSpecs
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
}
