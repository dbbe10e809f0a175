import AgentModel
import CLinuxShims
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// Nothing of an agent's tree outlives it: looked at from outside, in /proc.
struct SandboxTreeTests {
    enum Death: CaseIterable { case exit, agentKilled, ordered, initKilled }

    @Test(arguments: Shape.possible, Death.allCases)
    func noGrandchildOutlivesTheSandbox(shape: Shape, death: Death) throws {
        let fixture = try SandboxFixture()
        // The word marks every process. A plain child, a daemon (double fork, own session), one that ignores what can be ignored, and, where
        // init is alive to see it, one that also scrubbed its environment.
        let word = "3\(UInt32.random(in: 100_000...999_999))"
        var script =
            "sleep \(word) & (setsid sh -c 'sleep \(word) & sleep \(word)' &) ; (setsid sh -c 'trap \"\" 1 2 15; sleep \(word)' &) ;"
        if death != .initKilled || shape == .namespaces { script += " (env -i /usr/bin/setsid /bin/sleep \(word) &) ;" }
        script += death == .exit ? " sleep 0.1; echo up; exit 0" : " sleep 0.1; echo up; sleep \(word)"
        let started = try fixture.start(fixture.plan(shape, script: script))
        var expected = ProcessEnd.signaled(9, outOfMemory: false)
        switch death {
        case .exit: expected = .exited(0)
        case .agentKilled: Glibc.kill(started.pid, SIGKILL)
        case .ordered: fixture.sandboxes.kill(started.id)
        case .initKilled:
            expected = .unknown
            Glibc.kill(try fixture.initPid(), SIGKILL)
        }
        let news = fixture.summary(fixture.events { $0 == .sandbox(started.id, .vanished) }).news
        #expect(news == [.ended(expected), .vanished])
        #expect(SandboxFixture.commandLines(with: word) == [])
    }

    @Test(.enabled(if: hasGroups, "no control group may be made here"))
    func aControlGroupFindsWhatScrubbedItself() throws {
        let fixture = try SandboxFixture()
        let word = "3\(UInt32.random(in: 100_000...999_999))"
        let script = "(env -i /usr/bin/setsid /bin/sleep \(word) &) ; sleep 0.1; echo up; sleep \(word)"
        let started = try fixture.start(fixture.plan(.subreaper, script: script, groups: hostGroups))
        Glibc.kill(try fixture.initPid(), SIGKILL)
        #expect(fixture.summary(fixture.events { $0 == .sandbox(started.id, .vanished) }).news == [.ended(.unknown), .vanished])
        #expect(SandboxFixture.commandLines(with: word) == [])
    }

    @Test(arguments: Shape.possible)
    func aProcessIsKnownByItsSandbox(shape: Shape) throws {
        let fixture = try SandboxFixture()
        let word = "3\(UInt32.random(in: 100_000...999_999))"
        let started = try fixture.start(
            fixture.plan(shape, script: "(env -i /usr/bin/setsid /bin/sleep \(word) &) ; sleep 0.1; echo up; sleep \(word)"))
        let inside = KernelFiles.names(in: "/proc").compactMap { Int32($0) }.filter {
            KernelFiles.text("/proc/\($0)/cmdline") == "/bin/sleep\0\(word)\0"
        }
        #expect(inside.count == 1)
        for pid in inside + [started.pid] { #expect(fixture.sandboxes.sandbox(of: pid) == started.id) }
        for pid in [getpid(), 1, 0, Int32.max] { #expect(fixture.sandboxes.sandbox(of: pid) == nil) }
    }

    /// The whole supervision without root: a supervisor of another user, in a process of its own.
    @Test(.enabled(if: geteuid() == 0, "only root may become another user"))
    func itWorksWithoutRoot() throws {
        let fixture = try SandboxFixture()
        let word = "3\(UInt32.random(in: 100_000...999_999))"
        let script = "(setsid sleep \(word) &); grep NoNewPrivs /proc/self/status; id -u; exit 6"
        let plan = try fixture.savedPlan(fixture.plan(.subreaper, script: script))
        for path in [fixture.root, fixture.place.runtime, fixture.root + "/work"] { chmod(path, 0o777) }
        let told = try fixture.run([
            "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SandboxFixture.driverPath, "supervise",
            fixture.place.runtime, SandboxFixture.initPath, plan,
        ])
        #expect(told.contains("NoNewPrivs:\t1\n"))
        #expect(told.contains("65534\n"))
        #expect(told.hasSuffix("ended(AgentModel.ProcessEnd.exited(6))\nvanished\n"))
        #expect(SandboxFixture.commandLines(with: word) == [])
    }
}
