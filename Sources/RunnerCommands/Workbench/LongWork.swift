internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

/// Work that somebody may wait for and stop. From its beginning on SIGINT, SIGTERM and SIGHUP end nothing by themselves: the disks it watches fail at
/// the next piece that is read or written, which is where any disk may fail, so what must not be half done is not.
final class LongWork {
    private let machine: any Machine
    private let progress: Progress

    init(_ bench: Workbench, quietly: Bool) {
        machine = bench.machine
        progress = Progress(bench, quietly: quietly)
        _ = machine.isAskedToEnd
    }

    var isWanted: Bool { !machine.isAskedToEnd }

    // MARK: What is going on

    func say(_ sentence: String) { progress.say(sentence) }
    func carried(_ done: UInt64, of all: UInt64) { progress.carried(done, of: all) }
    func carried(more bytes: UInt64) { progress.carried(more: bytes) }
    /// Nothing is to be seen of it any more: another line comes.
    func pause() { progress.end() }

    // MARK: Disks

    func watch(_ disk: any Disk) -> any Disk {
        if let sealing = disk as? any SealingDisk { return WatchedSealingDisk(sealing, by: self) }
        return WatchedDisk(disk, by: self)
    }

    /// The same store, whose reading and writing is watched.
    func watch(_ store: CheckpointStore) -> CheckpointStore { store.on(watch(store.disk)) }

    /// Something was not read or written any more: whatever came of the work then, it came of that.
    private(set) var isCutShort = false

    /// What was wanted is done, whoever asked for its end meanwhile: what still belongs to it is not stopped any more, and neither is its answer.
    func settle() { (isSettled, isCutShort) = (true, false) }
    private(set) var isSettled = false

    fileprivate func require(_ doing: String, _ what: @autoclosure () -> String) throws(FileFault) {
        guard !isWanted, !isSettled else { return }
        isCutShort = true
        throw FileFault(.stopped, doing: doing, what: what())
    }
}

extension Workbench {
    /// Does `body` so that it can be waited for and stopped.
    /// - Parameters:
    ///   - quietly: nobody is told how far it is: the answer is for programs.
    ///   - stopped: what was done and how to go on, asked when it was stopped.
    func long<Result>(
        quietly: Bool, code: ErrorCode = .stopped, _ body: (LongWork) throws(CommandFault) -> Result, stopped: () -> String
    ) throws(CommandFault) -> Result {
        let work = LongWork(self, quietly: quietly)
        defer { work.pause() }
        do throws(CommandFault) {
            let result = try body(work)
            guard work.isCutShort else { return result }
        } catch {
            guard work.isCutShort || error.code == ErrorCode.stopped.rawValue else { throw error }
        }
        work.pause()
        throw CommandFault(code, stopped())
    }
}

/// A disk that tells how much is read and written, and fails with `stopped` once nobody wants it any more: at content, and never while something is
/// renamed, removed or tidied up. `@unchecked Sendable`: both of its `let`s are set once, and the one command that uses it has one thread.
private class WatchedDisk: Disk, @unchecked Sendable {
    private let disk: any Disk
    // A command has one thread.
    nonisolated(unsafe) private let work: LongWork

    init(_ disk: any Disk, by work: LongWork) { (self.disk, self.work) = (disk, work) }

    /// Where it lies is watched, too.
    fileprivate func watched(_ disk: any Disk) -> any Disk { WatchedDisk(disk, by: work) }

