public import AgentModel
internal import OutsideWorld

/// Where the reading of all that is stored of an agent stands. `agents/<name>/scrub`, a checked line.
public struct ScrubRecord: Hashable, Sendable, Codable {
    /// From when on the period counts: the end of the last round, or when the agent was first looked after.
    public var since: WallTime
    /// Of the round under way; nil: none is.
    public var begun: WallTime?
    /// The version that was read last in it.
    public var through: VersionNumber?
    /// What was read in it, or in the last one.
    public var versions = 0
    public var packs = 0
    /// What was found damaged in it: "version 12: state", in the order found. At most eight are named.
    public var damaged: [String] = []
    /// When the last round ended; nil: there was none.
    public var finished: WallTime?

    public init(since: WallTime) { self.since = since }

    public mutating func begin(at time: WallTime) {
        (begun, through, versions, packs, damaged) = (time, nil, 0, 0, [])
    }

    public mutating func found(_ damage: String) {
        if damaged.count < 8 { damaged.append(damage) }
    }

    public mutating func end(at time: WallTime) { (begun, through, finished, since) = (nil, nil, time, time) }
}

extension CheckpointStore {
    /// nil: there is none, or it is damaged: a round begins anew.
    public func scrubRecord(of agent: AgentName) -> ScrubRecord? {
        guard let bytes = try? disk.read(StoreLayout.scrub(agent), limit: CheckedLine.limit) else { return nil }
        return CheckedLine.decode(ScrubRecord.self, from: bytes)
    }

    /// A disk that refuses it loses where the round stood: what was read is then read again.
    public func write(_ record: ScrubRecord, of agent: AgentName) {
        try? disk.replace(StoreLayout.scrub(agent), with: CheckedLine.encode(record))
    }
}
