internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// Opens a directory by its path and follows links on the way only as far as they can be trusted.
///
/// Links of root and of the user we are lead anywhere. A link of anybody else, say of an agent that runs as a user of its own and put it where
/// its workspace was, leads only to what belongs to the same user: what it could have reached itself.
struct TrustedPath {
    /// As path_resolution(7).
    private static let linkLimit = 40

    let path: String
    private var current: Int32 = -1
    /// Components still to come, the last one first.
    private var rest: [String] = []
    private(set) var links = 0
    /// Owners of links that are trusted no further than what is theirs.
    private var strangers: Set<uid_t> = []

    /// - Returns: a descriptor, and the directory's name: as given, or where it really is when a link led there.
    static func open(_ path: String) throws(FileFault) -> (descriptor: Int32, name: String) {
        if let room = LinuxMemoryRoom.open(path) {
            if room < 0 { throw FileFault(errno: -room, doing: "open the directory", what: path) }
            return (room, path)
        }
        var walk = TrustedPath(path)
        defer { if walk.current >= 0 { close(walk.current) } }
        try walk.toTheEnd()
        let descriptor = uninterrupted { openat(walk.current, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        if descriptor < 0 { throw walk.fault(-descriptor) }
        let real = walk.links == 0 ? nil : linkTarget(of: "/proc/self/fd/\(descriptor)")
        return (descriptor, real ?? path)
    }

    private init(_ path: String) { self.path = path }

    private mutating func toTheEnd() throws(FileFault) {
        try begin(path)
        while let name = rest.popLast() { try step(to: name) }
        var status = stat()
        guard fstat(current, &status) == 0 else { throw fault(errno) }
        if let stranger = strangers.first(where: { $0 != status.st_uid }) {
            throw FileFault(.denied, doing: "follow the link of user \(stranger) at", what: path)
        }
    }

    private mutating func begin(_ path: String) throws(FileFault) {
        let start = path.utf8.first == UInt8(ascii: "/") ? "/" : "."
        if start == "/" || current < 0 { try move(to: uninterrupted { Glibc.open(start, O_PATH | O_DIRECTORY | O_CLOEXEC) }) }
        rest += path.utf8.split(separator: UInt8(ascii: "/")).reversed().map { String(decoding: $0, as: UTF8.self) }
    }

    private mutating func step(to name: String) throws(FileFault) {
        let from = current
        let next = FileNames.withBytes(of: name) { name in
            uninterrupted { openat(from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) }
        }
        if next < 0 { throw fault(-next) }
        var status = stat()
        guard fstat(next, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return try move(to: next) }
        defer { close(next) }
        try follow(next, of: status.st_uid)
    }

    private mutating func follow(_ link: Int32, of owner: uid_t) throws(FileFault) {
        links += 1
        if links > Self.linkLimit { throw fault(ELOOP) }
        if owner != 0, owner != geteuid() { strangers.insert(owner) }
        var target = [CChar](repeating: 0, count: 4097)
        let count = readlinkat(link, "", &target, target.count)
        if count <= 0 { throw fault(count < 0 ? errno : ENOENT) }
        try begin(FileNames.text(of: target.prefix(count).map { UInt8(bitPattern: $0) }))
    }

    private mutating func move(to next: Int32) throws(FileFault) {
        if next < 0 { throw fault(-next) }
        if current >= 0 { close(current) }
        current = next
    }

    private func fault(_ error: Int32) -> FileFault { FileFault(errno: error, doing: "open the directory", what: path) }
}
