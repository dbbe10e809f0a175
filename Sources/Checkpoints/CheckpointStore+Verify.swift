public import AgentModel
internal import OutsideWorld

/// A version with its lists read.
struct KnownVersion {
    let manifest: Manifest
    let tree: [TreeEntry]
    /// Empty, too, where they were not asked for.
    let images: [TreeEntry]
    let content: VersionContent
}

/// Every byte against what was stored.
extension CheckpointStore {
    /// Reads the whole version and compares it with what was stored.
    /// - Throws: `broken` with the first part that differs.
    public func verify(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) {
        let errand = Errand("verify", agent, version)
        try require(agent, version, errand)
        _ = try verifyAll(agent, version, errand)
    }

    /// What a second look at a version finds that was not what was stored at the first.
    public enum SecondLook {
        case whole, damaged(StoreFault)
        /// The disk does not give it now: nobody knows what is there.
        case unreadable(StoreFault)
    }

    /// Reads the version once more, before anything is said of it that stays: a disk or memory may fail once.
    public func lookAgain(_ agent: AgentName, _ version: VersionNumber) -> SecondLook {
        var errand = Errand("verify", agent, version)
        errand.asksAgain = true
        do throws(StoreFault) {
            try require(agent, version, errand)
            _ = try verifyAll(agent, version, errand)
            return .whole
        } catch {
            if case .broken = error.kind { return .damaged(error) }
            return .unreadable(error)
        }
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
        let known = try known(try sealedManifest(agent, version, errand), images: true, errand)
        if known.manifest.process != nil { try verify(known.images, in: known.content, .pages, errand) }
    }

    func verifyAll(_ agent: AgentName, _ version: VersionNumber, _ errand: Errand) throws(StoreFault) -> KnownVersion {
        _ = try standing(agent, version, errand)
        return try verifyContent(agent, version, errand)
    }

    /// As `verify`, of what is in packs alone: whether plain files are there, and what is in them, does not matter.
    /// - Throws: `noSuchPart` when the version is not in packs.
    public func verifyPacked(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) {
        let errand = Errand("verify", agent, version)
        try require(agent, version, errand)
        _ = try standing(agent, version, errand)
        let manifest = try sealedManifest(agent, version, errand)
        guard try content(of: manifest, errand).map?.isComplete ?? false else { throw errand.fault(.noSuchPart("chunks")) }
        try verifyContent(try known(manifest, images: true, isPackedOnly: true, errand), images: .all, errand)
    }

    /// Reads every pack of the agent whole, expands every block and compares every chunk with what it is known by.
    /// - Parameters:
    ///   - known: packs that need not be read again, unless one was found damaged since.
    ///   - passed: gets each of those.
    ///   - each: gets every one that was read, as soon as it was.
    /// - Returns: the packs, and how each is damaged; nil: it is whole.
    @discardableResult
    public func verifyPacks(
        _ agent: AgentName, passing known: Set<String> = [], passed: (String) -> Void = { _ in }, begin: (String) -> Void = { _ in },
        each: (_ pack: String, _ damage: PackDamage?) -> Void = { _, _ in }
    ) throws(StoreFault) -> [(pack: String, damage: PackDamage?)] {
        let errand = Errand("verify the packs of", agent.text)
        try require(agent, errand)
        let shelf = try errand.inStore { () throws(FileFault) in try PackShelf(of: agent, on: disk) }
        return try errand.inStore { () throws(FileFault) in
            var found: [(pack: String, damage: PackDamage?)] = []
            for name in shelf.names {
                if known.contains(name.text), !shelf.doubted.contains(name) {
                    passed(name.text)
                    continue
                }
                begin(name.text)
                let damage: PackDamage?
                do throws(FileFault) { damage = try shelf.damage(of: name) } catch {
                    if error.kind == .missing { continue }  // a collection put what is needed elsewhere
                    throw error
                }
                if let damage {
                    doubt((shelf.directory / (damage.base ?? name.text)).text, of: agent)
                } else if shelf.doubted.contains(name) {
                    try disk.removeTree(shelf.directory / name.marked)
                }
                found.append((name.text, damage))
                each(name.text, damage)
            }
            return found
        }
    }

    /// All but the standing.
    @discardableResult
    func verifyContent(
        _ agent: AgentName, _ version: VersionNumber, images: ImageContent = .all, _ errand: Errand
    ) throws(StoreFault) -> KnownVersion {
        let known = try known(try sealedManifest(agent, version, errand), images: images != .none, errand)
        try verifyContent(known, images: images, errand)
        return known
    }

    private func verifyContent(_ known: KnownVersion, images: ImageContent, _ errand: Errand) throws(StoreFault) {
        try verifyNames(known.content.layout, known.manifest, errand)
        try verifyBytes(known, images: images, errand)
    }

    /// Of a version that lies anywhere: what else lies in its directory does not matter.
    func verifyBytes(_ known: KnownVersion, images: ImageContent, _ errand: Errand) throws(StoreFault) {
        let (manifest, content) = (known.manifest, known.content)
        if let state = manifest.state {
            let found = try errand.reading("state") { () throws(FileFault) in try content.state().measure(limit: state.size) }
            try expect(found, Measure(size: state.size, digest: state.sha256), of: "state", errand)
        }
        if images != .none, manifest.process != nil { try verify(known.images, in: content, images, errand) }
        if manifest.workspace != nil { try verifyWorkspace(known.tree, in: content, errand) }
    }

