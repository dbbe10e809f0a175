public import AgentModel
internal import CLinuxShims
internal import Glibc
public import OutsideWorld

/// A directory tree of this machine. Every call resolves its path below one directory descriptor and follows no symbolic link, whatever
/// others do to the tree meanwhile. The descriptor never changes, so any thread may call.
public final class LinuxDisk: Disk {
    public let rootName: String
    let root: Int32
    private let resolution: PathResolution
    /// The device below the root whose files show every change in their ctime, those through mapped memory, too; nil: none is known to. Not so
    /// tmpfs, and of file systems of a network or in user space nobody knows. See statfs(2) for the numbers.
    private let deviceThatTells: UInt64?
    /// Its kind, see statfs(2).
    let fileSystem: UInt64

    /// Opens the tree below `path`, links on the way followed as far as they can be trusted: see `TrustedPath`. `create`: made with mode 0700 when missing, with what is missing above it.
    public convenience init(at path: String, create: Bool) throws(FileFault) {
        if create { try makeMissingDirectories(upTo: path) }
        let (descriptor, name) = try TrustedPath.open(path)
        try self.init(rootName: name, resolution: nil) { descriptor }
    }

    /// Opens the tree below a path of another disk: no link in `path` is followed, not even the last.
    convenience init(at path: DiskPath, of disk: LinuxDisk) throws(FileFault) {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        try self.init(rootName: "\(disk.rootName)/\(path)", resolution: disk.resolution) {
            disk.resolution.open(path, below: disk.root, flags)
        }
    }

    /// `resolution` nil: the best this kernel has.
    init(rootName: String, resolution: PathResolution?, open: () -> Int32) throws(FileFault) {
        let root = open()
        if root < 0 { throw FileFault(errno: -root, doing: "open the directory", what: rootName) }
        self.rootName = rootName
        self.root = root
        self.resolution = resolution ?? .best(at: root)
        fileSystem = UInt64(truncatingIfNeeded: shim_file_system("/proc/self/fd/\(root)"))
        deviceThatTells = Self.deviceThatTells(root, fileSystem)
    }

    /// ext2 to ext4, XFS, Btrfs, F2FS.
    private static let fileSystemsThatTell: Set<UInt64> = [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010]

    private static func deviceThatTells(_ root: Int32, _ system: UInt64) -> UInt64? {
        var status = stat()
        guard fileSystemsThatTell.contains(system), fstat(root, &status) == 0 else { return nil }
        return UInt64(status.st_dev)
    }

    deinit { close(root) }

    // MARK: Files

    public func open(_ path: DiskPath, _ mode: OpenMode) throws(FileFault) -> any DiskFile {
        let (doing, flags, permissions) =
            switch mode {
            case .read: ("open", O_RDONLY, nil as UInt32?)
            case .createNew(let mode): ("create", O_RDWR | O_CREAT | O_EXCL, mode)
            case .append(let mode): ("open", O_RDWR | O_CREAT | O_APPEND, mode)
            }
        // O_NONBLOCK: a pipe that somebody put there must not hold us up.
        let raw = try call(doing, path) { directory, name in
            openat(directory, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, permissions ?? 0)
        }
        let file = LinuxFile(raw, name: full(path))
        try file.requireRegular(doing: doing)
        if case .createNew(let mode) = mode { try file.setMode(mode) }
        return file
    }

