internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// What a group tells about its agent, and stopping it from running.
extension ControlGroup {
    // MARK: Use

    /// How often the kernel killed a process of the group for memory, since the group was made. nil: this host cannot tell.
    func outOfMemoryKills() -> UInt64? {
        file("memory", version == .one ? "memory.oom_control" : "memory.events").flatMap { KernelFiles.number($0, key: "oom_kill") }
    }

    func use() -> ResourceUse {
        func number(_ controller: String, _ name: String) -> UInt64? { file(controller, name).flatMap { KernelFiles.number($0) } }
        switch version {
        case .one:
            return ResourceUse(
                memory: number("memory", "memory.usage_in_bytes").map { ByteCount($0) },
                memoryPeak: number("memory", "memory.max_usage_in_bytes").map { ByteCount($0) },
                cpu: number("cpuacct", "cpuacct.usage").map { .nanoseconds(Int64(clamping: $0)) },
                processes: number("pids", "pids.current").map { Int(clamping: $0) } ?? members().count)
        case .two:
            let time = file("cpu", "cpu.stat").flatMap { KernelFiles.number($0, key: "usage_usec") }
            return ResourceUse(
                memory: number("memory", "memory.current").map { ByteCount($0) },
                memoryPeak: number("memory", "memory.peak").map { ByteCount($0) },
                cpu: time.map { .microseconds(Int64(clamping: $0)) },
                processes: number("pids", "pids.current").map { Int(clamping: $0) } ?? members().count)
        }
    }

    // MARK: Freezing

    /// The file that stops and continues the group's processes; nil: this host has none.
    var freezerFile: String? { file("freezer", version == .one ? "freezer.state" : "cgroup.freeze") }

    /// Stops every process of the group from running. - Returns: whether all of them stand still; if not, all run again.
    func freeze(within limit: Duration = .seconds(1)) -> Bool {
        guard let freezerFile, KernelFiles.write(version == .one ? "FROZEN" : "1", to: freezerFile) == 0 else { return false }
        let deadline = shim_boottime_ns() + limit.nanoseconds
        repeat {
            if isFrozen { return true }
            // Neither version tells every kernel's readers when the last process stopped, and the wait is about a millisecond.
            usleep(200)
        } while shim_boottime_ns() < deadline
        thaw()
        return false
    }

    func thaw() {
        guard let freezerFile else { return }
        _ = KernelFiles.write(version == .one ? "THAWED" : "0", to: freezerFile)  // a group that is gone needs no thaw
    }

    private var isFrozen: Bool {
        switch version {
        // FREEZING until every process has stopped; reading it makes the kernel look again.
        case .one: freezerFile.flatMap { KernelFiles.text($0) } == "FROZEN\n"
        case .two: file("freezer", "cgroup.events").flatMap { KernelFiles.number($0, key: "frozen") } == 1
        }
    }
}
