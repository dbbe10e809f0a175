internal import LaunchPlans
internal import OutsideWorld

/// A table of sandboxes that can also say whose process knocks at a door.
protocol LocatingSandboxTable: SandboxTable {
    /// The sandbox that a process is in, by the host's count; nil: in none of ours, or it is gone already.
    func sandbox(of pid: Int32) -> SandboxID?
    /// A sandbox of this table as work from outside needs it; nil when it is gone.
    func living(_ id: SandboxID) -> Sandbox?
    func prepare(_ plan: LaunchPlan, forRestoreOf root: Int32) throws(LaunchFault) -> SandboxID
    func finishRestore(in id: SandboxID)
}

/// Makes the sandboxes of one world over its loop.
typealias SandboxMaker = (EventLoop, SupervisorPlace) -> any LocatingSandboxTable

extension LinuxSandboxes: LocatingSandboxTable {
    /// Every process of a sandbox descends from its init, which adopts the orphans, or from a CRIU that is just restoring it, which lives in
    /// the same pid namespace. So the way up from any of them ends there. Nothing a process can say about itself is asked.
    func sandbox(of pid: Int32) -> SandboxID? {
        var inits: [Int32: SandboxID] = [:]
        var namespaces: [String: SandboxID] = [:]
        for (id, sandbox) in all {
            guard let pid = ProcessLook.pid(ofHandle: sandbox.initHandle.number) else { continue }
            inits[pid] = id
            if sandbox.remains.hasNamespaces, let namespace = linkTarget(of: "/proc/\(pid)/ns/pid") { namespaces[namespace] = id }
        }
        guard !inits.isEmpty else { return nil }
        var ancestor = pid
        // Bounded: what forks while we climb must not lead us on for ever.
        for _ in 0..<1024 where ancestor > 1 {
            if let id = inits[ancestor] { return id }
            if let namespace = linkTarget(of: "/proc/\(ancestor)/ns/pid"), let id = namespaces[namespace] { return id }
            ancestor = ProcessLook.facts(of: ancestor)?.parent ?? 0
        }
        return nil
    }
}
