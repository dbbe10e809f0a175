import AgentModel
import CLinuxShims
import Glibc
@testable import LinuxWorld
import OutsideWorld
import Testing

/// What runs beside the loop: the worker's thread and short-lived programs.
@Suite struct WorkAndProgramsTests {
    @Test func jobsRunOffTheLoopInTheirOrder() throws {
        let loop = EventLoop()
        let workers = LinuxWorkers(loop)
        let loopThread = UInt(pthread_self())
        let order = Note<[UInt64]>([])
        for number in 1...100 as ClosedRange<UInt64> {
            workers.startWork(WorkID(number)) { if UInt(pthread_self()) != loopThread { order.value += [number] } }
        }
        for number in 1...100 as ClosedRange<UInt64> {
            let id = try loop.wait { if case .workDone(let id) = $0 { id } else { nil } }
            #expect(id == WorkID(number))
        }
        #expect(order.value == Array(1...100))
    }

    /// Whoever waits, perhaps standing still, does not wait for what may take long.
    @Test func patientWorkIsNotWaitedFor() throws {
        let loop = EventLoop()
        let workers = LinuxWorkers(loop)
        let gate = try makePipe()
        workers.startWork(WorkID(1), in: .patient) { _ = readSome(gate.readEnd, 1) }
        workers.startWork(WorkID(2), in: .urgent) {}
        #expect(try loop.wait { if case .workDone(let id) = $0 { id } else { nil } } == WorkID(2))
        write(gate.writeEnd, "x", 1)
        #expect(try loop.wait { if case .workDone(let id) = $0 { id } else { nil } } == WorkID(1))
        for end in [gate.readEnd, gate.writeEnd] { close(end) }
    }

    @Test func workersThatAreLeftFinishTheirJob() throws {
        let loop = EventLoop()
        var workers: LinuxWorkers? = LinuxWorkers(loop)
        let pipe = try makePipe()
        let (gate, done) = try (makePipe(), makePipe())
        workers?.startWork(WorkID(1)) {
            _ = readSome(gate.readEnd, 1)
            write(done.writeEnd, "x", 1)
        }
        workers = nil
        write(gate.writeEnd, "x", 1)
        #expect(try readSome(done.readEnd, 1).get() == Array("x".utf8))
        for end in [pipe, gate, done] { for raw in [end.readEnd, end.writeEnd] { close(raw) } }
    }

    // MARK: Programs

    struct Case: Sendable, CustomTestStringConvertible {
        var script: String
        var result: ProgramResult
        var testDescription: String { script }
    }

    @Test(arguments: [
        Case(script: "exit 0", result: .ended(.exited(0), lastOutput: "")),
        Case(script: "echo out; echo err >&2; exit 7", result: .ended(.exited(7), lastOutput: "out\nerr\n")),
        Case(script: "kill -9 $$", result: .ended(.signaled(9, outOfMemory: false), lastOutput: "")),
        Case(script: "cat; echo $NAME", result: .ended(.exited(0), lastOutput: "some inputvalue\n")),
        Case(script: "echo $$ $(ps -o pgid= -o sid= $$) | awk '{print $1==$2, $2==$3}'", result: .ended(.exited(0), lastOutput: "1 1\n")),
        // 0, 1, 2 and the one by which ls looks.
        Case(script: "ls /proc/self/fd | wc -l", result: .ended(.exited(0), lastOutput: "4\n")),
        Case(
            script: "head -c 100000 /dev/zero | tr '\\0' a; printf end",
            result: .ended(.exited(0), lastOutput: String(repeating: "a", count: 4093) + "end")),
        Case(
            script: "i=0; while [ $i -lt 2049 ]; do printf é; i=$((i+1)); done; printf x",
            result: .ended(.exited(0), lastOutput: String(repeating: "é", count: 2047) + "x")),
        // What it leaves behind would hold the pipe for ten minutes.
        Case(script: "sleep 600 & echo left", result: .ended(.exited(0), lastOutput: "left\n")),
        Case(script: "trap '' PIPE; grep -c SigBlk:.0000000000000000 /proc/self/status", result: .ended(.exited(0), lastOutput: "1\n")),
    ])
    func aProgramEndsAsItEnds(_ row: Case) throws {
        let loop = EventLoop()
        let programs = LinuxPrograms(loop)
        programs.start(WorkID(3), shell(row.script, timeLimit: .seconds(60)))
        #expect(try end(of: WorkID(3), loop) == row.result)
    }

