internal import AgentModel
internal import CLinuxShims
internal import Glibc
package import LaunchPlans

/// Finds out what this host allows, by trying it: a few milliseconds, leaving nothing behind.
package enum HostProbe {
    /// - Parameter initPath: where `runner-init` is expected.
    package static func facts(initPath: String) -> HostFacts {
        var names = utsname()
        uname(&names)
        return HostFacts(
            userID: geteuid(), groupID: getegid(), kernelRelease: text(&names.release), hostName: text(&names.nodename),
            processors: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), memory: memory(), namespaces: namespaces(),
            controlGroups: ControlGroupProbe.find(), sandboxInit: helper(initPath), archiveHelper: helper(ArchiveHelper.found()),
            bootID: bootID())
    }

    /// Names the time since the machine came up; "" where the kernel does not tell.
    package static func bootID() -> String {
        String((KernelFiles.text("/proc/sys/kernel/random/boot_id") ?? "").prefix { $0 != "\n" })
    }

    private static func text<Field>(_ field: inout Field) -> String {
        withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private static func memory() -> ByteCount {
        ByteCount(UInt64(max(0, sysconf(Int32(_SC_PHYS_PAGES)))) * UInt64(max(0, sysconf(Int32(_SC_PAGESIZE)))))
    }

    private static func namespaces() -> HostFacts.Availability {
        var step: Int32 = 0
        let result = shim_process_try_namespaces(&step)
        guard result != 0 else { return .available }
        let what = step == 1 ? "make namespaces" : step == 2 ? "separate the mounts" : "mount a fresh /proc"
        let cure = geteuid() == 0 ? "Inside a container, give it CAP_SYS_ADMIN" : "Run it as root"
        return .missing("cannot \(what): \(sentence(errno: -result)). \(cure) to isolate agents from the host")
    }

    private static func helper(_ path: String) -> HostFacts.Availability {
        if access(path, X_OK) == 0 { return .available }
        let name = path.split(separator: "/").last ?? ""
        return .missing("cannot execute '\(path)': \(sentence(errno: errno)). Install '\(name)' beside 'runner'")
    }
}
