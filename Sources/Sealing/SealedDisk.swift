public import AgentModel
public import OutsideWorld
internal import Synchronization

/// A disk on which the content of files is sealed, over one on which it lies. Names, links, modes, times and the order of operations are those of the disk below;
/// nothing is durable before it is there. Documentation: docs/encryption.md
public final class SealedDisk: SealingDisk {
    public let below: any Disk
    private let key: SecretKey
    private let draw: @Sendable () -> UInt64
    private let newRoom: @Sendable (ByteCount) throws(FileFault) -> any MemoryRoom
    private let state = Mutex(State())

    private struct State {
        /// Of files of records that were written or looked through here.
        var extents: [DiskPath: RecordWriter.Extent] = [:]
        var rooms: [DiskPath: (room: any MemoryRoom, isCopy: Bool)] = [:]
    }
    /// More are forgotten: they are looked through again.
    private static let extentsKept = 64

    /// - Parameters:
    ///   - draw: for names of files and nonces; never the same bytes twice.
    ///   - makeRoom: room in memory for what other programs read and write.
    public init(
        _ below: any Disk, key: SecretKey, draw: @escaping @Sendable () -> UInt64,
        makeRoom: @escaping @Sendable (ByteCount) throws(FileFault) -> any MemoryRoom
    ) {
        (self.below, self.key, self.draw, self.newRoom) = (below, key, draw, makeRoom)
    }

    /// As this one, over another disk.
    public func over(_ other: any Disk) -> SealedDisk { SealedDisk(other, key: key, draw: draw, makeRoom: newRoom) }

    public var rootName: String { below.rootName }

    /// Bytes of the content of a file that takes `stored` bytes where it lies; of one that no such disk wrote, none.
    public static func contentSize(of path: DiskPath, stored: UInt64) -> UInt64 {
        SealedForm(of: path) == .blocks ? SealedForm.contentSize(ofBlocks: stored) ?? 0 : stored
    }

    /// What a file with so much content takes where it lies.
    public static func storedSize(of path: DiskPath, content: UInt64) -> UInt64 {
        // Nothing of that size is ever stored; who asks was told it by a stranger.
        SealedForm(of: path) == .blocks && content < 1 << 60 ? SealedForm.storedSize(ofContent: content) : content
    }

    // MARK: Files

    public func open(_ path: DiskPath, _ mode: OpenMode) throws(FileFault) -> any DiskFile {
        if let (room, inner) = room(of: path) {
            guard let inner else { throw FileFault(.system(21), doing: "open", what: "\(rootName)/\(path)") }
            return try room.open(inner, mode)
        }
        let form = SealedForm(of: path)
        let (name, role) = ("\(rootName)/\(path)", SealedForm.role(of: path))
        switch (form, mode) {
        case (.clear, _): return try below.open(path, mode)
        case (.blocks, .read): return try BlockFile(try below.open(path, mode), name: name, role: role, key)
        case (.blocks, .createNew): return try BlockFile(new: try below.open(path, mode), name: name, role: role, key, draw)
        case (.blocks, .append): throw FileFault(.readOnly, doing: "append to", what: name)
        case (.records, .read): return try RecordFile(try below.open(path, mode), name: name, role: role, key)
        case (.records, .createNew), (.records, .append):
            do throws(FileFault) { return try recordWriter(path, mode, name, role) } catch {
                // What was done is asked of a ledger: it is not begun anew.
                guard case .damaged = error.kind, case .append = mode, role != SealedForm.ledger else { throw error }
            }
            try setAside(path)
            let writer = try recordWriter(path, mode, name, role)
            try writer.write(RecordFile.damage)
            return writer
        }
    }

    private func recordWriter(_ path: DiskPath, _ mode: OpenMode, _ name: String, _ role: [UInt8]) throws(FileFault) -> RecordWriter {
        let file = try below.open(path, mode)
        let stored = try below.entry(at: path)?.size
        let known = state.withLock { $0.extents[path] }
        return try RecordWriter(file, name: name, role: role, known: known?.stored == stored ? known : nil, key, draw) {
            [weak self] extent in
            self?.remember(extent, of: path)
        }
    }

