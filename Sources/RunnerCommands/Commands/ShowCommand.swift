internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

struct ShowCommand: Command {
    var target: AgentReference?
    var json = false

    static var manual: Manual {
        Manual(
            name: "show", group: .keep, summary: "tell everything about one version",
            examples: [
                .init("runner show agent-7@42", "standing, parts with sizes and hashes, what it began from"),
                .init("runner show agent-7@known-good --json", "the manifest of the newest known-good version"),
            ],
            notes: ["Without '@VERSION', the newest. Works without a supervisor."],
            exits: [
                (.ok, "shown"), (.badData, "its manifest is damaged"), (.noInput, "no such agent or version"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { [.json(\.json)] }
    static var operands: [Operand<Self>] { [.one("AGENT[@VERSION]", \.target, "Which version.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let agent = try bench.named(target?.agent, in: store)
        let summary = try bench.version(target?.version ?? .latest, of: agent, in: store)
        let manifest: Manifest
        do { manifest = try store.manifest(agent, summary.version) } catch { throw CommandFault(error) }
        let page = VersionPage(agent: agent, summary: summary, manifest: manifest)
        if json { try bench.answer(json: page) } else { bench.answer(page.text(now: bench.machine.wallTime())) }
        return .ok
    }
}

/// One version with its manifest.
private struct VersionPage: Encodable {
    var agent: AgentName
    var summary: CheckpointSummary
    var manifest: Manifest

    func text(now: WallTime) -> String {
        let pinned = summary.pinned ? ", pinned" : ""
        var rows = [
            ("standing", summary.standing.rawValue + pinned + (summary.note.map { " (\($0))" } ?? "")),
            ("kind", summary.kind.rawValue),
            ("taken", "\(summary.takenAt) (\(summary.takenAt.distance(from: now))), for: \(summary.reason.rawValue)"),
        ]
        if let incarnation { rows.append(("incarnation", incarnation)) }
        rows.append(("size", "\(summary.size)"))
        if let step = summary.step { rows.append(("step", "\(step)")) }
        if let why = summary.lacksMemory { rows.append(("lacks memory", why)) }
        // No agent is asked for an aside.
        if summary.forced, summary.kind == .checkpoint { rows.append(("forced", "the agent did not answer in time and was cut anyway")) }
        if let state = manifest.state {
            rows.append(
                ("state", "\(ByteCount(state.size))" + (state.schema.map { ", schema '\($0)'" } ?? "") + ", SHA-256 \(state.sha256)"))
        }
        if let files = manifest.workspace {
            rows.append(("files", "\(files.entries) \(files.entries == 1 ? "entry" : "entries"), \(ByteCount(files.contentSize))"))
            if !files.excluded.isEmpty { rows.append(("left out", files.excluded.joined(separator: ", "))) }
        }
        rows.append(("effects", "\(manifest.effectPosition) records in the ledger at the cut"))
        rows += manifest.notes.map { ("note", $0) }
        return "\(agent)@\(summary.version)\n" + twoColumns(rows.map { ($0, printable($1)) })
    }

    /// Which run of the agent it is of; an aside may not know where that began. nil: of none that is known.
    private var incarnation: String? {
        let from = manifest.parent.map { ", which began from version \($0)" }
        switch summary.kind {
        case .checkpoint: return "\(manifest.incarnation)" + (from ?? ", which began clean")
        case .aside: return manifest.incarnation == 0 ? nil : "\(manifest.incarnation)\(from ?? "") left these files"
        }
    }
}
