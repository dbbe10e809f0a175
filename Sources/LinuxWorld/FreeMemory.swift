internal import AgentModel
internal import OutsideWorld

/// How much memory this process may still take, and who has no more: the host, or a control group that it is in, however far above. What files that
/// nobody used lately take in a group's count can be had back, so it counts as free; of files in use, and of what else the kernel keeps until somebody
/// wants the memory, half does, as in MemAvailable. A room in memory counts for who writes into it.
struct FreeMemory: Equatable {
    var bytes: UInt64
    var bound: MemoryBound

    /// Of the host's memory, what is left free beside; of a group's limit a sixteenth, where that is less: whoever reaches it is killed.
    private static let reserve: UInt64 = 128 << 20

    /// nil: nothing tells.
    static func now() -> FreeMemory? {
        of(
            host: KernelFiles.kibibytes("/proc/meminfo", field: "MemAvailable")?.bytes,
            mounts: ControlGroupMount.all(in: KernelFiles.text("/proc/self/mountinfo", limit: 4 << 20) ?? ""),
            own: KernelFiles.text("/proc/self/cgroup") ?? ""
        ) { KernelFiles.text($0) }
    }

    /// The decision, apart from the files.
    /// - Parameters:
    ///   - host: MemAvailable of /proc/meminfo, in bytes.
    ///   - own: /proc/self/cgroup.
    ///   - read: the text of a file; nil: there is none.
    static func of(host: UInt64?, mounts: [ControlGroupMount], own: String, read: (String) -> String?) -> FreeMemory? {
        var least = host.map { FreeMemory(bytes: $0 - min($0, reserve), bound: .host) }
        for mount in mounts where mount.version == .two || mount.controllers.contains("memory") {
            for (depth, group) in mount.groups(own: own, controller: "memory").enumerated() {
                let file = { (name: String) in read("\(group)/\(name)") }
                let found = mount.version == .two ? freeOfTwo(file, group) : freeOfOne(file, group, isOwn: depth == 0)
                if let found, found.isCloser(than: least) { least = found }
            }
        }
        return least
    }

    /// Where both leave as much, the group that can be named is the one that is meant.
    private func isCloser(than other: FreeMemory?) -> Bool {
        guard let other, bytes == other.bytes else { return bytes < other?.bytes ?? .max }
        return if case .groupAbove = other.bound { true } else { false }
    }

    /// See cgroup-v2.rst of the kernel. What goes beyond `memory.high` is not killed, but slowed down without end.
    private static func freeOfTwo(_ file: (String) -> String?, _ group: String) -> FreeMemory? {
        let limits = ["memory.max", "memory.high"].compactMap { number(file($0)) }
        let counts = file("memory.stat")
        let cache = Cache(
            idle: number(counts, of: "inactive_file"), busy: [number(counts, of: "active_file"), number(counts, of: "slab_reclaimable")])
        return free(of: limits.min(), used: number(file("memory.current")), cache).map {
            FreeMemory(bytes: $0, bound: .controlGroup(group))
        }
    }

    /// See cgroup-v1/memory.rst of the kernel.
    private static func freeOfOne(_ file: (String) -> String?, _ group: String, isOwn: Bool) -> FreeMemory? {
        // Then it counts no group below it.
        if !isOwn, number(file("memory.use_hierarchy")) == 0 { return nil }
        let counts = file("memory.stat")
        // The second tells of limits above what a container shows, too.
        let (own, least) = (number(file("memory.limit_in_bytes")), number(counts, of: "hierarchical_memory_limit"))
        func count(_ key: String) -> UInt64? { number(counts, of: "total_" + key) ?? number(counts, of: key) }
        let cache = Cache(idle: count("inactive_file"), busy: [count("active_file")])
        let isOfOneAbove = least.map { $0 < own ?? .max } ?? false
        return free(of: isOfOneAbove ? least : own, used: number(file("memory.usage_in_bytes")), cache).map {
            FreeMemory(bytes: $0, bound: isOfOneAbove ? .groupAbove(group) : .controlGroup(group))
        }
    }

    /// What of a group's count can be had back.
    private struct Cache {
        var bytes: UInt64

        /// - Parameter busy: of which half would be missed.
        init(idle: UInt64?, busy: [UInt64?]) {
            bytes = ([idle] + busy.map { $0.map { $0 / 2 } }).reduce(0) { $0 + min($1 ?? 0, 1 << 60) }
        }
    }

    private static func free(of limit: UInt64?, used: UInt64?, _ cache: Cache) -> UInt64? {
        // No limit is "max", or the highest multiple of a page.
        guard let limit, limit < 1 << 60 else { return nil }
        let used = used ?? 0
        let taken = used - min(used, cache.bytes) + min(reserve, limit / 16)
        return limit - min(limit, taken)
    }

    private static func number(_ text: String?) -> UInt64? { text.flatMap { UInt64($0.prefix { $0 != "\n" }) } }

    /// Of lines of a name and a number.
    private static func number(_ text: String?, of key: String) -> UInt64? {
        for line in text?.split(separator: "\n") ?? [] {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == key { return UInt64(words[1]) }
        }
        return nil
    }
}
