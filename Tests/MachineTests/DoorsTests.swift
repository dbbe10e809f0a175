import AgentModel
import CLinuxShims
import Glibc
@testable import LinuxWorld
import OutsideWorld
import Testing

/// Real sockets, with this process at both ends.
@Suite struct DoorsTests {
    /// A loop with doors in a directory of its own.
    private final class House {
        let scratch: ScratchDirectory
        let loop = EventLoop()
        let place: SupervisorPlace
        let doors: LinuxDoors

        init() throws {
            scratch = try ScratchDirectory()
            let name = try #require(AgentName("agent-7"))
            place = SupervisorPlace(agent: name, store: scratch.path, runtime: scratch.path + "/run/agent-7", noEarlierThan: nil)
            doors = LinuxDoors(loop, place) { $0 == getpid() ? SandboxID(5) : nil }
        }

        func connect(_ socket: String) throws -> Client { try Client(place.runtime + "/" + socket, SOCK_STREAM) }

        func accepted() throws -> (ConnectionID, Door, PeerCredentials) {
            try loop.wait { if case .connected(let id, let door, let peer) = $0 { (id, door, peer) } else { nil } }
        }
    }

    /// The far end of a connection.
    private final class Client: Sendable {
        let descriptor: Int32

        init(_ path: String, _ type: __socket_type) throws {
            descriptor = shim_unix_connect(path, Int32(type.rawValue), 1000)
            try #require(descriptor >= 0, "connecting to '\(path)' failed: \(descriptor)")
        }

        deinit { close(descriptor) }

        func say(_ bytes: [UInt8]) { #expect(send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count) }

        func hear(_ count: Int) -> [UInt8] { (try? readSome(descriptor, count).get()) ?? [] }

        /// Everything until the other side closes.
        func hearAll() -> Int {
            var total = 0
            while case .success(let bytes) = readSome(descriptor, 1 << 20), !bytes.isEmpty { total += bytes.count }
            return total
        }
    }

    /// /tmp/runner-1000 may have been made by somebody who waits for us there.
    @Test(.enabled(if: geteuid() == 0, "needs root"), arguments: ["run/agent-7", "run", "."])
    func aRuntimeDirectoryOfAnotherIsRefused(_ which: String) throws {
        let house = try House()
        let disk = try LinuxDisk(at: house.scratch.path, create: false)
        try disk.makeDirectories("run/agent-7")
        try disk.setOwner(which == "." ? nil : DiskPath(which), FileOwner(user: 1000, group: 1000))
        for door in Door.allCases {
            #expect(throws: FileFault(.denied, doing: "use, because others could put their own in its place,", what: house.place.runtime)) {
                try house.doors.open(door)
            }
        }
        try disk.setOwner(nil, .root)
        try disk.setOwner("run", .root)
        try disk.setOwner("run/agent-7", .root)
        try disk.setMode("run/agent-7", 0o777)
        #expect(throws: FileFault.self) { try house.doors.open(.control) }
        try disk.setMode("run/agent-7", 0o711)
        try house.doors.open(.control)
    }

    private let us = PeerCredentials(pid: getpid(), userID: geteuid(), isInside: SandboxID(5))

    @Test(arguments: [Door.agent, .control]) func bytesGoBothWaysUntilThePeerCloses(_ door: Door) throws {
        let house = try House()
        try house.doors.open(door)
        var client: Client? = try house.connect(door == .control ? "control.sock" : "doors/agent.sock")
        let (id, at, peer) = try house.accepted()
        #expect(at == door && peer == us)
        client?.say([1, 2, 3])
        try house.loop.wait(for: .received(id, [1, 2, 3]))
        house.doors.send([4], to: id)
        house.doors.send([5, 6], to: id)
        #expect(client?.hear(9) == [4, 5, 6])
        client = nil
        try house.loop.wait(for: .closed(id))
        house.doors.send([7], to: id)
        house.doors.close(id)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root")) func aPeerIsWhoTheKernelSaysItIs() throws {
        let house = try House()
        try house.doors.open(.agent)
        let (scratch, place) = (house.scratch.path, house.place)
        for directory in [scratch, scratch + "/run", place.runtime, place.doors] { chmod(directory, 0o755) }
        let become = ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups"]
        let visitor = try Child(become + [SandboxFixture.driverPath, "visit", place.doors + "/agent.sock"])
        #expect(visitor.line() == "in")
        let (_, _, peer) = try house.accepted()
        #expect(peer.userID == 65_534 && peer.pid > 1 && peer.pid != getpid() && peer.isInside == nil)
    }

    @Test func whatAPeerSaidBeforeItWentIsHeard() throws {
        let house = try House()
        try house.doors.open(.agent)
        var client: Client? = try house.connect("doors/agent.sock")
        let (id, _, _) = try house.accepted()
        client?.say([9])
        client = nil
        house.doors.send([1], to: id)
        try house.loop.wait(for: .received(id, [9]))
        try house.loop.wait(for: .closed(id))
    }

