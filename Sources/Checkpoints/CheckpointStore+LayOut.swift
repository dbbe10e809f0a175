public import AgentModel
internal import OutsideWorld

/// Plain files of a version for who can read nothing else.
extension CheckpointStore {
    /// Whether all the version holds lies as plain files in its directory, as far as that can be told: the runner may take them away.
    public func isPlain(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) -> Bool {
        let errand = Errand("look at", agent, version)
        try require(agent, version, errand)
        let manifest = try sealedManifest(agent, version, errand)
        let layout = VersionLayout(directory: StoreLayout.version(agent, version))
        var needed: [DiskPath] = []
        if manifest.state != nil { needed.append(layout.state) }
        if manifest.workspace != nil { needed += [layout.tree, layout.workspace] }
        if manifest.process != nil { needed += [layout.images, layout.process] }
        return try errand.inStore { () throws(FileFault) in
            for path in needed where try disk.entry(at: path) == nil { return false }
            return true
        }
    }

    /// Writes the version's files into `look`, under the names they have in a version, each compared with what was stored. Only bytes: modes,
    /// owners, times and links are in its list. Nothing is synced: whoever closes the look removes them.
    public func layOut(_ agent: AgentName, _ version: VersionNumber, in look: Look) throws(StoreFault) {
        let errand = Errand("lay out", agent, version)
        try require(agent, version, errand)
        let known = try known(try sealedManifest(agent, version, errand), images: true, errand)
        try layOut(known, to: VersionLayout(directory: look.directory), errand)
    }

    func layOut(_ known: KnownVersion, to target: VersionLayout, _ errand: Errand) throws(StoreFault) {
        let (manifest, content) = (known.manifest, known.content)
        if let state = manifest.state {
            let stored = Measure(size: state.size, digest: state.sha256)
            try write(stored, .sha256, "state", to: target.state, errand) { () throws(FileFault) in try content.state() }
        }
        if let list = manifest.workspace {
            let stored = Measure(size: list.size, digest: list.sha256)
            try write(stored, .sha256, "tree", to: target.tree, errand) { () throws(FileFault) in try content.tree() }
        }
        if manifest.workspace != nil, hidesNames(in: target.directory) {
            try bundle(known.tree, to: target.files, errand) { path throws(FileFault) in try content.file(path) }
        } else if manifest.workspace != nil {
            try errand.inStore { () throws(FileFault) in try disk.makeDirectory(target.workspace, mode: 0o700) }
            try layOutFiles(of: known, to: target, errand)
        }
        if let list = manifest.process {
            let stored = Measure(size: list.size, digest: list.sha256)
            try write(stored, .sha256, "images", to: target.images, errand) { () throws(FileFault) in try content.images() }
            try write(known.images, of: content, to: target, errand)
        }
    }

    private func layOutFiles(of known: KnownVersion, to target: VersionLayout, _ errand: Errand) throws(StoreFault) {
        for entry in known.tree {
            switch entry.kind {
            case .directory: try errand.inStore { () throws(FileFault) in try disk.makeDirectory(target.content(entry.path), mode: 0o700) }
            case .link: continue
            // One name is enough for bytes.
            case .file where entry.same != nil: continue
            case .file:
                let stored = Measure(size: entry.size ?? 0, digest: entry.sha256 ?? "")
                try write(stored, .sha256, "workspace/\(entry.path)", to: target.content(entry.path), errand) {
                    () throws(FileFault) in try known.content.file(entry.path)
                }
            }
        }
    }

    /// Images of a version, in a directory of their own.
    func write(
        _ images: [TreeEntry], of content: VersionContent, to target: VersionLayout, _ errand: Errand
    ) throws(StoreFault) {
        try errand.inStore { () throws(FileFault) in try disk.makeDirectory(target.process, mode: 0o700) }
        for image in images {
            let stored = Measure(size: image.size ?? 0, digest: image.sha256 ?? image.xxh3 ?? "")
            try write(stored, image.sha256 == nil ? .xxh3 : .sha256, "process/\(image.path)", to: target.image(image.path), errand) {
                () throws(FileFault) in try content.image(image.path)
            }
        }
    }
}

