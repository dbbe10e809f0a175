public import AgentModel
internal import Compression
internal import OutsideWorld

/// Making a copy a version. Documentation: docs/store-format.md#commit
extension CheckpointStore {
    /// Makes the copy the agent's newest version. The caller holds the agent's lock.
    /// - Returns: the version, which is then on stable storage.
    /// - Throws: `StoreFault`; there is no new version then, and the copy is gone, or goes with the next opening.
    public func commit(_ staged: StagedCheckpoint) throws(StoreFault) -> CheckpointSummary {
        guard let summary = try commit(staged, unlessIn: nil) else { preconditionFailure("a copy was compared with no version") }
        return summary
    }

    /// - Parameter version: known-good, and the newest.
    /// - Returns: nil: that version holds all of it. The copy is gone then, and all is as before.
    public func commit(_ staged: StagedCheckpoint, unlessIn version: VersionNumber?) throws(StoreFault) -> CheckpointSummary? {
        let errand = Errand("commit a checkpoint of", staged.agent.text)
        var staged = staged
        var mayComeBack = false
        do throws(StoreFault) {
            try measureUnread(of: &staged, errand)
            var sums: [DiskPath: PageSums] = [:]
            let images = staged.images == nil ? [] : try measureImages(of: staged, &sums, errand)
            if let version, isUnchanged(staged, images, since: version, errand) {
                discard(staged)
                return nil
            }
            try sealRooms(of: &staged, images, errand)
            // 1. A number of its own.
            let version = try takeNumber(staged.agent, errand)
            let named = Errand("commit the checkpoint", staged.agent, version)
            // 2. and 3. Everything complete and safe while nobody sees it.
            let manifest = try seal(staged, images, as: version, named)
            try syncAll(staged, images, named)
            try raiseFormat(named)
            // 4. Now it exists.
            try publish(staged, as: version, &mayComeBack, named)
            if staged.images != nil { staged.pages?.remember(sums, of: version) }
            // 5. Hints; the next opening repairs them.
            _ = try? refreshLinks(staged.agent, named)
            if let (index, identities, wholeAt, age) = staged.learning, let tree = manifest.workspace?.sha256 {
                index.learn(WorkspaceIndex.Seen(version: version, tree: tree, wholeAt: wholeAt, identities: identities), at: age)
            }
            return manifest.summary
        } catch {
            // What came back would be half there; the next opening removes it.
            if !mayComeBack { discard(staged) }
            throw error
        }
    }

    /// What was taken without being read is what its place holds: nobody writes there any more.
    private func measureUnread(of staged: inout StagedCheckpoint, _ errand: Errand) throws(StoreFault) {
        if staged.unread.isEmpty { return }
        let layout = VersionLayout(directory: staged.directory)
        for unread in staged.unread {
            let entry = staged.entries[unread.entry]
            let size = entry.size ?? 0
            let path = unread.place == nil ? layout.content(entry.path) : layout.files
            let measure = try errand.inStore { () throws(FileFault) in
                let file = try disk.open(path, .read)
                return try FileSection(of: file, from: unread.place ?? 0, size: size, named: path.text).measure(limit: size)
            }
            guard measure.size == size else { throw errand.fault(.broken(part: "workspace/\(entry.path)", how: "its copy is too short")) }
            staged.entries[unread.entry].sha256 = measure.digest
        }
        for index in staged.entries.indices {
            guard let first = staged.entries[index].same else { continue }
            staged.entries[index].sha256 = staged.entries.entry(at: first)?.sha256
        }
        staged.unread = []
    }

