public import AgentModel

/// Making room on a disk by removing versions, a few at a time: what one of them gives back is not known before it is gone, for it shares its bytes
/// with others. So the first step is small, each tells what the next is worth, and where all of them together would not do, none is removed.
public struct RoomPlan: Hashable, Sendable {
    /// What was removed until now, as large as it was, and what the disk got back for it.
    public private(set) var removed: UInt64 = 0
    public private(set) var gained: UInt64 = 0
    public init() {}

    public mutating func took(_ size: ByteCount, for gain: ByteCount) {
        removed = saturatingSum(removed, size.bytes)
        gained = saturatingSum(gained, gain.bytes)
    }

    /// - Parameter order: what may go, the first first.
    /// - Returns: what goes now; empty: it is not worth it.
    public func step(_ order: [CheckpointSummary], missing: ByteCount) -> [CheckpointSummary] {
        let all = order.reduce(0) { saturatingSum($0, $1.size.bytes) }
        guard Double(all) * yield >= Double(missing.bytes) else { return [] }
        var sum: UInt64 = 0
        var chosen: [CheckpointSummary] = []
        for summary in order {
            chosen.append(summary)
            sum = saturatingSum(sum, summary.size.bytes)
            if Double(sum) * yield >= Double(missing.bytes) || chosen.count == Self.most { break }
        }
        return chosen
    }

    /// Of each byte of a version, what the disk gets back.
    private var yield: Double { removed == 0 ? 1 : Double(gained) / Double(removed) }
    /// In one step.
    private static var most: Int { 8 }
}
