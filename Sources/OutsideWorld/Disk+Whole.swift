public import AgentModel

/// Whole files, built on the primitives, so that both twins share one order of operations.
extension Disk {
    /// The whole file, or `tooLarge` when it holds more than `limit`.
    public func read(_ path: DiskPath, limit: ByteCount) throws(FileFault) -> [UInt8] {
        let file = try open(path, .read)
        var bytes: [UInt8] = []
        while true {
            let part = try file.read(64 << 10)
            if part.isEmpty { return bytes }
            bytes += part
            if UInt64(bytes.count) > limit.bytes { throw FileFault(.tooLarge, doing: "read", what: "\(rootName)/\(path)") }
        }
    }

    /// Replaces the file at `path` in one step that survives a power cut: temporary name, write, sync, rename, sync of the directory.
    /// After a fault the old content stands. The temporary name is `path` + ".new": one writer at a time.
    public func replace(_ path: DiskPath, with bytes: [UInt8], mode: UInt32 = 0o600) throws(FileFault) {
        guard let temporary = DiskPath(path.text + ".new") else { preconditionFailure("'\(path)' has no sibling") }
        if try entry(at: temporary) != nil { try removeFile(temporary) }
        do {
            let file = try open(temporary, .createNew(mode: mode))
            try file.write(bytes)
            try file.sync()
            try rename(temporary, to: path)
        } catch {
            try? removeFile(temporary)  // the next replace would remove it
            throw error
        }
        try syncDirectory(path.parent)
    }

    /// Makes a whole file where none is. Nothing is synced.
    public func create(_ path: DiskPath, with bytes: [UInt8], mode: UInt32 = 0o600) throws(FileFault) {
        let file = try open(path, .createNew(mode: mode))
        try file.write(bytes)
        try file.finish()
    }

    /// Makes `path` and what is missing above it.
    public func makeDirectories(_ path: DiskPath, mode: UInt32 = 0o700) throws(FileFault) {
        if let parent = path.parent { try makeDirectories(parent, mode: mode) }
        do { try makeDirectory(path, mode: mode) } catch {
            guard error.kind == .exists else { throw error }
        }
    }

    /// Removes `path` and everything below it. Not atomic; what is already gone is no fault.
    public func removeTree(_ path: DiskPath) throws(FileFault) {
        guard let entry = try entry(at: path) else { return }
        guard entry.kind == .directory else { return try removeFile(path) }
        if entry.mode & 0o700 != 0o700 { try setMode(path, entry.mode | 0o700) }
        for name in try names(in: path) { try removeTree(path / name) }
        try removeDirectory(path)
    }
}
