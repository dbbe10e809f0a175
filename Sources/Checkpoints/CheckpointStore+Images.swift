public import AgentModel
internal import OutsideWorld

/// Which of the images are compared with what was stored.
enum ImageContent {
    case none, all, pages, butPages

    func holds(_ image: TreeEntry) -> Bool {
        let isPages = image.path.text.hasPrefix("pages-")
        return switch self {
        case .none: false
        case .all: true
        case .pages: isPages
        case .butPages: !isPages
        }
    }
}

/// A directory that is no part of any version.
public struct Scratch: Sendable {
    let directory: DiskPath
    /// Absolute.
    public let path: String
}

/// Images of processes as part of a version. Documentation: docs/store-format.md
extension CheckpointStore {
    /// Absolute path of the directory with the images of a version that has them.
    public func imagesDirectory(_ agent: AgentName, _ version: VersionNumber) -> String {
        place(of: VersionLayout(directory: StoreLayout.version(agent, version)).process)
    }

    /// The files of the version's images, sorted by name; empty when it has none.
    public func images(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) -> [TreeEntry] {
        let errand = Errand("list the images of", agent, version)
        try require(agent, version, errand)
        let manifest = try sealedManifest(agent, version, errand)
        return try sealedImages(manifest, try content(of: manifest, errand), errand)
    }

    /// A directory for what a restore writes beside the images: logs, statistics, sockets. `discardScratch` removes it.
    /// - Parameter room: what is written into it at most; counts where it is a room in memory.
    public func openScratch(_ agent: AgentName, stagingID: String, room: ByteCount = .mebibytes(64)) throws(StoreFault) -> Scratch {
        let errand = Errand("restore the processes of", agent.text)
        try require(agent, errand)
        let directory = staging(agent, stagingID)
        try errand.inStore { () throws(FileFault) in
            if let sealing {
                try sealing.openClear(directory, upTo: room)
            } else {
                try disk.makeDirectory(directory, mode: 0o700)
            }
        }
        return Scratch(directory: directory, path: place(of: directory))
    }

    public func discard(_ scratch: Scratch) {
        try? disk.removeTree(scratch.directory)  // the next opening would
    }

    // MARK: Sealing

    /// Measures the images, when the agent runs again: what CRIU wrote is read back from the page cache while it is on its way to the disk.
    /// - Parameter sums: gets those of the pages, where somebody wants to know them.
    func measureImages(
        of staged: StagedCheckpoint, _ sums: inout [DiskPath: PageSums], _ errand: Errand
    ) throws(StoreFault) -> [TreeEntry] {
        let layout = VersionLayout(directory: staged.directory)
        var found: [TreeEntry] = []
        var pagesLeft = PageMemory.limit
        var total = staged.size.bytes
        for path in try imageFiles(layout, errand) {
            try errand.inStore { () throws(FileFault) in
                let image = layout.image(path)
                guard let entry = try disk.entry(at: image), entry.kind == .file else { return }
                try disk.open(image, .read).beginSync()
                let hash = FileHash(image: path)
                let file = MeasuredFile(try disk.open(image, .read), hash, limit: .max)
                let isRemembered = hash == .xxh3 && ChunkSize.count(entry.size, by: ChunkSize.page) <= pagesLeft
                var pages = isRemembered ? staged.pages.map { PageSums(secret: $0.secret) } : nil
                var piece: [UInt8] = []
                while try file.next(&piece) {
                    if pages?.add(piece) == false { pages = nil }
                }
                let measure = file.finish()
                if var pages {
                    pages.end(with: measure.digest)
                    pagesLeft -= min(pagesLeft, pages.count)
                    sums[path] = pages
                }
                var listed = TreeEntry(path: path, kind: .file, from: entry)
                listed.size = measure.size
                switch hash {
                case .sha256: listed.sha256 = measure.digest
                case .xxh3: listed.xxh3 = measure.digest
                }
                found.append(listed)
                total = saturatingSum(total, measure.size)
            }
            guard total <= staged.sizeLimit.bytes else {
                throw errand.fault(.refused("it takes more than \(ByteCount(total)) with its images, and the limit is \(staged.sizeLimit)"))
            }
        }
        return found
    }

    /// What CRIU said beside them is removed: it is no part of the images.
    private func imageFiles(_ layout: VersionLayout, _ errand: Errand) throws(StoreFault) -> [DiskPath] {
        try errand.inStore { () throws(FileFault) in
            var files: [DiskPath] = []
            for name in try disk.names(in: layout.process).sorted() {
                guard let path = DiskPath(name) else { continue }
                if name.hasSuffix(".log") { try disk.removeFile(layout.image(path)) } else { files.append(path) }
            }
            return files.sorted()
        }
    }

    // MARK: Reading with suspicion

    func sealedImages(_ manifest: Manifest, _ content: VersionContent, _ errand: Errand) throws(StoreFault) -> [TreeEntry] {
        guard let process = manifest.process else { return [] }
        let limit = ByteCount(min(process.size, Manifest.treeLimit.bytes))
        let bytes = try errand.reading("images") { () throws(FileFault) in try content.images().readAll(limit: limit, named: "images") }
        try expect(Measure.of(bytes), Measure(size: process.size, digest: process.sha256), of: "images", errand)
        switch Tree.decode(bytes) {
        case .entries(let entries): return entries
        case .damaged(let how): throw errand.fault(.broken(part: "images", how: how))
        }
    }

    /// - Parameters:
    ///   - content: knows the version's lists.
    ///   - which: those that are read and compared.
    func verify(
        _ entries: [TreeEntry], in content: VersionContent, _ which: ImageContent, _ errand: Errand
    ) throws(StoreFault) {
        let process = content.layout.process
        // Without the directory all of them are in packs, or missing, each by itself.
        let isPlain = try isPlain(process, of: content, errand)
        let names = !isPlain ? [] : try errand.reading("process") { () throws(FileFault) in try disk.names(in: process) }
        let known = Set(entries.map(\.path.text))
        if let stranger = names.filter({ !known.contains($0) }).min() {
            throw errand.fault(.broken(part: "process/\(stranger)", how: "it is not part of what was stored"))
        }
        for entry in entries where which.holds(entry) {
            let stored = Measure(size: entry.size ?? 0, digest: entry.sha256 ?? entry.xxh3 ?? "")
            let part = "process/\(entry.path)"
            let measured = try errand.reading(part) { () throws(FileFault) in
                try content.image(entry.path).measure(entry.sha256 == nil ? .xxh3 : .sha256, limit: stored.size)
            }
            try expect(measured, stored, of: part, errand)
        }
    }
}
