internal import AgentModel
internal import Digests
internal import OutsideWorld

/// One copy in the making.
struct CutJob {
    /// Notes beyond these are counted, not told: a manifest stays small.
    private static let noteLimit = 100
    /// What a file, directory or link takes beyond its bytes, for the estimate of free space.
    private static let overhead: UInt64 = 4096
    /// Its manifest, its lists and what holds them.
    private static let fewFiles = 8 * overhead
    private static let granule: Duration = .seconds(2)
    /// A workspace of more is copied into one file.
    private static let manyFiles = 512
    /// What is smaller is copied at once: the bytes cost less than the call.
    static let worthSharing: UInt64 = 256 << 10
    /// So many files that cannot be shared, and no more are tried.
    private static let fewRefusals = 4

    let store: any Disk
    let request: CutRequest
    let layout: VersionLayout
    let errand: Errand
    var draft: Manifest
    private var listing: WorkspaceListing?
    /// In it: by the place of every name but the first of a file, that of the first.
    private var otherNames: [Int: Int] = [:]
    /// What is in packs already, one for each that is listed; nil: all is copied.
    private var known: [CutBase.Known?]?
    private var entries: [TreeEntry] = []
    private var identities: [FileIdentity?] = []
    private var packed: PackedFiles?
    private var taken: UInt64 = 0
    /// When all files were read last; nil: now.
    private var wholeAt: WallTime?
    /// Of the index when this began.
    private let age: Int
    private var notesLeftOut = 0
    /// Whether files may share their place with the agent's.
    private var shares = false
    private var refusals = 0
    /// Of the listing, how many are copied already.
    private var position = 0
    /// Devices of the workspace whose files cannot be shared.
    private var unshared: Set<UInt64> = []
    /// The bundle has a place for the next file already.
    private var isBegun = false
    /// Those that do: their bytes are read when the agent runs again.
    private var unread: [UnreadFile] = []
    /// Bytes of extended attributes, and of how many files there was no more room for them.
    private var attributesTaken: UInt64 = 0
    private var attributesLeftOut = 0
    /// nil: every file is copied to its own place.
    private var bundle: BundleWriter?

    init(store: any Disk, request: CutRequest, layout: VersionLayout, errand: Errand) {
        self.store = store
        self.request = request
        self.layout = layout
        self.errand = errand
        age = request.index?.age ?? 0
        shares = request.workspace.map { store.mayShare(with: $0) } ?? false
        draft = Manifest(request)
    }

    // MARK: Before anything is written

    /// Lists the workspace, and refuses what is too large for the limit.
    mutating func list() throws(StoreFault) {
        if let workspace = request.workspace { listing = try list(workspace) }
        otherNames = listing?.otherNames() ?? [:]
        var content = stateSize
        for (index, found) in (listing?.found ?? []).enumerated() where found.entry.kind == .file && otherNames[index] == nil {
            content = saturatingSum(content, found.entry.size)
        }
        guard content <= request.sizeLimit.bytes else {
            throw errand.fault(.refused("it takes \(ByteCount(content)), and the limit is \(request.sizeLimit)"))
        }
        // Where not even a directory can be made it is told at once what is missing.
        let free = try errand.inStore { () throws(FileFault) in try store.freeSpace() }
        if free < ByteCount(saturatingSum(stateSize, Self.fewFiles)) { throw errand.fault(.full(needed: needed, free: free)) }
    }

    /// What is still to be written, at most.
    private var needed: ByteCount {
        var needed = saturatingSum(position == 0 ? stateSize : 0, Self.fewFiles)
        for (index, found) in (listing?.found ?? []).enumerated().dropFirst(position) where known?[index] == nil && otherNames[index] == nil
        {
            needed = saturatingSum(needed, Self.overhead, isToBeShared(found.entry) ? 0 : room(found.entry))
        }
        return ByteCount(needed)
    }

    /// What is sealed has no holes.
    private func room(_ entry: DiskEntry) -> UInt64 {
        guard entry.kind == .file else { return 0 }
        return store is any SealingDisk ? entry.size : min(entry.size, entry.allocated)
    }

    private func isToBeShared(_ entry: DiskEntry) -> Bool {
        shares && entry.kind == .file && entry.size >= Self.worthSharing && !unshared.contains(entry.number?.device ?? 0)
    }

