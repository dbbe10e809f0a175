public import AgentModel
internal import CriuRequests
internal import OutsideWorld

/// A version of one agent becomes the first of another.
extension CheckpointStore {
    /// Copies a version, verified byte by byte, as the next of `new`, whose lock the caller holds. It says where it came from, and
    /// has none of the agent's TCP connections.
    /// - Parameter images: whether its images of processes are part of it.
    /// - Returns: the version, which is then on stable storage.
    public func fork(
        _ agent: AgentName, _ version: VersionNumber, as new: AgentName, images: Bool, stagingID: String
    ) throws(StoreFault) -> CheckpointSummary {
        let errand = Errand("fork", agent, version)
        try require(agent, version, errand)
        try require(new, errand)
        let known = try verifyAll(agent, version, errand)
        let (manifest, content) = (known.manifest, known.content)
        let listed = images ? known.images : []
        let target = VersionLayout(directory: staging(new, stagingID))
        var draft = manifest
        draft.agent = new
        (draft.parent, draft.incarnation, draft.process) = (nil, 0, nil)
        draft.forkedFrom = "\(agent)@\(version)"
        draft.notes = ["forked from \(agent)@\(version)"] + manifest.notes
        let isBundled = manifest.workspace != nil && hidesNames(in: target.directory)
        do throws(StoreFault) {
            try errand.inStore { () throws(FileFault) in
                try disk.makeDirectory(target.directory, mode: 0o700)
                if manifest.state != nil { try copy(try content.state(), to: target.state) }
                if manifest.workspace != nil, !isBundled { try disk.makeDirectory(target.workspace, mode: 0o700) }
                for entry in isBundled ? [] : known.tree.sorted(by: { $0.path < $1.path }) {
                    let new = target.content(entry.path)
                    switch entry.kind {
                    case .directory: try disk.makeDirectory(new, mode: 0o700)
                    case .link: try disk.makeSymbolicLink(new, to: entry.target ?? "")
                    case .file where entry.same != nil: continue
                    case .file: try copy(try content.file(entry.path), to: new)
                    }
                }
                if !listed.isEmpty { try disk.makeDirectory(target.process, mode: 0o700) }
                for image in listed { try copy(try content.image(image.path), to: target.image(image.path)) }
            }
            if isBundled { try bundle(known.tree, to: target.files, errand) { path throws(FileFault) in try content.file(path) } }
        } catch {
            try? disk.removeTree(target.directory)  // the next opening would
            throw error
        }
        var staged = StagedCheckpoint(
            agent: new, directory: target.directory, size: manifest.size, draft: draft, entries: known.tree, sizeLimit: ByteCount(.max))
        staged.isBundled = isBundled
        staged.images = images ? manifest.process?.made : nil
        staged.images?.tree.tcp = .close  // they are the agent's, who may be suspended and want them back
        return try commit(staged)
    }

    private func copy(_ source: any DiskFile, to target: DiskPath) throws(FileFault) {
        let target = try disk.open(target, .createNew(mode: 0o600))
        while true {
            let piece = try source.read(pieceSize)
            if piece.isEmpty { return try target.finish() }
            try target.write(piece)
        }
    }
}
