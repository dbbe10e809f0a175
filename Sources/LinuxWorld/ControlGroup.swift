internal import AgentModel
internal import Glibc
internal import LaunchPlans
internal import OutsideWorld

/// One agent's control group: a directory for every version 1 controller, or one version 2 directory.
struct ControlGroup {
    enum Version: Int { case one = 1, two }
    let version: Version
    /// Directory of each version 1 controller by its name; of version 2 the only one, under "".
    let directories: [String: String]
    /// Above all directories: where making them begins. In version 2 the delegated root.
    private let roots: [String: String]
    private let controllers: [String]

    /// nil when the host has no control groups for us.
    init?(_ planned: LaunchPlan.ControlGroup) {
        switch planned.host {
        case .v1(let mounts):
            version = .one
            roots = mounts
            controllers = mounts.keys.sorted()
        case .v2(let root, let delegated):
            version = .two
            roots = ["": root]
            controllers = delegated
        case .none: return nil
        }
        directories = roots.mapValues { $0 + "/" + planned.path }
    }

    /// One that was made before; nothing can be made or limited with it.
    init(version: Version, directories: [String: String]) {
        self.version = version
        self.directories = directories
        roots = [:]
        controllers = []
    }

    /// Each directory once: two controllers may be mounted together.
    var paths: [String] { Set(directories.values).sorted() }

    func file(_ controller: String, _ name: String) -> String? {
        directories[version == .one ? controller : ""].map { $0 + "/" + name }
    }

    // MARK: Making

    /// Makes the group anew, so that its counters begin at zero, and sets the limits. Half a group may stand after a fault.
    func make(_ planned: LaunchPlan.ControlGroup) throws(LaunchFault) {
        for path in paths where KernelFiles.isDirectory(path) {
            guard Self.removeTree(path) == 0 else {
                let members = members().map(String.init).joined(separator: ", ")
                throw LaunchFault(.setUp, "could not renew the control group '\(path)': processes are left in it (\(members)). End them")
            }
        }
        for (controller, root) in roots {
            let path = directories[controller] ?? root
            if version == .two { delegate(from: root, to: path) }
            let result = KernelFiles.makeDirectories(path)
            guard result == 0 else { throw LaunchFault(.setUp, "could not make the control group '\(path)': \(sentence(errno: result))") }
        }
        try limit(planned)
    }

    /// Hands the controllers down, level by level, to the parent of `path`. What cannot be handed down is missed by the limit that needs it.
    private func delegate(from root: String, to path: String) {
        let words = controllers.filter { ["memory", "cpu", "pids"].contains($0) }.map { "+" + $0 }
        guard !words.isEmpty else { return }
        var level = root
        for component in path.dropFirst(root.count).split(separator: "/") {
            _ = KernelFiles.makeDirectories(level)
            _ = KernelFiles.write(words.joined(separator: " "), to: level + "/cgroup.subtree_control")
            level += "/" + component
        }
    }

    private func limit(_ planned: LaunchPlan.ControlGroup) throws(LaunchFault) {
        let isOne = version == .one
        if let limit = planned.memoryLimit {
            let what = "limit the memory to \(limit)"
            try set(what, "memory", isOne ? "memory.limit_in_bytes" : "memory.max", String(limit.bytes))
            // Without swap beside it; a host without swap accounting has no such file.
            let swap = isOne ? ("memory.memsw.limit_in_bytes", String(limit.bytes)) : ("memory.swap.max", "0")
            if let path = file("memory", swap.0), access(path, F_OK) == 0 { try set(what, "memory", swap.0, swap.1) }
        }
        if let milli = planned.cpuLimitMilli {
            let what = "limit the processor time to \(milli / 10) %"
            let quota = max(1000, UInt64(milli) * 100)  // microseconds of every 100,000; the kernel's least is 1,000
            if isOne {
                try set(what, "cpu", "cpu.cfs_period_us", "100000")
                try set(what, "cpu", "cpu.cfs_quota_us", String(quota))
            } else {
                try set(what, "cpu", "cpu.max", "\(quota) 100000")
            }
        }
        if let count = planned.processLimit { try set("limit the processes to \(count)", "pids", "pids.max", String(count)) }
    }

    private func set(_ what: String, _ controller: String, _ name: String, _ value: String) throws(LaunchFault) {
        guard let path = file(controller, name) else {
            throw LaunchFault(.setUp, "could not \(what): this host has no '\(controller)' controller for us")
        }
        let result = KernelFiles.write(value, to: path)
        guard result == 0 else { throw LaunchFault(.setUp, "could not \(what): writing '\(path)' failed: \(sentence(errno: result))") }
    }

    /// The membership file of every directory, open for writing: whoever writes "0" to one joins.
    ///
    /// In version 1 that is `tasks`: a single thread that moves itself needs no lock over all processes of the host, and so does not wait
    /// for the grace period (10 ms on an idle host) that taking that lock costs. Version 2 has no such door for a whole process.
    func openMembership() throws(LaunchFault) -> [HeldDescriptor] {
        var files: [HeldDescriptor] = []
        let door = version == .one ? "/tasks" : "/cgroup.procs"
        for path in paths {
            let descriptor = open(path + door, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw LaunchFault(.setUp, "could not open the control group '\(path)': \(sentence(errno: errno))")
            }
            files.append(HeldDescriptor(descriptor))
        }
        return files
    }

    // MARK: Ending

    /// Processes in the group and in groups the agent made below it.
    func members() -> Set<Int32> {
        var members: Set<Int32> = []
        for path in paths { Self.addMembers(of: path, to: &members) }
        return members
    }

    private static func addMembers(of path: String, to members: inout Set<Int32>) {
        guard let text = KernelFiles.text(path + "/cgroup.procs", limit: 1 << 20) else { return }
        members.formUnion(text.split(separator: "\n").compactMap { Int32($0) })
        for name in KernelFiles.directories(in: path) {
            addMembers(of: path + "/" + name, to: &members)
        }
    }

    /// - Returns: whether nothing of it is left.
    func remove() -> Bool { paths.allSatisfy { Self.removeTree($0) == 0 } }

    /// 0 or errno. EBUSY: somebody is still in it.
    private static func removeTree(_ path: String) -> Int32 {
        if rmdir(path) == 0 || errno == ENOENT { return 0 }
        for name in KernelFiles.directories(in: path) {
            let below = removeTree(path + "/" + name)
            guard below == 0 else { return below }
        }
        return rmdir(path) == 0 || errno == ENOENT ? 0 : errno
    }
}
