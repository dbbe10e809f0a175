internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

/// What a restore would do. `runner restore --dry-run` prints it.
struct RestorePlan {
    var agent: AgentName
    var version: VersionNumber
    var startsFrom: Origin
    var beginning: Beginning
    /// How old it is and what it has earned: "stored, 2 h ago".
    var age: String
    /// What would be kept before anything is changed. nil: nothing has to be.
    var keptFirst: String?
    /// nil: all of it.
    var only: [DiskPath]?
    /// nil: the workspace stays as it is.
    var workspace: WorkspaceRestorePlan?

    /// What is said of single paths. nil: there is nothing that would be a surprise.
    var warning: String? { only == nil ? nil : beginning.warning(of: agent) }

    var text: String {
        var text =
            if let only {
                "restoring \(quoted(only)) of '\(agent)@\(version)' (\(age)) would change nothing else\n"
            } else {
                "restoring '\(agent)@\(version)' (\(age)) would start it \(beginning.words)\n"
            }
        if let keptFirst { text += "kept first: \(keptFirst)\n" }
        if let warning { text += "at its next start \(warning)\n" }
        guard let workspace else { return text + "the workspace would stay as it is\n" }
        text += statistics(withSigns: true) + "\n"
        for step in workspace.steps.prefix(200) { text += line(step) }
        if workspace.ownersLost > 0 {
            text += "  \(workspace.ownersLost) belonged to others; only root can give them back, so they will be yours\n"
        }
        if workspace.attributesLost > 0 {
            text += "  \(workspace.attributesLost) had attributes (xattr) that cannot be given here; they will be without\n"
        }
        if workspace.steps.count > 200 { text += "  … and \(workspace.steps.count - 200) more ('--json' has all)\n" }
        return text
    }

    /// "workspace: 1 added, 2 changed, 4 unchanged"; what there is none of is left out.
    /// - Parameter withSigns: those that stand before the paths in the list.
    func statistics(withSigns: Bool = false) -> String {
        guard let workspace else { return "workspace: stays as it is" }
        let counts = WorkspaceRestorePlan.Change.allCases.compactMap { change -> String? in
            let count = workspace.steps(change).count
            return count == 0 ? nil : "\(count) \(words(change))" + (withSigns ? " (\(sign(change)))" : "")
        }
        return "workspace: " + (counts.isEmpty ? ["nothing would change"] : counts).joined(separator: ", ")
            + ", \(workspace.unchanged) unchanged"
    }

    private func words(_ change: WorkspaceRestorePlan.Change) -> String {
        switch change {
        case .added, .changed, .removed: change.rawValue
        case .owner: "with another owner"
        case .names: "with other names"
        case .attributes: "with other attributes"
        case .mode: "with other permissions"
        case .time: "with another time"
        }
    }

    private func line(_ step: WorkspaceRestorePlan.Step) -> String {
        let owner = step.owner.map { "  (owner \($0))" } ?? ""
        let same = step.same.map { "  (the same file as \(printable($0.text)))" } ?? ""
        return "  \(sign(step.change)) \(printable(step.path.text))\(owner)\(same)\n"
    }

    private func sign(_ change: WorkspaceRestorePlan.Change) -> String {
        switch change {
        case .added: "+"
        case .changed: "~"
        case .removed: "-"
        case .owner: "o"
        case .names: "l"
        case .attributes: "x"
        case .mode: "m"
        case .time: "t"
        }
    }
}

extension RestorePlan: Encodable {
    private enum Key: CodingKey { case agent, version, startsFrom, startsAnew, only, workspace }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(agent, forKey: .agent)
        try container.encode(version, forKey: .version)
        try container.encode(startsFrom, forKey: .startsFrom)
        try container.encode(beginning.isAnew, forKey: .startsAnew)
        try container.encodeIfPresent(only, forKey: .only)
        try container.encodeIfPresent(workspace, forKey: .workspace)
    }
}
