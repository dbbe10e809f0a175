internal import AgentModel
internal import OutsideWorld

/// The store as one supervisor sees it: every call counts as an operation of its, and after its death nothing reaches the disk.
///
/// `@unchecked Sendable`: the simulation has one thread; workers run on it too.
final class SupervisedDisk: Disk, @unchecked Sendable {
    private let disk: SimulatedDisk
    private let machine: SimulatedMachine
    private let epoch: UInt64

    init(_ disk: SimulatedDisk, _ machine: SimulatedMachine, epoch: UInt64) {
        self.disk = disk
        self.machine = machine
        self.epoch = epoch
    }

    var rootName: String { disk.rootName }

    private func check(_ doing: String, _ path: DiskPath?) throws(FileFault) {
        guard machine.supervisorEpoch == epoch, machine.alive("\(doing) \(name(path))") else {
            throw FileFault(.system(5), doing: doing, what: name(path))
        }
    }
    private func name(_ path: DiskPath?) -> String { path.map { "\(disk.rootName)/\($0)" } ?? disk.rootName }

    func open(_ path: DiskPath, _ mode: OpenMode) throws(FileFault) -> any DiskFile {
        try check("open", path)
        let file = try disk.open(path, mode)
        return SupervisedFile(file, wrote: { [self] in machine.wrote(path) }) { [self] doing throws(FileFault) in try check(doing, path) }
    }
    func entry(at path: DiskPath) throws(FileFault) -> DiskEntry? {
        try check("look at", path)
        return try disk.entry(at: path)
    }
    func names(in directory: DiskPath?) throws(FileFault) -> [String] {
        try check("list", directory)
        return try disk.names(in: directory)
    }
    func makeDirectory(_ path: DiskPath, mode: UInt32) throws(FileFault) {
        try check("make the directory", path)
        try disk.makeDirectory(path, mode: mode)
    }
    func makeSymbolicLink(_ path: DiskPath, to target: String) throws(FileFault) {
        try check("make the link", path)
        try disk.makeSymbolicLink(path, to: target)
    }
    func rename(_ source: DiskPath, to target: DiskPath) throws(FileFault) {
        try check("rename", source)
        try disk.rename(source, to: target)
    }
    func renameNew(_ source: DiskPath, to target: DiskPath) throws(FileFault) {
        try check("rename", source)
        try disk.renameNew(source, to: target)
    }
    func removeFile(_ path: DiskPath) throws(FileFault) {
        try check("remove", path)
        try disk.removeFile(path)
    }
    func removeDirectory(_ path: DiskPath) throws(FileFault) {
        try check("remove the directory", path)
        try disk.removeDirectory(path)
    }
    func setMode(_ path: DiskPath, _ mode: UInt32) throws(FileFault) {
        try check("set the mode of", path)
        try disk.setMode(path, mode)
    }
    func setOwner(_ path: DiskPath?, _ owner: FileOwner) throws(FileFault) {
        try check("set the owner of", path)
        try disk.setOwner(path, owner)
    }
    func mayGive(_ owner: FileOwner) -> Bool { disk.mayGive(owner) }
    func rootEntry() throws(FileFault) -> DiskRoot {
        try check("look at", nil)
        return try disk.rootEntry()
    }
    func setModified(_ path: DiskPath, _ time: WallTime) throws(FileFault) {
        try check("set the time of", path)
        try disk.setModified(path, time)
    }
    func attributes(at path: DiskPath, limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] {
        try check("list the attributes of", path)
        return try disk.attributes(at: path, limit: limit)
    }
    func setAttribute(_ name: String, of path: DiskPath, to value: [UInt8]?) throws(FileFault) {
        try check("set an attribute of", path)
        try disk.setAttribute(name, of: path, to: value)
    }
    func mayGive(attribute name: String) -> Bool { disk.mayGive(attribute: name) }
    func makeLink(_ path: DiskPath, to existing: DiskPath) throws(FileFault) {
        try check("make another name of", existing)
        try disk.makeLink(path, to: existing)
    }
    func syncDirectory(_ path: DiskPath?) throws(FileFault) {
        try check("sync the directory", path)
        try disk.syncDirectory(path)
    }
    func freeSpace() throws(FileFault) -> ByteCount {
        try check("look at the space of", nil)
        return try disk.freeSpace()
    }
    var totalSpace: ByteCount? { disk.totalSpace }
    func lock(_ path: DiskPath, holder: String) throws(FileFault) -> any DiskLock {
        try check("lock", path)
        return try disk.lock(path, holder: holder)
    }
    func lockHolder(_ path: DiskPath) -> String? { disk.lockHolder(path) }
}

private final class SupervisedFile: DiskFile {
    private let file: any DiskFile
    private let wrote: () -> Void
    private let check: (String) throws(FileFault) -> Void

    init(_ file: any DiskFile, wrote: @escaping () -> Void, _ check: @escaping (String) throws(FileFault) -> Void) {
        self.file = file
        self.wrote = wrote
        self.check = check
    }
    func read(_ count: Int) throws(FileFault) -> [UInt8] {
        try check("read")
        return try file.read(count)
    }
    func read(_ count: Int, at offset: UInt64) throws(FileFault) -> [UInt8] {
        try check("read")
        return try file.read(count, at: offset)
    }
    func write(_ bytes: [UInt8]) throws(FileFault) {
        try check("write")
        try file.write(bytes)
        wrote()
    }
    func sync() throws(FileFault) {
        try check("sync")
        try file.sync()
    }
    func attributes(limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] {
        try check("list the attributes of")
        return try file.attributes(limit: limit)
    }
}
