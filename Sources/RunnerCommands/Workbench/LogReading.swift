internal import AgentModel
internal import Checkpoints
internal import OutsideWorld

/// One line of an agent's log: `2026-11-21T08:38:00.123Z out text`.
struct LogLine: Hashable, Sendable {
    /// nil: the line has no readable time.
    var time: WallTime?
    /// The whole line, as it stands in the file.
    var text: String

    init(_ bytes: some Sequence<UInt8>) {
        text = String(decoding: Array(bytes), as: UTF8.self)
        time = text.firstIndex(of: " ").flatMap { WallTime(rfc3339: String(text[..<$0])) }
    }
}

/// Reads an agent's log from its files, the oldest first, and then what is added.
struct LogTail {
    private let disk: any Disk
    private let directory: DiskPath
    private var current: (any DiskFile)?
    private var offset: UInt64 = 0
    private var unfinished: [UInt8] = []

    init(_ agent: AgentName, in store: CheckpointStore) {
        disk = store.disk
        directory = store.directory(of: agent) / "log"
    }

    /// Lines of the files that were turned over, the oldest first: the highest number is the newest of them.
    func olderLines() throws(FileFault) -> [LogLine] {
        guard try disk.entry(at: directory) != nil else { return [] }
        let numbered = try disk.names(in: directory).compactMap { name in
            name.hasSuffix(".log") ? UInt64(name.dropLast(4)).map { (number: $0, name: name) } : nil
        }
        var lines: [LogLine] = []
        for file in numbered.sorted(by: { $0.number < $1.number }) {
            let bytes = try disk.read(directory / file.name, limit: .mebibytes(1024))
            lines += bytes.split(separator: UInt8(ascii: "\n")).map { LogLine($0) }
        }
        return lines
    }

    /// Whole lines added since the last call. When the file was turned over meanwhile, what was left in the old one comes first.
    mutating func newLines() throws(FileFault) -> [LogLine] {
        var lines: [LogLine] = []
        if current != nil { lines += try readOn() }
        guard let entry = try disk.entry(at: directory / "current.log") else { return lines }
        if current == nil || entry.size < offset {
            current = try disk.open(directory / "current.log", .read)
            offset = 0
            unfinished = []
            lines += try readOn()
        }
        return lines
    }

    private mutating func readOn() throws(FileFault) -> [LogLine] {
        guard let current else { return [] }
        var bytes = unfinished
        while true {
            let part = try current.read(256 << 10)
            if part.isEmpty { break }
            bytes += part
            offset += UInt64(part.count)
        }
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else {
            unfinished = bytes
            return []
        }
        unfinished = Array(bytes[(end + 1)...])
        return bytes[..<end].split(separator: UInt8(ascii: "\n")).map { LogLine($0) }
    }
}
