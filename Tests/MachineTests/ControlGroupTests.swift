import AgentModel
import CLinuxShims
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// Limits, figures and freezing by the kernel's own control groups.
@Suite(.enabled(if: hasGroups, "no control group may be made here"))
struct ControlGroupTests {
    @Test(arguments: [
        ("exec tail /dev/zero", ProcessEnd.signaled(9, outOfMemory: true)),
        ("kill -9 $$", .signaled(9, outOfMemory: false)),
    ])
    func aKillForMemoryIsToldApart(script: String, end: ProcessEnd) throws {
        let fixture = try SandboxFixture()
        var plan = fixture.plan(canIsolate ? .namespaces : .subreaper, script: script, groups: hostGroups)
        plan.controlGroup?.memoryLimit = .mebibytes(32)
        #expect(try fixture.life(plan).news == [.started(pid: 0), .ended(end), .vanished])
    }

    @Test func limitsAreSetAndFiguresAreRead() throws {
        let fixture = try SandboxFixture()
        var plan = fixture.plan(.subreaper, script: "echo up; exec sleep 1000", groups: hostGroups)
        plan.controlGroup?.memoryLimit = .mebibytes(64)
        plan.controlGroup?.cpuLimitMilli = 500
        plan.controlGroup?.processLimit = 20
        let planned = try #require(plan.controlGroup)
        let started = try fixture.start(plan)
        let group = try #require(ControlGroup(planned))
        #expect(group.members() == [started.pid])
        if group.version == .one {
            #expect(group.file("memory", "memory.limit_in_bytes").flatMap { KernelFiles.number($0) } == 64 << 20)
            #expect(group.file("cpu", "cpu.cfs_quota_us").flatMap { KernelFiles.number($0) } == 50_000)
            #expect(group.file("pids", "pids.max").flatMap { KernelFiles.number($0) } == 20)
        } else {
            #expect(group.file("", "memory.max").flatMap { KernelFiles.number($0) } == 64 << 20)
            #expect(group.file("", "cpu.max").flatMap { KernelFiles.text($0) } == "50000 100000\n")
        }
        let use = fixture.sandboxes.resources(started.id)
        #expect(use.processes == 1)
        #expect((use.memory ?? ByteCount(0)) > ByteCount(0) && (use.memoryPeak ?? ByteCount(0)) > ByteCount(0))
        #expect((use.cpu ?? .zero) > .zero)
        fixture.sandboxes.kill(started.id)
        _ = fixture.events { $0 == .sandbox(started.id, .vanished) }
        for path in group.paths { #expect(!KernelFiles.isDirectory(path)) }
    }

    @Test(arguments: groupHosts)
    func aFrozenAgentStandsStillGoesOnAndCanBeKilled(host: HostFacts.ControlGroups) throws {
        let fixture = try SandboxFixture()
        let plan = fixture.plan(.subreaper, script: "sleep 1000 & while :; do echo tick; sleep 0.01; done", groups: host)
        let started = try fixture.start(plan)
        #expect(fixture.sandboxes.freeze(started.id))
        // What was written before is read; then nothing more comes. The time is not waited for something: it is the claim.
        while case .output? = fixture.loop.next(until: 0) {}
        #expect(fixture.loop.next(until: shim_now() + 100_000_000) == nil)
        fixture.sandboxes.thaw(started.id)
        _ = fixture.events { if case .output = $0 { true } else { false } }
        #expect(fixture.sandboxes.freeze(started.id))
        fixture.sandboxes.kill(started.id)
        let news = fixture.summary(fixture.events { $0 == .sandbox(started.id, .vanished) }).news
        #expect(news == [.ended(.signaled(9, outOfMemory: false)), .vanished])
    }

    @Test func anAgentWithoutAGroupCannotBeFrozen() throws {
        let fixture = try SandboxFixture()
        let started = try fixture.start(fixture.plan(.subreaper, script: "echo up; exec sleep 1000"))
        #expect(!fixture.sandboxes.freeze(started.id))
        #expect(fixture.sandboxes.resources(started.id) == ResourceUse())
    }

    @Test func aLimitThatCannotBeSetIsAFault() throws {
        let fixture = try SandboxFixture()
        var plan = fixture.plan(.subreaper, ["true"], groups: .v1(["freezer": "/sys/fs/cgroup/freezer"]))
        plan.controlGroup?.memoryLimit = .mebibytes(64)
        let sentence = "could not limit the memory to 67.1 MB: this host has no 'memory' controller for us"
        #expect(throws: LaunchFault(.setUp, sentence)) { try fixture.sandboxes.launch(plan) }
        #expect(KernelFiles.names(in: fixture.place.runtime) == ["doors"])
    }
}

/// CLOCK_BOOTTIME, as the loop counts.
private func shim_now() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_BOOTTIME, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
