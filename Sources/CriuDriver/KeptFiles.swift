internal import AgentModel
internal import OutsideWorld

/// Which files are part of the same cut as the images, by the names they have in the sandbox.
public struct KeptFiles: Hashable, Sendable {
    /// The workspace; nil: there is none, and no file is kept.
    public var workspace: String?
    /// What of it is in no version: see `IgnoreRules`.
    private var excluded: IgnoreRules
    /// The sandbox has a /dev/shm of its own, which is kept beside the images.
    var hasSharedMemory = false

    public init(workspace: String? = nil, excluded: [String] = []) {
        self.workspace = workspace
        self.excluded = IgnoreRules(excluded)
    }

    /// As the kernel names what the sandbox's processes hold: without links.
    func named(in sandbox: SandboxID, of world: any World) -> KeptFiles {
        var named = self
        named.workspace = workspace.map { world.place(of: $0, in: sandbox) ?? $0 }
        named.hasSharedMemory = world.sharedMemory(of: sandbox) != nil
        return named
    }

    enum Place {
        case kept
        /// In the workspace, and left out.
        case excluded
        case outside
    }

    func place(of path: String) -> Place {
        // What the kernel makes up has no content that a cut could hold.
        if path.isBelow("/proc") || path.isBelow("/sys") { return .kept }
        if let workspace, path.isBelow(workspace) {
            let rest = String(decoding: path.utf8.dropFirst(workspace == "/" ? 1 : workspace.utf8.count + 1), as: UTF8.self)
            return excluded.cover(rest, isDirectory: false) ? .excluded : .kept
        }
        if path.isBelow("/dev/shm") { return hasSharedMemory ? .kept : .outside }
        return path.isBelow("/dev") ? .kept : .outside
    }
}

extension String {
    // By bytes: a name may begin with a mark that would swallow the '/'.
    fileprivate func isBelow(_ directory: String) -> Bool {
        directory == "/" ? utf8.first == UInt8(ascii: "/") : utf8.starts(with: (directory + "/").utf8)
    }
}
