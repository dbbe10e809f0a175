public import AgentModel
internal import OutsideWorld

/// What became of a version's content.
public struct PackReport: Hashable, Sendable {
    /// Bytes the packs grew by.
    public var written: ByteCount
}

/// A version on its way into packs. For one thread at a time.
public final class Packing {
    private var packer: VersionPacker
    private let shelf: PackShelf
    private let chunks: DiskPath
    private let errand: Errand
    private var isDone = false

    init(_ packer: VersionPacker, _ shelf: PackShelf, _ chunks: DiskPath, _ errand: Errand) {
        self.packer = packer
        self.shelf = shelf
        self.chunks = chunks
        self.errand = errand
    }

    /// Goes on until all is done, or it is not wanted any more.
    /// - Parameter isWanted: asked every few milliseconds.
    /// - Returns: whether all is done, durably.
    public func work(while isWanted: () -> Bool) throws(StoreFault) -> Bool {
        guard !isDone else { return true }
        guard try packer.work(while: isWanted) else { return false }
        try errand.inStore { () throws(FileFault) in
            // Somebody may have collected since it began.
            let present = try PackShelf(in: shelf.directory, on: shelf.disk)
            if !Set(present.names).isSuperset(of: shelf.names + packer.writer.names) {
                for run in packer.map.runs { try present.require(run) }
            }
            try shelf.disk.replace(chunks, with: packer.map.encoded(with: shelf.zstandard))
        }
        isDone = true
        return true
    }

    public var report: PackReport { PackReport(written: ByteCount(packer.writer.written)) }

    /// It will not be gone on with.
    public func abandon() {
        if !isDone { packer.abandon() }
    }
}

/// Moving what a version holds into packs, where it is shared with other versions. The caller holds the agent's lock, and does one thing of these
/// at a time. Documentation: docs/store-format.md#packs
extension CheckpointStore {
    /// Puts all that the version holds into packs. Its plain files stay: `thin` removes them. Nothing when that was done before.
    /// - Throws: `broken` when what was stored is not there any more; the version is as it was then.
    @discardableResult
    public func pack(_ agent: AgentName, _ version: VersionNumber, _ pages: PageMemory? = nil) throws(StoreFault) -> PackReport {
        guard let packing = try beginPacking(agent, version, pages) else { return PackReport(written: ByteCount(0)) }
        _ = try packing.work { true }
        return packing.report
    }

    /// As `pack`, a piece at a time. Between two pieces other things may be done, but nothing to this version and nothing to the packs.
    /// - Parameter pages: as the commit was given them, if it was.
    /// - Returns: nil: that was done before.
    public func beginPacking(_ agent: AgentName, _ version: VersionNumber, _ pages: PageMemory? = nil) throws(StoreFault) -> Packing? {
        let errand = Errand("pack", agent, version)
        try require(agent, version, errand)
        let known = try known(try sealedManifest(agent, version, errand), images: true, errand)
        if let map = known.content.map, map.isComplete { return nil }
        try raiseFormat(errand)
        let shelf = try errand.inStore { () throws(FileFault) in try PackShelf(of: agent, on: disk) }
        let packer = try VersionPacker(known, to: shelf, after: try packedBefore(version, shelf, of: agent, errand), pages, errand)
        return Packing(packer, shelf, known.content.layout.chunks, errand)
    }

    /// Whether all that the version holds is in packs.
    public func isPacked(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) -> Bool {
        let errand = Errand("look at", agent, version)
        try require(agent, version, errand)
        return try content(of: try sealedManifest(agent, version, errand), errand).map?.isComplete ?? false
    }

    /// Removes the plain files of a version whose content is in packs. Nothing of one whose content is not.
    /// - Throws: `damagedPack` when what is in packs is not what was put there: then the plain files stay.
    public func thin(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) {
        var checked = CheckedBlocks()
        try thin(agent, version, &checked)
    }

    /// - Parameter checked: blocks that need not be read again.
    func thin(_ agent: AgentName, _ version: VersionNumber, _ checked: inout CheckedBlocks) throws(StoreFault) {
        let errand = Errand("thin out", agent, version)
        try require(agent, version, errand)
        let manifest = try sealedManifest(agent, version, errand)
        let content = try content(of: manifest, errand)
        guard let map = content.map, map.isComplete else { return }
        do throws(FileFault) { try content.checkBlocks(&checked) } catch {
            guard case .damaged(let how) = error.kind else { throw errand.fault(.system(error)) }
            doubt(error.what, of: agent)
            throw errand.fault(.damagedPack(error.what, how: how))
        }
        let layout = content.layout
        let goes = [layout.state, layout.tree, layout.images, layout.workspace, layout.files, layout.process]
        var trash: [DiskPath] = []
        try errand.inStore { () throws(FileFault) in
            for path in goes where try disk.entry(at: path) != nil {
                // A file or directory is whole as long as it has its name.
                let away = StoreLayout.trash / (StoreLayout.prefix(agent) + "\(version).\(path.name)")
                try disk.removeTree(away)
                try disk.rename(path, to: away)
                trash.append(away)
            }
            guard !trash.isEmpty else { return }
            try disk.syncDirectory(layout.directory)
            try disk.syncDirectory(StoreLayout.trash)
        }
        for away in trash { try? disk.removeTree(away) }  // the next opening removes what is left
    }

