public import AgentModel
public import OutsideWorld

/// What is otherwise on a disk that is sealed: other programs find what they read and write in memory, and no name of a file shows.
/// Documentation: docs/encryption.md
extension CheckpointStore {
    /// nil: files lie on the disk as they are.
    var sealing: (any SealingDisk)? { disk as? any SealingDisk }

    /// Whether what lies on the disk can be read by nobody but this store.
    public var isSealed: Bool { sealing != nil }

    /// An empty directory in memory, of a store that is sealed; nil: it is not.
    public func makeRoom(upTo size: ByteCount) throws(FileFault) -> (any MemoryRoom)? { try sealing?.makeRoom(upTo: size) }

    /// Where other programs find `path`: absolute.
    public func place(of path: DiskPath) -> String {
        var above: DiskPath? = path
        while let sealing, let directory = above {
            if let room = sealing.clear(directory) { return room.path + path.text.dropFirst(directory.text.utf8.count) }
            above = directory.parent
        }
        return "\(disk.rootName)/\(path)"
    }

    /// Whether files of a workspace may not lie below `directory` by their names.
    func hidesNames(in directory: DiskPath) -> Bool { sealing != nil && !isInRoom(directory) }

    private func isInRoom(_ path: DiskPath) -> Bool {
        var above: DiskPath? = path
        while let directory = above {
            if sealing?.clear(directory) != nil { return true }
            above = directory.parent
        }
        return false
    }

    /// Content of files in one file.
    func bundle(
        _ tree: [TreeEntry], to target: DiskPath, _ errand: Errand, _ open: (DiskPath) throws(FileFault) -> any DiskFile
    ) throws(StoreFault) {
        var writer = try errand.inStore { () throws(FileFault) in BundleWriter(try disk.open(target, .createNew(mode: 0o600))) }
        for entry in tree where entry.kind == .file {
            guard entry.same == nil else {
                writer.pass()
                continue
            }
            let stored = Measure(size: entry.size ?? 0, digest: entry.sha256 ?? "")
            let part = "workspace/\(entry.path)"
            let opened = try errand.reading(part) { () throws(FileFault) in try open(entry.path) }
            let source = MeasuredFile(opened, .sha256, limit: stored.size)
            try errand.inStore { () throws(FileFault) in try writer.begin() }
            var piece: [UInt8] = []
            while try errand.reading(part, { () throws(FileFault) in try source.next(&piece) }) {
                try errand.inStore { () throws(FileFault) in try writer.write(piece) }
            }
            try expect(source.finish(), stored, of: part, errand)
        }
        try errand.inStore { () throws(FileFault) in try writer.finish() }
    }

    // MARK: Images

    /// What a version takes as files in a room, those of its workspace and its images.
    public func sizeInRoom(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) -> ByteCount {
        let errand = Errand("look at", agent, version)
        try require(agent, version, errand)
        let known = try known(try sealedManifest(agent, version, errand), images: true, errand)
        return ByteCount((known.tree + known.images).reduce(0) { saturatingSum($0, $1.size ?? 0, Self.roomOfAFile) })
    }

    /// - Throws: `memory` when a room is smaller than what is to be laid out in it. Nothing where the store is not sealed.
    public func require(_ needed: ByteCount, in look: Look, for errand: String) throws(StoreFault) {
        try require(needed, at: look.directory, Errand(errand, disk.rootName))
    }
    public func require(_ needed: ByteCount, in scratch: Scratch, for errand: String) throws(StoreFault) {
        try require(needed, at: scratch.directory, Errand(errand, disk.rootName))
    }
    private func require(_ needed: ByteCount, at path: DiskPath, _ errand: Errand) throws(StoreFault) {
        guard let room = sealing?.clear(path), room.size < needed else { return }
        throw errand.fault(.memory(needed: needed, free: room.size, bound: room.bound))
    }

