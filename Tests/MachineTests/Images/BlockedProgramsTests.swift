import AgentModel
import CriuDriver
import CriuRequests
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// What cannot be dumped has a name and a remedy. Most of it is seen before CRIU is asked; the program runs on in every case.
@Suite(.serialized, .enabled(if: hasCriu, "needs criu"))
struct BlockedProgramsTests {
    struct Program: CustomTestStringConvertible {
        var name: String
        var arguments: [String]
        /// All that is said why there is no dump.
        var sentence: String
        /// False: only CRIU finds it.
        var isSeenBefore: Bool
        var testDescription: String { name }

        /// - Parameter python: what it does before it begins to speak.
        init(_ name: String, _ python: String, isSeenBefore: Bool = true, _ sentence: String) {
            let speaking = "import ctypes, os, socket, subprocess\nc = ctypes.CDLL(None)\n\(python)\n" + Self.speaking
            self.init(name, arguments: ["python3", "-c", speaking], isSeenBefore: isSeenBefore, sentence)
        }

        init(_ name: String, arguments: [String], isSeenBefore: Bool = true, _ sentence: String) {
            (self.name, self.arguments, self.isSeenBefore, self.sentence) = (name, arguments, isSeenBefore, sentence)
        }

        private static let speaking = "import time\nwhile True: print(1, flush=True); time.sleep(.01)"
    }

    private static let tool = "as sandboxing tools (bubblewrap, unshare) make. Start the tool without it"
    private static func unshared(_ option: String) -> String {
        "p = subprocess.Popen(['unshare', '\(option)', 'sh', '-c', 'echo 1; exec sleep 60'], stdout=-1); p.stdout.readline()"
    }

    static let all: [Program] = [
        Program(
            "io_uring", "c.syscall(425, 8, ctypes.create_string_buffer(200))",
            "fd 3 of 'python3' (process 1000) is an io_uring; CRIU cannot dump it. Turn io_uring off in the program"),
        Program(
            "userfaultfd", "c.syscall(323, 0o2000000)",
            "fd 3 of 'python3' (process 1000) is a userfaultfd; CRIU cannot dump it. Close it before a checkpoint"),
        Program(
            "perf event",
            "import struct\nc.syscall(298, ctypes.create_string_buffer(struct.pack('IIQQ', 1, 128, 0, 0), 128), 0, -1, -1, 0)",
            "fd 3 of 'python3' (process 1000) is a perf_event; CRIU cannot dump it. Close it before a checkpoint"),
        Program(
            "eventfd as a semaphore", "os.eventfd(5, os.EFD_SEMAPHORE)",
            "fd 3 of 'python3' (process 1000) is an eventfd in semaphore mode, which CRIU would restore as a counter. Close it before a checkpoint"
        ),
        Program(
            "vsock", "s = socket.socket(40, 1)",
            "fd 3 of 'python3' (process 1000) is a vsock; CRIU cannot dump it. Close it before a checkpoint"),
        Program(
            "device", "f = open('/dev/fuse')",
            "fd 3 of 'python3' (process 1000) is the device '/dev/fuse'; CRIU cannot dump it. Close it before a checkpoint"),
        // A GPU by its name alone, in the sandbox's own /dev.
        Program(
            "GPU",
            "c.mount(b'none', b'/dev', b'tmpfs', 0, None); os.mknod('/dev/nvidia0', 0o20600, os.makedev(10, 229)); "
                + "f = open('/dev/nvidia0'); g = os.dup(f.fileno())",
            "'python3' (process 1000) uses a GPU ('/dev/nvidia0'); CRIU cannot dump what is on it. Hand the state over with an SDK or keep it in "
                + "files of the workspace, or let go of the GPU before a checkpoint"),
        Program(
            "user namespace", unshared("--user"), "'sleep' (process 1001) has a user namespace of its own, \(tool)"),
        Program(
            "network namespace", unshared("--net"), "'sleep' (process 1001) has a net namespace of its own, \(tool)"),
        Program(
            "System V shared memory", "c.shmat.restype = ctypes.c_void_p; c.shmat(c.shmget(0, 4096, 0o1600), None, 0)",
            "'python3' (process 1000) has System V shared memory attached. Use POSIX shared memory (/dev/shm)"),
        Program(
            "traced process", "p = subprocess.Popen(['sleep', '60']); c.ptrace(0x4206, p.pid, None, None)",
            "'sleep' (process 1001) is traced by a debugger or by strace. End the tracer"),
        Program(
            "message queue", "c = ctypes.CDLL('librt.so.1'); c.mq_open(b'/runner-test', 0o102, 0o600, None); c.mq_unlink(b'/runner-test')",
            "fd 3 of 'python3' (process 1000) is a message queue; CRIU cannot dump it. Close it before a checkpoint"),
        Program(
            "locked and mapped file of two processes",
            "import fcntl, mmap\nf = open('ROOT/work/shared', 'w+b'); f.truncate(4096); m = mmap.mmap(f.fileno(), 4096); fcntl.lockf(f, 2, 10)\n"
                + "p = subprocess.Popen(['sleep', '60'], stdin=f)",
            "fd 3 of 'python3' (process 1000) is 'ROOT/work/shared', which is locked and mapped here and open in 'sleep' (process 1001) too; "
                + "CRIU would lose the lock. Close it in one of them (SQLite: or leave WAL mode)"),
        Program(
            "file that is written outside the workspace", "f = open('ROOT/outside', 'w')",
            "fd 3 of 'python3' (process 1000) is 'ROOT/outside', which is open for writing and in no version, so it would not be rolled back "
                + "with the rest. Open it to append only (O_WRONLY with O_APPEND, '>>' in a shell), or put it into the workspace"),
        Program(
            "process handle of the outside", "os.pidfd_open(1)", isSeenBefore: false,
            "a process holds a pidfd of a process outside the sandbox. Close it before a checkpoint"),
        Program(
            "large deleted file", "f = open('ROOT/work/gone', 'wb'); f.write(b'x' * (65 << 20)); f.flush(); os.unlink(f.name)",
            isSeenBefore: false,
            "the deleted file 'ROOT/work/gone' is still open and has 68157440 bytes, more than an image takes. Close it, or keep its name"),
    ]

