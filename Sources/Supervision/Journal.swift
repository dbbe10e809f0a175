internal import AgentModel
internal import Digests
public import OutsideWorld
public import Recovery

/// The agent's journal on disk: one checked line an entry, appended and synced before anything is done. Documentation: docs/journal.md
///
///     JOURNAL ::= { LINE }     LINE ::= CHECK " " JSON "\n"     CHECK ::= 16 hex digits, the first 8 bytes of SHA-256 of JSON
final class Journal {
    /// A file is turned over beyond this, and the oldest beyond `kept` are removed.
    private static let turnOver = 4 << 20
    private static let kept = 8
    /// Entries held in memory while the disk refuses them; the oldest go first.
    private static let ring = 1000

    private let disk: any Disk
    private let directory: DiskPath
    private var size: Int
    private(set) var nextSequence: UInt64
    /// The kind of the note that a supervisor writes last of all.
    static let endNote = "end"
    private(set) var endedInPeace = false
    private var waiting: [[UInt8]] = []
    private var tornTail = false

    /// Reads the end of what is there. - Returns through `last`: the newest decision, if any.
    init(disk: any Disk, directory: DiskPath, last: inout JournalEntry?) throws(FileFault) {
        self.disk = disk
        self.directory = directory
        let end = try JournalEnd(disk: disk, directory: directory)
        last = end.lastDecision
        nextSequence = end.lastSequence + 1
        size = end.currentSize
        tornTail = end.isTorn
        endedInPeace = end.isInPeace
    }

    private var current: DiskPath { directory / "current.jsonl" }

    /// Appends durably. - Returns: false when the disk refused; the entry is then kept in memory and tried again with the next one.
    func append(_ content: JournalEntry.Content, at now: Moment, _ time: WallTime) -> Bool {
        let entry = JournalEntry(sequence: nextSequence, at: now, time: time, content: content)
        nextSequence += 1
        guard let line = Self.line(entry) else { return false }
        waiting.append(line)
        if waiting.count > Self.ring { waiting.removeFirst(waiting.count - Self.ring) }
        return flush()
    }

    /// Writes what waits. - Returns: whether nothing waits any more.
    func flush() -> Bool {
        guard !waiting.isEmpty else { return true }
        do {
            if size > Self.turnOver { try turnOver() }
            let isNew = try disk.entry(at: current) == nil
            let file = try disk.open(current, .append(mode: 0o600))
            // A line cut short by a crash must not swallow ours.
            var bytes: [UInt8] = tornTail ? [UInt8(ascii: "\n")] : []
            for line in waiting { bytes += line }
            tornTail = true  // until this write is known to be whole
            try file.write(bytes)
            try file.sync()
            if isNew { try disk.syncDirectory(directory) }
            tornTail = false
            size += bytes.count
            waiting.removeAll()
            return true
        } catch {
            return false  // said once by the caller; the entries stay in memory
        }
    }

    private func turnOver() throws(FileFault) {
        try disk.rename(current, to: directory / "\(nextSequence).jsonl")
        try disk.syncDirectory(directory)
        size = 0
        let old = try disk.names(in: directory).compactMap { UInt64($0.split(separator: ".").first ?? "") }.sorted()
        for sequence in old.dropLast(Self.kept) { try disk.removeFile(directory / "\(sequence).jsonl") }
    }

    static func line(_ entry: JournalEntry) -> [UInt8]? {
        guard let json = try? JSONText.encode(entry) else { return nil }
        return Array(hexadecimal(Array(SHA256.digest(of: json).prefix(8))).utf8) + [UInt8(ascii: " ")] + json + [UInt8(ascii: "\n")]
    }
}

/// What a new supervisor needs of a journal, read from its end: a long one must not make the start slow.
private struct JournalEnd {
    var lastDecision: JournalEntry?
    var lastSequence: UInt64 = 0
    var currentSize = 0
    var isTorn = false
    /// A supervisor said its last word after the last decision.
    var isInPeace = false

    init(disk: any Disk, directory: DiskPath) throws(FileFault) {
        guard try disk.entry(at: directory) != nil else { return }
        let current = directory / "current.jsonl"
        if try disk.entry(at: current) != nil {
            let bytes = try disk.read(current, limit: .mebibytes(64))
            currentSize = bytes.count
            isTorn = bytes.last.map { $0 != UInt8(ascii: "\n") } ?? false
            look(backThrough: bytes)
        }
        for sequence in try turnedOver(disk, directory).reversed() where lastDecision == nil {
            try look(backThrough: disk.read(directory / "\(sequence).jsonl", limit: .mebibytes(64)))
        }
    }

    private mutating func look(backThrough bytes: [UInt8]) {
        for line in LinesFromTheEnd(bytes) {
            guard lastDecision == nil else { return }
            guard line.count > 17, let entry = JournalReading.entry(Array(line)) else { continue }
            lastSequence = max(lastSequence, entry.sequence)
            switch entry.content {
            case .decision: lastDecision = entry
            case .note(let kind, _): isInPeace = isInPeace || kind == Journal.endNote
            }
        }
    }
}

/// The lines of a text, the last first, none of them empty. Only what is asked for is looked at: the end of a long journal is all a start needs.
struct LinesFromTheEnd: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>
    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func next() -> ArraySlice<UInt8>? {
        while let last = rest.last {
            guard last != UInt8(ascii: "\n") else {
                rest.removeLast()
                continue
            }
            let start = rest.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.startIndex
            defer { rest = rest[..<start] }
            return rest[start...]
        }
        return nil
    }
}

/// First sequence numbers of the files that were turned over, oldest first.
private func turnedOver(_ disk: any Disk, _ directory: DiskPath) throws(FileFault) -> [UInt64] {
    try disk.names(in: directory).compactMap { $0.hasSuffix(".jsonl") ? UInt64($0.dropLast(6)) : nil }.sorted()
}

/// All entries of a journal that can be read, oldest first. Lines that fail their check are counted, not guessed.
public struct JournalReading: Sendable {
    public private(set) var entries: [JournalEntry] = []
    public private(set) var damagedLines = 0

    /// - Parameter directory: `agents/<name>/journal`. A missing one reads as empty.
    public init(disk: any Disk, directory: DiskPath) throws(FileFault) {
        guard try disk.entry(at: directory) != nil else { return }
        for sequence in try turnedOver(disk, directory) { try take(disk.read(directory / "\(sequence).jsonl", limit: .mebibytes(64))) }
        let current = directory / "current.jsonl"
        guard try disk.entry(at: current) != nil else { return }
        take(try disk.read(current, limit: .mebibytes(64)))
    }

    private mutating func take(_ bytes: [UInt8]) {
        // A last line without its end was cut short by a crash, before anything was done on its word: it is no damage.
        let whole = bytes[..<(bytes.lastIndex(of: UInt8(ascii: "\n")) ?? bytes.startIndex)]
        for line in whole.split(separator: UInt8(ascii: "\n")) {
            guard line.count > 17, let entry = Self.entry(Array(line)) else {
                damagedLines += 1
                continue
            }
            // Written again because the disk had not said that it was safe.
            if let last = entries.last, entry.sequence <= last.sequence { continue }
            entries.append(entry)
        }
    }

    static func entry(_ line: [UInt8]) -> JournalEntry? {
        let json = Array(line[17...])
        guard Array(line[..<16]) == Array(hexadecimal(Array(SHA256.digest(of: json).prefix(8))).utf8) else { return nil }
        return try? JSONText.decode(JournalEntry.self, from: json)
    }
}
