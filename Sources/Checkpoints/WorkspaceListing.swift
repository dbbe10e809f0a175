internal import AgentModel
internal import OutsideWorld

/// Everything below a directory at one moment, parents before what they hold.
struct WorkspaceListing {
    struct Found {
        var path: DiskPath
        var entry: DiskEntry
    }
    /// Files, directories and links.
    var found: [Found] = []
    /// Sockets, pipes and devices.
    var special: [DiskPath] = []
    /// Excluded, not looked into.
    var excluded: [DiskPath] = []
    /// Listed in their directory and not there when looked at: removed meanwhile.
    var vanished: [DiskPath] = []

    var contentSize: UInt64 {
        found.reduce(0) { sum, found in found.entry.kind == .file ? saturatingSum(sum, found.entry.size) : sum }
    }

    /// Of a directory that is not there.
    init() {}

    /// - Parameter base: the directory to list; nil: the root of the disk. Paths in the result are below it.
    init(of disk: any Disk, below base: DiskPath? = nil, leavingOut exclusions: Exclusions = Exclusions([])) throws(FileFault) {
        var waiting: [DiskPath?] = [nil]
        while let directory = waiting.popLast() {
            let place = Self.absolute(directory, base)
            var paths: [DiskPath] = []
            for name in try disk.names(in: place) {
                guard let path = directory.map({ $0.appending(untrusted: name) }) ?? DiskPath(name) else { continue }
                // What is excluded whatever it is, is not even looked at: it may be a file system that does not answer.
                if exclusions.means(path, isDirectory: false) { excluded.append(path) } else { paths.append(path) }
            }
            for (path, entry) in zip(paths, try disk.entries(paths.map(\.name), in: place)) {
                guard let entry else {
                    vanished.append(path)
                    continue
                }
                guard entry.kind == .directory else {
                    take(path, entry)
                    continue
                }
                if exclusions.means(path, isDirectory: true) {
                    excluded.append(path)
                } else {
                    take(path, entry)
                    waiting.append(path)
                }
            }
        }
        found.sort { $0.path < $1.path }
        special.sort()
        excluded.sort()
        vanished.sort()
    }

    private static func absolute(_ directory: DiskPath?, _ base: DiskPath?) -> DiskPath? {
        guard let directory else { return base }
        return base?.joined(directory) ?? directory
    }

    private mutating func take(_ path: DiskPath, _ entry: DiskEntry) {
        if entry.kind == .other { special.append(path) } else { found.append(Found(path: path, entry: entry)) }
    }
}
