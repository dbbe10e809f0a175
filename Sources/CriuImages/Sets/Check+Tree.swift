/// The tree of processes, and what each of them must have.
extension Check {
    mutating func lookAtTree() {
        require("pstree.img", "without it nothing is known of the processes")
        guard directory.files["pstree.img"] != nil, facts.faults["pstree.img"] == nil else { return }
        var seen: Set<UInt64> = []
        for task in facts.tasks {
            if !seen.insert(task.pid).inserted {
                add(.error, "pstree.img", "process \(task.pid) is in it twice", "a restore cannot give one number to two processes")
            }
        }
        let roots = facts.tasks.filter { $0.parent == 0 }
        if roots.count != 1 {
            add(.error, "pstree.img", "it has \(roots.count) processes without a parent", "a tree has one root")
        }
        for task in facts.tasks where task.parent != 0 && !seen.contains(task.parent) {
            add(.error, "pstree.img", "the parent \(task.parent) of process \(task.pid) is not in it", "a restore has nowhere to begin it")
        }
        for lost in unreachable() where seen.contains(lost) {
            add(.error, "pstree.img", "process \(lost) does not descend from the root", "a restore would never begin it")
        }
    }

    /// Processes whose line of parents does not end at a root.
    private func unreachable() -> [UInt64] {
        var children: [UInt64: [UInt64]] = [:]
        for task in facts.tasks { children[task.parent, default: []].append(task.pid) }
        var reached: Set<UInt64> = []
        var open = children[0] ?? []
        while let pid = open.popLast() {
            if reached.insert(pid).inserted { open += children[pid] ?? [] }
        }
        let known = Set(facts.tasks.map(\.pid))
        return facts.tasks.filter { !reached.contains($0.pid) && known.contains($0.parent) }.map(\.pid)
    }

    // MARK: One process

    mutating func lookAt(_ task: SetFacts.Task) {
        let pid = task.pid
        require("core-\(pid).img", "process \(pid) has no registers to be restored")
        guard let core = facts.cores[pid] else { return }
        guard core.task != nil else {
            return add(.error, "core-\(pid).img", "it has no 'tc', which every process has", "CRIU stops at it")
        }
        lookAt(core, of: pid)
        // Of a dead process the list of threads holds numbers that mean nothing.
        guard core.isAlive else { return }
        for thread in task.threads where thread != pid {
            require("core-\(thread).img", "thread \(thread) of process \(pid) has no registers to be restored")
            if let core = facts.cores[thread] { lookAt(core, of: thread) }
        }
        require("mm-\(pid).img", "process \(pid) has no memory map: CRIU crashes")
        require("pagemap-\(pid).img", "process \(pid) has no memory")
        require("fs-\(pid).img", "process \(pid) has no working directory: CRIU crashes")
        require("ids-\(pid).img", "CRIU does not know what process \(pid) shares with others")
        lookAtIDs(of: pid)
        lookAtReferences(of: pid)
    }

    private mutating func lookAt(_ core: SetFacts.Core, of thread: UInt64) {
        if let architecture, core.architecture != architecture {
            add(
                .error, "core-\(thread).img", "it is of a machine of kind '\(core.architecture)', and this one is '\(architecture)'",
                "registers of one kind mean nothing on another")
        }
        if let group = core.thread?.number("cg_set") ?? core.task?.number("cg_set"), let known = facts.controlGroupSets,
            !known.contains(group),
            group != facts.inventory?.controlGroupSet
        {
            add(.error, "core-\(thread).img", "it names control group set \(group), which cgroup.img does not have", "CRIU stops at it")
        }
        guard let state = core.thread, state.number("seccomp_mode") == 2 else { return }
        let filter = state.number("seccomp_filter") ?? 0
        if let known = facts.seccompFilters, filter >= known {
            add(
                .error, "core-\(thread).img", "it names seccomp filter \(filter), and seccomp.img has \(known)",
                "CRIU stops, or restores another filter")
        } else if facts.seccompFilters == nil, facts.faults["seccomp.img"] == nil {
            add(.error, "seccomp.img", "it is missing, and thread \(thread) has a filter", "the filter is gone")
        }
    }

    private mutating func lookAtIDs(of pid: UInt64) {
        guard let ids = facts.ids[pid], let root = facts.tasks.first(where: { $0.parent == 0 }) else { return }
        if let files = ids.number("files_id") {
            let name = "fdinfo-\(files).img"
            if directory.files[name] == nil {
                add(
                    .error, name, "it is missing, and process \(pid) has it as its table of files",
                    "CRIU says that it restored, and the process is not there")
            }
        }
        guard let rootIDs = facts.ids[root.pid], let dumpers = facts.inventory?.root else { return }
        for namespace in Namespace.all {
            guard let own = ids.number(namespace.field) else { continue }
            let ofRoot = rootIDs.number(namespace.field)
            // A tree with a network of its own may have several.
            let mayDiffer = namespace.mayDiffer || namespace.field == "net_ns_id" && ofRoot != dumpers.number("net_ns_id")
            if pid != root.pid, own != ofRoot, !mayDiffer {
                add(
                    .error, "ids-\(pid).img", "process \(pid) is in another \(namespace.name) namespace than the root of the tree",
                    "CRIU dumps that and cannot restore it")
            }
            if own != dumpers.number(namespace.field), let stem = namespace.stem {
                require("\(stem)-\(own).img", "the \(namespace.name) namespace of process \(pid) cannot be made again")
            }
        }
    }
}

/// One kind of namespace: its field in ids-PID.img, and the file that describes one.
private struct Namespace {
    var field: String
    var name: String
    /// nil: nothing describes it.
    var stem: String?
    /// Whether a process may be in another one than the root of the tree.
    var mayDiffer = false

    static let all = [
        Namespace(field: "pid_ns_id", name: "pid"), Namespace(field: "net_ns_id", name: "net", stem: "netns"),
        Namespace(field: "ipc_ns_id", name: "ipc", stem: "ipcns-var"), Namespace(field: "uts_ns_id", name: "uts", stem: "utsns"),
        Namespace(field: "mnt_ns_id", name: "mnt", stem: "mountpoints", mayDiffer: true),
        Namespace(field: "user_ns_id", name: "user", stem: "userns"), Namespace(field: "cgroup_ns_id", name: "cgroup", mayDiffer: true),
        Namespace(field: "time_ns_id", name: "time"),
    ]
}