    public func read(_ files: [SmallFile], in directory: DiskPath) -> [Result<[UInt8], FileFault>] {
        let raw = resolution.open(directory, below: root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        defer { if raw >= 0 { close(raw) } }
        // What is unusual is found out step by step.
        return files.map { file in (raw < 0 ? nil : readAtOnce(file, in: raw)).map { .success($0) } ?? whole(file, in: directory) }
    }

    /// nil: it is no regular file within its limit, or it grows, or something failed.
    private func readAtOnce(_ file: SmallFile, in directory: Int32) -> [UInt8]? {
        let raw = FileNames.withBytes(of: file.name) { name in
            uninterrupted { openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) }
        }
        guard raw >= 0 else { return nil }
        let opened = Descriptor(raw)
        var status = stat()
        guard fstat(opened.raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG, let size = UInt64(exactly: status.st_size),
            size <= file.limit.bytes
        else { return nil }
        // One more than there is: that it was all is seen without a second look.
        guard case .success(let bytes) = readSome(opened.raw, Int(size) + 1), bytes.count == Int(size) else { return nil }
        return bytes
    }

    public func removeFile(_ path: DiskPath) throws(FileFault) {
        try call("remove", path) { directory, name in unlinkat(directory, name, 0) }
    }

    public func rename(_ source: DiskPath, to target: DiskPath) throws(FileFault) {
        let parent = try directory(of: target, doing: "rename")
        defer { letGo(parent) }
        try call("rename", source) { directory, name in
            FileNames.withBytes(of: target.name) { renameat(directory, name, parent, $0) }
        }
    }

    public func renameNew(_ source: DiskPath, to target: DiskPath) throws(FileFault) {
        let parent = try directory(of: target, doing: "rename")
        defer { letGo(parent) }
        do throws(FileFault) {
            try call("rename", source) { directory, name in
                FileNames.withBytes(of: target.name) { renameat2(directory, name, parent, $0, UInt32(RENAME_NOREPLACE)) }
            }
        } catch {
            // File systems that do not know how, mostly those of a network. See rename(2).
            guard error.kind == .system(EINVAL) || error.kind == .system(ENOSYS) else { throw error }
            try renameByHand(source, to: target)
        }
    }

    /// What `rename` replaces is ours then: an empty directory that nobody made before. A file gets a second name and loses the first.
    func renameByHand(_ source: DiskPath, to target: DiskPath) throws(FileFault) {
        guard let entry = try entry(at: source) else { throw FileFault(.missing, doing: "rename", what: full(source)) }
        if entry.kind == .directory {
            try makeDirectory(target, mode: 0o700)
            do throws(FileFault) { try rename(source, to: target) } catch {
                try? removeDirectory(target)  // it is empty
                throw error
            }
            return
        }
        let parent = try directory(of: target, doing: "rename")
        defer { letGo(parent) }
        try call("rename", source) { directory, name in
            FileNames.withBytes(of: target.name) { linkat(directory, name, parent, $0, 0) }
        }
        try removeFile(source)
    }

    // MARK: What is there

    public func entry(at path: DiskPath) throws(FileFault) -> DiskEntry? {
        var status = stat()
        do {
            try call("look at", path) { directory, name in fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) }
            return try entry(status, at: path)
        } catch {
            guard error.kind == .missing else { throw error }
            return nil
        }
    }

    public func entries(_ names: [String], in directory: DiskPath?) throws(FileFault) -> [DiskEntry?] {
        let opened = Descriptor(try openDirectory(directory, doing: "list"))
        var found: [DiskEntry?] = []
        found.reserveCapacity(names.count)
        for name in names {
            guard let path = directory.map({ $0.appending(untrusted: name) }) ?? DiskPath(name) else {
                found.append(nil)
                continue
            }
            var status = stat()
            let result = FileNames.withBytes(of: name) { name in
                uninterrupted { fstatat(opened.raw, name, &status, AT_SYMLINK_NOFOLLOW) }
            }
            if result < 0, result != -ENOENT { throw FileFault(errno: -result, doing: "look at", what: full(path)) }
            do throws(FileFault) { found.append(result < 0 ? nil : try entry(status, at: path)) } catch {
                guard error.kind == .missing else { throw error }
                found.append(nil)
            }
        }
        return found
    }

    private func entry(_ status: stat, at path: DiskPath) throws(FileFault) -> DiskEntry {
        let target = status.st_mode & S_IFMT == S_IFLNK ? try linkTarget(path, length: Int(status.st_size)) : nil
        var entry = DiskEntry(status, target: target)
        if UInt64(status.st_dev) != deviceThatTells { entry.identity = nil }
        return entry
    }

