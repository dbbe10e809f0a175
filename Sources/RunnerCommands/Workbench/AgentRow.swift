internal import AgentModel
internal import Checkpoints
internal import StatusViews

/// An agent as it is listed, with what the store's disk has of it where that was measured.
struct AgentRow: Listable {
    var status: AgentStatus
    /// nil: nobody asked, or it cannot be told.
    var disk: ByteCount?

    static var columns: [Column] {
        var columns = AgentStatus.columns
        columns.insert(Column("DISK", alignsRight: true, onlyWide: true), at: columns.count - 1)
        return columns
    }
    func row(at now: WallTime) -> [Cell] {
        var cells = status.row(at: now)
        cells.insert(disk.map { Cell($0.brief) } ?? .nothing, at: cells.count - 1)
        return cells
    }
    var quietValue: String { status.quietValue }

    private enum Key: CodingKey { case disk }

    /// The status's own keys, and `disk`: bytes.
    func encode(to encoder: any Encoder) throws {
        try status.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encodeIfPresent(disk, forKey: .disk)
    }
}

extension Workbench {
    /// What the whole store takes on its disk, and who takes it. nil: it cannot be told.
    func spaceWords(of store: CheckpointStore) -> String? {
        guard let all = try? store.space(), let removed = try? store.removedAgents() else { return nil }
        let gone = removed.reduce(UInt64(0)) { sum, removed in sum &+ ((try? store.space(of: removed))?.bytes ?? 0) }
        let words = "the store takes \(store.words(all)) of disk"
        guard !removed.isEmpty else { return words }
        let whose = removed.count == 1 ? "1 removed agent" : "\(removed.count) removed agents"
        return "\(words), \(store.words(ByteCount(gone))) of it for \(whose): see 'runner undelete'"
    }
}

extension CheckpointStore {
    /// "up to 3.0 MB" where files may share their place with others.
    func words(_ space: ByteCount) -> String { mayShareSpace ? "up to \(space)" : "\(space)" }
}
