internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import Recovery
internal import Supervision

extension Workbench {
    /// All of the agent's journal that can be read, oldest first; what cannot is told.
    func journal(of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> [JournalEntry] {
        let reading = try journalReading(of: agent, in: store)
        if let fault = reading.fault(of: agent) { talk(fault.sentence) }
        return reading.entries
    }

    /// As it stands there.
    func journalReading(of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> JournalReading {
        do { return try JournalReading(disk: store.disk, directory: store.directory(of: agent) / "journal") } catch {
            throw CommandFault(inStore: error)
        }
    }

    /// The last moment the journal knows.
    func lastMoment(of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> Moment? {
        do { return try JournalReading.last(disk: store.disk, directory: store.directory(of: agent) / "journal")?.at } catch {
            throw CommandFault(inStore: error)
        }
    }
}

extension JournalReading {
    /// Not all of it could be read.
    func fault(of agent: AgentName) -> CommandFault? {
        guard damagedLines > 0 else { return nil }
        let lines = damagedLines == 1 ? "1 line is" : "\(damagedLines) lines are"
        return CommandFault(
            .journalBroken,
            "could not read all of the journal of '\(agent)': \(lines) damaged and left out. 'runner explain E-JOURNAL-BROKEN' tells what "
                + "that means")
    }
}

extension JournalEntry {
    var isDecision: Bool {
        if case .decision = content { return true }
        return false
    }
}
