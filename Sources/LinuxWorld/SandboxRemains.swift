internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// What may be left of a sandbox whose init is gone, looked at from outside.
struct SandboxRemains {
    /// NAME=value that every process of the sandbox was executed with.
    let mark: String
    /// The agent's session, which it opened itself; nil: unknown.
    var session: Int32?
    let group: ControlGroup?
    /// The kernel ends a pid namespace with its init, so there only the group is looked at.
    let hasNamespaces: Bool

    init(mark: String, session: Int32?, group: ControlGroup?, hasNamespaces: Bool) {
        self.mark = mark
        self.session = session
        self.group = group
        self.hasNamespaces = hasNamespaces
    }

    /// What a sandbox in `runtime` may have left, by what is written there; its processes bear their mark even when nothing is.
    init(in runtime: String) {
        let record = SandboxRecord.read(runtime + "/sandbox")
        let group = record?.bootID == HostProbe.bootID() ? record?.group : nil
        self.init(mark: LinuxSandboxes.mark(initSocket: runtime + "/init.sock"), session: nil, group: group, hasNamespaces: false)
    }

    /// Of the place, of its rehearsal and of its former one.
    static func all(of place: SupervisorPlace) -> [SandboxRemains] {
        [place.runtime, place.rehearsal.runtime, place.former].compactMap { $0 }.map { SandboxRemains(in: $0) }
    }

    /// Whether something is left; nothing is done about it.
    func isThere() -> Bool {
        (0..<looksNeeded(initSawTheEnd: false)).contains { _ in
            !(group?.members() ?? []).isEmpty || !ProcessLook.marked(mark, session: session).isEmpty
        }
    }

    /// Kills what is left. - Returns: whether nothing was.
    func sweep() -> Bool {
        var isEmpty = true
        let members = group?.members() ?? []
        if !members.isEmpty {
            isEmpty = false
            group?.thaw()  // a frozen process does not die
            for pid in members { ProcessLook.kill(pid) { group?.members().contains(pid) ?? false } }
        }
        guard !hasNamespaces else { return isEmpty }
        for (pid, startTime) in ProcessLook.marked(mark, session: session) {
            isEmpty = false
            ProcessLook.kill(pid) { ProcessLook.facts(of: pid)?.startTime == startTime }
        }
        return isEmpty
    }

    /// How many looks in a row must find nothing. /proc is not read in one instant: a process that forks and exits again and again can be
    /// missed by one look. Namespaces end as a whole, and an init that saw its last child end needs no second opinion.
    func looksNeeded(initSawTheEnd: Bool) -> Int { hasNamespaces || initSawTheEnd ? 1 : 3 }

    /// Sweeps until nothing is left, at most so long. - Returns: whether nothing is.
    func clear(within limit: Duration) -> Bool {
        let deadline = shim_boottime_ns() + limit.nanoseconds
        var quiet = 0
        while quiet < looksNeeded(initSawTheEnd: false) {
            guard shim_boottime_ns() < deadline else { return false }
            quiet = sweep() ? quiet + 1 : 0
            if quiet == 0 { usleep(5000) }  // strangers' deaths are told to nobody but their parents
        }
        return true
    }
}
