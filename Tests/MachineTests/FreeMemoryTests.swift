import AgentModel
import Foundation
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

private let mebi: UInt64 = 1 << 20
/// What version 1 says where there is no limit.
private let none = "9223372036854771712\n"

/// What a machine shows of its control groups, and what is free by that.
struct Shown: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var mounts = "30 23 0:26 / /g rw - cgroup2 cgroup2 rw"
    var own = "0::/a/b\n"
    var host: UInt64? = 1000
    var files: [String: String] = [:]
    var free: UInt64?
    /// nil: the host.
    var group: String?
    /// Whether it is the limit of one above that group.
    var isOfOneAbove = false
}

private let one = """
    31 24 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro
    34 31 0:30 / /g/memory rw,relatime shared:9 - cgroup cgroup rw,memory
    35 31 0:31 / /g/cpu rw,relatime shared:10 - cgroup cgroup rw,cpu,cpuacct
    37 31 0:33 / /g/unified rw,relatime shared:12 - cgroup2 cgroup2 rw
    """

private let shown: [Shown] = [
    Shown(testDescription: "no groups", mounts: "", own: "", free: 872),
    Shown(testDescription: "less than what is left beside", mounts: "", own: "", host: 100, free: 0),
    Shown(testDescription: "nothing tells", host: nil, free: nil),
    Shown(
        testDescription: "no limit",
        files: ["/g/a/b/memory.max": "max\n", "/g/a/b/memory.high": "max\n", "/g/a/b/memory.current": "\(900 * mebi)\n"], free: 872),
    Shown(
        testDescription: "a limit of ours", files: ["/g/a/b/memory.max": "\(320 * mebi)\n", "/g/a/b/memory.current": "\(100 * mebi)\n"],
        free: 200, group: "/g/a/b"),
    Shown(
        testDescription: "what files take that nobody used lately is free",
        files: [
            "/g/a/b/memory.max": "\(320 * mebi)\n", "/g/a/b/memory.current": "\(300 * mebi)\n",
            "/g/a/b/memory.stat": "anon 5\nactive_inactive_file 7\ninactive_file \(200 * mebi)\n",
        ], free: 200, group: "/g/a/b"),
    Shown(
        testDescription: "of files in use, and of what else can be had back, half is free",
        files: [
            "/g/a/b/memory.max": "\(320 * mebi)\n", "/g/a/b/memory.current": "\(300 * mebi)\n",
            "/g/a/b/memory.stat": """
            anon \(40 * mebi)
            inactive_file \(60 * mebi)
            active_file \(160 * mebi)
            slab_reclaimable \(40 * mebi)
            slab_unreclaimable \(80 * mebi)

            """,
        ], free: 160, group: "/g/a/b"),
    Shown(
        testDescription: "more than there can be",
        files: [
            "/g/a/b/memory.max": "\(160 * mebi)\n", "/g/a/b/memory.current": "\(100 * mebi)\n",
            "/g/a/b/memory.stat": "inactive_file \(UInt64.max)\nactive_file \(UInt64.max)\nslab_reclaimable \(UInt64.max)\n",
        ], free: 150, group: "/g/a/b"),
    Shown(
        testDescription: "more cache than use",
        files: [
            "/g/a/b/memory.max": "\(160 * mebi)\n", "/g/a/b/memory.current": "\(mebi)\n",
            "/g/a/b/memory.stat": "inactive_file \(2 * mebi)\n",
        ], free: 150, group: "/g/a/b"),
    Shown(
        testDescription: "a limit above",
        files: ["/g/a/b/memory.max": "max\n", "/g/a/memory.max": "\(320 * mebi)\n", "/g/a/memory.current": "0\n"], free: 300, group: "/g/a"),
    Shown(
        testDescription: "the least of all",
        files: [
            "/g/a/b/memory.max": "\(640 * mebi)\n", "/g/a/b/memory.current": "\(10 * mebi)\n", "/g/a/memory.max": "\(800 * mebi)\n",
            "/g/a/memory.current": "\(700 * mebi)\n", "/g/memory.max": "max\n",
        ], free: 50, group: "/g/a"),
    Shown(
        testDescription: "slowed down before it is killed",
        files: ["/g/a/b/memory.max": "\(640 * mebi)\n", "/g/a/b/memory.high": "\(160 * mebi)\n", "/g/a/b/memory.current": "0\n"], free: 150,
        group: "/g/a/b"),
    Shown(
        testDescription: "used up", files: ["/g/a/b/memory.max": "\(64 * mebi)\n", "/g/a/b/memory.current": "\(70 * mebi)\n"], free: 0,
        group: "/g/a/b"),
    Shown(
        testDescription: "a large limit, and a host with less",
        files: ["/g/a/b/memory.max": "\(9000 * mebi)\n", "/g/a/b/memory.current": "0\n"], free: 872),
    Shown(
        testDescription: "a host that does not tell", host: nil,
        files: ["/g/a/b/memory.max": "\(16 * mebi)\n", "/g/a/b/memory.current": "0\n"], free: 15, group: "/g/a/b"),
    Shown(
        testDescription: "a container that sees its own group as root", own: "0::/\n",
        files: ["/g/memory.max": "\(160 * mebi)\n", "/g/memory.current": "0\n"], free: 150, group: "/g"),
    Shown(
        testDescription: "a container that has its own group mounted", mounts: "30 23 0:26 /docker/x /g ro - cgroup2 cgroup2 rw",
        own: "0::/docker/x/y\n", files: ["/g/y/memory.max": "\(160 * mebi)\n", "/g/y/memory.current": "0\n"], free: 150, group: "/g/y"),
    Shown(
        testDescription: "a group elsewhere", mounts: "30 23 0:26 /docker/x /g ro - cgroup2 cgroup2 rw", own: "0::/docker/xy\n",
        files: ["/g/memory.max": "\(160 * mebi)\n", "/g/memory.current": "0\n"], free: 150, group: "/g"),
    Shown(
        testDescription: "a group outside of its own view", own: "0::/../../else\n",
        files: ["/g/memory.max": "\(160 * mebi)\n", "/g/memory.current": "0\n", "/g/else/memory.max": "1\n"], free: 150, group: "/g"),
    Shown(
        testDescription: "version 1", mounts: one, own: "5:cpu,cpuacct:/x\n4:memory:/a:b\n0::/\n",
        files: [
            "/g/memory/a:b/memory.limit_in_bytes": "\(320 * mebi)\n", "/g/memory/a:b/memory.usage_in_bytes": "\(300 * mebi)\n",
            "/g/memory/a:b/memory.stat": "inactive_file 0\ntotal_inactive_file \(200 * mebi)\n", "/g/memory/memory.limit_in_bytes": none,
            "/g/cpu/x/memory.limit_in_bytes": "1\n",
        ], free: 200, group: "/g/memory/a:b"),
    Shown(
        testDescription: "version 1, files in use", mounts: one, own: "4:memory:/a\n",
        files: [
            "/g/memory/a/memory.limit_in_bytes": "\(320 * mebi)\n", "/g/memory/a/memory.usage_in_bytes": "\(300 * mebi)\n",
            "/g/memory/a/memory.stat":
                "inactive_file 0\nactive_file 9\ntotal_inactive_file \(100 * mebi)\ntotal_active_file \(160 * mebi)\n",
        ], free: 180, group: "/g/memory/a"),
    Shown(
        testDescription: "version 1 without a limit", mounts: one, own: "4:memory:/a\n",
        files: [
            "/g/memory/a/memory.limit_in_bytes": none, "/g/memory/a/memory.usage_in_bytes": "\(300 * mebi)\n",
            "/g/memory/a/memory.stat": "hierarchical_memory_limit 9223372036854771712\n",
        ], free: 872),
    Shown(
        testDescription: "version 1, a limit above what is shown", mounts: one, own: "4:memory:/\n",
        files: [
            "/g/memory/memory.limit_in_bytes": none, "/g/memory/memory.usage_in_bytes": "\(100 * mebi)\n",
            "/g/memory/memory.stat": "hierarchical_memory_limit \(320 * mebi)\n",
        ], free: 200, group: "/g/memory", isOfOneAbove: true),
    Shown(
        testDescription: "version 1, a limit above that is shown, too", mounts: one, own: "4:memory:/a\n",
        files: [
            "/g/memory/a/memory.limit_in_bytes": none, "/g/memory/a/memory.usage_in_bytes": "\(100 * mebi)\n",
            "/g/memory/a/memory.stat": "hierarchical_memory_limit \(320 * mebi)\n",
            "/g/memory/memory.limit_in_bytes": "\(320 * mebi)\n", "/g/memory/memory.usage_in_bytes": "\(100 * mebi)\n",
            "/g/memory/memory.use_hierarchy": "1\n", "/g/memory/memory.stat": "hierarchical_memory_limit \(320 * mebi)\n",
        ], free: 200, group: "/g/memory"),
    Shown(
        testDescription: "version 1, a limit above", mounts: one, own: "4:memory:/a/b\n",
        files: [
            "/g/memory/a/memory.limit_in_bytes": "\(160 * mebi)\n", "/g/memory/a/memory.usage_in_bytes": "0\n",
            "/g/memory/a/memory.use_hierarchy": "1\n",
        ], free: 150, group: "/g/memory/a"),
    Shown(
        testDescription: "version 1, a limit above that counts nothing below", mounts: one, own: "4:memory:/a/b\n",
        files: [
            "/g/memory/a/memory.limit_in_bytes": "\(160 * mebi)\n", "/g/memory/a/memory.usage_in_bytes": "0\n",
            "/g/memory/a/memory.use_hierarchy": "0\n",
        ], free: 872),
    Shown(
        testDescription: "not a number",
        files: ["/g/a/b/memory.max": "-1\n", "/g/a/memory.max": "", "/g/memory.max": "99999999999999999999\n"], free: 872),
]