    /// Images of a version in a room that stands for `process`, each compared with what was stored.
    func layOutClear(
        _ known: KnownVersion, at process: DiskPath, on sealing: any SealingDisk, _ errand: Errand
    ) throws(StoreFault) {
        guard sealing.clear(process) == nil else { return }
        let size = known.images.reduce(UInt64(0)) { saturatingSum($0, $1.size ?? 0, Self.roomOfAFile) }
        let room = try errand.inStore { () throws(FileFault) in try sealing.makeRoom(upTo: ByteCount(size)) }
        guard room.size >= ByteCount(size) else {
            throw errand.fault(.memory(needed: ByteCount(size), free: room.size, bound: room.bound))
        }
        for image in known.images {
            let stored = Measure(size: image.size ?? 0, digest: image.sha256 ?? image.xxh3 ?? "")
            let part = "process/\(image.path)"
            let opened = try errand.reading(part) { () throws(FileFault) in try known.content.image(image.path) }
            let source = MeasuredFile(opened, image.sha256 == nil ? .xxh3 : .sha256, limit: stored.size)
            let copy = try errand.inStore { () throws(FileFault) in try room.disk.open(image.path, .createNew(mode: 0o600)) }
            var piece: [UInt8] = []
            while try errand.reading(part, { () throws(FileFault) in try source.next(&piece) }) {
                try errand.inStore { () throws(FileFault) in
                    if piece[...].isZero { try copy.skip(UInt64(piece.count)) } else { try copy.write(piece) }
                }
            }
            try expect(source.finish(), stored, of: part, errand)
        }
        sealing.place(room, for: process, isCopy: true)
    }

    /// A page, and what the kernel keeps of it.
    static var roomOfAFile: UInt64 { 8192 }

    /// The images that `layOutImages` laid out in memory; nil: they are read where they lie.
    public func clearImages(_ agent: AgentName, _ version: VersionNumber) -> (any Disk)? {
        sealing?.clear(VersionLayout(directory: StoreLayout.version(agent, version)).process)?.disk
    }

    /// The images as plain files for a rehearsal. - Returns: the absolute path of their directory: in `scratch`, where the version's own cannot be read.
    public func layOutImages(_ agent: AgentName, _ version: VersionNumber, in scratch: Scratch) throws(StoreFault) -> String {
        guard sealing != nil else { return imagesDirectory(agent, version) }
        let errand = Errand("lay out the images of", agent, version)
        try require(agent, version, errand)
        let known = try known(try sealedManifest(agent, version, errand), images: true, errand)
        let target = VersionLayout(directory: scratch.directory)
        try write(known.images, of: known.content, to: target, errand)
        return place(of: target.process)
    }

    /// CRIU needs them no more.
    public func closeImages(_ agent: AgentName, _ version: VersionNumber) {
        sealing?.closeClear(VersionLayout(directory: StoreLayout.version(agent, version)).process)
    }

    // MARK: Commit

    /// What lies in memory is sealed into its place on the disk.
    func sealRooms(of staged: inout StagedCheckpoint, _ images: [TreeEntry], _ errand: Errand) throws(StoreFault) {
        guard let sealing else { return }
        let layout = VersionLayout(directory: staged.directory)
        if let room = sealing.clear(layout.directory) {
            sealing.closeClear(layout.directory)
            try sealAll(of: &staged, images, from: room.disk, errand)
        } else if let room = sealing.clear(layout.process) {
            sealing.closeClear(layout.process)
            try errand.inStore { () throws(FileFault) in try disk.makeDirectory(layout.process, mode: 0o700) }
            for image in images { try copy(image.path, of: room.disk, to: layout.image(image.path), errand) }
        }
    }

    private func sealAll(
        of staged: inout StagedCheckpoint, _ images: [TreeEntry], from room: any Disk, _ errand: Errand
    ) throws(StoreFault) {
        let (source, layout) = (VersionLayout.atTop, VersionLayout(directory: staged.directory))
        try errand.inStore { () throws(FileFault) in
            try disk.makeDirectory(layout.directory, mode: 0o700)
            if staged.images != nil { try disk.makeDirectory(layout.process, mode: 0o700) }
        }
        if staged.draft.state != nil { try copy(source.state, of: room, to: layout.state, errand) }
        for image in images { try copy(source.process.joined(image.path), of: room, to: layout.image(image.path), errand) }
        guard staged.draft.workspace != nil else { return }
        try bundle(staged.entries, to: layout.files, errand) { path throws(FileFault) in
            try room.open(source.workspace.joined(path), .read)
        }
        staged.isBundled = true
    }

    private func copy(_ path: DiskPath, of source: any Disk, to target: DiskPath, _ errand: Errand) throws(StoreFault) {
        try errand.inStore { () throws(FileFault) in
            let file = try source.open(path, .read)
            let copy = try disk.open(target, .createNew(mode: 0o600))
            var piece: [UInt8] = []
            while true {
                try file.read(pieceSize, into: &piece)
                if piece.isEmpty { return try copy.finish() }
                try copy.write(piece)
            }
        }
    }
}

/// Names of a version's parts where its directory is the root.
private struct TopLayout {
    let state: DiskPath = "state"
    let workspace: DiskPath = "workspace"
    let process: DiskPath = "process"
}

extension VersionLayout {
    fileprivate static var atTop: TopLayout { TopLayout() }
}
