public import AgentModel

/// What came of restoring a version beside the living agent, and what it cost.
public struct RehearsalReport: Hashable, Sendable, Codable {
    public var version: VersionNumber
    public var at: WallTime
    /// nil: it did not come to its end.
    @InSeconds public var took: Duration? = nil
    /// What the restored processes held.
    public var memory: ByteCount?
    /// Why it cannot be restored; nil: it can.
    public var problem: String?

    public init(version: VersionNumber, at: WallTime, took: Duration?, memory: ByteCount?, problem: String?) {
        self.version = version
        self.at = at
        self.memory = memory
        self.problem = problem
        self.took = took
    }

    /// "version 41 in 0.3 s, 27 MB, 5 min ago"
    func text(at now: WallTime) -> String {
        let when = at.distance(from: now)
        if let problem { return "version \(version) cannot be restored (\(when)): \(problem)" }
        let cost = [took.map { "in \(($0.inSeconds * 100).rounded() / 100) s" }, memory.map { "\($0)" }].compactMap(\.self)
        return (["version \(version)"] + cost).joined(separator: ", ") + ", \(when)"
    }
}
