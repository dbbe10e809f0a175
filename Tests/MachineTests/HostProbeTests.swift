import AgentModel
import Glibc
import LaunchPlans
import Testing

@testable import LinuxWorld

struct HostProbeTests {
    @Test func theFactsAreTheHosts() {
        let facts = HostProbe.facts(initPath: SandboxFixture.initPath)
        #expect(facts.userID == geteuid() && facts.groupID == getegid())
        #expect(facts.kernelRelease + "\n" == KernelFiles.text("/proc/sys/kernel/osrelease"))
        #expect(facts.hostName + "\n" == KernelFiles.text("/proc/sys/kernel/hostname"))
        #expect(facts.bootID.count == 36)
        #expect(facts.processors > 0 && facts.memory > .mebibytes(64))
        #expect(facts.sandboxInit == .available)
        #expect((facts.namespaces == .available) == canIsolate)
        #expect(facts.controlGroups == hostGroups)
        let missing = HostFacts.Availability.missing(
            "cannot execute '/no/runner-init': no such file or directory. Install 'runner-init' beside 'runner'")
        #expect(HostProbe.facts(initPath: "/no/runner-init").sandboxInit == missing)
    }

    private static let one = """
        31 24 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro
        34 31 0:30 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
        35 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:10 - cgroup cgroup rw,cpu,cpuacct
        36 31 0:32 / /sys/fs/cgroup/systemd rw,relatime shared:11 - cgroup cgroup rw,name=systemd
        37 31 0:33 / /sys/fs/cgroup/unified rw,relatime shared:12 - cgroup2 cgroup2 rw
        """
    private static let two = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"

    @Test(
        arguments: [
            (
                one, "", ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu,cpuacct"],
                .v1(["memory": "/sys/fs/cgroup/memory", "cpu": "/sys/fs/cgroup/cpu,cpuacct", "cpuacct": "/sys/fs/cgroup/cpu,cpuacct"])
            ),
            (one, "", ["/sys/fs/cgroup/memory"], .v1(["memory": "/sys/fs/cgroup/memory"])),
            (one, "0::/\n", ["/sys/fs/cgroup/unified"], .v2(root: "/sys/fs/cgroup/unified", controllers: [])),
            (two, "0::/user.slice/me.scope\n", ["/sys/fs/cgroup/user.slice"], .v2(root: "/sys/fs/cgroup/user.slice", controllers: [])),
            (
                two, "0::/user.slice\n", [],
                .none(
                    "cannot make a control group in '/sys/fs/cgroup': permission denied. "
                        + "Run it as root, or have a group delegated ('systemd-run --user -p Delegate=yes') to limit agents")
            ),
            ("", "", [], .none("no control groups are mounted. Mount them on '/sys/fs/cgroup' to limit agents")),
        ] as [(String, String, [String], HostFacts.ControlGroups)])
    func groupsAreFoundWhereTheyMayBeMade(mounts: String, own: String, allowed: [String], found: HostFacts.ControlGroups) {
        let result = ControlGroupProbe.find(mounts: ControlGroupMount.all(in: mounts), own: own) { allowed.contains($0) ? 0 : EACCES }
        // The controllers of a delegated directory are read from this machine, which has no such directory, or none in it.
        if case .v2(let root, _) = result { #expect(.v2(root: root, controllers: []) == found) } else { #expect(result == found) }
    }

    @Test(
        arguments: [
            ("runner-sandbox 1\nboot b\nnamespaces\ngroup 1 /g/memory memory\ngroup 1 /g/pids pids\ninit 12 345\n", true, 12, 2),
            ("runner-sandbox 1\nboot b\ngroup 2 /g \n", false, nil, 1),
            ("runner-sandbox 1\nboot b\nini", false, nil, 0),
        ] as [(String, Bool, Int32?, Int)])
    func aRecordIsReadBack(text: String, hasNamespaces: Bool, pid: Int32?, groups: Int) throws {
        let record = try #require(SandboxRecord(text))
        #expect(record.bootID == "b" && record.hasNamespaces == hasNamespaces)
        #expect(record.initProcess?.pid == pid && record.groupDirectories.count == groups)
        #expect(SandboxRecord(record.text) == record)
    }

    @Test(arguments: ["", "\n", "runner-sandbox 2\n", "runner-sandbox 1\nwhat is this\n"])
    func whatIsNoRecordIsRefused(text: String) { #expect(SandboxRecord(text) == nil) }
}
