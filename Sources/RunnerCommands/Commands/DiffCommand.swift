internal import AgentModel
internal import Checkpoints
internal import CriuImages
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
            ],
            notes: [
                "With one version, compares it with the newest; with an agent alone, its two newest checkpoints. 'v40 v41' is enough where the "
                    + "store holds one agent. Versions of two agents can be compared, too.",
                "In the tree of processes '=' is in both, '+' is new, '-' is gone; memory is compared page by page. Works without a supervisor.",
            ],
            exits: [
                (.ok, "compared, whether they differ or not"), (.badData, "a version is damaged"), (.noInput, "no such agent or version"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { [.json(\.json)] }
    static var operands: [Operand<Self>] {
        [.many("AGENT[@VERSION]", \.words, atLeastOne: true, "Whose versions, or which; also a VERSION after it.")]
    }

    func validate() throws(CommandFault) {
        if words.count > 3 { throw CommandFault(.usage, "say two versions: 'agent-7@40 agent-7@41'. See 'runner diff --help'") }
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let (before, after) = try sides(in: store, on: bench)
        let difference = VersionDifference(
            before, after, files: try files(before, after, in: store), processes: try processes(before, after, in: store, on: bench))
        if json { try bench.answer(json: difference) } else { bench.answer(difference.text()) }
        return .ok
    }

    // MARK: Which

    private func sides(
        in store: CheckpointStore, on bench: Workbench
    ) throws(CommandFault) -> (VersionDifference.Side, VersionDifference.Side) {
        var chosen: [(AgentName, VersionWord)] = []
        var agent: AgentName?
        for word in words {
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
        return (try side(chosen[0], in: store, on: bench), try side(chosen[1], in: store, on: bench))
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
        _ before: VersionDifference.Side, _ after: VersionDifference.Side, in store: CheckpointStore
    ) throws(CommandFault) -> FilesDifference? {
        guard before.summary.parts.workspace || after.summary.parts.workspace else { return nil }
        do throws(StoreFault) {
            return FilesDifference(
                from: try store.files(before.agent, before.summary.version), to: try store.files(after.agent, after.summary.version))
        } catch { throw CommandFault(error) }
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
