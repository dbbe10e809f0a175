internal import AgentSpecs
internal import CriuDriver
internal import OutsideWorld

/// The files an agent works on, as a disk.
extension Supervisor {
    /// What a cut holds beside the images.
    var keptFiles: KeptFiles { KeptFiles(workspace: agentsSpec.workspaceInside, excluded: spec.checkpoint.exclude) }

    func openWorkspace(of spec: AgentSpec) -> (any Disk)? {
        guard let path = spec.workspace else { return nil }
        do throws(FileFault) {
            let workspace = try world.disk(at: path)
            clearWarning("workspace")
            return workspace
        } catch {
            // A missing workspace is not part of a version; the agent may make it later.
            if error.kind != .missing { warn("workspace", "\(error.sentence); it is neither stored nor rolled back") }
            return nil
        }
    }

    /// The workspace, made anew when it is gone: to restore a version without its files would be to lose them quietly.
    func workspaceToRestore() throws(FileFault) -> (any Disk)? {
        guard let path = spec.workspace else { return nil }
        do { return try world.disk(at: path) } catch {
            guard error.kind == .missing, let slash = path.lastIndex(of: "/"), slash != path.startIndex,
                let name = DiskPath(String(path[path.index(after: slash)...]))
            else { throw error }
            try world.disk(at: String(path[..<slash])).makeDirectory(name, mode: 0o755)
            return try world.disk(at: path)
        }
    }
}
