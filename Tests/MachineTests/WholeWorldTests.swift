import AgentModel
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// Linux as a supervisor sees it: signals, an agent behind its init, and the door it knocks at.
@Suite struct WholeWorldTests {
    /// Connects to agent.sock from a grandchild of the agent, says hello, and repeats what it is answered.
    private static let knock = """
        perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ENV{DOOR})) or die $!;
        syswrite(S, "hello"); sysread(S, $answer, 99); print "heard $answer\\n"' & wait
        """

    @Test(arguments: Shape.possible) func anAgentIsKnownAtTheDoor(_ shape: Shape) throws {
        try onOwnThread {
            let fixture = try SandboxFixture()
            let world = try self.world(fixture)
            try world.open(.agent)
            var plan = fixture.plan(shape, script: Self.knock)
            plan.environment.append(.init(name: "DOOR", value: plan.doorsInside + "/agent.sock"))
            let id = try world.launch(plan)
            let (connection, peer) = try self.wait(world) {
                if case .connected(let connection, .agent, let peer) = $0 { (connection, peer) } else { nil }
            }
            #expect(peer.isInside == id && peer.userID == geteuid() && peer.pid > 0)
            try self.wait(world) { $0 == .received(connection, Array("hello".utf8)) ? () : nil }
            world.send(Array("you".utf8), to: connection)
            try self.wait(world) { $0 == .output(id, .standardOutput, Array("heard you\n".utf8)) ? () : nil }
            try self.wait(world) { $0 == .sandbox(id, .vanished) ? () : nil }
        }
    }

    @Test(.enabled(if: canIsolate && geteuid() == 0, "needs root and namespaces")) func anAgentOfAnotherUserReachesItsDoor() throws {
        try onOwnThread {
            let fixture = try SandboxFixture()
            let world = try self.world(fixture)
            try world.open(.agent)
            var plan = fixture.plan(.namespaces, script: "echo state > $STAGING/state && " + Self.knock)
            plan.userID = 12_345
            plan.groupID = 12_345
            plan.workingDirectory = "/"
            plan.environment.append(.init(name: "DOOR", value: plan.doorsInside + "/agent.sock"))
            plan.environment.append(.init(name: "STAGING", value: plan.doorsInside + "/staging"))
            let id = try world.launch(plan)
            let peer = try self.wait(world) { if case .connected(_, .agent, let peer) = $0 { peer } else { nil } }
            #expect(peer.isInside == id && peer.userID == 12_345)
            #expect(try world.disk(at: fixture.place.doors + "/staging").names(in: nil) == ["state"])
            world.kill(id)
            try self.wait(world) { $0 == .sandbox(id, .vanished) ? () : nil }
        }
    }

    @Test func whoIsInNoSandboxIsOutside() throws {
        try onOwnThread {
            let fixture = try SandboxFixture()
            let world = try self.world(fixture)
            let id = try world.launch(fixture.plan(.subreaper, script: "exec sleep 600"))
            try world.open(.control)
            let listed = try ControlClient(fixture.place.controlSocket, within: .seconds(10))
            let peer = try self.wait(world) { if case .connected(_, .control, let peer) = $0 { peer } else { nil } }
            #expect(peer == PeerCredentials(pid: getpid(), userID: geteuid(), isInside: nil))
            world.kill(id)
            try self.wait(world) { $0 == .sandbox(id, .vanished) ? () : nil }
            _ = consume listed
        }
    }

    // MARK: Tools

    private func world(_ fixture: SandboxFixture) throws -> LinuxWorld {
        #expect(KernelFiles.makeDirectories(fixture.place.store) == 0)
        return try LinuxWorld(fixture.place, over: { $0 }, streams: StandardStreams()) { loop, place in
            LinuxSandboxes(loop: loop, place: place, initPath: SandboxFixture.initPath)
        }
    }

    @discardableResult
    private func wait<Picked>(_ world: LinuxWorld, _ pick: (WorldEvent) -> Picked?) throws -> Picked {
        let end = world.now() + .seconds(20)
        while let event = world.next(until: end) {
            if let picked = pick(event) { return picked }
        }
        throw NothingCame()
    }
}
