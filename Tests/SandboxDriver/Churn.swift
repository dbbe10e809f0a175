internal import AgentModel
internal import Checkpoints
internal import Glibc
internal import LinuxWorld
internal import OutsideWorld

/// A writer of a store that is killed at any moment: each step goes on from what is there. What it says was done is durable.
struct Churn {
    let store: CheckpointStore
    let workspace: LinuxDisk
    let agent: AgentName

    init(store: String, workspace: String) throws {
        guard let agent = AgentName("churn") else { exit(70) }
        self.agent = agent
        self.store = try CheckpointStore.open(try LinuxDisk(at: store, create: true), create: true) { "0123456789abcdef" }
        self.workspace = try LinuxDisk(at: workspace, create: true)
    }

    /// Commits, packs, rolls back, removes and collects until it is killed; a line each time something is done.
    func run() throws {
        try store.addAgent(agent)
        let lock = try store.lock(agent, holder: "churn")
        defer { lock.release() }
        _ = try store.recover(agent)
        if let unfinished = try store.unfinishedRestore(agent) {
            try store.restoreWorkspace(agent, unfinished, to: workspace, excluded: [])
        }
        var step = (try store.versions(of: agent).last?.version.number ?? 0) + 1
        while true {
            try work(step)
            let version = try commit(step)
            tell("committed \(version) \(step)")
            let versions = try store.versions(of: agent).map(\.version)
            for older in versions.dropLast() {
                try store.pack(agent, older)
                try store.thin(agent, older)
            }
            if let oldest = versions.first, versions.count > 3 {
                try store.remove(agent, oldest)
                tell("removed \(oldest)")
                try store.collect(agent)
            }
            if step % 2 == 0, let older = versions.dropLast().last {
                try store.restoreWorkspace(agent, older, to: workspace, excluded: [])
                tell("restored \(older)")
            }
            step += 1
        }
    }

    /// Files that tell which step they are of.
    private func work(_ step: UInt64) throws {
        try workspace.removeTree("notes")
        try workspace.makeDirectories("notes/deep")
        for number in 0..<6 {
            guard let path = DiskPath("notes/deep/\(step)-\(number)") else { continue }
            try workspace.replace(path, with: Array(String(repeating: "step \(step)\n", count: 1 + number * 700).utf8))
        }
        try workspace.replace("step", with: Array("\(step)".utf8))
    }

    private func commit(_ step: UInt64) throws -> VersionNumber {
        let request = CutRequest(
            agent: agent, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: 1_795_000_000), step: step,
            cooperative: CooperativePart(state: .bytes(Array("\(step)".utf8)), schema: nil), workspace: workspace, incarnation: 1)
        return try store.commit(try store.cut(request, stagingID: "s\(getpid())-\(step)")).version
    }
}
