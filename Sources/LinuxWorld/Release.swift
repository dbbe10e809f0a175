internal import CLinuxShims
internal import Glibc
internal import Synchronization

/// Letting go of a large file that has no name any more. The kernel frees what it holds in the page cache, a quarter of a millisecond a megabyte: a
/// thread of its own waits for that, and not whoever removed the file. What a crash leaves of it the file system itself puts in order.
enum Release {
    /// Bytes from which on it is worth a thread.
    static let much = 32 << 20
    private static let latest = Mutex<pthread_t?>(nil)

    /// One after the other. - Parameter descriptor: is closed.
    static func begin(_ descriptor: Int32) {
        latest.withLock { latest in
            join(&latest)
            var thread = pthread_t()
            if pthread_create(&thread, nil, freeInOwnThread, UnsafeMutableRawPointer(bitPattern: Int(descriptor))) == 0 {
                latest = thread
            } else {
                close(descriptor)
            }
        }
    }

    /// On return all that was begun before is free. - Returns: whether there was anything to wait for.
    @discardableResult
    static func wait() -> Bool { latest.withLock { join(&$0) } }

    @discardableResult
    private static func join(_ thread: inout pthread_t?) -> Bool {
        guard let begun = thread.take() else { return false }
        pthread_join(begun, nil)
        return true
    }
}

/// A thread's body: a free function, because a closure would belong to the actor of whoever wrote it down and trap here.
private func freeInOwnThread(_ descriptor: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    var every = sigset_t()
    sigfillset(&every)
    pthread_sigmask(SIG_SETMASK, &every, nil)
    let descriptor = Int32(Int(bitPattern: descriptor))
    // First what is in the cache, while the file is still open: whoever removes its directory waits for a file that is being closed. Somebody else
    // who has it open reads on.
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
    close(descriptor)
    return nil
}
