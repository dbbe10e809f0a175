internal import AgentModel
internal import Checkpoints
internal import OutsideWorld

struct ExportCommand: Command {
    var target: AgentReference?
    var format = ExportFormat.archive
    var output: String?
    var compression: ArchiveCompression?

    static var manual: Manual {
        Manual(
            name: "export", group: .keep, summary: "write a version where other programs can read it",
            examples: [
                .init(
                    "runner export agent-7@41 --format archive",
                    "agent-7@41.tar.zst: all of it; 'checkpointctl' reads it, 'runner import' takes it"),
                .init("runner export agent-7@41 --format criu --output /tmp/dump", "its processes as a directory for plain 'criu restore'"),
            ],
            notes: [
                "Every byte is verified first. What is at the output path already is not replaced. Both hold all that the agent knew, keys and "
                    + "tokens too, and are readable by their owner alone. RESTORE.txt in the directory has the command that restores it without "
                    + "the runner. docs/archives.md describes both forms."
            ],
            exits: [
                (.ok, "written"), (.badData, "the version is damaged"), (.noInput, "no such agent or version, or it has no processes"),
                (.cannotCreate, "something is there already, or the disk is full or read-only"),
                (.inputOutput, "it could not be read or written"), (.denied, "nothing may be written there"),
                (.interrupted, "stopped by ctrl-c, and 143 by SIGTERM; nothing of it is left"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .value("format", "f", \.format, as: "FORMAT", "'archive' (unless said otherwise) or 'criu'."),
            .optional("output", "o", \.output, as: "PATH", "Where; AGENT@VERSION here, with its ending, unless said otherwise."),
            .optional("compression", "c", \.compression, as: "HOW", "Of an archive: zstd (unless said otherwise), gzip or none."),
        ]
    }
    static var operands: [Operand<Self>] { [.one("AGENT@VERSION", \.target, "Which version.")] }

    func validate() throws(CommandFault) {
        guard format == .archive || compression == nil else {
            throw CommandFault(
                .usage, "what did not become an archive has no compression: leave out '--compression'. See 'runner export --help'")
        }
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let agent = try bench.named(target?.agent, in: store)
        guard let word = target?.version else {
            throw CommandFault(
                .usage, "say which version: '\(agent)@42', '\(agent)@latest' or '\(agent)@known-good'. See 'runner export --help'")
        }
        let version = try bench.version(word, of: agent, in: store)
        let compression = compression ?? .zstd
        let name = "\(agent)@\(version.version)"
        let path = output ?? (format == .criu ? name : name + compression.ending)
        var begun: VersionExport?
        try bench.long(quietly: false) { work throws(CommandFault) in
            let export = try VersionExport(agent, version, to: path, store: work.watch(store), work, bench: bench)
            begun = export
            switch format {
            case .criu: try export.writeImages()
            case .archive: try export.writeArchive(compression)
            }
        } stopped: {
            let left = begun?.leftover.map { "'\($0)' could not be removed" } ?? "Nothing of it is left there"
            return "could not export '\(name)' to '\(path)': it was stopped. \(left); the same command begins anew"
        }
        bench.answer(path + "\n")
        bench.talk("'\(name)' is in '\(path)', with all that the agent knew: keep it as safe as the agent itself")
        return .ok
    }
}

/// What an export becomes.
enum ExportFormat: String, ArgumentValue, CaseIterable {
    case criu, archive
    init?(argument: String) { self.init(rawValue: argument) }
    static var expected: String { "'archive' or 'criu'" }
}

extension ArchiveCompression: ArgumentValue {
    init?(argument: String) { self.init(rawValue: argument) }
    static var expected: String { "one of " + allCases.map(\.rawValue).joined(separator: ", ") }

    /// Of the name of an archive.
    var ending: String {
        switch self {
        case .zstd: ".tar.zst"
        case .gzip: ".tar.gz"
        case .none: ".tar"
        }
    }
}
