internal import AgentModel
internal import Checkpoints
internal import CriuImages
internal import OutsideWorld
internal import StatusViews

/// What changed from one version to another. `runner diff` prints it.
struct VersionDifference: Encodable {
    struct Side: Encodable {
        var agent: AgentName
        var summary: CheckpointSummary
        var manifest: Manifest
        var name: String { "\(agent)@\(summary.version)" }

        private enum Key: CodingKey { case agent, version, takenAt, incarnation, step, size, parts, state, effects, spec }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(agent, forKey: .agent)
            try container.encode(summary.version, forKey: .version)
            try container.encode(summary.takenAt, forKey: .takenAt)
            try container.encode(manifest.incarnation, forKey: .incarnation)
            try container.encodeIfPresent(summary.step, forKey: .step)
            try container.encode(summary.size, forKey: .size)
            try container.encode(summary.parts, forKey: .parts)
            try container.encodeIfPresent(manifest.state, forKey: .state)
            try container.encode(manifest.effectPosition, forKey: .effects)
            try container.encode(manifest.specDigest, forKey: .spec)
        }
    }
    var before: Side
    var after: Side
    /// nil: one of them is an aside of an agent that did not run, which has none.
    var sameSpec: Bool?
    /// Of the state the agent handed over. nil: neither version has any.
    var sameState: Bool?
    /// nil: neither version has files.
    var files: FilesDifference?
    /// nil: one of them has no images of processes.
    var processes: SetDifference?
    /// All that is compared, if it is less than everything.
    var path: DiskPath?
    /// Of a changed text at `path`, as diff -u has them.
    var lines: [String]?

    init(_ before: Side, _ after: Side, files: FilesDifference?, processes: SetDifference?) {
        self.before = before
        self.after = after
        self.files = files
        self.processes = processes
        let hasNone = [before, after].contains { $0.summary.kind == .aside && $0.manifest.specDigest.isEmpty }
        sameSpec = hasNone ? nil : before.manifest.specDigest == after.manifest.specDigest
        let states = (before.manifest.state?.sha256, after.manifest.state?.sha256)
        sameState = states.0 == nil && states.1 == nil ? nil : states.0 == states.1
    }

    // MARK: Text

    /// Files shown one by one; `--json` has all.
    private static let shown = 200

    func text() -> String {
        if path != nil { return "\(before.name) -> \(after.name)" + (files?.files.isEmpty == true ? "" : "\n") + filesText + linesText }
        var rows = [("taken", "\(before.summary.takenAt) -> \(after.summary.takenAt)")]
        rows.append(("size", Self.words(before.summary.size.bytes, after.summary.size.bytes)))
        if before.manifest.incarnation != after.manifest.incarnation {
            rows.append(("incarnation", "\(before.manifest.incarnation) -> \(after.manifest.incarnation)"))
        }
        if before.summary.step != nil || after.summary.step != nil {
            rows.append(("step", "\(Self.words(before.summary.step)) -> \(Self.words(after.summary.step))"))
        }
        if let sameSpec { rows.append(("spec", sameSpec ? "the same" : "another")) }
        if let sameState {
            rows.append(("state", sameState ? "the same" : "\(Self.words(before.manifest.state)) -> \(Self.words(after.manifest.state))"))
        }
        if before.manifest.effectPosition != after.manifest.effectPosition {
            rows.append(("effects", "\(before.manifest.effectPosition) -> \(after.manifest.effectPosition) records in the ledger"))
        }
        return "\(before.name) -> \(after.name)\n" + twoColumns(rows.map { ($0, printable($1)) }) + filesText + processesText
    }

    private var linesText: String {
        guard let lines else { return "" }
        return "\n" + lines.map { printable($0) + "\n" }.joined()
    }

    private var filesText: String {
        guard let files else { return "\nneither has files\n" }
        if path != nil, files.files.isEmpty { return ": nothing differs in '\(path?.text ?? "")'\n" }
        let counts = FilesDifference.Change.allCases.filter { $0 != .attributes || !files.files($0).isEmpty }
            .map { "\(files.files($0).count) \($0.words)" }.joined(separator: ", ")
        var text = "\nfiles: \(counts), \(files.unchanged) unchanged\n"
        for file in files.files.prefix(Self.shown) { text += "  \(line(file))\n" }
        if files.files.count > Self.shown { text += "  … and \(files.files.count - Self.shown) more ('--json' has all)\n" }
        return text
    }

    private func line(_ file: FilesDifference.File) -> String {
        let path = printable(file.path.text) + (file.kind == .directory ? "/" : "")
        switch file.change {
        case .added: return "+ \(path)" + (file.sizeAfter.map { "  \(ByteCount($0))" } ?? "")
        case .removed: return "- \(path)" + (file.sizeBefore.map { "  \(ByteCount($0))" } ?? "")
        case .attributes: return "m \(path)"
        case .changed:
            guard let old = file.sizeBefore, let new = file.sizeAfter else { return "~ \(path)" }
            return "~ \(path)  " + (old == new ? "\(ByteCount(new))" : Self.words(old, new))
        }
    }

    private var processesText: String {
        guard let processes else {
            let without = [before, after].filter { !$0.summary.parts.process }.map { "'\($0.name)'" }
            return "\nprocesses: \(without.joined(separator: " and ")) \(without.count == 1 ? "holds" : "hold") no images of them\n"
        }
        var text = "\nprocesses: \(processes.processes.count) in both, \(processes.processesAdded.count) added, "
        text += "\(processes.processesRemoved.count) gone\n"
        for line in ImageText.tree(processes) { text += "  \(printable(line))\n" }
        return text
    }

    // MARK: Words

    /// "49.7 MB -> 51.2 MB (+1.5 MB)"
    static func words(_ before: UInt64, _ after: UInt64) -> String {
        guard before != after else { return "\(ByteCount(after))" }
        let change = before < after ? "+\(ByteCount(after - before))" : "-\(ByteCount(before - after))"
        return "\(ByteCount(before)) -> \(ByteCount(after)) (\(change))"
    }

    private static func words(_ step: UInt64?) -> String { step.map { "\($0)" } ?? "none" }

    private static func words(_ state: Manifest.State?) -> String {
        state.map { "\(ByteCount($0.size)), SHA-256 \($0.sha256.prefix(12))…" } ?? "none"
    }
}

extension FilesDifference.Change {
    fileprivate var words: String {
        switch self {
        case .added: "added"
        case .changed: "changed"
        case .removed: "removed"
        case .attributes: "with another owner, mode, attribute or name"
        }
    }
}
