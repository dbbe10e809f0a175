internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

struct StoreSyncCommand: Command {
    var place: RemotePlace?
    var agents: [AgentName] = []
    var prune = false
    var format = ListFormat.table

    static var manual: Manual {
        Manual(
            name: "store sync", group: .keep, summary: "copy versions elsewhere: a directory, S3, SFTP, WebDAV",
            examples: [
                .init("runner store sync /mnt/backup/agents", "every version of every agent, into a directory"),
                .init("runner store sync backup:agents agent-7", "one agent, to a place that 'rclone config' knows as 'backup'"),
                .init("runner store sync backup:agents --prune", "and take out there what is not here any more"),
            ],
            notes: [
                "Only what was read back whole leaves the store: packs first, a version's manifest last, so what is listed there is whole there. "
                    + "Stop it at any moment: the same command goes on. What is there already is not sent again. "
                    + "A running agent is not held up; a version that its supervisor has not put into packs yet is waited for a little, else left to the next sync.",
                "Versions hold the agent's memory and its environment, secrets and all. The copy of an encrypted store is encrypted with the same key; "
                    + "of any other nothing is, so let the place be one of rclone's 'crypt' type. See docs/copies-elsewhere.md.",
            ],
            exits: [
                (.ok, "the versions that were asked for are there, but for those it said are not in packs yet"),
                (
                    .badData,
                    "a version was left out: it is broken, or the place has another of that number; or '--prune' could not be sure and took nothing out"
                ),
                (.noInput, "no such agent, or no store"), (.noSupervisor, "rclone is needed and not installed"),
                (.inputOutput, "the place could not be read or written"),
                (.tryAgain, "another sync of this store is going on; the same command goes on"),
                (.interrupted, "stopped by ctrl-c, and 143 by SIGTERM; the same command goes on"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [.flag("prune", nil, \.prune, "Take out there what is not here any more, and what no version there needs.")] + .list(\.format)
    }
    static var operands: [Operand<Self>] {
        [
            .one("PLACE", \.place, "A directory, or a place as rclone names it: 'backup:agents'."),
            .many("AGENT", \.agents, "Which; all when none is named."),
        ]
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let chosen = try bench.chosen(agents, in: store)
        guard let place else { return .ok }
        let lock: any DiskLock
        do throws(StoreFault) { lock = try store.lockCopies(holder: "'runner store sync'") } catch { throw CommandFault(error) }
        defer { lock.release() }
        let rows = try bench.long(quietly: format.isForPrograms, code: .copyStopped) { work throws(CommandFault) in
            try sync(chosen, of: work.watch(store), to: place, work, bench)
        } stopped: {
            "could not sync to '\(place.shown)': \(CopyFault.stoppedWords)"
        }
        if rows.isEmpty, format == .table || format == .wide {
            bench.talk("there is no agent to copy")
        } else {
            try bench.answer(rows, as: format)
        }
        for row in rows { tell(row, bench) }
        return rows.allSatisfy { $0.isClean } ? .ok : .badData
    }

    private func sync(
        _ chosen: [AgentName], of store: CheckpointStore, to place: RemotePlace, _ work: LongWork, _ bench: Workbench
    ) throws(CommandFault) -> [CopyRow] {
        let packed = try chosen.map { agent throws(CommandFault) in try pack(agent, in: store, work, bench) }
        let look: Look
        do throws(StoreFault) { look = try store.openLook(for: "store sync", bench.draw) } catch { throw CommandFault(error) }
        defer { store.close(look) }
        return try bench.withCarrier(to: place, of: store, making: true, for: "sync to", work) { carrier throws(CopyFault) in
            let copy = CopyOut(of: store, by: carrier, isWanted: { work.isWanted }, say: work.say)
            try copy.open(in: look)
            var rows: [CopyRow] = []
            for (agent, versions) in zip(chosen, packed) {
                var report = try copy.send(agent, versions, in: look)
                if prune { try copy.prune(agent, in: look, &report) }
                rows.append(CopyRow(report))
            }
            return rows
        }
    }

    private func tell(_ row: CopyRow, _ bench: Workbench) {
        for (version, why) in row.leftOut.sorted(by: { $0.key < $1.key }) {
            bench.talk("left out '\(row.agent)@\(version)': \(why.sentence)")
        }
        for version in row.conflicts {
            bench.talk(
                "left out '\(row.agent)@\(version)': '\(place?.shown ?? "")' has another version of that number. Give this store a place of its own"
            )
        }
        if let why = row.unpruned { bench.talk("took nothing of '\(row.agent)' out of '\(place?.shown ?? "")': \(why)") }
    }

    // MARK: Packs

    /// How long a supervisor is given to put the newest versions into packs.
    private static let patience = Duration.seconds(20)

    /// Sees to it that all that is there now is in packs.
    /// - Returns: the versions there are now; what comes later is the next sync's.
    private func pack(
        _ agent: AgentName, in store: CheckpointStore, _ work: LongWork, _ bench: Workbench
    ) throws(CommandFault) -> Set<VersionNumber> {
        let versions = try bench.versions(of: agent, in: store).filter { $0.standing != .broken }.map(\.version)
        let all = Set(try bench.versions(of: agent, in: store).map(\.version))
        func unpacked() -> [VersionNumber] { versions.filter { (try? store.isPacked(agent, $0)) == false } }
        guard !unpacked().isEmpty else { return all }
        let end = bench.machine.now() + Self.patience
        work.say("\(agent): putting versions into packs")
        while !unpacked().isEmpty, work.isWanted {
            do throws(CommandFault) {
                try bench.alone(with: agent, in: store) { () throws(StoreFault) in
                    for version in unpacked() { try pack(version, of: agent, in: store) }
                }
                break
            } catch {
                guard error.code == ErrorCode.agentHeld.rawValue else { throw error }
                guard bench.machine.now() < end else { break }
                bench.pause(.milliseconds(500))
            }
        }
        return all
    }

    /// One that is not what was stored is told of when it is read.
    private func pack(_ version: VersionNumber, of agent: AgentName, in store: CheckpointStore) throws(StoreFault) {
        do throws(StoreFault) { try store.pack(agent, version) } catch {
            switch error.kind {
            case .broken, .noSuchVersion: return
            default: throw error
            }
        }
    }
}

/// What became of one agent's versions.
struct CopyRow: Listable {
    var agent: AgentName
    var sent: [VersionNumber]
    var there: [VersionNumber]
    var leftOut: [VersionNumber: LeftOutReason]
    var conflicts: [VersionNumber]
    var removed: [VersionNumber]
    var unpruned: String?
    var bytes: UInt64

    init(_ report: CopyOutReport) {
        (agent, sent, there, leftOut) = (report.agent, report.sent, report.present, report.leftOut)
        (conflicts, removed, bytes) = (report.conflicts, report.removed, report.bytes)
        unpruned = report.unpruned?.sentence
    }

    /// Whether nothing was left out that will be left out again.
    var isClean: Bool { conflicts.isEmpty && unpruned == nil && leftOut.values.allSatisfy { $0 == .notInPacks } }

    static var columns: [Column] {
        [Column("AGENT"), Column("SENT"), Column("THERE BEFORE"), Column("LEFT OUT"), Column("TAKEN OUT"), Column("CONTENT SENT")]
    }
    func row(at now: WallTime) -> [Cell] {
        let left = leftOut.count + conflicts.count
        return [
            Cell(agent.text), Cell("\(sent.count)", sent.isEmpty ? .plain : .good), Cell("\(there.count)"),
            Cell("\(left)", left == 0 ? .plain : .attention), Cell("\(removed.count)"), Cell("\(ByteCount(bytes))"),
        ]
    }
    var quietValue: String { agent.text }

    private enum Key: String, CodingKey { case agent, sent, thereBefore, leftOut, conflicts, takenOut, notTakenOut, contentSent }
    private struct LeftOut: Encodable {
        var version: VersionNumber
        var because: String
    }
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(agent, forKey: .agent)
        try container.encode(sent, forKey: .sent)
        try container.encode(there, forKey: .thereBefore)
        try container.encode(
            leftOut.sorted { $0.key < $1.key }.map { LeftOut(version: $0.key, because: $0.value.sentence) }, forKey: .leftOut)
        try container.encode(conflicts, forKey: .conflicts)
        try container.encode(removed, forKey: .takenOut)
        try container.encodeIfPresent(unpruned, forKey: .notTakenOut)
        try container.encode(bytes, forKey: .contentSent)
    }
}

extension LeftOutReason {
    /// Follows "left out …: ".
    var sentence: String {
        switch self {
        case .notInPacks: "it is not in packs yet"
        case .broken(let part, let how): "'\(part)' is broken: \(how)"
        }
    }
}

extension UnprunedReason {
    /// Follows "took nothing … out of …: ".
    var sentence: String {
        let advice =
            "It may be all that is left of what was lost here: 'runner store pull' it, with '--as NAME', or give this store a place of its own"
        return switch self {
        case .conflicts(let numbers):
            "it has other versions of the numbers \(numbers.prefix(3).map(\.description).joined(separator: ", "))"
                + "\(numbers.count > 3 ? " and \(numbers.count - 3) more" : ""). \(advice)"
        case .neverHere(let number): "it has version \(number), and this store never had one of that number. \(advice)"
        case .nothingShared: "none of the versions there is here, too. \(advice)"
        }
    }
}
