import Glibc
import OutsideWorld
import Testing

/// An empty directory that goes with the object, with everything in it.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/runner-test-XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit {
        _ = nftw(path, { path, _, _, _ in path.map { remove($0) } ?? 0 }, 16, Int32(FTW_DEPTH | FTW_PHYS))
    }
}

/// A tmpfs of a few kilobytes, unmounted with the object.
final class SmallDisk {
    private let place: TemporaryDirectory
    var path: String { place.path }

    init(kibibytes: Int) throws {
        place = try TemporaryDirectory()
        try #require(mount("none", place.path, "tmpfs", 0, "size=\(kibibytes)k,mode=0700") == 0)
    }

    deinit { umount2(path, Int32(MNT_DETACH)) }

    func makeReadOnly() throws {
        try #require(mount("none", path, nil, UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
    }

    static let canBeMounted: Bool = {
        guard geteuid() == 0, let small = try? SmallDisk(kibibytes: 4) else { return false }
        return !small.path.isEmpty
    }()
}

/// Runs `body` with the file rights of a user who owns nothing, when we are root; of ourselves otherwise.
func asNobody(_ body: () -> Void) {
    guard geteuid() == 0 else { return body() }
    typealias SetFileUser = @convention(c) (uid_t) -> Int32
    // Of this thread only, see setfsuid(2). By name because the module Glibc leaves <sys/fsuid.h> out.
    let setFileUser = unsafeBitCast(dlsym(nil, "setfsuid"), to: SetFileUser.self)
    _ = setFileUser(65_534)
    body()
    _ = setFileUser(0)
}

/// A child process that does nothing.
struct Child {
    let pid: pid_t

    /// Starts a child that has our open descriptor of the file `path`.
    static func holding(pathOf path: String) throws -> Child {
        let descriptor = try #require((3..<1024).first { link(of: $0) == path })
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, descriptor, 0)
        var pid: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("600"), nil]
        defer { for argument in arguments { free(argument) } }
        try #require(posix_spawn(&pid, "/bin/sleep", &actions, nil, &arguments, nil) == 0)
        return Child(pid: pid)
    }

    func killAndReap() {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }

    private static func link(of descriptor: Int32) -> String {
        var target = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/fd/\(descriptor)", &target, target.count)
        return String(decoding: target.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
