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
        /// Its spec.
        var file: String
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

    /// - Throws: nothing is left then but an empty directory for its workspace.
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
        guard (try? bench.machine.disk(at: place, create: false)) == nil else {
            throw CommandFault(.forkExists, "could not fork \(what): '\(place)' is there already. Choose another with '--workspace'")
        }
        let file = place + ".yaml"
        try enterStore(images: version.parts.process && obstacle == nil)
        do {
            try makeWorkspace(place, for: spec)
            try write(spec, to: file)
        } catch {
            try? store.disk.removeTree(store.directory(of: name))  // an agent that cannot be started would only stand in the way
            throw error
        }
        if let obstacle { bench.talk("its processes are started anew: \(obstacle)") }
        return Made(file: file, workspace: place, started: started(obstacle), fence: Self.fence(network, effects))
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

    private func write(_ spec: AgentSpec, to path: String) throws(CommandFault) {
        let settings = EffectiveSetting.all(of: spec, origins: [:], secrets: .shown)
        let head = "# \(name), forked from \(agent)@\(version.version)"
        let text = ([head] + EffectiveText.lines(settings, origins: .left)).map { $0 + "\n" }.joined()
        do {
            let (directory, file) = try split(path)
            try directory.replace(file, with: Array(text.utf8))
        } catch { throw CommandFault(error) }
    }

    private func split(_ path: String) throws(FileFault) -> (any Disk, DiskPath) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        guard let file = DiskPath(String(path[slash...].dropFirst())) else { throw FileFault(.missing, doing: "write", what: path) }
        return (try bench.machine.disk(at: slash == path.startIndex ? "/" : String(path[..<slash]), create: false), file)
    }

    // MARK: Its workspace

    private func makeWorkspace(_ path: String, for spec: AgentSpec) throws(CommandFault) {
        do {
            let disk = try bench.machine.disk(at: path, create: true)
            // As the agent's own, which its processes compare it with.
            if let own = try? bench.machine.disk(at: original.workspace ?? "", create: false).rootEntry() {
                let (directory, name) = try split(path)
                try directory.setMode(name, own.mode)
            }
            if let user = spec.user, let known = bench.machine.user(user) {
                try disk.setOwner(nil, FileOwner(user: known.userID, group: known.groupID))
            }
        } catch { throw CommandFault(error) }
    }

    // MARK: Its store

    private func enterStore(images: Bool) throws(CommandFault) {
        let lock: any DiskLock
        do throws(StoreFault) {
            try store.addAgent(name)
            lock = try store.lock(name, holder: "'runner fork'")
        } catch { throw CommandFault(error) }
        defer { lock.release() }
        do throws(StoreFault) {
            let stagingID = bench.hexadecimal(of: bench.machine.randomNumber())
            _ = try store.fork(agent, version.version, as: name, images: images, stagingID: stagingID)
        } catch {
            try? store.disk.removeTree(store.directory(of: name))  // an agent without a version would only stand in the way
            throw CommandFault(error)
        }
        do throws(FileFault) { try copyLedger() } catch { throw CommandFault(inStore: error) }
    }

    /// All of it: what the agent has done until now is not done once more by its fork.
    private func copyLedger() throws(FileFault) {
        let (source, target) = (store.directory(of: agent) / "effects/ledger", store.directory(of: name) / "effects/ledger")
        guard try store.disk.entry(at: source) != nil else { return }
        try store.disk.makeDirectories(store.directory(of: name) / "effects")
        try store.disk.replace(target, with: try store.disk.read(source, limit: .mebibytes(256)))
    }

    /// Why its processes cannot be restored beside the agent's; nil: nothing is against it.
    private func obstacleToImages(_ inside: String, network: Bool) throws(CommandFault) -> String? {
        guard version.parts.process else { return nil }
        if let why = version.imagesUnusable { return "its images cannot be restored (\(why))" }
        do throws(FileFault) {
            let disk = try bench.machine.disk(at: store.imagesDirectory(agent, version.version), create: false)
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