    /// Sees to it that the version's images are plain files, which is what CRIU reads. On a disk that is sealed they get a room in memory, until
    /// `closeImages`.
    public func layOutImages(_ agent: AgentName, _ version: VersionNumber, stagingID: String) throws(StoreFault) {
        let errand = Errand("lay out the images of", agent, version)
        try require(agent, version, errand)
        let manifest = try sealedManifest(agent, version, errand)
        guard manifest.process != nil else { throw errand.fault(.noSuchPart("images of processes")) }
        let process = VersionLayout(directory: StoreLayout.version(agent, version)).process
        if let sealing { return try layOutClear(try known(manifest, images: true, errand), at: process, on: sealing, errand) }
        guard try errand.inStore({ () throws(FileFault) in try disk.entry(at: process) }) == nil else { return }
        let known = try known(manifest, images: true, errand)
        let (images, content) = (known.images, known.content)
        let scratch = try openScratch(agent, stagingID: stagingID)
        defer { discard(scratch) }
        let target = VersionLayout(directory: scratch.directory)
        try write(images, of: content, to: target, errand)
        // Whoever finds them after a power cut must not find half of them.
        try errand.inStore { () throws(FileFault) in
            for image in images { try disk.open(target.image(image.path), .read).beginSync() }
            for image in images { try disk.open(target.image(image.path), .read).sync() }
            try disk.syncDirectory(target.process)
            try disk.rename(target.process, to: process)
            try disk.syncDirectory(content.layout.directory)
        }
    }

    /// Writes a file of a version, compared with what was stored on the way; holes stay holes.
    func write(
        _ stored: Measure, _ hash: FileHash, _ part: String, to target: DiskPath, _ errand: Errand,
        _ open: () throws(FileFault) -> any DiskFile
    ) throws(StoreFault) {
        let opened = try errand.reading(part) { () throws(FileFault) in try open() }
        let source = MeasuredFile(opened, hash, limit: stored.size)
        let copy = try errand.inStore { () throws(FileFault) in try disk.open(target, .createNew(mode: 0o600)) }
        var piece: [UInt8] = []
        while try errand.reading(part, { () throws(FileFault) in try source.next(&piece) }) {
            try errand.inStore { () throws(FileFault) in try copy.write(piece) }
        }
        try errand.inStore { () throws(FileFault) in try copy.finish() }
        try expect(source.finish(), stored, of: part, errand)
    }

    // MARK: Parts

    /// The newest version before this one that is in packs: what is new most resembles what it holds.
    private func packedBefore(
        _ version: VersionNumber, _ shelf: PackShelf, of agent: AgentName, _ errand: Errand
    ) throws(StoreFault) -> PackedVersion? {
        for older in try numbers(agent, errand).reversed() where older < version {
            let path = VersionLayout(directory: StoreLayout.version(agent, older)).chunks
            guard try errand.inStore({ () throws(FileFault) in try disk.entry(at: path) }) != nil else { continue }
            // One that is damaged is passed over: it is not needed.
            guard let manifest = try? sealedManifest(agent, older, errand), let known = try? known(manifest, images: true, errand),
                let map = known.content.map, map.isComplete
            else { continue }
            let sound = try errand.inStore { () throws(FileFault) in try shelf.sound(map) }
            return PackedVersion(sound, manifest, tree: known.tree, images: known.images)
        }
        return nil
    }

    func content(of manifest: Manifest, isPackedOnly: Bool = false, _ errand: Errand) throws(StoreFault) -> VersionContent {
        try errand.reading("chunks") { () throws(FileFault) in try VersionContent(manifest, on: disk, isPackedOnly: isPackedOnly) }
    }

    /// Who knows format 1 alone refuses the store by its number from here on, and does not take for damage what it does not know.
    func raiseFormat(_ errand: Errand) throws(StoreFault) {
        try errand.inStore { () throws(FileFault) in
            let present = try disk.read(StoreLayout.format, limit: .kibibytes(1))
            guard present == Array(StoreLayout.olderFormatText.utf8) else { return }
            try disk.replace(StoreLayout.format, with: Array(StoreLayout.formatText.utf8))
        }
    }
}

extension ChunkMap {
    /// Whether none of the content is anywhere else.
    var isComplete: Bool { !hasAbsent(in: 0..<count) }
}
