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
    /// - Parameter says: which one that is, beside the answer.
    func version(
        of place: VersionPath, at: TimeWord?, in store: CheckpointStore, says: Bool
    ) throws(CommandFault) -> (agent: AgentName, summary: CheckpointSummary) {
        let reference = try reference(place.owner, in: store)
        let agent = try named(reference.agent, in: store)
        guard let at else { return (agent, try version(reference.version ?? .latest, of: agent, in: store)) }
        guard reference.version == nil else {
            throw CommandFault(.usage, "say either a version or '--at TIME'. See 'runner \(machine.arguments.first ?? "") --help'")
        }
        let summary = try version(of: agent, at: at, in: store, "whose files are whole") {
            $0.parts.workspace && hasWholeFiles(agent, $0, place.path, in: store)
        }
        if says { tell(summary, of: agent, at: at) }
        return (agent, summary)
    }

    /// Of a version that is broken the files may be whole: what is asked for is compared with what was stored.
    private func hasWholeFiles(_ agent: AgentName, _ version: CheckpointSummary, _ path: DiskPath?, in store: CheckpointStore) -> Bool {
        guard version.standing == .broken else { return true }
        do throws(StoreFault) {
            if let path { _ = try store.file(agent, version.version, path) } else { _ = try store.files(agent, version.version) }
            return true
        } catch {
            if case .noSuchFile = error.kind { return true }  // its list is whole
            return false
        }
    }

    /// Whoever names a time does not know which version it is.
    private func tell(_ version: CheckpointSummary, of agent: AgentName, at: TimeWord) {
        let now = machine.wallTime()
        let isToCome = at.time(now: now) > now ? "that time is still to come; the newest is " : ""
        talk("\(isToCome)version \(version.version) of '\(agent)', taken \(version.takenAt) (\(version.takenAt.distance(from: now)))")
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
        let versions = try versions(of: agent, in: store).sorted { $0.takenAt < $1.takenAt }
        // From the newest back: whether one serves may take reading it.
        if let newest = versions.last(where: { $0.takenAt <= time && serves($0) }) { return newest }
        let oldest = versions.first { $0.takenAt > time && serves($0) }
        let there =
            oldest.map { "the oldest \(words) is '\(agent)@\($0.version)', of \($0.takenAt)" } ?? "there is none \(words)"
        throw CommandFault(
            .versionUnknown,
            "could not find a version of '\(agent)' from \(time) or before: \(there). 'runner versions \(agent)' lists those there are")
    }
}
