import CLinuxShims
import Glibc
@testable import LinuxWorld
import OutsideWorld
import Synchronization
import Testing

/// An empty directory that goes with the object, with everything in it.
final class ScratchDirectory {
    let path: String

    /// - Parameter isQuick: in memory where the host has a place for that: for what would wait for a disk again and again.
    init(isQuick: Bool = false) throws {
        let base = isQuick && access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(base)/runner-machine-XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit {
        _ = nftw(path, { path, _, _, _ in path.map { remove($0) } ?? 0 }, 16, Int32(FTW_DEPTH | FTW_PHYS))
    }

    /// Writes a file and gives its path.
    func file(_ name: String, _ text: String, mode: UInt32 = 0o600) throws -> String {
        let disk = try LinuxDisk(at: path, create: false)
        try disk.replace(try #require(DiskPath(name)), with: Array(text.utf8), mode: mode)
        return path + "/" + name
    }
}

extension EventLoop {
    /// Runs the loop until `pick` gives something, at most ten seconds.
    func wait<Picked>(_ pick: (WorldEvent) -> Picked?) throws -> Picked {
        let end = shim_boottime_ns() + 10_000_000_000
        while let event = next(until: end) {
            if let picked = pick(event) { return picked }
        }
        throw NothingCame()
    }

    func wait(for event: WorldEvent) throws { try wait { $0 == event ? () : nil } }
}

struct NothingCame: Error {}

/// Runs `body` on a thread of its own and waits for it: for what changes the thread it runs on.
func onOwnThread(_ body: @escaping @Sendable () throws -> Void) throws {
    final class Errand: Sendable {
        let body: @Sendable () throws -> Void
        let failure = Note<(any Error)?>(nil)
        init(_ body: @escaping @Sendable () throws -> Void) { self.body = body }
    }
    let errand = Errand(body)
    var thread = pthread_t()
    pthread_create(
        &thread, nil,
        { errand in
            guard let errand = errand.map({ Unmanaged<Errand>.fromOpaque($0).takeRetainedValue() }) else { return nil }
            do { try errand.body() } catch { errand.failure.value = error }
            return nil
        }, Unmanaged.passRetained(errand).toOpaque())
    pthread_join(thread, nil)
    if let failure = errand.failure.value { throw failure }
}

/// Runs `body` with the file rights of a user who owns nothing, when we are root; of ourselves otherwise.
func withoutRights(_ body: () -> Void) {
    guard geteuid() == 0 else { return body() }
    typealias SetFileUser = @convention(c) (uid_t) -> Int32
    // Of this thread only, see setfsuid(2). By name because the module Glibc leaves <sys/fsuid.h> out.
    let setFileUser = unsafeBitCast(dlsym(nil, "setfsuid"), to: SetFileUser.self)
    _ = setFileUser(65_534)
    body()
    _ = setFileUser(0)
}

/// A value that one thread leaves and another finds.
final class Note<Value: Sendable>: Sendable {
    private let content: Mutex<Value>
    init(_ value: Value) { content = Mutex(value) }
    var value: Value {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }
}
