internal import AgentModel
internal import OutsideWorld

/// Paths of a workspace that are none of ours: each covers itself and all below it.
struct Exclusions: Sendable {
    private let paths: [DiskPath]

    /// - Parameter patterns: paths below the workspace; a '/' at the end is allowed.
    init(_ patterns: [String]) {
        paths = patterns.compactMap { pattern in
            var bytes = Array(pattern.utf8)
            while bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
            while bytes.starts(with: [UInt8(ascii: "."), UInt8(ascii: "/")]) { bytes.removeFirst(2) }
            return DiskPath(String(decoding: bytes, as: UTF8.self))
        }
    }

    func covers(_ path: DiskPath) -> Bool { paths.contains { $0 == path || path.isBelow($0) } }
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
