internal import AgentModel
internal import OutsideWorld

/// The agent's log: what it wrote, line by line with the time of each, turned over by size. Format: docs/journal.md#log
final class AgentLog {
    /// A longer line is cut in pieces of this size, so that an agent that never ends a line cannot fill memory.
    private static let longestLine = 8192
    /// Lines kept in memory for the post-mortem.
    private static let tail = 50

    private let disk: any Disk
    private let directory: DiskPath
    private let turnOverSize: UInt64
    private let kept: Int
    private var size: UInt64
    private var open: (any DiskFile)?
    private var partial: [OutputStream: [UInt8]] = [:]
    private(set) var lastLines: [String] = []
    private(set) var lostLines = 0

    init(disk: any Disk, directory: DiskPath, turnOverSize: ByteCount, kept: Int) {
        self.disk = disk
        self.directory = directory
        self.turnOverSize = turnOverSize.bytes
        self.kept = kept
        size = (try? disk.entry(at: directory / "current.log"))?.size ?? 0
    }

    /// Takes what the agent wrote. - Returns: false when lines were lost to a full or read-only disk.
    func take(_ bytes: [UInt8], from stream: OutputStream, at time: WallTime) -> Bool {
        let text = (partial[stream] ?? []) + bytes
        var lines: [String] = []
        var start = text.startIndex
        while start < text.endIndex {
            let piece = text[start...].prefix(Self.longestLine)
            let end = piece.firstIndex(of: UInt8(ascii: "\n"))
            guard end != nil || piece.count == Self.longestLine else { break }
            lines.append(Self.line(String(decoding: text[start..<(end ?? piece.endIndex)], as: UTF8.self), stream.rawValue, time))
            start = end.map { $0 + 1 } ?? piece.endIndex
        }
        partial[stream] = Array(text[start...])
        return write(lines)
    }

    /// A line of the runner's own.
    func say(_ text: String, at time: WallTime) -> Bool { write([Self.line(text, "run", time)]) }

    /// Ends lines the agent left open when it died.
    func endOfOutput(at time: WallTime) -> Bool {
        let open = partial.filter { !$0.value.isEmpty }
        partial.removeAll()
        return write(open.map { Self.line(String(decoding: $0.value, as: UTF8.self), $0.key.rawValue, time) })
    }

    private static func line(_ text: String, _ stream: String, _ time: WallTime) -> String { "\(time) \(stream) \(text)\n" }

    private func write(_ lines: [String]) -> Bool {
        guard !lines.isEmpty else { return true }
        lastLines = (lastLines + lines.map { String($0.dropLast()) }).suffix(Self.tail)
        let bytes = lines.flatMap { Array($0.utf8) }
        do throws(FileFault) {
            if size + UInt64(bytes.count) > turnOverSize, size > 0 { try turnOver() }
            let file: any DiskFile
            if let open { file = open } else { file = try disk.open(directory / "current.log", .append(mode: 0o600)) }
            open = file
            try file.write(bytes)
            size += UInt64(bytes.count)
            return true
        } catch {
            open = nil
            lostLines += lines.count
            return false
        }
    }

    /// current.log → 1.log → 2.log …; the oldest goes.
    private func turnOver() throws(FileFault) {
        open = nil
        if kept > 0, try disk.entry(at: directory / "\(kept).log") != nil { try disk.removeFile(directory / "\(kept).log") }
        for number in stride(from: kept - 1, to: 0, by: -1) {
            guard try disk.entry(at: directory / "\(number).log") != nil else { continue }
            try disk.rename(directory / "\(number).log", to: directory / "\(number + 1).log")
        }
        if kept > 0 {
            try disk.rename(directory / "current.log", to: directory / "1.log")
        } else {
            try disk.removeFile(directory / "current.log")
        }
        size = 0
    }
}