    var rootName: String { disk.rootName }
    func rootEntry() throws(FileFault) -> DiskRoot { try disk.rootEntry() }
    func open(_ path: DiskPath, _ mode: OpenMode) throws(FileFault) -> any DiskFile {
        try work.require("open", "\(disk.rootName)/\(path)")
        return WatchedFile(try disk.open(path, mode), "\(disk.rootName)/\(path)", by: work)
    }
    func read(_ files: [SmallFile], in directory: DiskPath) -> [Result<[UInt8], FileFault>] {
        do throws(FileFault) { try work.require("open", "\(disk.rootName)/\(directory)") } catch {
            let stopped = error
            return files.map { _ in .failure(stopped) }
        }
        let read = disk.read(files, in: directory)
        work.carried(more: UInt64(read.reduce(0) { $0 + ((try? $1.get())?.count ?? 0) }))
        return read
    }
    func entry(at path: DiskPath) throws(FileFault) -> DiskEntry? { try disk.entry(at: path) }
    func entries(_ names: [String], in directory: DiskPath?) throws(FileFault) -> [DiskEntry?] {
        try work.require("look into", "\(disk.rootName)/\(directory?.text ?? "")")
        return try disk.entries(names, in: directory)
    }
    func names(in directory: DiskPath?) throws(FileFault) -> [String] { try disk.names(in: directory) }
    func makeDirectory(_ path: DiskPath, mode: UInt32) throws(FileFault) { try disk.makeDirectory(path, mode: mode) }
    func makeSymbolicLink(_ path: DiskPath, to target: String) throws(FileFault) { try disk.makeSymbolicLink(path, to: target) }
    func rename(_ source: DiskPath, to target: DiskPath) throws(FileFault) { try disk.rename(source, to: target) }
    func renameNew(_ source: DiskPath, to target: DiskPath) throws(FileFault) { try disk.renameNew(source, to: target) }
    func removeFile(_ path: DiskPath) throws(FileFault) { try disk.removeFile(path) }
    func removeDirectory(_ path: DiskPath) throws(FileFault) { try disk.removeDirectory(path) }
    func setMode(_ path: DiskPath, _ mode: UInt32) throws(FileFault) { try disk.setMode(path, mode) }
    func setOwner(_ path: DiskPath?, _ owner: FileOwner) throws(FileFault) { try disk.setOwner(path, owner) }
    func mayGive(_ owner: FileOwner) -> Bool { disk.mayGive(owner) }
    func setModified(_ path: DiskPath, _ time: WallTime) throws(FileFault) { try disk.setModified(path, time) }
    func attributes(at path: DiskPath, limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] {
        try disk.attributes(at: path, limit: limit)
    }
    func setAttribute(_ name: String, of path: DiskPath, to value: [UInt8]?) throws(FileFault) {
        try disk.setAttribute(name, of: path, to: value)
    }
    func mayGive(attribute name: String) -> Bool { disk.mayGive(attribute: name) }
    func makeLink(_ path: DiskPath, to existing: DiskPath) throws(FileFault) { try disk.makeLink(path, to: existing) }
    // A disk knows its like, and not whoever watches one.
    func mayShare(with other: any Disk) -> Bool { disk.mayShare(with: (other as? WatchedDisk)?.disk ?? other) }
    func syncDirectory(_ path: DiskPath?) throws(FileFault) { try disk.syncDirectory(path) }
    func freeSpace() throws(FileFault) -> ByteCount { try disk.freeSpace() }
    var totalSpace: ByteCount? { disk.totalSpace }
    func lock(_ path: DiskPath, holder: String) throws(FileFault) -> any DiskLock { try disk.lock(path, holder: holder) }
    func lockHolder(_ path: DiskPath) -> String? { disk.lockHolder(path) }
}

/// As `WatchedDisk`, where what is watched is encrypted.
private final class WatchedSealingDisk: WatchedDisk, SealingDisk, @unchecked Sendable {
    private let sealing: any SealingDisk

    init(_ disk: any SealingDisk, by work: LongWork) {
        sealing = disk
        super.init(disk, by: work)
    }

    var below: any Disk { watched(sealing.below) }
    func makeRoom(upTo size: ByteCount) throws(FileFault) -> any MemoryRoom { try sealing.makeRoom(upTo: size) }
    func place(_ room: any MemoryRoom, for path: DiskPath, isCopy: Bool) { sealing.place(room, for: path, isCopy: isCopy) }
    func clear(_ path: DiskPath) -> (any MemoryRoom)? { sealing.clear(path) }
    func closeClear(_ path: DiskPath) { sealing.closeClear(path) }
}

private final class WatchedFile: DiskFile {
    private let file: any DiskFile
    private let name: String
    private let work: LongWork

    init(_ file: any DiskFile, _ name: String, by work: LongWork) { (self.file, self.name, self.work) = (file, name, work) }

    private func require(_ doing: String) throws(FileFault) { try work.require(doing, name) }

    func read(_ count: Int) throws(FileFault) -> [UInt8] {
        try require("read")
        let bytes = try file.read(count)
        work.carried(more: UInt64(bytes.count))
        return bytes
    }
    func read(_ count: Int, into piece: inout [UInt8]) throws(FileFault) {
        try require("read")
        try file.read(count, into: &piece)
        work.carried(more: UInt64(piece.count))
    }
    func read(_ count: Int, at offset: UInt64) throws(FileFault) -> [UInt8] {
        try require("read")
        let bytes = try file.read(count, at: offset)
        work.carried(more: UInt64(bytes.count))
        return bytes
    }
    // What is written was read before, and is counted then.
    func write(_ bytes: [UInt8]) throws(FileFault) {
        try require("write")
        try file.write(bytes)
    }
    func skip(_ count: UInt64) throws(FileFault) {
        try require("write")
        try file.skip(count)
    }
    func share(_ count: UInt64, of source: any DiskFile) throws(FileFault) -> Sharing {
        try require("write")
        let sharing = try file.share(count, of: (source as? WatchedFile)?.file ?? source)
        if sharing == .shared { work.carried(more: count) }
        return sharing
    }
    func finish() throws(FileFault) {
        try require("write")
        try file.finish()
    }
    func sync() throws(FileFault) { try file.sync() }
    func beginSync() { file.beginSync() }
    func attributes(limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] { try file.attributes(limit: limit) }
}

extension ListFormat {
    /// Whether no person reads the answer as it comes.
    var isForPrograms: Bool { self != .table && self != .wide }
}