    /// The version with all its lists, when what they name is there and nothing else. The content of files is still to be compared.
    func knownInOutline(_ agent: AgentName, _ version: VersionNumber, _ errand: Errand) throws(StoreFault) -> KnownVersion {
        try require(agent, version, errand)
        _ = try standing(agent, version, errand)
        let known = try known(try sealedManifest(agent, version, errand), images: true, errand)
        try verifyNames(known.content.layout, known.manifest, errand)
        if known.manifest.process != nil { try verify(known.images, in: known.content, .none, errand) }
        if known.manifest.workspace != nil { try verifyWorkspace(known.tree, in: known.content, content: .notRead, errand) }
        return known
    }

    /// - Parameters:
    ///   - images: whether the list of images is needed. Where it is damaged the rest can still be read.
    ///   - isPackedOnly: whether plain files are passed over.
    func known(
        _ manifest: Manifest, images: Bool, isPackedOnly: Bool = false, _ errand: Errand
    ) throws(StoreFault) -> KnownVersion {
        try known(manifest, in: try content(of: manifest, isPackedOnly: isPackedOnly, errand), images: images, errand)
    }

    func known(
        _ manifest: Manifest, in content: VersionContent, images: Bool, _ errand: Errand
    ) throws(StoreFault) -> KnownVersion {
        let tree = try sealedTree(manifest, content, errand)
        let listed = images ? try sealedImages(manifest, content, errand) : []
        content.know(manifest, tree: tree, images: listed)
        return KnownVersion(manifest: manifest, tree: tree, images: listed, content: content)
    }

    /// Nothing lies in the version's directory that its manifest does not tell of.
    private func verifyNames(_ layout: VersionLayout, _ manifest: Manifest, _ errand: Errand) throws(StoreFault) {
        var known: Set<String> = ["manifest.json", "seal", "standing", "standing.new", "chunks", "chunks.new"]
        if manifest.state != nil { known.insert("state") }
        if manifest.workspace != nil { known.formUnion(["tree", "workspace", "files"]) }
        if manifest.process != nil { known.formUnion(["images", "process"]) }
        let names = try errand.inStore { () throws(FileFault) in try disk.names(in: layout.directory) }
        if let stranger = names.filter({ !known.contains($0) }).min() {
            throw errand.fault(.broken(part: stranger, how: "it is not part of what was stored"))
        }
    }

    /// Whether the files of a workspace are read.
    enum FileContent { case read, notRead }

    func verifyWorkspace(
        _ entries: [TreeEntry], in content: VersionContent, content files: FileContent = .read, _ errand: Errand
    ) throws(StoreFault) {
        let workspace = content.layout.workspace
        let isPlain = try isPlain(workspace, of: content, errand)
        let listing =
            !isPlain
            ? WorkspaceListing()
            : try errand.reading("workspace") { () throws(FileFault) in
                try WorkspaceListing(of: disk, below: workspace)
            }
        try errand.reading("files") { () throws(FileFault) in try content.checkBundle() }
        let known = Set(entries.filter { $0.same == nil }.map(\.path))
        let strangers = listing.found.map(\.path) + listing.special + listing.vanished
        if let stranger = strangers.filter({ !known.contains($0) }).min() {
            throw errand.fault(.broken(part: "workspace/\(stranger)", how: "it is not part of what was stored"))
        }
        let found = Dictionary(uniqueKeysWithValues: listing.found.map { ($0.path, $0.entry) })
        // In packs are bytes; the list itself has the rest.
        for entry in entries where entry.same == nil && (isPlain || entry.kind == .file) {
            try verify(entry, found[entry.path], in: content, files, errand)
        }
    }

    /// Whether what belongs there must be there: without packs, or while the directory itself is.
    func isPlain(_ directory: DiskPath, of content: VersionContent, _ errand: Errand) throws(StoreFault) -> Bool {
        try errand.inStore { () throws(FileFault) in try content.hasPlain(directory) }
    }

    private func verify(
        _ entry: TreeEntry, _ found: DiskEntry?, in content: VersionContent, _ files: FileContent, _ errand: Errand
    ) throws(StoreFault) {
        let part = "workspace/\(entry.path)"
        var kind = found?.kind
        if kind == nil, try errand.reading(part, { () throws(FileFault) in try content.has(file: entry.path) }) { kind = .file }
        guard let kind else { throw errand.fault(.broken(part: part, how: "it is missing")) }
        switch (entry.kind, kind) {
        case (.directory, .directory): return
        case (.link, .symbolicLink(let target)):
            guard target.utf8.elementsEqual((entry.target ?? "").utf8) else {
                throw errand.fault(.broken(part: part, how: "the link leads elsewhere"))
            }
        case (.file, .file):
            if files == .notRead { return }
            let stored = Measure(size: entry.size ?? 0, digest: entry.sha256 ?? "")
            let measured = try errand.reading(part) { () throws(FileFault) in
                try content.file(entry.path).measure(limit: stored.size)
            }
            try expect(measured, stored, of: part, errand)
        case (.file, _), (.directory, _), (.link, _):
            throw errand.fault(.broken(part: part, how: "it is not a \(entry.kind.rawValue)"))
        }
    }
}
