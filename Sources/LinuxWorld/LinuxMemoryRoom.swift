internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// A tmpfs that is mounted nowhere: it is reached through our descriptor of it, and gone when nobody holds one.
final class LinuxMemoryRoom: MemoryRoom {
    private static let beginning = "/proc/\(getpid())/fd/"

    let disk: any Disk
    let path: String
    let size: ByteCount
    let bound: MemoryBound

    /// - Parameter wanted: what is written into it at most; it gets no more than may still be had.
    init(upTo wanted: ByteCount) throws(FileFault) {
        let free = FreeMemory.now()
        let size = min(wanted, ByteCount(free?.bytes ?? .max))
        // A page for its root; zero would mean that there is no limit.
        let root = shim_memory_room(max(size.bytes, 8192))
        if root < 0 {
            var fault = FileFault(errno: -root, doing: "make room in memory for", what: "what other programs read")
            if fault.kind == .denied {
                fault.kind = .privileged("an encrypted store gives them its files in memory that is never on a disk")
            }
            throw fault
        }
        path = "\(Self.beginning)\(root)"
        disk = try LinuxDisk(rootName: path, resolution: nil) { root }
        self.size = size
        bound = free?.bound ?? .host
    }

    /// A directory in one of our rooms, by its path: a descriptor, or -errno. nil: it is in none.
    static func open(_ path: String) -> Int32? {
        guard path.hasPrefix(beginning) else { return nil }
        let rest = path.dropFirst(beginning.count)
        guard let room = Int32(String(rest.prefix { $0 != "/" })) else { return nil }
        let below = String(rest.drop(while: { $0 != "/" }).drop(while: { $0 == "/" }))
        if !below.isEmpty, DiskPath(below) == nil { return nil }
        return uninterrupted { openat(room, below.isEmpty ? "." : below, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
    }
}