    private func seal(
        _ staged: StagedCheckpoint, _ images: [TreeEntry], as version: VersionNumber, _ errand: Errand
    ) throws(StoreFault) -> Manifest {
        let layout = VersionLayout(directory: staged.directory)
        var manifest = staged.draft
        manifest.version = version
        if manifest.workspace != nil {
            let tree = Tree.encode(staged.entries)
            let measure = Measure.of(tree)
            manifest.workspace?.size = measure.size
            manifest.workspace?.sha256 = measure.digest
            guard ByteCount(measure.size) <= Manifest.treeLimit else {
                throw errand.fault(.refused("its workspace holds \(staged.entries.count) files, too many to list in \(Manifest.treeLimit)"))
            }
            try create(layout.tree, tree, errand)
        }
        if let made = staged.images {
            let list = Tree.encode(images)
            let measure = Measure.of(list)
            manifest.process = Manifest.Process(
                size: measure.size, sha256: measure.digest, entries: images.count,
                contentSize: images.reduce(0) { saturatingSum($0, $1.size ?? 0) }, made: made)
            try create(layout.images, list, errand)
        }
        if let packed = staged.packed {
            let map = packed.map(of: staged.entries, images, manifest)
            try errand.inStore { () throws(FileFault) in
                try disk.write(layout.chunks, beside: layout.newChunks, map.encoded(with: Zstandard()))
            }
        }
        let bytes = encoded(manifest)
        guard ByteCount(UInt64(bytes.count)) <= Manifest.limit else {
            throw errand.fault(.refused("its exclusions and notes take more than \(Manifest.limit)"))
        }
        try create(layout.manifest, bytes, errand)
        try create(layout.seal, Manifest.seal(bytes), errand)
        try create(layout.standing, CheckedLine.encode(StandingRecord(standing: .stored, because: nil, pinned: false)), errand)
        return manifest
    }

    private func create(_ path: DiskPath, _ bytes: [UInt8], _ errand: Errand) throws(StoreFault) {
        try errand.inStore { () throws(FileFault) in try disk.create(path, with: bytes) }
    }

    /// Files first, then directories from the leaves up.
    private func syncAll(_ staged: StagedCheckpoint, _ images: [TreeEntry], _ errand: Errand) throws(StoreFault) {
        let layout = VersionLayout(directory: staged.directory)
        var files = [layout.manifest, layout.seal, layout.standing]
        var directories = [layout.directory]
        if staged.draft.state != nil { files.append(layout.state) }
        if staged.draft.workspace != nil { files.append(layout.tree) }
        if staged.packed != nil { files.append(layout.chunks) }
        if staged.isBundled {
            files.append(layout.files)
        } else if staged.draft.workspace != nil {
            directories.append(layout.workspace)
            files += staged.entries.filter { $0.kind == .file && $0.same == nil }.map { layout.content($0.path) }
            directories += staged.entries.filter { $0.kind == .directory }.map { layout.content($0.path) }
        }
        if staged.images != nil {
            files += [layout.images] + images.map { layout.image($0.path) }
            directories.append(layout.process)
        }
        try errand.inStore { () throws(FileFault) in
            // fsync(2) works on any descriptor of the file, also one that only reads.
            for file in files { try disk.open(file, .read).beginSync() }
            for file in files { try disk.open(file, .read).sync() }
            for directory in directories.reversed() { try disk.syncDirectory(directory) }
        }
    }

    /// - Parameter mayComeBack: whether there is no version now, and a power cut may make one of what lies in staging.
    private func publish(
        _ staged: StagedCheckpoint, as version: VersionNumber, _ mayComeBack: inout Bool, _ errand: Errand
    ) throws(StoreFault) {
        let target = StoreLayout.version(staged.agent, version)
        try errand.inStore { () throws(FileFault) in
            try disk.rename(staged.directory, to: target)
            do throws(FileFault) { try disk.syncDirectory(StoreLayout.versions(staged.agent)) } catch {
                // Visible, but nobody knows whether durably: taken back.
                do throws(FileFault) { try disk.rename(target, to: staged.directory) } catch {
                    // It cannot be: then it may as well be kept.
                    return try disk.syncDirectory(StoreLayout.versions(staged.agent))
                }
                mayComeBack = true
                try disk.syncDirectory(StoreLayout.staging)
                try disk.syncDirectory(StoreLayout.versions(staged.agent))
                mayComeBack = false
                throw error
            }
            try? disk.syncDirectory(StoreLayout.staging)  // the version is safe under its new name
        }
    }
}

extension PackedFiles {
    /// Where everything of the version is: in packs, what was not copied.
    fileprivate func map(of tree: [TreeEntry], _ images: [TreeEntry], _ manifest: Manifest) -> ChunkMap {
        var whole = ChunkMap()
        whole.append(.absent, count: ContentLayout(manifest).count)
        for (entry, places) in zip(tree, places) where entry.kind == .file {
            if let places {
                whole.append(places, of: map)
            } else {
                whole.append(.absent, count: ChunkSize.count(entry.size ?? 0, by: ChunkSize.other))
            }
        }
        for image in images where image.kind == .file {
            whole.append(.absent, count: ChunkSize.count(image.size ?? 0, by: ChunkSize.of(image: image.path)))
        }
        return whole
    }
}
