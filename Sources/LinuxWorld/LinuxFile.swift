internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// An open regular file, closed with the object.
final class LinuxFile: DiskFile {
    private let descriptor: Int32
    private let name: String

    init(_ descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    deinit { close(descriptor) }

    func read(_ count: Int) throws(FileFault) -> [UInt8] {
        switch readSome(descriptor, count) {
        case .success(let bytes): return bytes
        case .failure(let error): throw fault(error.errno, "read")
        }
    }

    func read(_ count: Int, into piece: inout [UInt8]) throws(FileFault) {
        guard piece.count == count else {
            piece = try read(count)
            return
        }
        let result = piece.withUnsafeMutableBytes { buffer in uninterrupted { Glibc.read(descriptor, buffer.baseAddress, count) } }
        if result < 0 { throw fault(Int32(-result), "read") }
        piece.removeLast(count - result)
    }

    func read(_ count: Int, at offset: UInt64) throws(FileFault) -> [UInt8] {
        guard let offset = Int(exactly: offset) else { return [] }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let result = uninterrupted { pread(descriptor, buffer.baseAddress, count, offset) }
            filled = max(0, result)
            failure = Int32(max(0, -result))
        }
        if failure != 0 { throw fault(failure, "read") }
        return bytes
    }

    func write(_ bytes: [UInt8]) throws(FileFault) {
        var done = 0
        while done < bytes.count {
            let result = bytes.withUnsafeBytes { buffer in
                uninterrupted { Glibc.write(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done) }
            }
            if result < 0 { throw fault(Int32(-result), "write") }
            done += result
        }
    }

    func skip(_ count: UInt64) throws(FileFault) {
        guard let count = Int(exactly: count) else { throw fault(EFBIG, "write") }
        let end = lseek(descriptor, count, SEEK_CUR)
        // Nothing is written behind the last hole.
        if end < 0 || ftruncate(descriptor, end) != 0 { throw fault(errno, "write") }
    }

    func share(_ count: UInt64, of source: any DiskFile) throws(FileFault) -> Sharing {
        // A length of 0 would mean all there is.
        guard let source = source as? LinuxFile, count > 0, let length = Int(exactly: count) else { return .never }
        let start = lseek(descriptor, 0, SEEK_CUR)
        if start < 0 { throw fault(errno, "write") }
        let result = uninterrupted { () -> Int32 in
            let result = shim_share(descriptor, UInt64(start), source.descriptor, count)
            if result < 0 { errno = -result }
            return result < 0 ? -1 : 0
        }
        switch -result {
        case 0: break
        case EXDEV, EOPNOTSUPP, ENOTTY, ENOSYS: return .never
        // Not to a block's beginning or from a block's middle, swap, one of two that must not be compressed or copied on write.
        case EINVAL, EPERM, ETXTBSY: return .notThisFile
        default: throw fault(-result, "write")
        }
        if lseek(descriptor, length, SEEK_CUR) < 0 { throw fault(errno, "write") }
        return .shared
    }

    func sync() throws(FileFault) {
        let result = uninterrupted { fsync(descriptor) }
        if result < 0 { throw fault(-result, "sync") }
    }

    /// See sync_file_range(2): it finds the bytes their place and starts to write them, so that the first fsync commits the places of all.
    /// It waits when the device's queue is full, so a large file has a thread of its own for it, and a descriptor.
    func beginSync() {
        guard let size = try? status("sync").st_size, size > Self.muchToSync else { return startWriting(descriptor) }
        let own = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        var thread = pthread_t()
        guard own >= 0, pthread_create(&thread, nil, writeInOwnThread, UnsafeMutableRawPointer(bitPattern: Int(own))) == 0 else {
            if own >= 0 { close(own) }
            return startWriting(descriptor)
        }
        pthread_detach(thread)
    }

    /// Bytes that a device's queue takes at once.
    private static let muchToSync = 8 << 20

    func attributes(limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] {
        try HeldAttributes(open: descriptor, name: name).all(limit: limit)
    }

    // MARK: For LinuxDisk

    func requireRegular(doing: String) throws(FileFault) {
        let type = try status(doing).st_mode & S_IFMT
        if type == S_IFDIR { throw fault(EISDIR, doing) }
        if type != S_IFREG { throw fault(EINVAL, doing) }
    }

    /// Exactly `mode`, whatever the umask took from it.
    func setMode(_ mode: UInt32) throws(FileFault) {
        if try status("create").st_mode & 0o7777 == mode { return }
        let result = uninterrupted { fchmod(descriptor, mode & 0o7777) }
        if result < 0 { throw fault(-result, "set the mode of") }
    }

    private func status(_ doing: String) throws(FileFault) -> stat {
        var status = stat()
        let result = uninterrupted { fstat(descriptor, &status) }
        if result < 0 { throw fault(-result, doing) }
        return status
    }

    private func fault(_ error: Int32, _ doing: String) -> FileFault { FileFault(errno: error, doing: doing, what: name) }
}

private func startWriting(_ descriptor: Int32) { _ = sync_file_range(descriptor, 0, 0, UInt32(SYNC_FILE_RANGE_WRITE)) }

/// A thread's body: a free function, because a closure would belong to the actor of whoever wrote it down and trap here.
private func writeInOwnThread(_ descriptor: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    var every = sigset_t()
    sigfillset(&every)
    pthread_sigmask(SIG_SETMASK, &every, nil)
    let descriptor = Int32(Int(bitPattern: descriptor))
    startWriting(descriptor)
    close(descriptor)
    return nil
}
