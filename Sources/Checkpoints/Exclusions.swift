internal import AgentModel
internal import OutsideWorld

/// Paths of a workspace that are none of ours: each covers itself and all below it.
struct Exclusions: Sendable {
    private let rules: IgnoreRules

    init(_ lines: [String]) { rules = IgnoreRules(lines) }

    /// Whether it is covered, or something it lies in.
    func covers(_ path: DiskPath, isDirectory: Bool) -> Bool { rules.cover(path.text, isDirectory: isDirectory) }

    /// Whether it is covered itself. What it lies in is known not to be.
    func means(_ path: DiskPath, isDirectory: Bool) -> Bool { rules.mean(path.text, isDirectory: isDirectory) }
}

/// How store and workspace lie to each other, by the names of their roots.
enum Neighbourhood {
    case apart
    /// The store is this directory of the workspace.
    case storeInside(String)
    /// The workspace is the store, or a part of it.
    case workspaceInside

    init(store: String, workspace: String) {
        let (store, workspace) = (Self.slashed(store), Self.slashed(workspace))
        if workspace.utf8.starts(with: store.utf8) {
            self = .workspaceInside
        } else if store.utf8.starts(with: workspace.utf8) {
            self = .storeInside(String(decoding: store.utf8.dropFirst(workspace.utf8.count), as: UTF8.self))
        } else {
            self = .apart
        }
    }

    private static func slashed(_ root: String) -> String { root.utf8.last == UInt8(ascii: "/") ? root : root + "/" }
}
