public import AgentModel
internal import Digests
internal import OutsideWorld

/// Copying while the agent stands still. What can wait (lists, fsync) waits for the commit.
extension CheckpointStore {
    /// Copies all that belongs to the version into a staging directory.
    /// - Parameter stagingID: new and unguessed: one path component.
    /// - Throws: `StoreFault`; nothing is left in the store then, or the next `recover` removes it.
    public func cut(_ request: CutRequest, stagingID: String) throws(StoreFault) -> StagedCheckpoint {
        let errand = Errand("take a checkpoint of", request.agent.text)
        guard request.cooperative != nil || request.workspace != nil else { throw errand.fault(.nothing) }
        try require(request.agent, errand)
        var job = job(for: request, in: staging(request.agent, stagingID), errand)
        let listing = try job.survey()
        do throws(StoreFault) {
            try job.makeDirectory()
            try job.fill(with: listing)
        } catch {
            try? disk.removeTree(job.layout.directory)  // the next opening would
            throw error
        }
        return job.staged
    }

    /// Makes a staging directory with room for images of processes. `copy` completes it, or `discard` removes it.
    public func openCut(_ agent: AgentName, stagingID: String) throws(StoreFault) -> OpenedCut {
        let errand = Errand("take a checkpoint of", agent.text)
        try require(agent, errand)
        let layout = VersionLayout(directory: staging(agent, stagingID))
        try errand.inStore { () throws(FileFault) in
            try disk.makeDirectory(layout.directory, mode: 0o700)
            try disk.makeDirectory(layout.process, mode: 0o700)
        }
        return OpenedCut(agent: agent, directory: layout.directory, images: "\(disk.rootName)/\(layout.process)")
    }

    /// As `cut`, into what `openCut` made.
    /// - Parameter images: whether images are made there; if not, their room is given back.
    /// - Throws: `StoreFault`; the directory is gone then.
    public func copy(_ request: CutRequest, into opened: OpenedCut, images: Bool) throws(StoreFault) -> StagedCheckpoint {
        let errand = Errand("take a checkpoint of", request.agent.text)
        var job = job(for: request, in: opened.directory, errand)
        do throws(StoreFault) {
            guard images || request.cooperative != nil || request.workspace != nil else { throw errand.fault(.nothing) }
            if !images { try errand.inStore { () throws(FileFault) in try disk.removeTree(job.layout.process) } }
            try job.fill(with: try job.survey())
        } catch {
            discard(opened)
            throw error
        }
        return job.staged
    }

    public func discard(_ opened: OpenedCut) {
        try? disk.removeTree(opened.directory)  // the next opening would
    }

    func staging(_ agent: AgentName, _ stagingID: String) -> DiskPath {
        guard let directory = StoreLayout.staging.appending(untrusted: StoreLayout.prefix(agent) + stagingID) else {
            preconditionFailure("'\(stagingID)' is not a path component")
        }
        return directory
    }

    private func job(for request: CutRequest, in directory: DiskPath, _ errand: Errand) -> CutJob {
        CutJob(store: disk, request: request, layout: VersionLayout(directory: directory), errand: errand)
    }

    /// Refuses what `cut` would refuse before it copies anything: too large, no room, a store that takes no writes.
    public func lookAhead(_ request: CutRequest, stagingID: String) throws(StoreFault) {
        let errand = Errand("take a checkpoint of", request.agent.text)
        try require(request.agent, errand)
        let job = job(for: request, in: staging(request.agent, stagingID), errand)
        _ = try job.survey()
        defer { try? disk.removeTree(job.layout.directory) }  // the next opening would
        try job.makeDirectory()
    }

    /// Forgets a copy that will not be committed.
    public func discard(_ staged: StagedCheckpoint) {
        try? disk.removeTree(staged.directory)  // the next opening would
    }
}

/// One copy in the making.
struct CutJob {
    /// Notes beyond these are counted, not told: a manifest stays small.
    private static let noteLimit = 100
    /// What a file, directory or link takes beyond its bytes, for the estimate of free space.
    private static let overhead: UInt64 = 4096