    private func list(_ workspace: any Disk) throws(StoreFault) -> WorkspaceListing {
        var excluded = request.excluded
        switch Neighbourhood(store: store.rootName, workspace: workspace.rootName) {
        case .apart: break
        case .storeInside(let path): excluded.append(IgnoreRules.literal(path))
        case .workspaceInside: throw errand.fault(.refused("its workspace '\(workspace.rootName)' lies in the store"))
        }
        return try reading("the workspace") { () throws(FileFault) in
            try WorkspaceListing(of: workspace, leavingOut: Exclusions(excluded))
        }
    }

    func makeDirectory() throws(StoreFault) {
        try errand.inStore { () throws(FileFault) in try store.makeDirectory(layout.directory, mode: 0o700) }
    }

    /// Which files are copied; refuses what is too large for the disk.
    mutating func decide(from base: CutBase?) throws(StoreFault) {
        if let base, let listing {
            let known = base.known(in: listing)
            let spared = zip(listing.found, known).reduce(0) { sum, pair in
                pair.1 == nil || pair.0.entry.kind != .file ? sum : saturatingSum(sum, pair.0.entry.size, Self.overhead)
            }
            if let index = request.index, spared > 0, spared >= index.worthwhile.bytes {
                self.known = known
                packed = PackedFiles(map: base.map, places: [])
                wholeAt = base.wholeAt
                // What is new gets what room is left beside those that are taken over.
                attributesTaken = known.reduce(0) { $0 + ($1?.attributes.map(StoredAttribute.size) ?? 0) }
            }
        }
        if base != nil, packed == nil { try errand.inStore { () throws(FileFault) in try store.removeFile(layout.chunks) } }
        let free = try errand.inStore { () throws(FileFault) in try store.freeSpace() }
        guard needed <= free else { throw errand.fault(.full(needed: needed, free: free)) }
    }

    private var stateSize: UInt64 {
        switch request.cooperative?.state {
        case .bytes(let bytes): UInt64(bytes.count)
        case .file(_, _, let size, _): size
        case nil: 0
        }
    }

    // MARK: Copying

    mutating func fill(from base: CutBase?) throws(StoreFault) {
        try decide(from: base)
        if let cooperative = request.cooperative { try copy(cooperative) }
        guard let workspace = request.workspace, let listing else { return }
        // Names would show on a disk that is sealed.
        let isBundled = packed != nil || listing.found.count > Self.manyFiles || store is any SealingDisk
        try errand.inStore { () throws(FileFault) in
            if isBundled {
                bundle = BundleWriter(try store.open(layout.files, .createNew(mode: 0o600)))
            } else {
                try store.makeDirectory(layout.workspace, mode: 0o700)
            }
        }
        try copy(listing, of: workspace)
        if let bundle { try errand.inStore { () throws(FileFault) in try bundle.finish() } }
    }

    var staged: StagedCheckpoint {
        var staged = StagedCheckpoint(
            agent: request.agent, directory: layout.directory, size: ByteCount(taken), draft: draft, entries: entries,
            sizeLimit: request.sizeLimit)
        staged.isBundled = bundle != nil
        staged.packed = packed
        staged.unread = unread
        staged.pages = request.pages
        if let index = request.index, request.mappedFiles != nil, request.workspace != nil, request.kind == .checkpoint {
            staged.learning = (index, identities, wholeAt ?? request.takenAt, age)
        }
        return staged
    }

    // MARK: State

