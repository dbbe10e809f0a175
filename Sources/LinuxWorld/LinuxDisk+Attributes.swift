public import AgentModel
internal import CLinuxShims
internal import Glibc
public import OutsideWorld

/// Extended attributes, second names, and files that share their place. What a path means is held by a descriptor first, so that nobody can put a link in its place.
extension LinuxDisk {
    public func attributes(at path: DiskPath, limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] {
        let handle = Descriptor(
            try call("list the attributes of", path) { directory, name in openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) })
        return try HeldAttributes(held: handle.raw, name: full(path)).all(limit: limit)
    }

    public func setAttribute(_ name: String, of path: DiskPath, to value: [UInt8]?) throws(FileFault) {
        let doing = value == nil ? "take an attribute of" : "set an attribute of"
        guard ExtendedAttribute.isKept(name) else { throw FileFault(.denied, doing: doing, what: full(path)) }
        let handle = Descriptor(try handle(path, doing: doing))
        let file = "/proc/self/fd/\(handle.raw)"
        let result = FileNames.withBytes(of: name) { name in
            uninterrupted {
                if let value { return setxattr(file, name, value, value.count, 0) }
                return removexattr(file, name)
            }
        }
        // What is to be gone and is.
        if result < 0, result != -ENODATA || value != nil { throw FileFault(errno: -result, doing: doing, what: full(path)) }
    }

    /// A file system that has none of this kind says so of its root, too.
    public func mayGive(attribute name: String) -> Bool {
        guard ExtendedAttribute.isKept(name) else { return false }
        if name == ExtendedAttribute.capability, !Self.maySetCapabilities { return false }
        let result = FileNames.withBytes(of: name) { name in uninterrupted { getxattr("/proc/self/fd/\(root)", name, nil, 0) } }
        return result != -Int(EOPNOTSUPP)
    }

    /// CAP_SETFCAP, number 31 of capabilities(7): in a container even root may lack it.
    private static var maySetCapabilities: Bool {
        guard let status = KernelFiles.text("/proc/thread-self/status", limit: 1 << 16),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }),
            let set = line.split(separator: "\t").last.flatMap({ UInt64($0, radix: 16) })
        else { return false }
        return set >> 31 & 1 == 1
    }

    /// XFS, Btrfs, bcachefs. Of Btrfs each subvolume is another device.
    private static let fileSystemsThatShare: Set<UInt64> = [0x5846_5342, 0x9123_683E, 0xCA45_1A4E]

    public func mayShare(with other: any Disk) -> Bool {
        guard let other = other as? LinuxDisk, Self.fileSystemsThatShare.contains(fileSystem), other.fileSystem == fileSystem else {
            return false
        }
        var (ours, theirs) = (stat(), stat())
        guard fstat(root, &ours) == 0, fstat(other.root, &theirs) == 0 else { return false }
        return ours.st_dev == theirs.st_dev || fileSystem == 0x9123_683E
    }

    public func makeLink(_ path: DiskPath, to existing: DiskPath) throws(FileFault) {
        let parent = try directory(of: path, doing: "make another name of")
        defer { letGo(parent) }
        // Without AT_SYMLINK_FOLLOW: a link there gets the second name itself.
        try call("make another name of", existing) { directory, name in
            FileNames.withBytes(of: path.name) { linkat(directory, name, parent, $0, 0) }
        }
    }
}