    private func linkTarget(_ path: DiskPath, length: Int) throws(FileFault) -> String {
        // One byte more than lstat said: a link that was replaced by a longer one is seen, not cut.
        var bytes = [CChar](repeating: 0, count: max(length + 1, 4096))
        let count = try call("read the link", path) { directory, name in
            Int32(clamping: readlinkat(directory, name, &bytes, bytes.count))
        }
        return FileNames.text(of: bytes.prefix(Int(count)).map { UInt8(bitPattern: $0) })
    }

    public func names(in path: DiskPath?) throws(FileFault) -> [String] {
        let raw = try openDirectory(path, doing: "list")
        guard let stream = fdopendir(raw) else {
            let error = errno
            close(raw)
            throw FileFault(errno: error, doing: "list", what: full(path))
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0  // readdir(3): the only way to tell the end from an error
            guard let entry = readdir(stream) else { break }
            let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if bytes != [0x2E], bytes != [0x2E, 0x2E] { names.append(FileNames.text(of: bytes)) }
        }
        if errno != 0 { throw FileFault(errno: errno, doing: "list", what: full(path)) }
        return names
    }

    public func freeSpace() throws(FileFault) -> ByteCount {
        var status = statvfs()
        let result = uninterrupted { fstatvfs(root, &status) }
        if result < 0 { throw FileFault(errno: -result, doing: "measure the free space of", what: rootName) }
        return ByteCount(UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }

    public var totalSpace: ByteCount? {
        var status = statvfs()
        guard uninterrupted({ fstatvfs(root, &status) }) >= 0 else { return nil }
        return ByteCount(UInt64(status.f_blocks) * UInt64(status.f_frsize))
    }

    // MARK: Directories and links

    public func makeDirectory(_ path: DiskPath, mode: UInt32) throws(FileFault) {
        try call("make the directory", path) { directory, name in mkdirat(directory, name, mode & 0o700) }
        if mode & ~0o700 != 0 { try setMode(path, mode) }  // the umask must not take from what was asked
    }

    public func removeDirectory(_ path: DiskPath) throws(FileFault) {
        try call("remove the directory", path) { directory, name in unlinkat(directory, name, AT_REMOVEDIR) }
    }

    public func makeSymbolicLink(_ path: DiskPath, to target: String) throws(FileFault) {
        try call("make the link", path) { directory, name in
            FileNames.withBytes(of: target) { symlinkat($0, directory, name) }
        }
    }

    public func syncDirectory(_ path: DiskPath?) throws(FileFault) {
        let directory = Descriptor(try openDirectory(path, doing: "sync the directory"))
        let result = uninterrupted { fsync(directory.raw) }
        // EINVAL: a file system whose directories cannot be synced, so there is nothing to wait for. See fsync(2).
        if result < 0, result != -EINVAL { throw FileFault(errno: -result, doing: "sync the directory", what: full(path)) }
    }

    // MARK: Attributes

    public func setMode(_ path: DiskPath, _ mode: UInt32) throws(FileFault) {
        // A link swapped in is changed by nobody (EOPNOTSUPP).
        let handle = Descriptor(try handle(path, doing: "set the mode of"))
        let result = uninterrupted { chmod("/proc/self/fd/\(handle.raw)", mode & 0o7777) }
        if result < 0 { throw FileFault(errno: -result, doing: "set the mode of", what: full(path)) }
    }

    public func setOwner(_ path: DiskPath?, _ owner: FileOwner) throws(FileFault) {
        guard let path else { return try give(root, nil, owner) }
        let handle = Descriptor(try handle(path, doing: "set the owner of"))
        try give(handle.raw, path, owner)
    }

    private func give(_ handle: Int32, _ path: DiskPath?, _ owner: FileOwner) throws(FileFault) {
        let result = uninterrupted { fchownat(handle, "", owner.user, owner.group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) }
        if result < 0 { throw FileFault(errno: -result, doing: "set the owner of", what: full(path)) }
    }

    public func mayGive(_ owner: FileOwner) -> Bool {
        let user = geteuid()
        if user == 0 { return true }
        guard owner.user == user else { return false }
        if owner.group == getegid() { return true }
        var groups = [gid_t](repeating: 0, count: Int(max(0, getgroups(0, nil))))
        return getgroups(Int32(groups.count), &groups) >= 0 && groups.contains(owner.group)
    }

    /// Something held by an O_PATH descriptor: it needs no right to read it, and from here on nobody can put another thing in its place. What
    /// has other names is refused: an agent may have made one of a file that is not its own. See EMLINK.
    func handle(_ path: DiskPath, doing: String) throws(FileFault) -> Int32 {
        let handle = Descriptor(try call(doing, path) { directory, name in openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) })
        var status = stat()
        let result = uninterrupted { fstat(handle.raw, &status) }
        if result < 0 { throw FileFault(errno: -result, doing: doing, what: full(path)) }
        if countsOtherNames(status) { throw FileFault(errno: EMLINK, doing: doing, what: full(path)) }
        return handle.release()
    }

