import AgentModel
import CLinuxShims
import Glibc
import LaunchPlans
@testable import LinuxWorld
import OutsideWorld
import Testing

/// The machine as a command sees it.
@Suite struct LinuxMachineTests {
    private func machine(program: String = "/proc/self/exe", environment: [String: String] = [:]) -> LinuxMachine {
        LinuxMachine(arguments: [], environment: environment, program: program, facts: { fatalError("nobody asked") }) { _, _ in
            NoSandboxes()
        }
    }

    // MARK: Small questions

    /// Within one boot, however the calendar was set meanwhile.
    @Test func timeGoesOnAsTheLastRunCountedIt() throws {
        let scratch = try ScratchDirectory()
        let disk = try LinuxDisk(at: scratch.path, create: false)
        let first = LinuxClock(keptAt: "clock", on: disk, noEarlierThan: Moment(nanoseconds: 1 << 62))
        #expect(first.now().nanoseconds >= 1 << 62)
        let second = LinuxClock(keptAt: "clock", on: disk, noEarlierThan: nil)
        let before = first.now()
        let passed = second.now() - before
        #expect(passed >= .zero && passed < .seconds(600))
        // Of another boot, or of nobody: the calendar.
        for strange in ["00000000-0000-0000-0000-000000000000 7", "", "7", "a b c"] {
            try disk.replace("clock", with: Array(strange.utf8))
            #expect(LinuxClock(keptAt: "clock", on: disk, noEarlierThan: nil).now().nanoseconds < 1 << 62)
        }
    }

    @Test func timeGoesOnFromTheLastRunAndNeverBack() {
        let wall = LinuxClock(noEarlierThan: nil).wallTime().nanoseconds
        let late = Moment(nanoseconds: wall + 3_600_000_000_000)
        #expect(LinuxClock(noEarlierThan: late).now() >= late)
        let fresh = LinuxClock(noEarlierThan: Moment(nanoseconds: 5))
        #expect(fresh.now().nanoseconds >= wall)
        let moments = (0..<1000).map { _ in fresh.now() }
        #expect(moments == moments.sorted())
        // What the loop waits for is the same point in time.
        #expect(abs(fresh.bootNanoseconds(of: fresh.now()) - shim_boottime_ns()) < 1_000_000_000)
        #expect(fresh.bootNanoseconds(of: Moment(nanoseconds: .max)) > shim_boottime_ns())
    }

    @Test func randomNumbersDiffer() {
        let machine = machine()
        #expect(Set((0..<64).map { _ in machine.randomNumber() }).count == 64)
    }

    struct User: Sendable {
        var text: String
        var found: [UInt32]?
    }
    @Test(arguments: [
        User(text: "root", found: [0, 0]), User(text: "0", found: [0, 0]), User(text: "app", found: [1000, 1001]),
        User(text: "1000", found: [1000, 1001]), User(text: "4242", found: [4242, 4242]), User(text: "app:staff", found: [1000, 50]),
        User(text: "4242:7", found: [4242, 7]), User(text: "nobody-here", found: nil), User(text: "app:none", found: nil),
        User(text: "", found: nil), User(text: "app:", found: nil), User(text: ":50", found: nil), User(text: "broken", found: nil),
        User(text: "a:b:c", found: nil), User(text: "-1", found: nil),
    ])
    func usersAreFoundByNameAndNumber(_ row: User) {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken:x:nonsense\n\napp:x:1000:1001::/home/app:/bin/sh\n"
        let files = UserFiles(users: Array(users.utf8), groups: Array("staff:x:50:app\n".utf8))
        #expect(files.find(row.text).map { [$0.userID, $0.groupID] } == row.found)
    }

    @Test func filesAreReadUpToALimit() throws {
        let scratch = try ScratchDirectory()
        let path = try scratch.file("spec", "12345")
        #expect(try machine().readFile(path, limit: ByteCount(5)) == Array("12345".utf8))
        #expect(throws: FileFault(.tooLarge, doing: "read", what: path)) { try machine().readFile(path, limit: ByteCount(4)) }
        #expect(throws: FileFault(.missing, doing: "open", what: "/none")) { try machine().readFile("/none", limit: ByteCount(4)) }
        #expect(throws: FileFault(.system(EISDIR), doing: "read", what: "/")) { try machine().readFile("/", limit: ByteCount(4)) }
        #expect(machine().user("root")?.userID == 0)
        #expect(machine().workingDirectory.hasPrefix("/"))
    }

    @Test func wordsBetweenProcessAndStarterAreNotHandedOn() {
        let given = [
            "PATH": "/bin", "RUNNER_READY_FD": "99", "NOTIFY_SOCKET": "", "WATCHDOG_USEC": "1", "LISTEN_FDS": "1", "RUNNER_STORE": "/s",
        ]
        #expect(machine(environment: given).environment == ["PATH": "/bin", "RUNNER_STORE": "/s"])
        machine(environment: given).sayReady()
    }

    // MARK: Asking a supervisor

