public import AgentModel
internal import OutsideWorld

/// What is known of a version that comes from elsewhere, beside its bytes.
public struct ImportRequest: Sendable {
    public var agent: AgentName
    /// When it was taken, there.
    public var takenAt: WallTime
    /// Sentences for whoever looks at the version: where it came from.
    public var notes: [String]
    /// Total bytes the version may take. More is refused.
    public var sizeLimit: ByteCount
    public init(agent: AgentName, takenAt: WallTime, notes: [String], sizeLimit: ByteCount = ByteCount(1 << 40)) {
        self.agent = agent
        self.takenAt = takenAt
        self.notes = notes
        self.sizeLimit = sizeLimit
    }
}

/// Versions that come from elsewhere. They lie in the room that `openCut` made, as a version's files do, and nothing in them is believed.
extension CheckpointStore {
    /// A version of another store: `manifest`, sealed by `seal`, says what lies beside it. Directories and links of the workspace need not be
    /// there: the list of its files tells them.
    /// - Throws: `broken` when anything is not what was stored; the room is gone then.
    public func stage(
        _ opened: OpenedCut, sealed manifest: [UInt8], seal: [UInt8], as request: ImportRequest
    ) throws(StoreFault) -> StagedCheckpoint {
        let errand = Errand("import a version of", request.agent.text)
        do throws(StoreFault) {
            let stranger = try open(manifest, seal, errand)
            let size = stranger.size.bytes
            guard size <= request.sizeLimit.bytes else {
                throw errand.fault(.refused("it takes \(ByteCount(size)), and the limit is \(request.sizeLimit)"))
            }
            let layout = VersionLayout(directory: opened.directory)
            let isBundled = try errand.inStore { () throws(FileFault) in try disk.entry(at: layout.files) != nil }
            if let state = stranger.state {
                let found = try errand.reading("state") { () throws(FileFault) in try disk.measure(layout.state, limit: state.size) }
                try expect(found, Measure(size: state.size, digest: state.sha256), of: "state", errand)
            }
            let entries = try stageWorkspace(stranger, layout, errand)
            try stageImages(stranger, layout, errand)
            try leaveOnly(stranger, layout, errand)
            var staged = StagedCheckpoint(
                agent: request.agent, directory: opened.directory, size: stranger.size, draft: draft(of: stranger, entries, request),
                entries: entries, sizeLimit: request.sizeLimit)
            staged.isBundled = isBundled
            staged.images = stranger.process?.made
            return staged
        } catch {
            discard(opened)
            throw error
        }
    }

    /// Images alone, as somebody's CRIU made them.
    public func stage(
        _ opened: OpenedCut, images: MadeImages, as request: ImportRequest
    ) throws(StoreFault) -> StagedCheckpoint {
        var cut = CutRequest(
            agent: request.agent, kind: .checkpoint, reason: .import, takenAt: request.takenAt, incarnation: 0, sizeLimit: request.sizeLimit
        )
        cut.notes = request.notes
        var staged = try copy(cut, into: opened, images: true)
        staged.images = images
        return staged
    }

    // MARK: What the manifest says

    func open(_ manifest: [UInt8], _ seal: [UInt8], _ errand: Errand) throws(StoreFault) -> Manifest {
        guard seal == Manifest.seal(manifest) else {
            throw errand.fault(.broken(part: "manifest.json", how: "it does not match its seal"))
        }
        guard ByteCount(UInt64(manifest.count)) <= Manifest.limit, let stranger = try? JSONText.decode(Manifest.self, from: manifest),
            stranger.format == Manifest.currentFormat
        else { throw errand.fault(.broken(part: "manifest.json", how: "it is not a manifest of format \(Manifest.currentFormat)")) }
        return stranger
    }

    /// Numbers that mean something only in the store it comes from are left behind.
    private func draft(of stranger: Manifest, _ entries: [TreeEntry], _ request: ImportRequest) -> Manifest {
        var draft = stranger
        draft.agent = request.agent
        draft.version = VersionNumber(0)
        draft.kind = .checkpoint
        draft.reason = .import
        draft.takenAt = WallTime(rfc3339: request.takenAt.description) ?? request.takenAt
        (draft.parent, draft.incarnation, draft.effectPosition) = (nil, 0, 0)
        draft.process = nil  // the commit writes it
        draft.workspace?.entries = entries.count
        draft.workspace?.contentSize = entries.contentSize
        draft.notes = request.notes + stranger.notes
        return draft
    }