    let store: any Disk
    let request: CutRequest
    let layout: VersionLayout
    let errand: Errand
    var draft: Manifest
    var entries: [TreeEntry] = []
    var taken: UInt64 = 0
    private var notesLeftOut = 0

    init(store: any Disk, request: CutRequest, layout: VersionLayout, errand: Errand) {
        self.store = store
        self.request = request
        self.layout = layout
        self.errand = errand
        draft = Manifest(request)
    }

    // MARK: Before anything is written

    /// Lists the workspace, and refuses what is too large for the limit or the disk.
    func survey() throws(StoreFault) -> WorkspaceListing? {
        let listing = try list()
        let content = saturatingSum(stateSize, listing?.contentSize ?? 0)
        guard content <= request.sizeLimit.bytes else {
            throw errand.fault(.refused("it takes \(ByteCount(content)), and the limit is \(request.sizeLimit)"))
        }
        let names = UInt64(listing?.found.count ?? 0) + 8
        let needed = ByteCount(saturatingSum(content, names * Self.overhead))
        let free = try errand.inStore { () throws(FileFault) in try store.freeSpace() }
        guard needed <= free else { throw errand.fault(.full(needed: needed, free: free)) }
        return listing
    }

    private func list() throws(StoreFault) -> WorkspaceListing? {
        guard let workspace = request.workspace else { return nil }
        var excluded = request.excluded
        switch Neighbourhood(store: store.rootName, workspace: workspace.rootName) {
        case .apart: break
        case .storeInside(let path): excluded.append(path)
        case .workspaceInside: throw errand.fault(.refused("its workspace '\(workspace.rootName)' lies in the store"))
        }
        return try reading("the workspace") { () throws(FileFault) in
            try WorkspaceListing(of: workspace, leavingOut: Exclusions(excluded))
        }
    }

    private var stateSize: UInt64 {
        switch request.cooperative?.state {
        case .bytes(let bytes): UInt64(bytes.count)
        case .file(_, _, let size, _): size
        case nil: 0
        }
    }

    func makeDirectory() throws(StoreFault) {
        try errand.inStore { () throws(FileFault) in try store.makeDirectory(layout.directory, mode: 0o700) }
    }

    mutating func fill(with listing: WorkspaceListing?) throws(StoreFault) {
        if let cooperative = request.cooperative { try copy(cooperative) }
        guard let workspace = request.workspace, let listing else { return }
        try errand.inStore { () throws(FileFault) in try store.makeDirectory(layout.workspace, mode: 0o700) }
        try copy(listing, of: workspace)
    }

    var staged: StagedCheckpoint {
        StagedCheckpoint(
            agent: request.agent, directory: layout.directory, size: ByteCount(taken), draft: draft, entries: entries,
            sizeLimit: request.sizeLimit)
    }

    // MARK: State

    mutating func copy(_ cooperative: CooperativePart) throws(StoreFault) {
        let measure: Measure
        switch cooperative.state {
        case .bytes(let bytes):
            measure = Measure.of(bytes)
            try errand.inStore { () throws(FileFault) in try store.open(layout.state, .createNew(mode: 0o600)).write(bytes) }
        case .file(let disk, let path, let size, let sha256):
            measure = try copy(path, of: disk, to: layout.state, limit: size, called: "its state file '\(path)'")
            if measure.isCutOff { throw errand.fault(.refused("its state file '\(path)' is larger than the \(size) bytes it said")) }
            let claimed = Measure(size: size, digest: hexadecimal(sha256))
            guard measure == claimed else {
                let how =
                    measure.size == size ? "has another SHA-256 than it said" : "holds \(measure.size) bytes and not the \(size) it said"
                throw errand.fault(.refused("its state file '\(path)' \(how)"))
            }
        }
        taken = saturatingSum(taken, measure.size)
        draft.state = Manifest.State(size: measure.size, sha256: measure.digest, schema: cooperative.schema)
    }

    // MARK: Workspace

