internal import CLinuxShims
internal import Glibc
internal import LaunchPlans

/// Finds where groups for agents may be made, by making one.
enum ControlGroupProbe {
    /// Version 1 controllers an agent's group wants.
    private static let wanted = ["memory", "cpu", "cpuacct", "pids", "freezer"]

    static func find() -> HostFacts.ControlGroups {
        let mounts = ControlGroupMount.all(in: KernelFiles.text("/proc/self/mountinfo", limit: 4 << 20) ?? "")
        let own = KernelFiles.text("/proc/self/cgroup") ?? ""
        return find(mounts: mounts, own: own, tryGroup: tryGroup)
    }

    /// The decision, apart from the trying. `tryGroup`: 0, or the errno of making a group in that directory.
    static func find(mounts: [ControlGroupMount], own: String, tryGroup: (String) -> Int32) -> HostFacts.ControlGroups {
        var refusal: String?
        var usable: [String: String] = [:]
        for mount in mounts where mount.version == .one {
            let controllers = wanted.filter { mount.controllers.contains($0) }
            guard !controllers.isEmpty else { continue }
            let result = tryGroup(mount.path)
            if result != 0 { refusal = refusal ?? "cannot make a control group in '\(mount.path)': \(sentence(errno: result))" }
            for controller in controllers where result == 0 { usable[controller] = mount.path }
        }
        if !usable.isEmpty { return .v1(usable) }
        for root in mounts.filter({ $0.version == .two }).flatMap({ $0.candidates(own: own) }) {
            let result = tryGroup(root)
            if result == 0 { return .v2(root: root, controllers: controllers(of: root)) }
            refusal = refusal ?? "cannot make a control group in '\(root)': \(sentence(errno: result))"
        }
        guard let refusal else { return .none("no control groups are mounted. Mount them on '/sys/fs/cgroup' to limit agents") }
        return .none(refusal + ". Run it as root, or have a group delegated ('systemd-run --user -p Delegate=yes') to limit agents")
    }

    private static func controllers(of root: String) -> [String] {
        (KernelFiles.text(root + "/cgroup.controllers") ?? "").split { $0 == " " || $0 == "\n" }.map(String.init)
    }

    private static func tryGroup(_ directory: String) -> Int32 {
        let path = directory + "/runner-probe-\(getpid())"
        guard mkdir(path, 0o755) == 0 else { return errno }
        defer { rmdir(path) }
        guard access(path + "/cgroup.procs", W_OK) == 0 else { return errno }
        // Without root, to make a group may be allowed and to join it not: version 2 asks for the right to the group both have in common.
        // Joining waits for a grace period of the kernel, so root, who may always, does not try.
        return geteuid() == 0 ? 0 : -shim_process_try_join(path + "/cgroup.procs")
    }
}

/// One mounted hierarchy of control groups.
struct ControlGroupMount: Equatable {
    var version: ControlGroup.Version
    var path: String
    /// Version 1 only: its options, the controllers among them.
    var controllers: [String]
    /// The group that is seen at its path: in a container it may be one below the real root.
    var root = "/"

    /// From /proc/self/mountinfo: `36 35 0:30 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory`.
    static func all(in mountinfo: String) -> [ControlGroupMount] {
        mountinfo.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard let dash = words.firstIndex(of: "-"), words.count > dash + 3, words.count > 4 else { return nil }
            switch words[dash + 1] {
            case "cgroup":
                return ControlGroupMount(
                    version: .one, path: String(words[4]), controllers: words[dash + 3].split(separator: ",").map(String.init),
                    root: String(words[3]))
            case "cgroup2": return ControlGroupMount(version: .two, path: String(words[4]), controllers: [], root: String(words[3]))
            default: return nil
            }
        }
    }

    /// The directory of our own group, then those above it as far as they can be seen. `own`: /proc/self/cgroup, lines of "4:memory:/path".
    func groups(own: String, controller: String) -> [String] {
        let ours = own.split(separator: "\n").lazy.map { $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false) }.first {
            guard $0.count == 3 else { return false }
            return version == .two ? $0[0] == "0" && $0[1].isEmpty : $0[1].split(separator: ",").contains { $0 == controller }
        }
        guard var below = ours?[2] else { return [] }
        // What is not below what is seen is another's view of it: at least that group is above ours.
        if root != "/" {
            guard below == root || below.hasPrefix(root + "/") else { return [path] }
            below = below.dropFirst(root.count)
        }
        var groups = [path]
        for component in below.split(separator: "/") {
            if component == ".." { return [path] }
            groups.append((groups.last ?? path) + "/" + component)
        }
        return groups.reversed()
    }

    /// Version 2: the directories in which a group might be ours to make, highest first: the mount itself, then from the top down to our
    /// own group (a service manager delegates a subtree to its user). A group with processes of its own cannot hand controllers down, so
    /// our own group is the last resort.
    func candidates(own: String) -> [String] {
        guard let line = own.split(separator: "\n").first(where: { $0.hasPrefix("0::") }) else { return [path] }
        var candidates = [path]
        for component in line.dropFirst(3).split(separator: "/") { candidates.append((candidates.last ?? path) + "/" + component) }
        return candidates
    }
}
