internal import CLinuxShims
internal import Glibc

/// Starts a program of ours in its own session, with default signals and none of our descriptors but `descriptors`, which become its 0, 1, 2 …
/// - Returns: its process number. Throws the errno of execve as well.
func spawn(_ path: String, arguments: [String], environment: [String], descriptors: [Int32]) throws(SystemError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // First out of the way of the low numbers, then into place: a source may be another one's target.
    let aside = Int32(descriptors.count) + (descriptors.max() ?? 0) + 1
    for (number, source) in descriptors.enumerated() { posix_spawn_file_actions_adddup2(&actions, source, aside + Int32(number)) }
    for number in descriptors.indices { posix_spawn_file_actions_adddup2(&actions, aside + Int32(number), Int32(number)) }
    posix_spawn_file_actions_addclosefrom_np(&actions, Int32(descriptors.count))

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    var every = sigset_t()
    sigfillset(&every)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &every)
    let newSession: Int32 = 0x80  // POSIX_SPAWN_SETSID, see <spawn.h>
    posix_spawnattr_setflags(&attributes, Int16(newSession | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)))

    var pid: pid_t = 0
    let result = withCStrings(arguments) { arguments in
        withCStrings(environment) { environment in posix_spawn(&pid, path, &actions, &attributes, arguments, environment) }
    }
    if result != 0 { throw SystemError(errno: result) }
    return pid
}

/// Calls `body` with a NULL-terminated vector of C strings.
private func withCStrings<Result>(_ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result) -> Result {
    var vector: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
    defer { for text in vector { free(text) } }
    vector.append(nil)
    return body(&vector)
}
