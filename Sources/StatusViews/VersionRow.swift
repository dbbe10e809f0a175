public import AgentModel

/// One version of one agent in a list, with the links that point at it.
public struct VersionRow: Hashable, Sendable {
    public var agent: AgentName
    public var summary: CheckpointSummary
    public var isLatest: Bool
    public var isKnownGood: Bool
    /// The agent is on disk, as this version.
    public var isSuspended = false
    /// Why retention keeps it; empty: it goes when the next version comes. nil: not known.
    public var keptFor: [String]?
    /// When a later checkpoint was due last and nothing was new; nil: not known, or there was none.
    public var nothingNewAt: WallTime?
    public init(_ summary: CheckpointSummary, of agent: AgentName, isLatest: Bool, isKnownGood: Bool) {
        self.agent = agent
        self.summary = summary
        self.isLatest = isLatest
        self.isKnownGood = isKnownGood
    }

    /// Rows of all versions, with `latest` and `known-good` where they point: the newest checkpoint that is not broken, and the newest
    /// that is known-good.
    /// - Parameter suspended: what the agent is on disk as, if it is.
    public static func rows(of versions: [CheckpointSummary], agent: AgentName, suspended: VersionNumber? = nil) -> [VersionRow] {
        let checkpoints = versions.filter { $0.kind == .checkpoint }
        let latest = checkpoints.last?.version
        let knownGood = checkpoints.last { $0.isKnownGood }?.version
        return versions.map { summary in
            var row = VersionRow(summary, of: agent, isLatest: summary.version == latest, isKnownGood: summary.version == knownGood)
            row.isSuspended = summary.version == suspended
            return row
        }
    }
}

extension VersionRow: Listable {
    public static var columns: [Column] {
        [
            Column("VERSION"),
            Column("STANDING"),
            Column("AGE", alignsRight: true),
            Column("STEP", alignsRight: true, narrow: .leftOut(order: 1)),
            Column("SIZE", alignsRight: true),
            Column("FROZEN", alignsRight: true, narrow: .leftOut(order: 0)),
            Column("PARTS", narrow: .cut(to: 9)),
            Column("WHY", narrow: .leftOut(order: 2)),
            Column("LINKS", narrow: .cut(to: 8)),
            Column("TAKEN", onlyWide: true),
            Column("KEPT FOR", onlyWide: true),
            Column("NOTE", onlyWide: true),
        ]
    }

    public func row(at now: WallTime) -> [Cell] {
        [
            Cell("\(summary.version)"),
            Cell(standing, summary.standing.tint),
            Cell((now - summary.takenAt).brief),
            summary.step.map { Cell(String($0)) } ?? .nothing,
            Cell(summary.size.brief),
            summary.frozenMicroseconds.map { Cell(Duration.microseconds(Int64(clamping: $0)).brief) } ?? .nothing,
            Cell(summary.parts.words),
            Cell(summary.reason.rawValue),
            links.isEmpty ? .nothing : Cell(links),
            Cell(summary.takenAt.description),
            keptFor.flatMap { $0.isEmpty ? nil : Cell($0.joined(separator: ", ")) } ?? .nothing,
            (summary.note ?? summary.imagesUnusable.map { "its images cannot be restored: \($0)" }).map { Cell($0) } ?? .nothing,
        ]
    }

    public var quietValue: String { "\(agent)@\(summary.version)" }

    /// A sentence for below or above the list.
    public func nothingNew(at lookedAt: WallTime, now: WallTime) -> String {
        "nothing new since \(quietValue) when last looked at, \(lookedAt.distance(from: now))"
    }

    /// An aside earns nothing, but it may break.
    private var standing: String {
        guard summary.kind == .aside else { return summary.standing.rawValue }
        return summary.standing == .broken ? "broken aside" : "aside"
    }

    private var links: String {
        let marks = [
            isSuspended ? "suspended" : nil, isLatest ? "latest" : nil, isKnownGood ? "known-good" : nil, summary.pinned ? "pinned" : nil,
            summary.forced && summary.kind == .checkpoint ? "forced" : nil, summary.lacksMemory == nil ? nil : "without memory",
        ]
        return marks.compactMap(\.self).joined(separator: ",")
    }
}

extension VersionRow: Encodable {
    private enum Key: CodingKey { case agent, isLatest, isKnownGood, isSuspended, keptFor, nothingNewAt }

    /// The summary's own keys and these beside them.
    public func encode(to encoder: any Encoder) throws {
        try summary.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(agent, forKey: .agent)
        try container.encode(isLatest, forKey: .isLatest)
        try container.encode(isKnownGood, forKey: .isKnownGood)
        try container.encode(isSuspended, forKey: .isSuspended)
        try container.encodeIfPresent(keptFor, forKey: .keptFor)
        try container.encodeIfPresent(nothingNewAt, forKey: .nothingNewAt)
    }
}

extension VersionParts {
    /// `state+files`, `files`, `state+files+process`.
    public var words: String {
        [cooperative ? "state" : nil, workspace ? "files" : nil, process ? "process" : nil].compactMap(\.self).joined(separator: "+")
    }
}
