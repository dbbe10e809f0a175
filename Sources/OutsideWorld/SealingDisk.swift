public import AgentModel

/// A directory in memory that is gone with the last reference to it and with this process, whichever comes first: what lies in it was never on a disk, and
/// is not swapped out where the kernel can promise that.
public protocol MemoryRoom: AnyObject, Sendable {
    var disk: any Disk { get }
    /// By which other programs of this machine find it for as long as it is there: absolute.
    var path: String { get }
    /// What may be written into it: no more than there was memory for when it was made.
    var size: ByteCount { get }
    /// Who had no more than that.
    var bound: MemoryBound { get }
}

/// Whose memory it is that there is no more of.
public enum MemoryBound: Hashable, Sendable {
    case host
    /// A limit that the runner shares with others: the directory of their control group.
    case controlGroup(String)
    /// The same of one above this directory, which is not shown here.
    case groupAbove(String)

    /// "the memory limit of the control group '/sys/fs/cgroup/a', in which the runner is"; nil: there is none, but the host's memory.
    public var limit: String? {
        switch self {
        case .host: nil
        case .controlGroup(let path): "the memory limit of the control group '\(path)', in which the runner is"
        case .groupAbove(let path): "the memory limit of a control group above '\(path)', in which the runner is"
        }
    }
    /// "the host has 3 MB left for it": why, and what to do about it.
    public func leaves(_ free: ByteCount) -> String {
        limit.map { "\($0), leaves \(free) for it" } ?? "the host has \(free) left for it"
    }
    public var remedy: String { limit == nil ? "Free memory" : "Raise that limit" }
}

/// A disk whose files other programs cannot read where they lie. What they are to read or write gets a room in memory instead: what is opened
/// below its path then is in the room, unless that is a copy.
public protocol SealingDisk: Disk {
    /// The disk on which they lie, unreadable as they are.
    var below: any Disk { get }
    /// An empty room that stands for nothing yet.
    /// - Parameter size: what is written into it at most.
    func makeRoom(upTo size: ByteCount) throws(FileFault) -> any MemoryRoom
    /// From now on `room` stands for the directory `path`, until `closeClear`. What is at `path` on the disk stays as it is.
    /// - Parameter isCopy: whether it is for other programs alone, and this disk shows what lies on it.
    func place(_ room: any MemoryRoom, for path: DiskPath, isCopy: Bool)
    /// The room that stands for `path` itself; nil: there is none.
    func clear(_ path: DiskPath) -> (any MemoryRoom)?
    /// Gives back the rooms for `path` and for all below it.
    func closeClear(_ path: DiskPath)
}

extension SealingDisk {
    /// An empty room for the directory `path`. Nothing is made on the disk.
    public func openClear(_ path: DiskPath, upTo size: ByteCount) throws(FileFault) {
        place(try makeRoom(upTo: size), for: path, isCopy: false)
    }
}