    mutating func copy(_ cooperative: CooperativePart) throws(StoreFault) {
        let measure: Measure
        switch cooperative.state {
        case .bytes(let bytes):
            measure = Measure.of(bytes)
            try errand.inStore { () throws(FileFault) in try store.create(layout.state, with: bytes) }
        case .file(let disk, let path, let size, let sha256):
            let name = "its state file '\(path)'"
            let source = try reading(name) { () throws(FileFault) in try disk.open(path, .read) }
            measure = try copy(source, to: layout.state, limit: size, called: name)
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

    private mutating func copy(_ listing: WorkspaceListing, of workspace: any Disk) throws(StoreFault) {
        for path in listing.vanished { try moved(path, "is gone since it was listed", skipped: true) }
        for (index, found) in listing.found.enumerated() {
            position = index
            if let first = otherNames[index] {
                addName(found.path, of: first)
            } else if let known = known?[index] {
                try keep(found, known, in: workspace)
            } else {
                try copy(found, of: workspace)
            }
        }
        if attributesLeftOut > 0 {
            let limit = StoredAttribute.limitOfVersion
            note("the extended attributes of \(attributesLeftOut) more are left out: a version keeps \(limit) of them")
        }
        for path in listing.special { note("'\(path)' is a socket, pipe or device: skipped") }
        if notesLeftOut > 0 { draft.notes.append("and \(notesLeftOut) more") }
        let content = entries.contentSize
        // Size and hash of the list follow at the commit.
        draft.workspace = Manifest.Workspace(
            size: 0, sha256: "", entries: entries.count, contentSize: content, excluded: request.excluded,
            keeps: [Manifest.Workspace.attributes, Manifest.Workspace.names])
    }

    private mutating func add(_ entry: TreeEntry, _ identity: FileIdentity?, places: Range<Int>? = nil) {
        entries.append(entry)
        identities.append(identity)
        packed?.places.append(places)
    }

    /// Of a file that was taken by its first name.
    private mutating func addName(_ path: DiskPath, of first: Int) {
        bundle?.pass()
        var entry = entries[first]
        (entry.path, entry.same) = (path, entry.path)
        add(entry, identities[first], places: packed?.places[first])
    }

    /// Nothing of it need be read again: the bytes of a file are in packs already.
    private mutating func keep(
        _ found: WorkspaceListing.Found, _ known: CutBase.Known, in workspace: any Disk
    ) throws(StoreFault) {
        if found.entry.kind == .directory {
            var entry = TreeEntry(path: found.path, kind: .directory, from: found.entry)
            entry.attributes = known.attributes
            if known.hasUnkept { try take(attributesOf: &entry, in: workspace) }
            return add(entry, trusted(found.entry.identity))
        }
        bundle?.pass()
        taken = saturatingSum(taken, found.entry.size)
        var entry = TreeEntry(path: found.path, kind: .file, from: found.entry)
        entry.size = found.entry.size
        entry.sha256 = known.sha256
        entry.attributes = known.attributes
        if known.hasUnkept { try take(attributesOf: &entry, in: workspace) }
        add(entry, trusted(found.entry.identity), places: known.places)
    }

    private mutating func copy(_ found: WorkspaceListing.Found, of workspace: any Disk) throws(StoreFault) {
        let target = layout.content(found.path)
        switch found.entry.kind {
        case .directory:
            if bundle == nil { try errand.inStore { () throws(FileFault) in try store.makeDirectory(target, mode: 0o700) } }
            var entry = TreeEntry(path: found.path, kind: .directory, from: found.entry)
            try take(attributesOf: &entry, in: workspace)
            add(entry, trusted(found.entry.identity))
        case .symbolicLink(let destination):
            if bundle == nil { try errand.inStore { () throws(FileFault) in try store.makeSymbolicLink(target, to: destination) } }
            var entry = TreeEntry(path: found.path, kind: .link, from: found.entry)
            entry.target = destination
            add(entry, nil)
        case .file: try copyFile(found, of: workspace, to: target)
        case .other: return
        }
    }

    private mutating func copyFile(_ found: WorkspaceListing.Found, of workspace: any Disk, to target: DiskPath) throws(StoreFault) {
        let path = found.path
        let before = found.entry
        // A forced cut takes no more than was there when it began, of a file that only grows.
        let name = "the workspace file '\(path)'"
        let source = try reading(name) { () throws(FileFault) in try workspace.open(path, .read) }
        let measure: Measure
        if isToBeShared(before), try share(found, source, to: target) {
            measure = Measure(size: before.size, digest: "")
        } else if bundle == nil {
            measure = try copy(source, to: target, limit: before.size, called: name)
        } else {
            measure = try addToBundle(source, limit: before.size, called: name)
        }
        // Of the file that was read, which is open and needs no way to it; a change from here on shows in the next line.
        var entry = TreeEntry(path: path, kind: .file, from: before)
        try take(attributesOf: &entry) { limit throws(FileFault) in try source.attributes(limit: limit) }
        let after = try reading(name) { () throws(FileFault) in try workspace.entry(at: path) }
        if measure.isCutOff || measure.size != before.size || after?.size != before.size || after?.modifiedAt != before.modifiedAt {
            try moved(path, "changed while it was copied", skipped: false)
        }
        taken = saturatingSum(taken, measure.size)
        entry.size = measure.size
        entry.sha256 = measure.digest
        add(entry, measure.size == before.size && after?.identity == before.identity ? trusted(before.identity) : nil)
    }

    private mutating func take(attributesOf entry: inout TreeEntry, in workspace: any Disk) throws(StoreFault) {
        let path = entry.path
        try take(attributesOf: &entry) { limit throws(FileFault) in try workspace.attributes(at: path, limit: limit) }
    }

    /// None where it has none; where it has more than a version keeps, only that.
    private mutating func take(
        attributesOf entry: inout TreeEntry, _ read: (ByteCount) throws(FileFault) -> [ExtendedAttribute]
    ) throws(StoreFault) {
        let found: [ExtendedAttribute]
        do throws(FileFault) { found = try read(StoredAttribute.limit) } catch {
            switch error.kind {
            case .tooLarge:
                note("'\(entry.path)' has more than \(StoredAttribute.limit) of extended attributes: they are left out")
                entry.unkept = true
                return
            case .missing where request.forced: return
            default: throw errand.fault(.system(error))
            }
        }
        if found.isEmpty { return }
        let attributes = found.map(StoredAttribute.init)
        let size = StoredAttribute.size(attributes)
        guard saturatingSum(attributesTaken, size) <= StoredAttribute.limitOfVersion.bytes else {
            attributesLeftOut += 1
            entry.unkept = true
            return
        }
        attributesTaken += size
        entry.attributes = attributes
    }

    /// nil where a later change may leave no trace: the clock of files ticks every few milliseconds, on some file systems every two seconds, and
    /// what is mapped is written without it.
    private func trusted(_ identity: FileIdentity?) -> FileIdentity? {
        guard let identity, let mapped = request.mappedFiles, !mapped.contains(identity.inode),
            identity.changedAt + Self.granule < request.takenAt
        else { return nil }
        return identity
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
    private func copy(_ source: any DiskFile, to target: DiskPath, limit: UInt64, called name: String) throws(StoreFault) -> Measure {
        let file = MeasuredFile(source, limit: limit)
        let copy = try errand.inStore { () throws(FileFault) in try store.open(target, .createNew(mode: 0o600)) }
        var piece: [UInt8] = []
        while try reading(name, { () throws(FileFault) in try file.next(&piece) }) {
            try errand.inStore { () throws(FileFault) in
                if piece[...].isZero { try copy.skip(UInt64(piece.count)) } else { try copy.write(piece) }
            }
        }
        try errand.inStore { () throws(FileFault) in try copy.finish() }
        return file.finish()
    }

    /// Takes what the file holds now without copying it.
    /// - Returns: false: it must be copied; in a bundle its place is begun already.
    private mutating func share(_ found: WorkspaceListing.Found, _ source: any DiskFile, to target: DiskPath) throws(StoreFault) -> Bool {
        let size = found.entry.size
        var place: UInt64?
        let sharing = try errand.inStore { () throws(FileFault) -> Sharing in
            if bundle == nil {
                let copy = try store.open(target, .createNew(mode: 0o600))
                let sharing = try copy.share(size, of: source)
                if sharing != .shared { try store.removeFile(target) }
                return sharing
            }
            try bundle?.begin()
            isBegun = true
            let done = try bundle?.share(size, of: source)
            place = done?.at
            return done?.sharing ?? .never
        }
        if sharing == .shared {
            isBegun = false
            unread.append(UnreadFile(entry: entries.count, place: place))
            return true
        }
        let hoped = needed
        if sharing == .never {
            unshared.insert(found.entry.number?.device ?? 0)
        } else {
            refusals += 1
            if refusals >= Self.fewRefusals { shares = false }
        }
        // There was room for less.
        let free = try errand.inStore { () throws(FileFault) in try store.freeSpace() }
        let room = isToBeShared(found.entry) ? saturatingSum(hoped.bytes, room(found.entry)) : needed.bytes
        if ByteCount(room) > free { throw errand.fault(.full(needed: ByteCount(room), free: free)) }
        return false
    }

    private mutating func addToBundle(_ source: any DiskFile, limit: UInt64, called name: String) throws(StoreFault) -> Measure {
        let file = MeasuredFile(source, limit: limit)
        if !isBegun { try errand.inStore { () throws(FileFault) in try bundle?.begin() } }
        isBegun = false
        var piece: [UInt8] = []
        while try reading(name, { () throws(FileFault) in try file.next(&piece) }) {
            try errand.inStore { () throws(FileFault) in try bundle?.write(piece) }
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