    @Test func answersComeLineByLine() throws {
        let server = try Server()
        let lines = Note<[String]>([])
        let fault = server.serving(["one\ntwo\nth", "ree\nfour\n"]) { socket throws(AskFault) in
            try machine().ask(socket, Array("question".utf8), within: .seconds(10)) { line in
                lines.value.append(String(decoding: line, as: UTF8.self))
                return lines.value.count < 3
            }
        }
        #expect(fault == nil)
        #expect(lines.value == ["one", "two", "three"])
        #expect(server.heard == "question\n")
    }

    @Test func anAnswerEndsWithTheConnection() throws {
        for (parts, expected) in [(["one\n"], nil), ([], .noAnswer), (["one\nha"], .noAnswer)] as [([String], AskFault?)] {
            let server = try Server()
            let fault = server.serving(parts) { socket throws(AskFault) in
                try machine().ask(socket, [], within: .seconds(10)) { _ in true }
            }
            #expect(fault == expected, "\(parts)")
        }
    }

    @Test func whoCannotBeAskedIsToldApart() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/control.sock"
        #expect(throws: AskFault.nobody) { try machine().ask(path, [], within: .seconds(10)) { _ in true } }
        let listener = shim_unix_bind(path, Int32(SOCK_STREAM.rawValue), 0o600)
        #expect(throws: AskFault.nobody) { try machine().ask(path, [], within: .seconds(10)) { _ in true } }
        #expect(listen(listener, 1) == 0)
        #expect(throws: AskFault.noAnswer) { try machine().ask(path, [], within: .milliseconds(20)) { _ in true } }
        #expect(throws: AskFault.system(ENAMETOOLONG)) {
            try machine().ask("/" + String(repeating: "x", count: 107), [], within: .seconds(10)) { _ in true }
        }
        chmod(scratch.path, 0)
        withoutRights { #expect(throws: AskFault.denied) { try machine().ask(path, [], within: .seconds(10)) { _ in true } } }
        chmod(scratch.path, 0o700)
        close(listener)
        #expect(throws: AskFault.nobody) { try machine().ask(path, [], within: .seconds(10)) { _ in true } }
    }

    // MARK: Starting in the background

    private func start(_ script: String, within: Duration = .seconds(30), log: String) throws -> BackgroundStart {
        // The shell is given as the program; what it runs is its first arguments.
        try machine(program: "/bin/sh", environment: ["PATH": "/usr/bin:/bin", "RUNNER_READY_FD": "stale"])
            .startDetached(["-c", script], log: log, within: within)
    }

    @Test func aDetachedProgramIsFollowedUntilItIsReady() throws {
        let scratch = try ScratchDirectory()
        let log = try scratch.file("log", "before\n")
        #expect(try start("echo $RUNNER_READY_FD; echo 1 >&$RUNNER_READY_FD; exec sleep 0", log: log) == .ready)
        #expect(
            try start("printf 'E-X could not do it' >&$RUNNER_READY_FD; exec sleep 0", log: log)
                == .notStarted(code: "E-X", sentence: "could not do it"))
        let session = try start("ps -o sid= $$ | tr -d ' '; echo $$; readlink /proc/self/fd/0; exit 3", log: log)
        guard case .ended(status: 3, let output) = session else { Issue.record("it is \(session)"); return }
        let lines = output.split(separator: "\n")
        #expect(lines.count == 3 && lines[0] == lines[1] && lines[2] == "/dev/null")
        let text = try machine().readFile(log, limit: .kibibytes(4))
        #expect(String(decoding: text, as: UTF8.self) == "before\n3\n" + output)
        #expect(try start("kill -9 $$", log: log) == .ended(status: nil, output: ""))
    }

    @Test func aDetachedProgramThatIsNeitherReadyNorEndedIsToldApart() throws {
        let scratch = try ScratchDirectory()
        let log = scratch.path + "/log"
        #expect(try start("echo $$; exec sleep 600", within: .milliseconds(500), log: log) == .silent)
        let output = String(decoding: try machine().readFile(log, limit: .kibibytes(4)), as: UTF8.self)
        let pid = try #require(pid_t(output.dropLast()))
        #expect(kill(pid, SIGKILL) == 0)
        #expect(waitpid(pid, nil, 0) == pid)
    }

    @Test func readinessIsSaidOnceToPipeAndSocket() throws {
        let scratch = try ScratchDirectory()
        let socket = scratch.path + "/notify"
        let listener = Descriptor(shim_unix_bind(socket, Int32(SOCK_DGRAM.rawValue), 0o600))
        let pipe = try makePipe()
        let machine = machine(environment: ["RUNNER_READY_FD": "\(pipe.writeEnd)", "NOTIFY_SOCKET": socket])
        machine.sayReady()
        machine.sayReady()
        #expect(try readSome(pipe.readEnd, 9).get() == Array("1".utf8))
        #expect(try readSome(pipe.readEnd, 9).get() == [])
        #expect(try readSome(listener.raw, 99).get() == Array("READY=1\nMAINPID=\(getpid())\n".utf8))
        close(pipe.readEnd)
    }

    @Test func whyItIsNotReadyIsSaidToThePipe() throws {
        let pipe = try makePipe()
        let machine = machine(environment: ["RUNNER_READY_FD": "\(pipe.writeEnd)"])
        machine.sayNotStarted("E-X", "could not")
        machine.sayReady()
        #expect(try readSome(pipe.readEnd, 99).get() == Array("E-X could not".utf8))
        #expect(try readSome(pipe.readEnd, 9).get() == [])
        close(pipe.readEnd)
    }

    // MARK: Waiting for a file

    @Test func aChangedAppearingOrReplacedFileEndsTheWait() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/deep/status"
        let machine = machine()
        let disk = try LinuxDisk(at: scratch.path, create: false)
        machine.waitForChange(path, within: .seconds(600))  // the first returns at once
        try disk.makeDirectory("deep", mode: 0o700)
        machine.waitForChange(path, within: .seconds(600))  // its directory appeared
        machine.waitForChange(path, within: .seconds(600))  // a new watch, in that directory
        let steps: [() throws -> Void] = [
            { try disk.make("deep/status", "a") }, { try disk.open("deep/status", .append(mode: 0)).write([1]) },
            { try disk.replace("deep/status", with: [2]) }, { try disk.removeFile("deep/status") },
        ]
        for step in steps {
            try step()
            machine.waitForChange(path, within: .seconds(600))
        }
        try disk.make("deep/other", "x")
        machine.waitForChange(path, within: .milliseconds(20))  // nobody asked for the other: the time is over
        try disk.removeTree("deep")
        machine.waitForChange(path, within: .seconds(600))
    }

    // MARK: Signals and the whole world

    @Test func aWorldHearsSignalsAndKeepsAgentsLinksOut() throws {
        let scratch = try ScratchDirectory()
        let runtime = scratch.path + "/run"
        let name = try #require(AgentName("agent-7"))
        let place = SupervisorPlace(agent: name, store: scratch.path, runtime: runtime, noEarlierThan: nil)
        try onOwnThread {
            let world = try self.machine().world(for: place) { $0 }
            raise(SIGUSR1)
            #expect(world.next(until: world.now() + .seconds(10)) == .signal(SIGUSR1))
            #expect(world.next(until: world.now()) == nil)
            try world.open(.agent)
            #expect(try world.disk(at: place.doors + "/staging").names(in: nil) == [])
            try LinuxDisk(at: place.doors, create: false).removeDirectory("staging")
            #expect(symlink("/etc", place.doors + "/staging") == 0)
            #expect(throws: FileFault.self) { try world.disk(at: place.doors + "/staging") }
            #expect(try world.store.names(in: nil) == ["run"])
        }
    }
}

