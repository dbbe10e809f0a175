internal import CLinuxShims
internal import Glibc
public import OutsideWorld

/// The root itself.
extension LinuxDisk {
    public func rootEntry() throws(FileFault) -> DiskRoot {
        var status = stat()
        let result = uninterrupted { fstat(root, &status) }
        if result < 0 { throw FileFault(errno: -result, doing: "look at", what: rootName) }
        return DiskRoot(
            owner: FileOwner(user: status.st_uid, group: status.st_gid), mode: status.st_mode & 0o7777, isOurs: status.st_uid == geteuid(),
            openDirectoryAbove: try openDirectoryAbove())
    }

    /// Upwards from the root's descriptor, so that links in its name do not matter.
    private func openDirectoryAbove() throws(FileFault) -> String? {
        var way = "."
        var last = stat()
        guard fstatat(root, way, &last, 0) == 0 else { return nil }
        while true {
            way += "/.."
            var above = stat()
            // Where we may not look there is nothing that we can say.
            guard fstatat(root, way, &above, 0) == 0 else { return nil }
            if above.st_dev == last.st_dev, above.st_ino == last.st_ino { return nil }
            if above.st_mode & 0o002 != 0, above.st_mode & S_ISVTX == 0 { return name(of: way) }
            last = above
        }
    }

    private func name(of way: String) -> String {
        let directory = Descriptor(uninterrupted { openat(root, way, O_PATH | O_DIRECTORY | O_CLOEXEC) })
        return linkTarget(of: "/proc/self/fd/\(directory.raw)") ?? "\(rootName)/\(way)"
    }
}
