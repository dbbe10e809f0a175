import AgentModel
import CLinuxShims
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// The supervisor is a process of its own here and really killed.
struct SandboxAdoptionTests {
    /// Launches by another process and kills that one. - Returns: pid of the agent on the host, and a handle on it.
    private func orphan(_ fixture: SandboxFixture, _ plan: LaunchPlan) throws -> (pid: Int32, handle: HeldDescriptor) {
        let saved = try fixture.savedPlan(plan)
        let driver = try Child([SandboxFixture.driverPath, "supervise", fixture.place.runtime, SandboxFixture.initPath, saved])
        let line = try #require(driver.line())
        let pid = try #require(Int32(line.filter(\.isNumber)), "the driver said: \(line)")
        let handle = HeldDescriptor(shim_process_open(pid))
        driver.kill()
        return (pid, handle)
    }

    @Test(arguments: Shape.possible)
    func theAgentLivesOnAndIsAdopted(shape: Shape) throws {
        let fixture = try SandboxFixture()
        let script = "trap 'echo stopping; exit 9' 15; while :; do echo tick; sleep 0.02; done"
        let agent = try orphan(fixture, fixture.plan(shape, script: script, groups: hasGroups ? hostGroups : nil))
        #expect(!ProcessLook.hasEnded(handle: agent.handle.number))
        let adopted = try #require(try fixture.sandboxes.adopt(fixture.agent, doorsDirectory: fixture.place.doors))
        #expect(adopted.incarnation == 7 && adopted.pid == agent.pid)
        _ = fixture.events { if case .output = $0 { true } else { false } }
        if hasGroups { #expect(fixture.sandboxes.freeze(adopted.id)) }
        fixture.sandboxes.thaw(adopted.id)
        fixture.sandboxes.signal(adopted.id, SIGTERM)
        let told = fixture.summary(fixture.events { $0 == .sandbox(adopted.id, .vanished) })
        #expect(told.news == [.ended(.exited(9)), .vanished])
        #expect(told.out.hasSuffix("stopping\n"))
        #expect(KernelFiles.names(in: fixture.place.runtime) == ["doors"])
    }

    @Test(arguments: Shape.possible)
    func anEndNobodySawIsLearntWithItsLastWords(shape: Shape) throws {
        let fixture = try SandboxFixture()
        let script = "until [ -e $ROOT/work/go ]; do sleep 0.01; done; echo last words; exit 11"
        let agent = try orphan(fixture, fixture.plan(shape, script: script))
        fixture.write("", to: "work/go")
        #expect(ProcessLook.hasEnded(handle: agent.handle.number, within: 20_000))
        let adopted = try #require(try fixture.sandboxes.adopt(fixture.agent, doorsDirectory: fixture.place.doors))
        let told = fixture.summary(fixture.events { $0 == .sandbox(adopted.id, .vanished) })
        #expect(told.news == [.ended(.exited(11)), .vanished])
        #expect(told.out == "last words\n")
        #expect(try fixture.sandboxes.adopt(fixture.agent, doorsDirectory: fixture.place.doors) == nil)
    }

    @Test(arguments: Shape.possible)
    func nobodyAdoptsAndEverythingEnds(shape: Shape) throws {
        let fixture = try SandboxFixture()
        let word = "3\(UInt32.random(in: 100_000...999_999))"
        let script = "(setsid sleep \(word) &) ; trap 'touch $ROOT/work/asked' 15; while :; do sleep 0.02; done"
        var plan = fixture.plan(shape, script: script, groups: hasGroups ? hostGroups : nil)
        plan.adoptWithin = .milliseconds(200)
        plan.stopDeadline = .milliseconds(200)
        let agent = try orphan(fixture, plan)
        let record = try #require(SandboxRecord.read(fixture.place.runtime + "/sandbox"))
        let initHandle = HeldDescriptor(shim_process_open(try #require(record.initProcess?.pid)))
        #expect(ProcessLook.hasEnded(handle: initHandle.number, within: 20_000))
        #expect(ProcessLook.hasEnded(handle: agent.handle.number))
        #expect(KernelFiles.names(in: fixture.root + "/work") == ["asked"])
        #expect(SandboxFixture.commandLines(with: word) == [])
        for path in record.group?.paths ?? [] { #expect(!KernelFiles.isDirectory(path)) }
        #expect(try fixture.sandboxes.adopt(fixture.agent, doorsDirectory: fixture.place.doors) == nil)
        #expect(KernelFiles.names(in: fixture.place.runtime) == ["doors"])
    }

    /// A rehearsal is nobody's to adopt: it ends with its supervisor, and the agent lives on.
    @Test(.enabled(if: canIsolate, "namespaces need root with CAP_SYS_ADMIN"))
    func aRehearsalEndsWithItsSupervisor() throws {
        let fixture = try SandboxFixture()
        let beside = fixture.place.rehearsal
        let plan = fixture.plan(.namespaces, script: "while :; do echo tick; sleep 0.02; done", groups: hasGroups ? hostGroups : nil)
        let saved = try fixture.savedPlan(plan)
        let driver = try Child([SandboxFixture.driverPath, "rehearse", fixture.place.runtime, SandboxFixture.initPath, saved])
        #expect(driver.line() == "ready")
        let record = try #require(SandboxRecord.read(beside.runtime + "/sandbox"))
        let own = try #require(SandboxRecord.read(fixture.place.runtime + "/sandbox"))
        let initHandle = HeldDescriptor(shim_process_open(try #require(record.initProcess?.pid)))
        #expect(record.initProcess != own.initProcess)
        let (paths, ownPaths) = (Set(record.group?.paths ?? []), Set(own.group?.paths ?? []))
        #expect(paths.isDisjoint(with: ownPaths))
        driver.kill()
        #expect(ProcessLook.hasEnded(handle: initHandle.number, within: 20_000))
        for path in record.group?.paths ?? [] { #expect(!KernelFiles.isDirectory(path)) }

        let adopted = try #require(try fixture.sandboxes.adopt(fixture.agent, doorsDirectory: fixture.place.doors))
        #expect(!KernelFiles.isDirectory(beside.runtime))
        #expect(ProcessLook.marked(LinuxSandboxes.mark(initSocket: beside.initSocket), session: nil).isEmpty)
        _ = fixture.events { if case .output = $0 { true } else { false } }
        fixture.sandboxes.kill(adopted.id)
        _ = fixture.events { $0 == .sandbox(adopted.id, .vanished) }
    }

    /// Supervisor and init both killed, and nobody comes: the agent must not go on unwatched.
    @Test(arguments: Shape.possible)
    func theAgentEndsWithItsInit(shape: Shape) throws {
        let fixture = try SandboxFixture()
        let agent = try orphan(fixture, fixture.plan(shape, script: "trap '' 1 2 15; while :; do sleep 0.02; done"))
        let record = try #require(SandboxRecord.read(fixture.place.runtime + "/sandbox"))
        Glibc.kill(try #require(record.initProcess?.pid), SIGKILL)
        #expect(ProcessLook.hasEnded(handle: agent.handle.number, within: 20_000))
    }

    /// Supervisor and init both killed: where no namespace ends the agent with its init, adoption must.
    @Test(arguments: Shape.possible, [true, false])
    func whatIsLeftWithoutInitIsEndedByAdoption(shape: Shape, hasRecord: Bool) throws {
        let fixture = try SandboxFixture()
        let word = "3\(UInt32.random(in: 100_000...999_999))"
        let agent = try orphan(fixture, fixture.plan(shape, script: "(setsid sleep \(word) &) ; sleep \(word)"))
        Glibc.kill(try fixture.initPid(), SIGKILL)
        if !hasRecord { unlink(fixture.place.runtime + "/sandbox") }
        #expect(try fixture.sandboxes.adopt(fixture.agent, doorsDirectory: fixture.place.doors) == nil)
        #expect(ProcessLook.hasEnded(handle: agent.handle.number, within: 20_000))
        #expect(SandboxFixture.commandLines(with: word) == [])
        #expect(try fixture.life(fixture.plan(shape, ["true"])).news.last == .vanished)
    }

    @Test(arguments: Shape.possible)
    func aSandboxWhoseSocketIsGoneIsEnded(shape: Shape) throws {
        let fixture = try SandboxFixture()
        let agent = try orphan(fixture, fixture.plan(shape, script: "exec sleep 1000"))
        unlink(fixture.place.initSocket)
        #expect(try fixture.sandboxes.adopt(fixture.agent, doorsDirectory: fixture.place.doors) == nil)
        #expect(ProcessLook.hasEnded(handle: agent.handle.number, within: 20_000))
    }

    // MARK: Strangers at the socket

    @Test(arguments: Shape.possible)
    func aSecondSupervisorIsRefused(shape: Shape) throws {
        let fixture = try SandboxFixture()
        let started = try fixture.start(fixture.plan(shape, script: "echo up; exec sleep 1000"))
        let other = LinuxSandboxes(loop: EventLoop(), place: fixture.place, initPath: SandboxFixture.initPath)
        let sentence = "could not take over the agent's sandbox: another supervisor holds it. Stop that one first"
        #expect(throws: LaunchFault(.system, sentence)) { try other.adopt(fixture.agent, doorsDirectory: fixture.place.doors) }
        fixture.sandboxes.signal(started.id, SIGTERM)
        let news = fixture.summary(fixture.events { $0 == .sandbox(started.id, .vanished) }).news
        #expect(news == [.ended(.signaled(15, outOfMemory: false)), .vanished])
    }

    @Test(arguments: Shape.possible)
    func nobodyFromInsideSupervises(shape: Shape) throws {
        let fixture = try SandboxFixture()
        let knock = "\(SandboxFixture.driverPath) knock \(fixture.place.initSocket)"
        let script =
            "until [ -e $ROOT/work/go ]; do sleep 0.01; done; \(knock) > $ROOT/work/.answer; mv $ROOT/work/.answer $ROOT/work/answer; sleep 1000"
        _ = try orphan(fixture, fixture.plan(shape, script: script))
        fixture.write("", to: "work/go")
        let deadline = shim_boottime_ns() + 20_000_000_000
        // A file tells nobody of itself, so it is looked for again and again.
        while access(fixture.root + "/work/answer", F_OK) != 0, shim_boottime_ns() < deadline { usleep(2000) }
        #expect(KernelFiles.text(fixture.root + "/work/answer") == "closed\n")
        #expect(try fixture.sandboxes.adopt(fixture.agent, doorsDirectory: fixture.place.doors) != nil)
    }

    @Test(.enabled(if: geteuid() == 0, "only root may become another user"), arguments: Shape.possible)
    func anotherUserDoesNotSupervise(shape: Shape) throws {
        let fixture = try SandboxFixture()
        _ = try orphan(fixture, fixture.plan(shape, script: "exec sleep 1000"))
        let knock = ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups", SandboxFixture.driverPath, "knock", fixture.place.initSocket]
        for path in [fixture.root, fixture.place.runtime] { chmod(path, 0o755) }
        #expect(try fixture.run(knock) == "errno \(EACCES)\n")
        chmod(fixture.place.initSocket, 0o777)
        #expect(try fixture.run(knock) == "closed\n")
    }

    @Test(arguments: Shape.possible, [0, 1, 3, 7, 8, 9, 4096])
    func whoeverSaysNonsenseIsDroppedAndTheAgentLives(shape: Shape, length: Int) throws {
        let fixture = try SandboxFixture()
        let agent = try orphan(fixture, fixture.plan(shape, script: "exec sleep 1000"))
        let stranger = HeldDescriptor(shim_packet_connect(fixture.place.initSocket))
        guard case .report? = SandboxPacket.receive(stranger.number, within: 20_000) else {
            Issue.record("no hello")
            return
        }
        let nonsense = [UInt8](repeating: 0xfe, count: length)
        #expect(send(stranger.number, nonsense, length, 0) == length)
        guard case .over? = SandboxPacket.receive(stranger.number, within: 20_000) else {
            Issue.record("not dropped")
            return
        }
        let adopted = try #require(try fixture.sandboxes.adopt(fixture.agent, doorsDirectory: fixture.place.doors))
        #expect(adopted.pid == agent.pid)
    }
}
