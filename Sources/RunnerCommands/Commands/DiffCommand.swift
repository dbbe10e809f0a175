internal import AgentModel
internal import Checkpoints
internal import CriuImages
internal import OutsideWorld
internal import StatusViews

struct DiffCommand: Command {
    var words: [String] = []
    var json = false

    static var manual: Manual {
        Manual(
            name: "diff", group: .keep, summary: "tell what changed from one version to another",
            examples: [
                .init("runner diff agent-7@40 agent-7@41", "files, state, processes, their open files and memory"),
                .init("runner diff agent-7 40 latest --json", "the same of one agent's versions, for programs"),
                .init("runner diff agent-7@40 agent-7@41 src/main.py", "one file, line by line; or what changed below a directory"),
            ],
            notes: [
                "With one version, compares it with the newest; with an agent alone, its two newest checkpoints. 'v40 v41' is enough where the "
                    + "store holds one agent. Versions of two agents can be compared, too.",
                "A PATH stands behind two versions. Text up to 1 MB is compared line by line; of other files the sizes are told.",
                "In the tree of processes '=' is in both, '+' is new, '-' is gone; memory is compared page by page. Works without a supervisor.",
            ],
            exits: [
                (.ok, "compared, whether they differ or not"), (.badData, "a version is damaged"), (.noInput, "no such agent or version"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { [.json(\.json)] }
    static var operands: [Operand<Self>] {
        [.many("AGENT[@VERSION]", \.words, atLeastOne: true, "Whose versions, or which; also a VERSION after it, then a PATH.")]
    }

    func validate() throws(CommandFault) {
        let last = words.last.map { VersionWord(argument: $0) != nil || AgentReference(argument: $0)?.version != nil } ?? false
        // What is no version may be a path.
        guard words.count <= (last ? 3 : 4) else {
            throw CommandFault(.usage, "say two versions: 'agent-7@40 agent-7@41'. See 'runner diff --help'")
        }
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let (before, after, path) = try sides(in: store, on: bench)
        var difference = VersionDifference(
            before, after, files: try files(before, after, below: path, in: store),
            processes: path == nil ? try processes(before, after, in: store, on: bench) : nil)
        difference.path = path
        if let path { difference.lines = try lines(of: path, difference, in: store) }
        if json { try bench.answer(json: difference) } else { bench.answer(difference.text()) }
        return .ok
    }

    // MARK: Which

    private func sides(
        in store: CheckpointStore, on bench: Workbench
    ) throws(CommandFault) -> (VersionDifference.Side, VersionDifference.Side, DiskPath?) {
        var path: DiskPath?
        var chosen: [(AgentName, VersionWord)] = []
        var agent: AgentName?
        for word in words {
            if chosen.count == 2, path == nil, VersionWord(argument: word) == nil, AgentReference(argument: word)?.version == nil {
                path = DiskPath(VersionPath.trimmed(word))
                if path != nil { continue }
            }
            // A number after an agent is its version, even where an agent is called so.
            if agent == nil { agent = try onlyAgent(in: store, on: bench) }
            if let version = VersionWord(argument: word), let agent {
                chosen.append((agent, version))
                continue
            }
            guard let reference = AgentReference(argument: word) else {
                throw CommandFault(.usage, "say which version: '\(word)' is not \(AgentReference.expected). See 'runner diff --help'")
            }
            let named = try bench.named(reference.agent, in: store)
            agent = named
            if let version = reference.version { chosen.append((named, version)) }
        }
        guard let agent else { throw CommandFault(.usage, "missing AGENT[@VERSION]. See 'runner diff --help'") }
        switch chosen.count {
        case 2: break
        case 1: chosen.append((agent, .latest))
        case 0: chosen = try newestTwo(of: agent, in: store, on: bench).map { (agent, .number($0)) }
        default: throw CommandFault(.usage, "say two versions, not three. See 'runner diff --help'")
        }
        return (try side(chosen[0], in: store, on: bench), try side(chosen[1], in: store, on: bench), path)
    }

    private func onlyAgent(in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> AgentName? {
        let agents = try bench.agents(in: store)
        return agents.count == 1 ? agents.first : nil
    }

    private func newestTwo(of agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> [VersionNumber] {
        let newest = try bench.versions(of: agent, in: store).filter { $0.kind == .checkpoint }.suffix(2).map(\.version)
        guard newest.count == 2 else {
            throw CommandFault(
                .versionUnknown,
                "could not compare versions of '\(agent)': it has \(newest.isEmpty ? "none" : "only one") yet. 'runner checkpoint \(agent)' takes one while it runs"
            )
        }
        return newest
    }

    private func side(
        _ chosen: (agent: AgentName, word: VersionWord), in store: CheckpointStore, on bench: Workbench
    ) throws(CommandFault) -> VersionDifference.Side {
        let summary = try bench.version(chosen.word, of: chosen.agent, in: store)
        do throws(StoreFault) {
            return VersionDifference.Side(
                agent: chosen.agent, summary: summary, manifest: try store.manifest(chosen.agent, summary.version))
        } catch { throw CommandFault(error) }
    }

    // MARK: What differs

    private func files(
        _ before: VersionDifference.Side, _ after: VersionDifference.Side, below path: DiskPath?, in store: CheckpointStore
    ) throws(CommandFault) -> FilesDifference? {
        guard path != nil || before.summary.parts.workspace || after.summary.parts.workspace else { return nil }
        do throws(StoreFault) {
            var old = try store.files(before.agent, before.summary.version)
            var new = try store.files(after.agent, after.summary.version)
            if let path {
                old.removeAll { $0.path != path && !$0.path.isBelow(path) }
                new.removeAll { $0.path != path && !$0.path.isBelow(path) }
                guard !old.isEmpty || !new.isEmpty else {
                    throw StoreFault(.noSuchFile(path, is: nil), doing: "compare '\(path)' of '\(before.name)' with", what: after.name)
                }
            }
            return FilesDifference(from: old, to: new)
        } catch { throw CommandFault(error) }
    }

    /// Of one file that is text in both. nil: it is not, or too long to be read by a person.
    private func lines(
        of path: DiskPath, _ difference: VersionDifference, in store: CheckpointStore
    ) throws(CommandFault) -> [String]? {
        guard difference.files?.files.count == 1, let file = difference.files?.files.first, file.path == path, file.change == .changed,
            let sizes = file.sizeBefore.flatMap({ old in file.sizeAfter.map { max(old, $0) } }), sizes <= Self.textLimit
        else { return nil }
        do throws(StoreFault) {
            guard let old = try text(of: path, difference.before, in: store), let new = try text(of: path, difference.after, in: store)
            else { return nil }
            return UnifiedDifference(from: old, to: new).lines
        } catch { throw CommandFault(error) }
    }

    private static let textLimit: UInt64 = 1_000_000

    private func text(
        of path: DiskPath, _ side: VersionDifference.Side, in store: CheckpointStore
    ) throws(StoreFault) -> String? {
        let stored = try store.file(side.agent, side.summary.version, path)
        var bytes: [UInt8] = []
        do throws(FileFault) {
            while case let piece = try stored.file.read(1 << 18), !piece.isEmpty { bytes += piece }
        } catch { throw StoreFault(.system(error), doing: "read '\(path)' of", what: side.name) }
        return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
    }

    private func processes(
        _ before: VersionDifference.Side, _ after: VersionDifference.Side, in store: CheckpointStore, on bench: Workbench
    ) throws(CommandFault) -> SetDifference? {
        guard before.summary.parts.process, after.summary.parts.process else { return nil }
        let older = try bench.images(before.name)
        let newer = try bench.images(after.name)
        do { return try SetDifference(from: older, to: newer) } catch { throw CommandFault(error, doing: "compare with", after.name) }
    }
}
