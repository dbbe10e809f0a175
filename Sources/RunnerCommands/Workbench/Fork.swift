internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import CriuDriver
internal import CriuImages
internal import LaunchPlans
internal import OutsideWorld

/// A version that becomes an agent of its own. All of it is made before it is started: name, workspace, spec, ledger and version.
struct Fork {
    struct Made {
        /// Its spec, in the store.
        var file: String
        var version: VersionNumber
        var workspace: String
        /// "from its processes", "from its state" …
        var started: String
        /// What it may not do; begins with a comma, or is empty.
        var fence: String
    }

    private let agent: AgentName
    private let version: CheckpointSummary
    private let original: AgentSpec
    private let name: AgentName
    private let store: CheckpointStore
    private let bench: Workbench

    init(
        of agent: AgentName, _ version: CheckpointSummary, _ spec: AgentSpec, as name: AgentName, store: CheckpointStore, bench: Workbench
    ) {
        self.agent = agent
        self.version = version
        original = spec
        self.name = name
        self.store = store
        self.bench = bench
    }

    private var what: String { "'\(agent)@\(version.version)'" }

    /// Whether there is more of an agent than what a fork that was killed in the middle leaves.
    static func isTaken(_ name: AgentName, in store: CheckpointStore) throws(CommandFault) -> Bool {
        let directory = store.directory(of: name)
        do throws(FileFault) {
            guard try store.disk.entry(at: directory) != nil else { return false }
            guard try store.disk.names(in: directory / "versions").isEmpty else { return true }
            let leftovers = ["numbers", "numbers.new", "lock", "versions", "effects", specName, specName + ".new"]
            return try store.disk.names(in: directory).contains { !leftovers.contains($0) }
        } catch { throw CommandFault(inStore: error) }
    }

    /// - Throws: nothing of it is left then.
    func make(workspace: String?, network: Bool, effects: Bool) throws(CommandFault) -> Made {
        guard let inside = original.workspaceInside, let outside = original.workspace else {
            throw CommandFault(
                .forkPlace,
                "could not fork \(what): '\(agent)' has no workspace, and the two would share all they write. Give it one in its spec: later "
                    + "versions can be forked")
        }
        let place = workspace.map { Places.absolute($0, from: bench.machine.workingDirectory) } ?? "\(outside).\(name)"
        let spec = spec(in: place, seenAt: inside, network: network, effects: effects)
        try plan(spec)
        let obstacle = try obstacleToImages(inside, network: network)
        let first = try enterStore(spec, in: place, images: version.parts.process && obstacle == nil)
        if let obstacle { bench.talk("its processes are started anew: \(obstacle)") }
        return Made(
            file: "\(bench.places.store)/\(file)", version: first, workspace: place, started: started(obstacle),
            fence: Self.fence(network, effects))
    }

    private func started(_ obstacle: String?) -> String {
        if version.parts.process, obstacle == nil { return "from where its processes were" }
        return version.parts.cooperative ? "from its state" : "anew, on its files"
    }

    private static func fence(_ network: Bool, _ effects: Bool) -> String {
        let denied = [network ? nil : "network", effects ? nil : "effects"].compactMap(\.self)
        return denied.isEmpty ? "" : ", without \(denied.joined(separator: " and "))"
    }

    // MARK: Its spec

    private func spec(in workspace: String, seenAt inside: String, network: Bool, effects: Bool) -> AgentSpec {
        var spec = original
        spec.name = name
        spec.workspace = workspace
        spec.sandbox.workspaceAt = inside
        if !network { spec.sandbox.network = .none }
        if !effects {
            spec.effects.new = .deny
            spec.hooks = nil
        }
        return spec
    }

    /// What cannot be started is not made.
    private func plan(_ spec: AgentSpec) throws(CommandFault) {
        let place = bench.launchPlace(of: name, storeID: store.identity, specFile: nil, at: bench.place(of: name, in: store))
        do { _ = try LaunchPlanner(spec: spec, facts: bench.machine.facts, place: place).plan(from: .clean, incarnation: 1) } catch {
            throw CommandFault(foreign: error.code.rawValue, error.sentence)
        }
    }

    /// Where no agent can write: what is started from it is started as root.
    private var file: DiskPath { store.directory(of: name) / Self.specName }
    private static let specName = "agent.yaml"

    private func write(_ spec: AgentSpec) throws(FileFault) {
        let settings = EffectiveSetting.all(of: spec, origins: [:], secrets: .shown)
        let head = "# \(name), forked from \(agent)@\(version.version)"
        let text = ([head] + EffectiveText.lines(settings, origins: .left)).map { $0 + "\n" }.joined()
        try store.disk.replace(file, with: Array(text.utf8))
    }

    // MARK: Its workspace

