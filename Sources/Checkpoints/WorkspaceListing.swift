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

    /// Of files with several names among these: by the place of every name but the first, that of the first.
    func otherNames() -> [Int: Int] {
        var firsts: [FileNumber: Int] = [:]
        var others: [Int: Int] = [:]
        for (index, found) in found.enumerated() where found.entry.kind == .file && found.entry.hasOtherNames {
            guard let number = found.entry.number else { continue }
            guard let first = firsts[number] else {
                firsts[number] = index
                continue
            }
            // It changed while it was listed: nobody knows what either is.
            if self.found[first].entry == found.entry { others[index] = first }
        }
        return others
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
