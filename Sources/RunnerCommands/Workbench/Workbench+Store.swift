internal import AgentModel
internal import Checkpoints
internal import OutsideWorld

extension Workbench {
    /// The store, for reading: it must be there.
    func openStore() throws(CommandFault) -> CheckpointStore {
        let disk: any Disk
        do { disk = try machine.disk(at: places.store, create: false) } catch {
            guard error.kind == .missing else { throw CommandFault(inStore: error) }
            throw CommandFault(
                .storeMissing,
                "could not open the store '\(places.store)': there is none yet. 'runner run' makes it; '--store' chooses another")
        }
        return try openStore(on: disk, create: false)
    }

    /// The store, made when it is missing.
    func createStore() throws(CommandFault) -> CheckpointStore {
        let disk: any Disk
        do { disk = try machine.disk(at: places.store, create: true) } catch { throw CommandFault(inStore: error) }
        return try openStore(on: disk, create: true)
    }

    private func openStore(on below: any Disk, create: Bool) throws(CommandFault) -> CheckpointStore {
        let disk = try disk(over: below, create: create)
        do { return try CheckpointStore.open(disk, create: create, identity: { hexadecimal(of: machine.randomNumber()) }) } catch {
            throw CommandFault(error)
        }
    }

    /// Sixteen digits.
    func hexadecimal(of number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    // MARK: Agents and versions

    func agents(in store: CheckpointStore) throws(CommandFault) -> [AgentName] {
        do { return try store.agents().sorted() } catch { throw CommandFault(error) }
    }

    /// Returns when the store knows the agent.
    func require(_ agent: AgentName, in store: CheckpointStore) throws(CommandFault) {
        let known = try agents(in: store)
        guard known.contains(agent) else { throw unknownAgent(agent, known, in: store) }
    }

    private func unknownAgent(_ agent: AgentName, _ known: [AgentName], in store: CheckpointStore) -> CommandFault {
        let removed = (try? store.removedAgents()) ?? []  // only for a better sentence
        if removed.contains(where: { $0.agent == agent }) {
            return CommandFault(.agentUnknown, "unknown agent '\(agent)': it was removed. 'runner undelete \(agent)' brings it back")
        }
        let guess = didYouMean(agent.text, among: known.map(\.text))
        return CommandFault(.agentUnknown, "unknown agent '\(agent)'" + (guess.isEmpty ? ". 'runner ls' lists those there are" : guess))
    }

    /// The agents named, or all of them when none is.
    func chosen(_ names: [AgentName], in store: CheckpointStore) throws(CommandFault) -> [AgentName] {
        guard !names.isEmpty else { return try agents(in: store) }
        for name in names { try require(name, in: store) }
        return names
    }

    /// All versions, oldest first.
    func versions(of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> [CheckpointSummary] {
        try require(agent, in: store)
        do { return try store.versions(of: agent) } catch { throw CommandFault(error) }
    }

    func version(_ word: VersionWord, of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> CheckpointSummary {
        let versions = try versions(of: agent, in: store)
        if let found = word.resolve(among: versions) { return found }
        if versions.isEmpty {
            throw CommandFault(
                .versionUnknown,
                "could not find '\(agent)@\(word.text)': it has no version yet. 'runner checkpoint \(agent)' takes one while it runs")
        }
        throw CommandFault(
            .versionUnknown,
            "could not find '\(agent)@\(word.text)': there is no such version. 'runner versions \(agent)' lists those there are")
    }

    func origin(_ word: OriginWord, of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> Origin {
        switch word {
        case .clean: .clean
        case .version(let version): .version(try self.version(version, of: agent, in: store).version)
        }
    }
}

extension Workbench {
    /// A small file of the system or of ours, as text. nil: it is not there, or cannot be read.
    func text(of path: String) -> String? {
        guard let bytes = try? machine.readFile(path, limit: .kibibytes(64)) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