    /// A directory that was made for it, in the one above.
    private struct Place {
        var parent: any Disk
        var name: DiskPath
        /// What was put into it meanwhile stays.
        func takeBack() { try? parent.removeDirectory(name) }
    }

    private func makeWorkspace(_ path: String, for spec: AgentSpec) throws(CommandFault) -> Place {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        guard let name = DiskPath(String(path[slash...].dropFirst())) else { throw isThere(path) }
        do throws(FileFault) {
            let parent = try bench.machine.disk(at: slash == path.startIndex ? "/" : String(path[..<slash]), create: true)
            try parent.makeDirectory(name, mode: 0o700)
            let place = Place(parent: parent, name: name)
            do throws(FileFault) { try dress(place, for: spec) } catch {
                place.takeBack()
                throw error
            }
            return place
        } catch {
            guard error.kind == .exists else { throw CommandFault(error) }
            throw isThere(path)
        }
    }

    /// As the agent's own, which its processes compare it with.
    private func dress(_ place: Place, for spec: AgentSpec) throws(FileFault) {
        if let own = try? bench.machine.disk(at: original.workspace ?? "", create: false).rootEntry() {
            try place.parent.setMode(place.name, own.mode)
        }
        if let user = spec.user, let known = bench.machine.user(user) {
            try place.parent.setOwner(place.name, FileOwner(user: known.userID, group: known.groupID))
        }
    }

    private func isThere(_ path: String) -> CommandFault {
        CommandFault(.forkExists, "could not fork \(what): '\(path)' is there already. Choose another with '--workspace'")
    }

    // MARK: Its store

    /// The version comes last: before it there is no agent that could be started. The lock is held until all is there, or nothing.
    private func enterStore(_ spec: AgentSpec, in place: String, images: Bool) throws(CommandFault) -> VersionNumber {
        let lock: any DiskLock
        do throws(StoreFault) {
            try store.addAgent(name)
            lock = try store.lock(name, holder: "'runner fork'")
        } catch { throw CommandFault(error) }
        defer { lock.release() }
        guard try !Self.isTaken(name, in: store) else { throw Self.taken(name, what) }
        var workspace: Place?
        do throws(CommandFault) {
            do throws(StoreFault) { _ = try store.recover(name) } catch { throw CommandFault(error) }
            do throws(FileFault) {
                try copyLedger()
                try write(spec)
            } catch { throw CommandFault(inStore: error) }
            workspace = try makeWorkspace(place, for: spec)
            return try copyVersion(images: images)
        } catch {
            workspace?.takeBack()
            try? store.takeBackFork(name)  // the next fork of that name does without what stays
            throw error
        }
    }

    static func taken(_ name: AgentName, _ what: String) -> CommandFault {
        CommandFault(.forkExists, "could not fork \(what): there is an agent '\(name)' already. Choose another name")
    }

    private func copyVersion(images: Bool) throws(CommandFault) -> VersionNumber {
        do throws(StoreFault) {
            let stagingID = bench.hexadecimal(of: bench.machine.randomNumber())
            return try store.fork(agent, version.version, as: name, images: images, stagingID: stagingID).version
        } catch { throw CommandFault(error) }
    }

    /// All of it: what the agent has done until now is not done once more by its fork.
    private func copyLedger() throws(FileFault) {
        let (source, target) = (store.directory(of: agent) / "effects/ledger", store.directory(of: name) / "effects/ledger")
        try store.disk.removeTree(store.directory(of: name) / "effects")
        guard try store.disk.entry(at: source) != nil else { return }
        try store.disk.makeDirectories(store.directory(of: name) / "effects")
        try store.disk.replace(target, with: try store.disk.read(source, limit: .mebibytes(256)))
    }

    /// Why its processes cannot be restored beside the agent's; nil: nothing is against it.
    private func obstacleToImages(_ inside: String, network: Bool) throws(CommandFault) -> String? {
        guard version.parts.process else { return nil }
        if let why = version.imagesUnusable { return "its images cannot be restored (\(why))" }
        let disk: any Disk
        do throws(StoreFault) { disk = try store.imagesDisk(agent, version.version) } catch { throw CommandFault(error) }
        do throws(FileFault) {
            let shape = SetShape(of: try ImageDirectory(on: disk))
            if let pipe = shape.namedPipes.first {
                return "they hold the pipe '\(pipe)' open, and a restore would put what lay unread in it before '\(agent)' again"
            }
            if !network, let address = shape.connectedTo.first {
                return "a socket of theirs is connected to \(address), and without '--network' no way leads there"
            }
            let sockets = shape.boundSockets.filter { !$0.hasPrefix(inside + "/") }
            guard let taken = sockets.first else { return nil }
            return "they listen at '\(taken)' beside the workspace, and a restore would take that socket from '\(agent)'"
        } catch { throw CommandFault(inStore: error) }
    }
}
