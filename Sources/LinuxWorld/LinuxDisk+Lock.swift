internal import CLinuxShims
internal import Glibc
public import OutsideWorld

/// An open-file-description lock: it belongs to one descriptor, so the kernel drops it when the holder dies, however it dies.
final class LinuxLock: DiskLock {
    private var descriptor: Int32?

    fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { release() }

    func release() {
        guard let held = descriptor else { return }
        descriptor = nil
        close(held)
    }
}

extension LinuxDisk {
    /// Longest text a holder may leave, in bytes.
    private static var holderLimit: Int { 4096 }

    public func lock(_ path: DiskPath, holder: String) throws(FileFault) -> any DiskLock {
        let file = try lockedFile(path)
        // On a full disk the lock holds all the same; only its text is missing.
        _ = uninterrupted { ftruncate(file.raw, 0) }
        let text = Array(holder.utf8.prefix(Self.holderLimit))
        _ = uninterrupted { pwrite(file.raw, text, text.count, 0) }
        return LinuxLock(file.release())
    }

    /// Whoever held it may have moved or removed the file, with the directory around it, between our opening it and our locking it: then what
    /// we hold guards nothing. It is tried anew, until the file that is locked is the one that has the name.
    private func lockedFile(_ path: DiskPath) throws(FileFault) -> Descriptor {
        for _ in 0..<Self.lockTries {
            let file = try openLock(path, O_RDWR | O_CREAT)
            var request = wholeFile(F_WRLCK)
            let result = uninterrupted { fcntl(file.raw, F_OFD_SETLK, &request) }
            if result < 0 { throw FileFault(errno: -result, doing: "lock", what: full(path)) }
            var locked = stat()
            var named = stat()
            guard fstat(file.raw, &locked) == 0 else { throw FileFault(errno: errno, doing: "lock", what: full(path)) }
            do throws(FileFault) {
                try call("lock", path) { directory, name in fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) }
            } catch {
                guard error.kind == .missing else { throw error }
                continue
            }
            if locked.st_ino == named.st_ino, locked.st_dev == named.st_dev { return file }
        }
        throw FileFault(.busy, doing: "lock", what: full(path))
    }

    /// Each is lost to somebody who moves the file at that very moment.
    private static var lockTries: Int { 8 }

    public func lockHolder(_ path: DiskPath) -> String? {
        guard let file = try? openLock(path, O_RDONLY) else { return nil }  // who cannot look sees no holder
        var query = wholeFile(F_WRLCK)
        // F_OFD_GETLK asks without taking, so that looking never gets in the way of locking.
        guard uninterrupted({ fcntl(file.raw, F_OFD_GETLK, &query) }) >= 0, query.l_type != Int16(F_UNLCK) else { return nil }
        guard case .success(let bytes) = readSome(file.raw, Self.holderLimit) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func openLock(_ path: DiskPath, _ flags: Int32) throws(FileFault) -> Descriptor {
        Descriptor(
            try call("lock", path) { directory, name in
                openat(directory, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0o600)
            })
    }

    private func wholeFile(_ type: Int32) -> flock {
        flock(l_type: Int16(type), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    }
}