    @Test func aPeerThatDoesNotReadIsClosed() throws {
        let house = try House()
        try house.doors.open(.agent)
        let client = try house.connect("doors/agent.sock")
        let (id, _, _) = try house.accepted()
        for _ in 0..<9 { house.doors.send([UInt8](repeating: 0, count: 1 << 20), to: id) }
        try house.loop.wait(for: .closed(id))
        #expect(client.hearAll() < 1 << 20)
    }

    @Test func closingSendsWhatIsQueuedAndSaysNothing() throws {
        let house = try House()
        try house.doors.open(.control)
        let client = try house.connect("control.sock")
        let (id, _, _) = try house.accepted()
        house.doors.send([UInt8](repeating: 1, count: 4 << 20), to: id)
        house.doors.close(id)
        let workers = LinuxWorkers(house.loop)
        let heard = Note(0)
        workers.startWork(WorkID(1)) { heard.value = client.hearAll() }
        var events: [WorldEvent] = []
        try house.loop.wait { event -> Void? in
            events.append(event)
            return event == .workDone(WorkID(1)) ? () : nil
        }
        #expect(events == [.workDone(WorkID(1))])
        #expect(heard.value == 4 << 20)
    }

    @Test func oneConnectionTooManyIsClosedAtOnce() throws {
        let house = try House()
        try house.doors.open(.agent)
        try house.doors.open(.control)
        let inside = try (0..<LinuxDoors.connectionLimit).map { _ in
            let client = try house.connect("doors/agent.sock")
            _ = try house.accepted()
            return client
        }
        let late = try house.connect("doors/agent.sock")
        let person = try house.connect("control.sock")
        #expect(try house.accepted().1 == .control)
        #expect(late.hear(1) == [])
        withExtendedLifetime((inside, person)) {}
    }

    @Test func aDatagramComesWithItsSenderAndATooLongOneNotAtAll() throws {
        let house = try House()
        try house.doors.open(.notify)
        let client = try Client(house.place.doors + "/notify.sock", SOCK_DGRAM)
        client.say([UInt8](repeating: 0, count: LinuxDoors.datagramLimit + 1))
        client.say(Array("READY=1".utf8))
        try house.loop.wait(for: .datagram(Array("READY=1".utf8), us))
    }

    @Test func doorsAreMadeWithTheirModesAndReplaceWhatLiesThere() throws {
        let house = try House()
        let disk = try LinuxDisk(at: house.scratch.path, create: false)
        try disk.makeDirectories("run/agent-7/doors/agent.sock/planted")
        try disk.makeSymbolicLink("run/agent-7/doors/staging", to: "/etc")
        try disk.makeSymbolicLink("run/agent-7/doors/notify.sock", to: "/etc/hostname")
        for door in Door.allCases { try house.doors.open(door) }
        let modes: [(DiskPath, UInt32)] = [
            ("run/agent-7", 0o700), ("run/agent-7/doors", 0o700), ("run/agent-7/doors/staging", 0o700), ("run/agent-7/control.sock", 0o600),
            ("run/agent-7/doors/agent.sock", 0o666), ("run/agent-7/doors/notify.sock", 0o666),
        ]
        for (path, mode) in modes { #expect(try disk.entry(at: path)?.mode == mode, "\(path)") }
        // Another supervisor after this one.
        let next = LinuxDoors(house.loop, house.place) { _ in nil }
        for door in Door.allCases { try next.open(door) }
        let client = try house.connect("control.sock")
        #expect(try house.accepted().1 == .control)
        withExtendedLifetime((client, next)) {}
    }

    @Test func aPathThatNoSocketHoldsIsRefusedByName() throws {
        let scratch = try ScratchDirectory()
        let runtime = scratch.path + "/" + String(repeating: "x", count: 100)
        let name = try #require(AgentName("agent-7"))
        let place = SupervisorPlace(agent: name, store: "/", runtime: runtime, noEarlierThan: nil)
        let doors = LinuxDoors(EventLoop(), place) { _ in nil }
        let path = runtime + "/control.sock"
        let what = "\(path) (\(path.utf8.count) bytes; a socket's path holds at most 107)"
        #expect(throws: FileFault(.tooLarge, doing: "open the socket", what: what)) { try doors.open(.control) }
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives files away"))
    func anotherUserGetsStagingAndAWayThroughTheRest() throws {
        let house = try House()
        try house.doors.open(.agent)
        try DoorPlaces(house.place).admit(userID: 12_345, groupID: 12_346)
        var status = stat()
        #expect(lstat(house.place.doors + "/staging", &status) == 0)
        #expect(status.st_uid == 12_345 && status.st_gid == 12_346 && status.st_mode & 0o7777 == 0o700)
        #expect(lstat(house.place.doors, &status) == 0)
        #expect(status.st_uid == 0 && status.st_mode & 0o7777 == 0o711)
        #expect(stat(house.scratch.path + "/run", &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o711)
    }
}