    @Test func theTimeLimitKillsTheWholeGroup() throws {
        let loop = EventLoop()
        let programs = LinuxPrograms(loop)
        programs.start(WorkID(1), shell("sleep 600 & echo $!; echo waiting; wait", timeLimit: .milliseconds(200)))
        guard case .timedOut(let output) = try end(of: WorkID(1), loop) else {
            Issue.record("it did not time out")
            return
        }
        let lines = output.split(separator: "\n")
        #expect(lines.last == "waiting")
        let grandchild = try #require(lines.first.flatMap { pid_t($0) })
        let handle = pidfd_open(grandchild, 0)
        guard handle >= 0 else { return }  // gone without a trace
        let ended = Descriptor(handle)
        #expect(BootDeadline(.seconds(10)).wait(for: POLLIN, of: ended.raw))
    }

    @Test(arguments: [("/none/such", "no such file or directory"), ("/etc/passwd", "permission denied"), ("/", "permission denied")])
    func aProgramThatCannotStartSaysWhy(_ path: String, _ why: String) throws {
        let loop = EventLoop()
        let programs = LinuxPrograms(loop)
        programs.start(WorkID(1), Program(path: path, arguments: [], environment: [], timeLimit: .seconds(1), input: []))
        #expect(try end(of: WorkID(1), loop) == .couldNotStart("cannot execute '\(path)': \(why)"))
    }

    /// Who may change a hook, or put another in its place, would run what he likes as the runner.
    @Test func aProgramThatOthersMayChangeIsNotExecuted() throws {
        let scratch = try ScratchDirectory()
        let path = try scratch.file("hook", "#!/bin/sh\n", mode: 0o722)
        #expect(try startedBy(path) == .couldNotStart(refusal(path)))
        let disk = try LinuxDisk(at: scratch.path, create: false)
        try disk.setMode("hook", 0o700)
        #expect(try startedBy(path) == .ended(.exited(0), lastOutput: ""))
        chmod(scratch.path, 0o770)
        #expect(try startedBy(path) == .couldNotStart(refusal(scratch.path)))
        chmod(scratch.path, 0o700)
        let stranger = FileOwner(user: 1000, group: 1000)
        guard disk.mayGive(stranger) else { return }
        try disk.setOwner("hook", stranger)
        #expect(try startedBy(path) == .couldNotStart(refusal(path)))
    }

    private func refusal(_ place: String) -> String {
        "'\(place)' may be changed by others, so it is not executed: run 'chmod go-w', or 'chown' it"
    }

    private func startedBy(_ path: String) throws -> ProgramResult {
        let loop = EventLoop()
        let programs = LinuxPrograms(loop)
        programs.start(WorkID(1), Program(path: path, arguments: [], environment: [], timeLimit: .seconds(10), input: []))
        return try withExtendedLifetime(programs) { try end(of: WorkID(1), loop) }
    }

    @Test func executablesAreListedByName() throws {
        let scratch = try ScratchDirectory()
        for (name, mode) in [("b", 0o755), ("a", 0o700), ("readme", 0o644), (".hidden", 0o755)] as [(String, UInt32)] {
            _ = try scratch.file(name, "#!/bin/sh\n", mode: mode)
        }
        let disk = try LinuxDisk(at: scratch.path, create: false)
        try disk.makeDirectory("directory", mode: 0o755)
        try disk.makeSymbolicLink("c", to: "a")
        try disk.makeSymbolicLink("dangling", to: "none")
        let programs = LinuxPrograms(EventLoop())
        #expect(programs.executables(in: scratch.path) == ["a", "b", "c"].map { scratch.path + "/" + $0 })
        #expect(programs.executables(in: scratch.path + "/none") == [])
    }

    private func shell(_ script: String, timeLimit: Duration) -> Program {
        Program(
            path: "/bin/sh", arguments: ["-c", script], environment: ["PATH=/usr/bin:/bin", "NAME=value"], timeLimit: timeLimit,
            input: Array("some input".utf8))
    }

    private func end(of id: WorkID, _ loop: EventLoop) throws -> ProgramResult {
        try loop.wait { if case .programEnded(id, let result) = $0 { result } else { nil } }
    }
}
