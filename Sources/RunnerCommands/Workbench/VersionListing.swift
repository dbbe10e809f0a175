internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

/// The files of a version, as they are listed.
struct VersionListing {
    /// How far below the directory that was named.
    enum Depth { case directory, tree }
    let place: VersionPath
    var at: TimeWord?
    let depth: Depth

    /// - Throws: when there is nothing of that name in the version.
    /// - Parameter says: which version it is, where a time was asked for.
    func rows(in store: CheckpointStore, says: Bool, on bench: Workbench) throws(CommandFault) -> (name: String, rows: [FileRow]) {
        let (agent, summary) = try bench.version(of: place, at: at, in: store, says: says)
        let name = "\(agent)@\(summary.version)"
        let entries: [TreeEntry]
        do throws(StoreFault) {
            guard try store.manifest(agent, summary.version).workspace != nil else {
                throw StoreFault(.noSuchPart("files"), doing: "list the files of", what: name)
            }
            entries = try store.files(agent, summary.version)
        } catch { throw CommandFault(error) }
        guard let directory = place.path else { return (name, entries.filter { isListed($0.path, below: nil) }.map { FileRow(entry: $0) }) }
        guard let named = entries.first(where: { $0.path == directory }) else {
            throw CommandFault(StoreFault(.noSuchFile(directory, is: nil), doing: "list the files of", what: name))
        }
        guard named.kind == .directory else { return (name, [FileRow(entry: named)]) }
        return (name, entries.filter { isListed($0.path, below: directory) }.map { FileRow(entry: $0) })
    }

    private func isListed(_ path: DiskPath, below directory: DiskPath?) -> Bool {
        switch depth {
        case .directory: path.parent == directory
        case .tree: directory.map { path.isBelow($0) } ?? true
        }
    }

    func answer(as format: ListFormat, on bench: Workbench) throws(CommandFault) -> Ending {
        let (name, rows) = try rows(in: try bench.openStore(), says: format == .table || format == .wide, on: bench)
        if rows.isEmpty, format == .table || format == .wide {
            bench.talk("there is nothing in '\(name):\(place.path?.text ?? "")'")
        } else {
            try bench.answer(rows, as: format)
        }
        return .ok
    }
}

/// One file, directory or link of a version.
struct FileRow: Listable {
    var entry: TreeEntry

    static var columns: [Column] {
        [
            Column("MODE"), Column("OWNER", narrow: .leftOut(order: 1)), Column("SIZE", alignsRight: true),
            Column("TIME", narrow: .leftOut(order: 0)), Column("NAME"), Column("SHA-256", onlyWide: true),
        ]
    }
    func row(at now: WallTime) -> [Cell] {
        [
            Cell(mode), entry.owner.map { Cell("\($0)") } ?? .nothing, entry.size.map { Cell(ByteCount($0).brief) } ?? .nothing,
            Cell(time), Cell(name), entry.sha256.map { Cell($0) } ?? .nothing,
        ]
    }
    var quietValue: String { entry.path.text }

    private var name: String {
        switch entry.kind {
        case .file: entry.path.text + (entry.same.map { " = \($0)" } ?? "")
        case .directory: entry.path.text + "/"
        case .link: "\(entry.path) -> \(entry.target ?? "")"
        }
    }

    /// To the second.
    private var time: String { String(entry.modifiedAt.description.prefix(19)) + "Z" }

    /// As ls(1) writes it: `drwxr-x---`.
    private var mode: String {
        let kind =
            switch entry.kind {
            case .file: "-"
            case .directory: "d"
            case .link: "l"
            }
        var letters = (0..<9).map { bit in entry.mode & (0o400 >> bit) == 0 ? "-" : ["r", "w", "x"][Int(bit) % 3] }
        for (mark, position, lower, upper) in [(UInt32(0o4000), 2, "s", "S"), (0o2000, 5, "s", "S"), (0o1000, 8, "t", "T")]
        where entry.mode & mark != 0 {
            letters[position] = letters[position] == "x" ? lower : upper
        }
        // As ls(1) marks that there is more: what it is, '--json' tells.
        return kind + letters.joined() + (entry.attributes == nil ? "" : "+")
    }
}

extension FileRow: Encodable {
    private enum Key: CodingKey { case path, kind, mode, user, group, modifiedAt, size, sha256, target, attributes, same }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(entry.path, forKey: .path)
        try container.encode(entry.kind, forKey: .kind)
        let octal = String(entry.mode, radix: 8)
        try container.encode(String(repeating: "0", count: max(0, 4 - octal.count)) + octal, forKey: .mode)
        try container.encodeIfPresent(entry.user, forKey: .user)
        try container.encodeIfPresent(entry.group, forKey: .group)
        try container.encode(entry.modifiedAt, forKey: .modifiedAt)
        try container.encodeIfPresent(entry.size, forKey: .size)
        try container.encodeIfPresent(entry.sha256, forKey: .sha256)
        try container.encodeIfPresent(entry.target, forKey: .target)
        try container.encodeIfPresent(entry.attributes, forKey: .attributes)
        try container.encodeIfPresent(entry.same, forKey: .same)
    }
}