    @Test(arguments: all) func itIsNamed(program: Program) throws {
        try onOwnThread {
            let stage = try CriuStage()
            func placed(_ text: String) -> String { text.replacing("ROOT", with: stage.fixture.root) }
            let agent = try stage.launch(stage.fixture.plan(.namespaces, program.arguments.map(placed)))
            try stage.hear(3)
            let sentence = placed(program.sentence)
            #expect(stage.blockers(in: agent.id).map(\.sentence) == (program.isSeenBefore ? [sentence] : []))
            let said = try told { _ = try stage.dump(agent, into: stage.newImages()) }
            #expect(said == "could not dump the process tree: " + sentence)
            // It goes on as if nothing had been asked.
            try stage.hear(3)
            #expect(stage.errors == "")
            try stage.crash(agent.id)
        }
    }

    /// Its descriptor is closed: nothing but the memory tells.
    @Test(.enabled(if: access("/dev/loop0", R_OK) == 0, "needs /dev/loop0")) func aMappedDeviceIsNamed() throws {
        try itIsNamed(
            program: Program(
                "mapped device",
                "f = os.open('/dev/loop0', os.O_RDONLY); m = c.mmap(None, ctypes.c_size_t(4096), 1, 2, f, ctypes.c_long(0)); os.close(f)",
                "'python3' (process 1000) maps the device '/dev/loop0'; CRIU cannot dump it. Unmap it before a checkpoint"))
    }

    /// None of them is changed where a cut would not see it. The workspace is named through a link.
    @Test func filesThatMayBeOpenAreNotNamed() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let program = """
                import ctypes, mmap, os, time
                os.chdir("ROOT/link")
                held = [
                    open("a.db", "w+"), open("ROOT/work/log", "w"), open("ROOT/log", "a"), open("/etc/passwd"), open("/dev/null", "w"),
                    open("/proc/self/oom_score_adj", "r+"), open("/dev/shm/mine", "w+"), open("ROOT/gone", "w+"),
                    os.open("/tmp", os.O_TMPFILE | os.O_RDWR), os.memfd_create("mine"), os.open("ROOT/link", os.O_PATH),
                ]
                os.unlink("ROOT/gone")
                while True: print(1, flush=True); time.sleep(.01)
                """
            let root = stage.fixture.root
            try stage.fixture.run(["/bin/ln", "-s", root + "/work", root + "/link"])
            let agent = try stage.launch(stage.fixture.plan(.namespaces, ["python3", "-c", program.replacing("ROOT", with: root)]))
            try stage.hear(3)
            #expect(stage.driver.blockers(in: agent.id, keeping: KeptFiles(workspace: root + "/link")).map(\.sentence) == [])
            #expect(stage.driver.blockers(in: agent.id, keeping: KeptFiles()).map(\.descriptor) == [3, 4])
            #expect(
                stage.driver.blockers(in: agent.id, keeping: KeptFiles(workspace: root + "/link", excluded: ["log"])).map(\.descriptor) == [
                    4
                ])
            #expect(stage.errors == "")
            try stage.crash(agent.id)
        }
    }

    /// libuv takes io_uring where it is told to or thinks it may; without it the same program is one of the kinds that resume.
    @Test(.enabled(if: Node.path != nil, "needs criu and node 18 or newer")) func nodeWithIoUringIsToldTheCure() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let node = ["/usr/bin/env", "UV_USE_IO_URING=1", try #require(Node.path), KindOfProgram.directory + "/workers.js"]
            let agent = try stage.launch(stage.fixture.plan(.namespaces, node))
            try stage.hear(3)
            let blockers = stage.blockers(in: agent.id)
            // A Node or a kernel without io_uring has nothing to name.
            guard stage.holdsIoUring(agent.id) else {
                #expect(blockers == [])
                return try stage.crash(agent.id)
            }
            #expect(Set(blockers.map(\.kind)) == [.ioUring])
            #expect(blockers.allSatisfy { $0.sentence.hasSuffix("is an io_uring; CRIU cannot dump it. Start Node with UV_USE_IO_URING=0") })
            #expect(try told { _ = try stage.dump(agent, into: stage.newImages()) }.contains("Start Node with UV_USE_IO_URING=0"))
            try stage.hear(3)
            try stage.crash(agent.id)
        }
    }

    private func told(_ body: () throws -> Void) throws -> String {
        do { try body() } catch let fault as CriuFault { return fault.sentence }
        throw NothingCame()
    }
}

extension CriuStage {
    /// Asked of the kernel, not of the blockers.
    fileprivate func holdsIoUring(_ sandbox: SandboxID) -> Bool {
        let processes = world.look(into: sandbox, for: .connections)?.processes ?? []
        return processes.contains { process in
            KernelFiles.names(in: "/proc/\(process.hostPid)/fd").contains {
                linkTarget(of: "/proc/\(process.hostPid)/fd/\($0)") == "anon_inode:[io_uring]"
            }
        }
    }
}
