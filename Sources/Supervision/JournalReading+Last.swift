internal import AgentModel
public import OutsideWorld
public import Recovery

extension JournalReading {
    /// The newest entry that can be read, from the newest file alone: a start does not wait for a long journal. nil: there is none.
    public static func last(disk: any Disk, directory: DiskPath) throws(FileFault) -> JournalEntry? {
        let current = directory / "current.jsonl"
        guard try disk.entry(at: current) != nil else { return nil }
        for line in LinesFromTheEnd(try disk.read(current, limit: .mebibytes(64))) where line.count > 17 {
            if let entry = entry(Array(line)) { return entry }
        }
        return nil
    }
}