/// A private copy of a version's workspace, for a rehearsal beside the living agent.
extension CheckpointStore {
    /// Bytes of the files of the version's workspace; 0: it has none.
    public func workspaceSize(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) -> ByteCount {
        let errand = Errand("look at the workspace of", agent, version)
        try require(agent, version, errand)
        return ByteCount(try sealedManifest(agent, version, errand).workspace?.contentSize ?? 0)
    }

    /// Copies the version's workspace into `scratch`: every file with its size, mode and owner. Nothing is synced, no hash compared: the copy
    /// is thrown away.
    /// - Parameters:
    ///   - rootMode: of the workspace itself, which is not part of a version.
    ///   - isWanted: asked before every piece. Once it says no, nil is returned, and the rest is missing.
    /// - Returns: its absolute path.
    public func layOutWorkspace(
        _ agent: AgentName, _ version: VersionNumber, in scratch: Scratch, rootMode: UInt32, isWanted: () -> Bool
    ) throws(StoreFault) -> String? {
        let errand = Errand("copy the workspace of", agent, version)
        try require(agent, version, errand)
        let manifest = try sealedManifest(agent, version, errand)
        guard manifest.workspace != nil else { throw errand.fault(.noSuchPart("workspace")) }
        let known = try known(manifest, images: false, errand)
        let target = VersionLayout(directory: scratch.directory)
        let keepsAttributes = manifest.workspace?.keepsAttributes ?? false
        let wanted = known.tree.map { WantedEntry($0, on: disk, keepsAttributes: keepsAttributes) }
            .sorted { $0.stored.path < $1.stored.path }

        try errand.inStore { () throws(FileFault) in try disk.makeDirectory(target.workspace, mode: 0o755) }
        for entry in wanted {
            guard isWanted() else { return nil }
            try errand.inStore { () throws(FileFault) in
                let path = target.content(entry.stored.path)
                switch entry.stored.kind {
                case .directory: try disk.makeDirectory(path, mode: 0o700)
                case .link: try disk.makeSymbolicLink(path, to: entry.stored.target ?? "")
                case .file:
                    if let same = entry.stored.same, try disk.makeLinkIfPossible(path, to: target.content(same)) { return }
                    try copy(try known.content.file(entry.stored.path), to: path, isWanted)
                }
                // One with several names has it by its first.
                if entry.stored.kind != .directory { try dress(entry, at: path) }
            }
        }
        // The bits of a directory may forbid to fill it: last, the deepest first.
        for entry in wanted.reversed() where entry.stored.kind == .directory {
            try errand.inStore { () throws(FileFault) in try dress(entry, at: target.content(entry.stored.path)) }
        }
        try errand.inStore { () throws(FileFault) in try disk.setMode(target.workspace, rootMode) }
        return isWanted() ? place(of: target.workspace) : nil
    }

    private func copy(_ source: any DiskFile, to target: DiskPath, _ isWanted: () -> Bool) throws(FileFault) {
        let target = try disk.open(target, .createNew(mode: 0o600))
        while isWanted() {
            let piece = try source.read(pieceSize)
            if piece.isEmpty { return try target.finish() }
            try target.write(piece)
        }
    }

    private func dress(_ entry: WantedEntry, at path: DiskPath) throws(FileFault) {
        if let owner = entry.owner, try disk.entry(at: path)?.owner != owner { try disk.setOwner(path, owner) }
        guard entry.stored.kind != .link else { return }
        if let attributes = entry.attributes { try disk.giveAttributes(attributes, to: path) }
        try disk.setMode(path, entry.mode)
        try disk.setModified(path, entry.stored.modifiedAt)
    }
}