    mutating func copy(_ listing: WorkspaceListing, of workspace: any Disk) throws(StoreFault) {
        for path in listing.vanished { try moved(path, "is gone since it was listed", skipped: true) }
        for found in listing.found { try copy(found, of: workspace) }
        for path in listing.special { note("'\(path)' is a socket, pipe or device: skipped") }
        if notesLeftOut > 0 { draft.notes.append("and \(notesLeftOut) more") }
        let content = entries.reduce(0) { saturatingSum($0, $1.size ?? 0) }
        // Size and hash of the list follow at the commit.
        draft.workspace = Manifest.Workspace(
            size: 0, sha256: "", entries: entries.count, contentSize: content, excluded: request.excluded)
    }

    private mutating func copy(_ found: WorkspaceListing.Found, of workspace: any Disk) throws(StoreFault) {
        let target = layout.content(found.path)
        switch found.entry.kind {
        case .directory:
            try errand.inStore { () throws(FileFault) in try store.makeDirectory(target, mode: 0o700) }
            entries.append(TreeEntry(path: found.path, kind: .directory, from: found.entry))
        case .symbolicLink(let destination):
            try errand.inStore { () throws(FileFault) in try store.makeSymbolicLink(target, to: destination) }
            var entry = TreeEntry(path: found.path, kind: .link, from: found.entry)
            entry.target = destination
            entries.append(entry)
        case .file: try copyFile(found, of: workspace, to: target)
        case .other: return
        }
    }

    private mutating func copyFile(_ found: WorkspaceListing.Found, of workspace: any Disk, to target: DiskPath) throws(StoreFault) {
        let path = found.path
        let before = found.entry
        // A forced cut takes no more than was there when it began, of a file that only grows.
        let measure = try copy(path, of: workspace, to: target, limit: before.size, called: "the workspace file '\(path)'")
        let after = try reading("the workspace file '\(path)'") { () throws(FileFault) in try workspace.entry(at: path) }
        if measure.isCutOff || measure.size != before.size || after?.size != before.size || after?.modifiedAt != before.modifiedAt {
            try moved(path, "changed while it was copied", skipped: false)
        }
        taken = saturatingSum(taken, measure.size)
        var entry = TreeEntry(path: path, kind: .file, from: before)
        entry.size = measure.size
        entry.sha256 = measure.digest
        entries.append(entry)
    }

    /// The agent does not stand still: refused, unless it was not asked to.
    private mutating func moved(_ path: DiskPath, _ how: String, skipped: Bool) throws(StoreFault) {
        guard request.forced else { throw errand.fault(.refused("the workspace file '\(path)' \(how)")) }
        note("'\(path)' \(how): \(skipped ? "skipped" : "taken as it was read")")
    }

    private mutating func note(_ sentence: String) {
        if draft.notes.count < Self.noteLimit { draft.notes.append(sentence) } else { notesLeftOut += 1 }
    }

    // MARK: Bytes

    /// Copies at most `limit` bytes.
    private func copy(
        _ path: DiskPath, of source: any Disk, to target: DiskPath, limit: UInt64, called name: String
    ) throws(StoreFault) -> Measure {
        let file = MeasuredFile(try reading(name) { () throws(FileFault) in try source.open(path, .read) }, limit: limit)
        let copy = try errand.inStore { () throws(FileFault) in try store.open(target, .createNew(mode: 0o600)) }
        var piece: [UInt8] = []
        while try reading(name, { () throws(FileFault) in try file.next(&piece) }) {
            try errand.inStore { () throws(FileFault) in try copy.write(piece) }
        }
        return file.finish()
    }

    /// Reads what is the agent's: what cannot be read there is its own affair.
    private func reading<Result>(_ name: String, _ body: () throws(FileFault) -> Result) throws(StoreFault) -> Result {
        do throws(FileFault) { return try body() } catch {
            switch error.kind {
            case .missing: throw errand.fault(.refused("\(name) is not there"))
            case .denied: throw errand.fault(.refused("\(name) cannot be read: permission denied ('\(error.what)')"))
            case .system(21), .system(40), .system(6), .system(22): throw errand.fault(.refused("\(name) is not a plain file"))
            default: throw errand.fault(.system(error))
            }
        }
    }
}