    /// A file that cannot be read stays beside its place: "current.jsonl.1.damaged".
    private func setAside(_ path: DiskPath) throws(FileFault) {
        for number in 1... {
            guard let aside = DiskPath("\(path).\(number).damaged") else { preconditionFailure("'\(path)' has no sibling") }
            do throws(FileFault) { try below.renameNew(path, to: aside) } catch {
                guard error.kind == .exists, number < 100 else { throw error }
                continue
            }
            return try below.syncDirectory(path.parent)
        }
    }

    private func remember(_ extent: RecordWriter.Extent, of path: DiskPath) {
        state.withLock { state in
            if state.extents.count >= Self.extentsKept { state.extents = [:] }
            state.extents[path] = extent
        }
    }

    public func entry(at path: DiskPath) throws(FileFault) -> DiskEntry? {
        if let (room, inner) = room(of: path) {
            guard let inner else { return DiskEntry(kind: .directory, size: 0, mode: 0o700, modifiedAt: WallTime(seconds: 0)) }
            return try room.entry(at: inner)
        }
        guard let entry = try below.entry(at: path) else { return nil }
        return try unsealed(entry, at: path)
    }

    public func entries(_ names: [String], in directory: DiskPath?) throws(FileFault) -> [DiskEntry?] {
        if let directory, let (room, inner) = room(of: directory) { return try room.entries(names, in: inner) }
        let found = try below.entries(names, in: directory)
        var entries: [DiskEntry?] = []
        for (name, entry) in zip(names, found) {
            guard let entry, let path = directory.map({ $0.appending(untrusted: name) }) ?? DiskPath(name) else {
                entries.append(nil)
                continue
            }
            entries.append(try unsealed(entry, at: path))
        }
        return entries
    }

    /// With the size of its content; of a file that was cut off the nearest size below, and whoever reads it finds out.
    private func unsealed(_ entry: DiskEntry, at path: DiskPath) throws(FileFault) -> DiskEntry {
        guard entry.kind == .file else { return entry }
        var entry = entry
        switch SealedForm(of: path) {
        case .clear: return entry
        case .blocks: entry.size = SealedForm.contentSize(ofBlocks: entry.size) ?? 0
        case .records:
            if let known = state.withLock({ $0.extents[path] }), known.stored == entry.size {
                entry.size = known.content
                return entry
            }
            let stored = entry.size
            do throws(FileFault) {
                let reader = try RecordFile(try below.open(path, .read), name: "\(rootName)/\(path)", role: SealedForm.role(of: path), key)
                entry.size = try reader.contentSize()
                if reader.end == stored { remember(RecordWriter.Extent(stored: stored, content: entry.size), of: path) }
            } catch {
                if error.kind == .missing { return entry }  // turned over meanwhile
                guard case .damaged = error.kind else { throw error }
            }
        }
        return entry
    }

    // MARK: Rooms in memory

    public func makeRoom(upTo size: ByteCount) throws(FileFault) -> any MemoryRoom { try newRoom(size) }

    public func place(_ room: any MemoryRoom, for path: DiskPath, isCopy: Bool) { state.withLock { $0.rooms[path] = (room, isCopy) } }

    public func clear(_ path: DiskPath) -> (any MemoryRoom)? { state.withLock { $0.rooms[path]?.room } }

    public func closeClear(_ path: DiskPath) {
        // The last reference may close it, which is not done with the lock held.
        let closed = state.withLock { state in
            let closed = state.rooms.filter { $0.key == path || $0.key.isBelow(path) }
            for path in closed.keys { state.rooms[path] = nil }
            return closed
        }
        _ = closed
    }

    /// The room that this path is in, and where in it; nil: its top.
    private func room(of path: DiskPath) -> (any Disk, DiskPath?)? {
        state.withLock { state in
            if state.rooms.isEmpty { return nil }
            for (above, room) in state.rooms where !room.isCopy {
                if path == above { return (room.room.disk, nil) }
                if path.isBelow(above) { return (room.room.disk, DiskPath(String(path.text.dropFirst(above.text.count + 1)))) }
            }
            return nil
        }
    }