    // MARK: What lies beside it

    private func stageWorkspace(_ stranger: Manifest, _ layout: VersionLayout, _ errand: Errand) throws(StoreFault) -> [TreeEntry] {
        guard let workspace = stranger.workspace else { return [] }
        let limit = ByteCount(min(workspace.size, Manifest.treeLimit.bytes))
        let bytes = try errand.reading("tree") { () throws(FileFault) in try disk.read(layout.tree, limit: limit) }
        try expect(Measure.of(bytes), Measure(size: workspace.size, digest: workspace.sha256), of: "tree", errand)
        let entries: [TreeEntry]
        switch Tree.decode(bytes) {
        case .entries(let decoded): entries = decoded
        case .damaged(let how): throw errand.fault(.broken(part: "tree", how: how))
        }
        let isBundled = try errand.inStore { () throws(FileFault) in try disk.entry(at: layout.files) != nil }
        if !isBundled { try makePlaces(of: entries, layout, errand) }
        try errand.inStore { () throws(FileFault) in
            try disk.removeFile(layout.tree)  // the commit writes it
        }
        let content = try errand.inStore { () throws(FileFault) in try VersionContent(stranger, in: layout.directory, on: disk) }
        content.know(stranger, tree: entries, images: [])
        try verifyWorkspace(entries, in: content, errand)
        return entries
    }

    private func makePlaces(of entries: [TreeEntry], _ layout: VersionLayout, _ errand: Errand) throws(StoreFault) {
        try errand.inStore { () throws(FileFault) in
            try disk.makeDirectories(layout.workspace)
            for entry in entries where entry.kind == .directory { try disk.makeDirectories(layout.content(entry.path)) }
            for entry in entries where entry.kind == .link {
                try disk.makeSymbolicLink(layout.content(entry.path), to: entry.target ?? "")
            }
            // An archive has the bytes under every name, for who can read nothing else.
            for entry in entries where entry.same != nil { try disk.removeTree(layout.content(entry.path)) }
        }
    }

    private func stageImages(_ stranger: Manifest, _ layout: VersionLayout, _ errand: Errand) throws(StoreFault) {
        guard stranger.process != nil else {
            // Room that nobody used.
            return try errand.inStore { () throws(FileFault) in try disk.removeTree(layout.process) }
        }
        let content = try errand.inStore { () throws(FileFault) in try VersionContent(stranger, in: layout.directory, on: disk) }
        try verify(try sealedImages(stranger, content, errand), in: content, .all, errand)
        try errand.inStore { () throws(FileFault) in try disk.removeFile(layout.images) }  // the commit writes it
    }

    /// Files that the manifest does not tell of are no part of the version.
    private func leaveOnly(_ stranger: Manifest, _ layout: VersionLayout, _ errand: Errand) throws(StoreFault) {
        var known: Set<String> = []
        if stranger.state != nil { known.insert("state") }
        if stranger.workspace != nil { known.formUnion(["workspace", "files"]) }
        if stranger.process != nil { known.insert("process") }
        let names = try errand.inStore { () throws(FileFault) in try disk.names(in: layout.directory) }
        if let other = names.filter({ !known.contains($0) }).min() {
            throw errand.fault(.broken(part: other, how: "it is not part of what was stored"))
        }
    }
}

// MARK: Nothing came of it

extension CheckpointStore {
    /// Takes an agent back that was added for nothing: it has no version. The caller holds its lock.
    public func takeBack(_ agent: AgentName) throws(StoreFault) {
        let errand = Errand("take back the agent", agent.text)
        guard try errand.inStore({ () throws(FileFault) in try disk.names(in: StoreLayout.versions(agent)).isEmpty }) else { return }
        try putAway(agent, errand)
    }

    /// Takes an agent back that was made by a fork which failed, with whatever it has. The caller has held its lock since it was nothing.
    public func takeBackFork(_ agent: AgentName) throws(StoreFault) { try putAway(agent, Errand("take back the fork", agent.text)) }

    private func putAway(_ agent: AgentName, _ errand: Errand) throws(StoreFault) {
        try errand.inStore { () throws(FileFault) in
            let trash = StoreLayout.trash / (StoreLayout.prefix(agent) + StoreLayout.newAgent)
            try disk.removeTree(trash)
            try disk.rename(StoreLayout.agent(agent), to: trash)
            try disk.syncDirectory(StoreLayout.agents)
            try? disk.removeTree(trash)  // whoever is named so next removes it
        }
    }
}
