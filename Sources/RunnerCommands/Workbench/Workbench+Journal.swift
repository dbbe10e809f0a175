internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import Recovery
internal import Supervision

extension Workbench {
    /// All of the agent's journal that can be read, oldest first; what cannot is told.
    func journal(of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> [JournalEntry] {
        let reading: JournalReading
        do { reading = try JournalReading(disk: store.disk, directory: store.directory(of: agent) / "journal") } catch {
            throw CommandFault(inStore: error)
        }
        if reading.damagedLines > 0 {
            talk("\(reading.damagedLines) damaged lines in the journal of '\(agent)' are left out ('runner explain E-JOURNAL-BROKEN')")
        }
        return reading.entries
    }

    /// The last moment the journal knows.
    func lastMoment(of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> Moment? {
        do { return try JournalReading.last(disk: store.disk, directory: store.directory(of: agent) / "journal")?.at } catch {
            throw CommandFault(inStore: error)
        }
    }
}

extension JournalEntry {
    var isDecision: Bool {
        if case .decision = content { return true }
        return false
    }
}
