internal import AgentModel
internal import CriuImages
internal import StatusViews

/// What is in images, in lines for a person.
enum ImageText {
    enum Detail { case counts, files, sockets }

    static func lines(_ summary: SetSummary, detail: Detail) -> [String] {
        var lines = [
            "\(summary.name): \(ByteCount(summary.size)), of them \(ByteCount(summary.pages)) of pages"
                + (summary.hasParent ? ", the rest in an older set" : "") + (summary.architecture.map { ", \($0)" } ?? "")
        ]
        if let frozen = summary.frozenMicroseconds { lines.append("stood still for \(frozen / 1000).\(frozen / 100 % 10) ms") }
        let kinds = summary.fileKinds.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }
        if !kinds.isEmpty { lines.append("open files: " + kinds.joined(separator: ", ")) }
        if !summary.unread.isEmpty { lines.append("could not read: " + summary.unread.joined(separator: ", ")) }
        lines.append("")
        let depths = depths(of: summary.processes)
        for process in summary.processes {
            let indent = String(repeating: "  ", count: min(depths[process.pid] ?? 0, 40))
            lines.append(indent + line(process))
            lines += Self.files(of: process, detail).map { indent + "    " + $0 }
        }
        return lines
    }

    /// How many parents each has; parents come before their children.
    private static func depths(of processes: [SetSummary.Process]) -> [UInt64: Int] {
        var depths: [UInt64: Int] = [:]
        for process in processes { depths[process.pid] = depths[process.parent].map { $0 + 1 } ?? 0 }
        return depths
    }

    private static func line(_ process: SetSummary.Process) -> String {
        var text = "\(process.pid) \(process.command.isEmpty ? "[\(process.name)]" : process.command.joined(separator: " "))"
        if process.state != "alive" { text += ", \(process.state)" }
        if process.memory.areas > 0 {
            text += ": \(ByteCount(process.memory.pages + process.memory.inParent)) of \(ByteCount(process.memory.mapped)) mapped"
        }
        if process.threads.count > 1 { text += ", \(process.threads.count) threads" }
        if !process.files.isEmpty { text += ", \(process.files.count) descriptors" }
        return text
    }

    private static func files(of process: SetSummary.Process, _ detail: Detail) -> [String] {
        switch detail {
        case .counts: []
        case .sockets: process.files.filter(\.isSocket).map(line)
        case .files:
            (process.executable.map { ["exe \($0)"] } ?? []) + (process.workingDirectory.map { ["cwd \($0)"] } ?? [])
                + process.files.map(line)
        }
    }

    private static func line(_ file: SetSummary.File) -> String { "\(file.descriptor) \(file.kind) \(file.what)" }

    // MARK: Two sets

    static func lines(_ difference: SetDifference) -> [String] {
        var lines = [
            "\(difference.before): \(ByteCount(difference.sizeBefore))", "\(difference.after): \(ByteCount(difference.sizeAfter))", "",
        ]
        lines += tree(difference)
        if difference.isEmpty { lines.append("nothing differs") }
        return lines
    }

    /// Gone, new, and in both.
    static func tree(_ difference: SetDifference) -> [String] {
        var lines = difference.processesRemoved.map { "- " + line($0) } + difference.processesAdded.map { "+ " + line($0) }
        for process in difference.processes {
            let pages = process.pages
            let changes = [(pages.changed, "changed"), (pages.added, "added"), (pages.removed, "removed")].filter { $0.0 > 0 }
            var words = changes.isEmpty ? "no page changed" : "pages " + changes.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
            words += ", \(pages.same) the same"
            if process.memoryBefore != process.memoryAfter {
                words = "\(VersionDifference.words(process.memoryBefore, process.memoryAfter)); \(words)"
            }
            lines.append("= \(process.pid) \(process.name): \(words)")
            lines += process.filesRemoved.map { "    - \($0)" } + process.filesAdded.map { "    + \($0)" }
        }
        return lines
    }
}
