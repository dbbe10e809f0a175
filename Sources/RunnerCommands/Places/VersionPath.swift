internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

/// A place among the files of a version: `agent-7@41:notes/today.md`, `agent-7@known-good:`, `agent-7:notes` of the newest, `v41:notes` where the
/// store holds one agent. Without ':' all of its files.
struct VersionPath: Hashable, Sendable, ArgumentValue {
    /// What stands before the ':', as written: whether it is an agent or a version shows in the store.
    var owner: String
    /// nil: the workspace itself.
    var path: DiskPath?
    var namesPath: Bool

    init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        owner = parts[0]
        guard AgentReference(argument: owner) != nil || VersionWord(argument: owner) != nil else { return nil }
        namesPath = parts.count > 1
        guard let text = parts.dropFirst().first.map(Self.trimmed), !text.isEmpty else { return }
        guard let path = DiskPath(text) else { return nil }
        self.path = path
    }
    static var expected: String { "a version's file such as 'agent-7@41:notes/today.md'" }

    /// Paths are below the workspace however they are written: `/notes/`, `./notes`.
    static func trimmed(_ text: String) -> String {
        var text = text[...]
        while text.hasPrefix("/") || text.hasPrefix("./") { text = text.dropFirst(text.hasPrefix("/") ? 1 : 2) }
        while text.hasSuffix("/") { text = text.dropLast() }
        return text == "." ? "" : String(text)
    }
}

extension Workbench {
    /// Which version is meant; with `at`, the newest with files from that time or before.
    func version(
        of place: VersionPath, at: TimeWord?, in store: CheckpointStore
    ) throws(CommandFault) -> (agent: AgentName, summary: CheckpointSummary) {
        let reference = try reference(place.owner, in: store)
        let agent = try named(reference.agent, in: store)
        guard let at else { return (agent, try version(reference.version ?? .latest, of: agent, in: store)) }
        guard reference.version == nil else {
            throw CommandFault(.usage, "say either a version or '--at TIME'. See 'runner \(machine.arguments.first ?? "") --help'")
        }
        let summary = try version(of: agent, at: at, in: store, "that is whole and holds files") {
            $0.standing != .broken && $0.parts.workspace
        }
        return (agent, summary)
    }

    /// `v41` is a version where the store holds one agent, and none is called so.
    private func reference(_ word: String, in store: CheckpointStore) throws(CommandFault) -> AgentReference {
        let known = try agents(in: store)
        if let version = VersionWord(argument: word), known.count == 1, known[0].text != word {
            var reference = AgentReference(known[0])
            reference.version = version
            return reference
        }
        guard let reference = AgentReference(argument: word) else {
            throw CommandFault(.usage, "say which agent: '\(word)' is not \(AgentReference.expected). See 'runner --help'")
        }
        return reference
    }

    /// The newest version from that time or before that serves.
    /// - Parameter words: which do, as a clause.
    func version(
        of agent: AgentName, at: TimeWord, in store: CheckpointStore, _ words: String, where serves: (CheckpointSummary) -> Bool
    ) throws(CommandFault) -> CheckpointSummary {
        let time = at.time(now: machine.wallTime())
        let candidates = try versions(of: agent, in: store).filter { $0.takenAt <= time && serves($0) }
        guard let newest = candidates.max(by: { $0.takenAt < $1.takenAt }) else {
            throw CommandFault(
                .versionUnknown,
                "could not find a version of '\(agent)' from \(time) or before: there is none \(words). "
                    + "'runner versions \(agent)' lists those there are")
        }
        return newest
    }
}
