public import AgentModel
internal import OutsideWorld

/// Every byte against what was stored.
extension CheckpointStore {
    /// Reads the whole version and compares it with what was stored.
    /// - Throws: `broken` with the first part that differs.
    public func verify(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) {
        let errand = Errand("verify", agent, version)
        try require(agent, version, errand)
        _ = try verifyAll(agent, version, errand)
    }

    /// As `verify`, but for the content of memory pages: most of a version with images. Nothing may run on them before `verifyPages`.
    public func verifyButPages(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) {
        let errand = Errand("verify", agent, version)
        try require(agent, version, errand)
        _ = try standing(agent, version, errand)
        try verifyContent(agent, version, images: .butPages, errand)
    }

    /// The rest of it.
    public func verifyPages(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) {
        let errand = Errand("verify", agent, version)
        try require(agent, version, errand)
        let manifest = try sealedManifest(agent, version, errand)
        try verifyImages(VersionLayout(directory: StoreLayout.version(agent, version)), manifest, .pages, errand)
    }

    func verifyAll(_ agent: AgentName, _ version: VersionNumber, _ errand: Errand) throws(StoreFault) -> (Manifest, [TreeEntry]) {
        _ = try standing(agent, version, errand)
        return try verifyContent(agent, version, errand)
    }

    /// All but the standing.
    @discardableResult
    func verifyContent(
        _ agent: AgentName, _ version: VersionNumber, images: ImageContent = .all, _ errand: Errand
    ) throws(StoreFault) -> (Manifest, [TreeEntry]) {
        let layout = VersionLayout(directory: StoreLayout.version(agent, version))
        let manifest = try sealedManifest(agent, version, errand)
        let entries = try sealedTree(manifest, errand)
        try verifyNames(layout, manifest, errand)
        if let state = manifest.state {
            let found = try errand.reading("state") { () throws(FileFault) in try disk.measure(layout.state, limit: state.size) }
            try expect(found, Measure(size: state.size, digest: state.sha256), of: "state", errand)
        }
        if images != .none { try verifyImages(layout, manifest, images, errand) }
        if manifest.workspace != nil { try verifyWorkspace(layout, entries, errand) }
        return (manifest, entries)
    }

    /// Nothing lies in the version's directory that its manifest does not tell of.
    private func verifyNames(_ layout: VersionLayout, _ manifest: Manifest, _ errand: Errand) throws(StoreFault) {
        var known: Set<String> = ["manifest.json", "seal", "standing", "standing.new"]
        if manifest.state != nil { known.insert("state") }
        if manifest.workspace != nil { known.formUnion(["tree", "workspace"]) }
        if manifest.process != nil { known.formUnion(["images", "process"]) }
        let names = try errand.inStore { () throws(FileFault) in try disk.names(in: layout.directory) }
        if let stranger = names.filter({ !known.contains($0) }).min() {
            throw errand.fault(.broken(part: stranger, how: "it is not part of what was stored"))
        }
    }

    func verifyWorkspace(_ layout: VersionLayout, _ entries: [TreeEntry], _ errand: Errand) throws(StoreFault) {
        let listing = try errand.reading("workspace") { () throws(FileFault) in
            try WorkspaceListing(of: disk, below: layout.workspace)
        }
        let known = Set(entries.map(\.path))
        let strangers = listing.found.map(\.path) + listing.special + listing.vanished
        if let stranger = strangers.filter({ !known.contains($0) }).min() {
            throw errand.fault(.broken(part: "workspace/\(stranger)", how: "it is not part of what was stored"))
        }
        let found = Dictionary(uniqueKeysWithValues: listing.found.map { ($0.path, $0.entry) })
        for entry in entries { try verify(entry, found[entry.path], layout, errand) }
    }

    private func verify(_ entry: TreeEntry, _ found: DiskEntry?, _ layout: VersionLayout, _ errand: Errand) throws(StoreFault) {
        let part = "workspace/\(entry.path)"
        guard let found else { throw errand.fault(.broken(part: part, how: "it is missing")) }
        switch (entry.kind, found.kind) {
        case (.directory, .directory): return
        case (.link, .symbolicLink(let target)):
            guard target.utf8.elementsEqual((entry.target ?? "").utf8) else {
                throw errand.fault(.broken(part: part, how: "the link leads elsewhere"))
            }
        case (.file, .file):
            let stored = Measure(size: entry.size ?? 0, digest: entry.sha256 ?? "")
            let measured = try errand.reading(part) { () throws(FileFault) in
                try disk.measure(layout.content(entry.path), limit: stored.size)
            }
            try expect(measured, stored, of: part, errand)
        case (.file, _), (.directory, _), (.link, _):
            throw errand.fault(.broken(part: part, how: "it is not a \(entry.kind.rawValue)"))
        }
    }
}