    public func setModified(_ path: DiskPath, _ time: WallTime) throws(FileFault) {
        let omit = timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2)  // UTIME_OMIT, see utimensat(2)
        let modified = timespec(tv_sec: Int(time.seconds), tv_nsec: Int(time.nanoseconds - time.seconds * 1_000_000_000))
        try call("set the time of", path) { directory, name in utimensat(directory, name, [omit, modified], AT_SYMLINK_NOFOLLOW) }
    }

    // MARK: Paths

    /// A path as a person would type it.
    func full(_ path: DiskPath?) -> String { path.map { "\(rootName)/\($0)" } ?? rootName }

    /// Runs one system call on the last component of `path` in the directory that holds it.
    @discardableResult
    func call(
        _ doing: String, _ path: DiskPath, _ body: (_ directory: Int32, _ name: UnsafePointer<CChar>) -> Int32
    ) throws(FileFault) -> Int32 {
        let parent = try directory(of: path, doing: doing)
        defer { letGo(parent) }
        let result = FileNames.withBytes(of: path.name) { name in uninterrupted { body(parent, name) } }
        if result < 0 { throw FileFault(errno: -result, doing: doing, what: full(path)) }
        return result
    }

    /// The directory that holds `path`; to be given to `letGo`.
    func directory(of path: DiskPath, doing: String) throws(FileFault) -> Int32 {
        guard let parent = path.parent else { return root }
        let raw = resolution.open(parent, below: root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if raw < 0 { throw FileFault(errno: -raw, doing: doing, what: full(path)) }
        return raw
    }

    func letGo(_ directory: Int32) {
        if directory != root { close(directory) }
    }

    /// A directory (nil: the root) to be read or synced, at its beginning.
    private func openDirectory(_ path: DiskPath?, doing: String) throws(FileFault) -> Int32 {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        if let path { return try call(doing, path) { directory, name in openat(directory, name, flags) } }
        let raw = uninterrupted { openat(root, ".", flags) }
        if raw < 0 { throw FileFault(errno: -raw, doing: doing, what: rootName) }
        return raw
    }
}

extension DiskEntry {
    init(_ status: stat, target: String?) {
        let kind: Kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink(target: target ?? "")
            default: .other
            }
        let modified = WallTime(status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
        let number = FileNumber(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        let identity = FileIdentity(
            device: number.device, inode: number.inode,
            changedAt: WallTime(status.st_ctim.tv_sec, status.st_ctim.tv_nsec))
        self.init(
            kind: kind, size: UInt64(clamping: status.st_size), mode: status.st_mode & 0o7777, modifiedAt: modified,
            owner: FileOwner(user: status.st_uid, group: status.st_gid), hasOtherNames: countsOtherNames(status), number: number,
            identity: identity, allocated: UInt64(clamping: status.st_blocks) * 512)
    }
}

extension WallTime {
    fileprivate init(_ seconds: Int, _ nanoseconds: Int) {
        self.init(nanoseconds: Int64(seconds) &* 1_000_000_000 &+ Int64(nanoseconds))
    }
}

/// The count of a directory is that of its subdirectories.
private func countsOtherNames(_ status: stat) -> Bool { status.st_mode & S_IFMT != S_IFDIR && status.st_nlink > 1 }