struct FreeMemoryTests {
    @Test(arguments: shown) func theLeastOfAllLimitsIsWhatIsFree(shown: Shown) {
        let found = FreeMemory.of(
            host: shown.host.map { $0 * mebi }, mounts: ControlGroupMount.all(in: shown.mounts), own: shown.own
        ) { shown.files[$0] }
        let bound = shown.group.map { shown.isOfOneAbove ? MemoryBound.groupAbove($0) : .controlGroup($0) } ?? .host
        let expected = shown.free.map { FreeMemory(bytes: $0 * mebi, bound: bound) }
        #expect(found == expected)
    }

    /// Of this machine, whatever it is: the host's own number less what is left beside, or the number of a group that has a limit.
    @Test func thisProcessHasWhatTheKernelSays() throws {
        func available() throws -> UInt64 {
            let text = try String(contentsOfFile: "/proc/meminfo", encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") })
            return try #require(UInt64(line.split(separator: " ")[1])) * 1024
        }
        let before = try available()
        let free = try #require(FreeMemory.now())
        let after = try available()
        // Others take and give back meanwhile.
        let (least, most) = (min(before, after) / 2, max(before, after) + max(before, after) / 8)
        #expect(free.bytes > 0 && free.bytes <= most)
        switch free.bound {
        case .host: #expect(free.bytes + 128 * mebi >= least && free.bytes + 128 * mebi <= most, "\(free) beside \(before) and \(after)")
        case .controlGroup(let group), .groupAbove(let group):
            let limits = ["memory.max", "memory.high", "memory.limit_in_bytes", "memory.stat"].compactMap {
                KernelFiles.text("\(group)/\($0)")
            }
            #expect(limits.contains { $0 != "max\n" }, "\(free)")
        }
    }

    /// A room has no more than that, and holds no more than it says.
    @Test func aRoomHoldsWhatItSaysAndNoMore() throws {
        let most = try #require(FreeMemory.now()).bytes * 2
        let all: LinuxMemoryRoom
        do { all = try LinuxMemoryRoom(upTo: ByteCount(.max)) } catch {
            guard case .privileged = error.kind else { throw error }
            return  // we may not make one
        }
        #expect(all.size.bytes > 0 && all.size.bytes <= most)
        let small = try LinuxMemoryRoom(upTo: ByteCount(64 << 10))
        let file = try small.disk.open("a", .createNew(mode: 0o600))
        let fault = #expect(throws: FileFault.self) { try file.write([UInt8](repeating: 1, count: 128 << 10)) }
        #expect(fault?.kind == .full)
    }

    /// The kernel's own count of a group, with memory that cannot be had back and files that can.
    @Test(.enabled(if: version1 != nil && canIsolate, "no version 1 control group may be made here"))
    func aGroupOfTheKernelsIsReadAsItCounts() throws {
        let mount = try #require(version1)
        let name = "runner-free-\(getpid())"
        let group = "\(mount)/\(name)"
        #expect(KernelFiles.makeDirectories(group) == 0)
        defer { #expect(rmdir(group) == 0) }
        #expect(KernelFiles.write("\(64 * mebi)", to: "\(group)/memory.limit_in_bytes") == 0)
        func free() -> FreeMemory? {
            FreeMemory.of(
                host: 1 << 40, mounts: [ControlGroupMount(version: .one, path: mount, controllers: ["memory"])], own: "4:memory:/\(name)\n"
            ) { KernelFiles.text($0) }
        }
        #expect(free() == FreeMemory(bytes: 60 * mebi, bound: .controlGroup(group)))
        let scratch = try ScratchDirectory()
        let (files, memory) = ("\(scratch.path)/files", "/dev/shm/\(name)")
        defer { unlink(memory) }
        func asMember(_ script: String) throws {
            let line = "echo 0 > \(group)/tasks; \(script)"
            let pid = try spawn("/bin/sh", arguments: ["sh", "-c", line], environment: ["PATH=/usr/bin:/bin"], descriptors: [0, 1, 2])
            var status: Int32 = 0
            #expect(waitpid(pid, &status, 0) == pid && status == 0)
        }
        try asMember("head -c \(24 * mebi) /dev/zero > \(files); sync \(files)")
        let withFiles = try #require(free())
        #expect(withFiles.bytes > 44 * mebi, "\(withFiles)")
        try asMember("head -c \(24 * mebi) /dev/zero > \(memory)")
        let withMemory = try #require(free())
        #expect(withMemory.bytes > 20 * mebi && withMemory.bytes <= 36 * mebi, "\(withMemory)")
    }
}

/// Where memory is counted by version 1.
private let version1: String? = if case .v1(let mounts) = hostGroups { mounts["memory"] } else { nil }
