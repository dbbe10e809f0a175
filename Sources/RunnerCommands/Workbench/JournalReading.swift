internal import AgentModel
internal import Checkpoints
internal import Digests
internal import OutsideWorld
internal import Recovery

/// An agent's journal as it was read: all whole entries, oldest first.
struct JournalReading {
    var entries: [JournalEntry] = []
    /// Lines that are not what was written, except a torn last one of the newest file.
    var damagedLines = 0

    /// Line: 16 hexadecimal digits (the first 8 bytes of the JSON's SHA-256), a blank, the JSON of one entry.
    mutating func add(_ bytes: [UInt8], isNewest: Bool) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty {
            if let entry = Self.entry(Array(line)) {
                entries.append(entry)
            } else if !(isNewest && index == lines.count - 1) {
                damagedLines += 1
            }
        }
    }

    /// Only the last whole entry: a start shall not wait for a long journal.
    mutating func addLast(of bytes: [UInt8]) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        for line in lines.reversed() {
            if let entry = Self.entry(Array(line)) { return entries = [entry] }
        }
    }

    private static func entry(_ line: [UInt8]) -> JournalEntry? {
        guard line.count > 17, line[16] == UInt8(ascii: " ") else { return nil }
        let json = Array(line[17...])
        let sum = hexadecimal(Array(SHA256.digest(of: json).prefix(8)))
        guard sum.utf8.elementsEqual(line[..<16]) else { return nil }
        return try? JSONText.decode(JournalEntry.self, from: json)
    }
}

extension Workbench {
    /// Older files are named by the number of their first entry; `current.jsonl` is the newest.
    func journal(of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> JournalReading {
        let directory = store.directory(of: agent) / "journal"
        var reading = JournalReading()
        do {
            guard try store.disk.entry(at: directory) != nil else { return reading }
            let numbered = try store.disk.names(in: directory).compactMap { name in
                name.hasSuffix(".jsonl") ? UInt64(name.dropLast(6)).map { (number: $0, name: name) } : nil
            }
            for file in numbered.sorted(by: { $0.number < $1.number }) {
                reading.add(try store.disk.read(directory / file.name, limit: .mebibytes(256)), isNewest: false)
            }
            if try store.disk.entry(at: directory / "current.jsonl") != nil {
                reading.add(try store.disk.read(directory / "current.jsonl", limit: .mebibytes(256)), isNewest: true)
            }
        } catch { throw CommandFault(inStore: error) }
        if reading.damagedLines > 0 {
            talk("\(reading.damagedLines) damaged lines in the journal of '\(agent)' were left out ('runner explain E-JOURNAL-BROKEN')")
        }
        return reading
    }
}

extension Workbench {
    /// The last moment the journal knows; only its newest file is looked at.
    func lastMoment(of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> Moment? {
        let path = store.directory(of: agent) / "journal" / "current.jsonl"
        var reading = JournalReading()
        do {
            guard try store.disk.entry(at: path) != nil else { return nil }
            reading.addLast(of: try store.disk.read(path, limit: .mebibytes(256)))
        } catch { throw CommandFault(inStore: error) }
        return reading.entries.last?.at
    }
}

extension JournalEntry {
    var isDecision: Bool {
        if case .decision = content { return true }
        return false
    }
}
