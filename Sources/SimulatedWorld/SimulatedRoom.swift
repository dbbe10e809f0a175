public import AgentModel
public import OutsideWorld

/// A directory in memory, on a disk of the simulation.
public final class SimulatedRoom: MemoryRoom {
    public let disk: any Disk
    public let size: ByteCount
    public let bound: MemoryBound
    public var path: String { disk.rootName }

    public init(_ disk: SimulatedDisk, size: ByteCount, bound: MemoryBound = .host) {
        self.disk = disk
        self.size = size
        self.bound = bound
    }
}