    /// Where an operation on a directory's names is done; nil: below.
    private func inRoom(_ path: DiskPath, _ doing: String) throws(FileFault) -> (any Disk, DiskPath)? {
        guard let (room, inner) = room(of: path) else { return nil }
        guard let inner else { throw FileFault(.busy, doing: doing, what: "\(rootName)/\(path)") }
        return (room, inner)
    }

    // MARK: As below, or in a room

    public func rootEntry() throws(FileFault) -> DiskRoot { try below.rootEntry() }

    public func names(in directory: DiskPath?) throws(FileFault) -> [String] {
        if let directory, let (room, inner) = room(of: directory) { return try room.names(in: inner) }
        return try below.names(in: directory)
    }

    public func makeDirectory(_ path: DiskPath, mode: UInt32) throws(FileFault) {
        guard let (room, inner) = room(of: path) else { return try below.makeDirectory(path, mode: mode) }
        guard let inner else { throw FileFault(.exists, doing: "make the directory", what: "\(rootName)/\(path)") }
        try room.makeDirectory(inner, mode: mode)
    }

    public func makeSymbolicLink(_ path: DiskPath, to target: String) throws(FileFault) {
        guard let (room, inner) = try inRoom(path, "make the link") else { return try below.makeSymbolicLink(path, to: target) }
        try room.makeSymbolicLink(inner, to: target)
    }

    public func rename(_ source: DiskPath, to target: DiskPath) throws(FileFault) {
        guard let (from, to) = try sameRoom(source, target) else { return try below.rename(source, to: target) }
        try from.0.rename(from.1, to: to)
    }

    public func renameNew(_ source: DiskPath, to target: DiskPath) throws(FileFault) {
        guard let (from, to) = try sameRoom(source, target) else { return try below.renameNew(source, to: target) }
        try from.0.renameNew(from.1, to: to)
    }

    /// nil: both lie on the disk. What is in memory is not moved to the disk, nor the other way.
    private func sameRoom(_ source: DiskPath, _ target: DiskPath) throws(FileFault) -> (from: (any Disk, DiskPath), to: DiskPath)? {
        switch (try inRoom(source, "rename"), try inRoom(target, "rename")) {
        case (nil, nil): return nil
        case (let from?, let to?) where from.0 === to.0: return (from, to.1)
        default: throw FileFault(.system(18), doing: "rename", what: "\(rootName)/\(source)")
        }
    }

    public func removeFile(_ path: DiskPath) throws(FileFault) {
        guard let (room, inner) = try inRoom(path, "remove") else { return try below.removeFile(path) }
        try room.removeFile(inner)
    }

    /// With a directory go the rooms that stand for what is in it.
    public func removeDirectory(_ path: DiskPath) throws(FileFault) {
        if let (room, inner) = room(of: path) {
            if let inner { return try room.removeDirectory(inner) }
        } else {
            try below.removeDirectory(path)
        }
        closeClear(path)
    }

    public func setMode(_ path: DiskPath, _ mode: UInt32) throws(FileFault) {
        guard let (room, inner) = room(of: path) else { return try below.setMode(path, mode) }
        if let inner { try room.setMode(inner, mode) }
    }

    public func setOwner(_ path: DiskPath?, _ owner: FileOwner) throws(FileFault) {
        guard let path, let (room, inner) = room(of: path) else { return try below.setOwner(path, owner) }
        try room.setOwner(inner, owner)
    }

    public func mayGive(_ owner: FileOwner) -> Bool { below.mayGive(owner) }

    public func setModified(_ path: DiskPath, _ time: WallTime) throws(FileFault) {
        guard let (room, inner) = try inRoom(path, "set the time of") else { return try below.setModified(path, time) }
        try room.setModified(inner, time)
    }

    public func syncDirectory(_ path: DiskPath?) throws(FileFault) {
        if let path, room(of: path) != nil { return }
        try below.syncDirectory(path)
    }

    public func freeSpace() throws(FileFault) -> ByteCount { try below.freeSpace() }
    public var totalSpace: ByteCount? { below.totalSpace }
    public func lock(_ path: DiskPath, holder: String) throws(FileFault) -> any DiskLock { try below.lock(path, holder: holder) }
    public func lockHolder(_ path: DiskPath) -> String? { below.lockHolder(path) }
}
