public import AgentModel

/// What came of reading all that is stored of an agent.
public struct ScrubReport: Hashable, Sendable, Codable {
    /// Of the last whole round; nil: there was none.
    public var finishedAt: WallTime?
    /// Of the next; nil: one is under way, and the numbers are its own.
    public var nextAt: WallTime?
    public var versions: Int
    public var packs: Int
    /// "version 12: state"; empty: all is what was stored.
    public var damaged: [String]
    public init(finishedAt: WallTime?, nextAt: WallTime?, versions: Int, packs: Int, damaged: [String]) {
        self.finishedAt = finishedAt
        self.nextAt = nextAt
        self.versions = versions
        self.packs = packs
        self.damaged = damaged
    }

    func text(at now: WallTime) -> String {
        let what = "\(versions) \(plural(UInt64(versions), "version")), \(packs) \(plural(UInt64(packs), "pack"))"
        let found = damaged.isEmpty ? "whole" : "damaged: \(damaged.joined(separator: ", "))"
        let last = finishedAt.map { "last \($0.distance(from: now))" }
        guard let nextAt else { return (["under way: \(what) so far, \(found)", last].compactMap(\.self)).joined(separator: "; ") }
        return "\(last ?? ""): \(what), \(found); next \(nextAt.distance(from: now))"
    }
}
