internal import AgentModel
internal import OutsideWorld

/// A directory of a disk as a disk of its own.
final class DiskBelow: Disk {
    private let disk: any Disk
    private let base: DiskPath

    init(_ base: DiskPath, of disk: any Disk) {
        self.disk = disk
        self.base = base
    }

    private func full(_ path: DiskPath) -> DiskPath {
        guard let full = DiskPath(base.text + "/" + path.text) else { preconditionFailure("'\(path)' is not a path") }
        return full
    }

    var rootName: String { "\(disk.rootName)/\(base)" }
    func rootEntry() throws(FileFault) -> DiskRoot { try disk.rootEntry() }
    func open(_ path: DiskPath, _ mode: OpenMode) throws(FileFault) -> any DiskFile { try disk.open(full(path), mode) }
    func entry(at path: DiskPath) throws(FileFault) -> DiskEntry? { try disk.entry(at: full(path)) }
    func names(in directory: DiskPath?) throws(FileFault) -> [String] { try disk.names(in: directory.map(full) ?? base) }
    func makeDirectory(_ path: DiskPath, mode: UInt32) throws(FileFault) { try disk.makeDirectory(full(path), mode: mode) }
    func makeSymbolicLink(_ path: DiskPath, to target: String) throws(FileFault) {
        try disk.makeSymbolicLink(full(path), to: target)
    }
    func rename(_ source: DiskPath, to target: DiskPath) throws(FileFault) { try disk.rename(full(source), to: full(target)) }
    func renameNew(_ source: DiskPath, to target: DiskPath) throws(FileFault) { try disk.renameNew(full(source), to: full(target)) }
    func removeFile(_ path: DiskPath) throws(FileFault) { try disk.removeFile(full(path)) }
    func removeDirectory(_ path: DiskPath) throws(FileFault) { try disk.removeDirectory(full(path)) }
    func setMode(_ path: DiskPath, _ mode: UInt32) throws(FileFault) { try disk.setMode(full(path), mode) }
    func setOwner(_ path: DiskPath?, _ owner: FileOwner) throws(FileFault) { try disk.setOwner(path.map(full) ?? base, owner) }
    func mayGive(_ owner: FileOwner) -> Bool { disk.mayGive(owner) }
    func setModified(_ path: DiskPath, _ time: WallTime) throws(FileFault) { try disk.setModified(full(path), time) }
    func attributes(at path: DiskPath, limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] {
        try disk.attributes(at: full(path), limit: limit)
    }
    func setAttribute(_ name: String, of path: DiskPath, to value: [UInt8]?) throws(FileFault) {
        try disk.setAttribute(name, of: full(path), to: value)
    }
    func mayGive(attribute name: String) -> Bool { disk.mayGive(attribute: name) }
    func makeLink(_ path: DiskPath, to existing: DiskPath) throws(FileFault) { try disk.makeLink(full(path), to: full(existing)) }
    func syncDirectory(_ path: DiskPath?) throws(FileFault) { try disk.syncDirectory(path.map(full) ?? base) }
    func freeSpace() throws(FileFault) -> ByteCount { try disk.freeSpace() }
    var totalSpace: ByteCount? { disk.totalSpace }
    func lock(_ path: DiskPath, holder: String) throws(FileFault) -> any DiskLock { try disk.lock(full(path), holder: holder) }
    func lockHolder(_ path: DiskPath) -> String? { disk.lockHolder(full(path)) }
}