extension LinuxDisk {
    fileprivate func make(_ path: DiskPath, _ text: String) throws { try open(path, .createNew(mode: 0o600)).write(Array(text.utf8)) }
}

/// A control door that answers the first question with some parts, then closes.
private final class Server {
    let scratch: ScratchDirectory
    let loop = EventLoop()
    let doors: LinuxDoors
    let socket: String
    private(set) var heard = ""

    init() throws {
        scratch = try ScratchDirectory()
        let name = try #require(AgentName("agent-7"))
        let place = SupervisorPlace(agent: name, store: "/", runtime: scratch.path, noEarlierThan: nil)
        socket = place.controlSocket
        doors = LinuxDoors(loop, place) { _ in nil }
        try doors.open(.control)
    }

    /// Runs `ask` beside the loop, which serves it.
    func serving(_ parts: [String], _ ask: @escaping @Sendable (String) throws(AskFault) -> Void) -> AskFault? {
        let workers = LinuxWorkers(loop)
        let fault = Note<AskFault?>(nil)
        let socket = socket
        workers.startWork(WorkID(1)) {
            do throws(AskFault) { try ask(socket) } catch { fault.value = error }
        }
        while let event = loop.next(until: shim_boottime_ns() + 10_000_000_000) {
            if case .workDone = event { return fault.value }
            guard case .received(let id, let bytes) = event else { continue }
            heard += String(decoding: bytes, as: UTF8.self)
            for part in parts { doors.send(Array(part.utf8), to: id) }
            doors.close(id)
        }
        return .noAnswer
    }
}

/// A machine that runs no agents.
private final class NoSandboxes: LocatingSandboxTable {
    func living(_ id: SandboxID) -> Sandbox? { nil }
    func prepare(_ plan: LaunchPlan, forRestoreOf root: Int32) throws(LaunchFault) -> SandboxID {
        throw LaunchFault(.system, "there are none here")
    }
    func finishRestore(in id: SandboxID) {}
    func sandbox(of pid: Int32) -> SandboxID? { nil }
    func launch(_ plan: LaunchPlan) throws(LaunchFault) -> SandboxID { throw LaunchFault(.setUp, "there are no sandboxes here") }
    func adopt(_ agent: AgentName, doorsDirectory: String) throws(LaunchFault) -> AdoptedSandbox? { nil }
    func signal(_ id: SandboxID, _ signal: Int32) {}
    func kill(_ id: SandboxID) {}
    func freeze(_ id: SandboxID) -> Bool { false }
    func thaw(_ id: SandboxID) {}
    func resources(_ id: SandboxID) -> ResourceUse { ResourceUse() }
}
