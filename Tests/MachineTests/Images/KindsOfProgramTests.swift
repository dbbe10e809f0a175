import AgentModel
import CriuDriver
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// One kind of program: Python that counts aloud with `say()`, and `check()`s at every step that what it holds still works.
struct KindOfProgram: CustomTestStringConvertible, Sendable {
    var name: String
    var arguments: [String]
    var testDescription: String { name }

    init(_ name: String, _ arguments: [String]) {
        self.name = name
        self.arguments = arguments
    }

    init(_ name: String, python: String) {
        let counting = """
            import asyncio, ctypes, fcntl, mmap, os, select, signal, socket, sqlite3, struct, subprocess, sys, threading, time
            n = 0
            def say():
                global n; n += 1; print(n, flush=True); time.sleep(.005)
            def check(): pass
            \(python)
            while True: check(); say()
            """
        self.init(name, ["python3", "-c", counting])
    }

    static let all: [KindOfProgram] = [
        KindOfProgram("pipeline", ["sh", "-c", "seq 1 100000000 | while read n; do echo $n; sleep 0.005; done"]),
        KindOfProgram("threads", python: "for i in range(200): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()"),
        KindOfProgram(
            "children",
            python: """
                kids = [subprocess.Popen(["cat"], stdin=-1, stdout=-1) for _ in range(50)]
                def check():
                    k = kids[n % 50]; k.stdin.write(b"x\\n"); k.stdin.flush(); assert k.stdout.readline() == b"x\\n"
                """),
        KindOfProgram(
            "asyncio",
            python: """
                async def main():
                    queue = asyncio.Queue()
                    async def feed():
                        while True: await queue.put(1); await asyncio.sleep(.005)
                    task = asyncio.create_task(feed())
                    child = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
                    while True:
                        await queue.get(); child.stdin.write(b"x\\n"); assert await child.stdout.readline() == b"x\\n"; say()
                asyncio.run(main())
                """),
        KindOfProgram(
            "database in a transaction",
            python: """
                db = sqlite3.connect("a.db", isolation_level=None); db.execute("pragma journal_mode=wal"); db.execute("create table t(n)")
                db.execute("insert into t values(0)"); db.execute("begin immediate")
                def check():
                    db.execute("insert into t values(?)", (n + 1,)); assert db.execute("select max(n) from t").fetchone()[0] == n + 1
                    if n % 7 == 0: db.execute("commit"); db.execute("begin immediate")
                """),
        KindOfProgram(
            "locked and deleted files",
            python: """
                locked = open("lock", "w"); fcntl.flock(locked, fcntl.LOCK_EX); gone = open("gone", "w+"); os.unlink("gone")
                def check(): gone.seek(0); gone.write("%09d" % n); gone.flush(); gone.seek(0); assert int(gone.read()) == n
                """),
        KindOfProgram(
            "memory that is shared",
            python: """
                f = os.memfd_create("m"); os.ftruncate(f, 4096); m = mmap.mmap(f, 4096); anon = mmap.mmap(-1, 4096); child = os.fork()
                if child == 0:
                    while True: anon[0:8] = struct.pack("q", struct.unpack("q", anon[0:8])[0] + 1); time.sleep(.001)
                def check():
                    m[0:8] = struct.pack("q", n); assert struct.unpack("q", os.pread(f, 8, 0))[0] == n
                    before = anon[0:8]
                    while anon[0:8] == before: time.sleep(.001)
                """),
        KindOfProgram(
            "epoll, eventfd, signals and timers",
            python: """
                e = os.eventfd(0); p = select.epoll(); p.register(e, select.EPOLLIN); hits = [0]
                signal.signal(signal.SIGALRM, lambda *a: hits.__setitem__(0, hits[0] + 1)); signal.setitimer(signal.ITIMER_REAL, .01, .01)
                def check():
                    os.eventfd_write(e, 1); assert p.poll(5); assert os.eventfd_read(e) == 1
                    before = hits[0]
                    while hits[0] == before: signal.pause()
                """),
        KindOfProgram(
            "inotify",
            python: """
                c = ctypes.CDLL(None); f = c.inotify_init(); assert c.inotify_add_watch(f, b".", 0x100) > 0
                def check(): open("made%d" % n, "w").close(); assert len(os.read(f, 4096)) > 0; os.unlink("made%d" % n)
                """),
        KindOfProgram(
            "server with clients",
            python: """
                l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections linger
                l.bind(("127.0.0.1", 0)); l.listen(); state = {}
                def serve():
                    while True:
                        s, _ = l.accept()
                        def talk(s=s):
                            try:
                                while b := s.recv(10): s.sendall(b)
                            except OSError: pass
                        threading.Thread(target=talk, daemon=True).start()
                threading.Thread(target=serve, daemon=True).start()
                def check():
                    for attempt in range(3):
                        try:
                            if "c" not in state: state["c"] = socket.create_connection(l.getsockname(), timeout=5)
                            state["c"].sendall(b"x"); assert state["c"].recv(10) == b"x"; return
                        except OSError: state.pop("c", None)  # closed by the restore: made anew
                    raise SystemExit("no connection")
                """),
        KindOfProgram(
            "terminal of its own",
            python: """
                import pty, tty
                master, slave = pty.openpty(); tty.setraw(slave)
                def check(): os.write(master, b"x"); assert os.read(slave, 1) == b"x"
                """),
        KindOfProgram(
            "node",
            [
                "/usr/bin/env", "UV_USE_IO_URING=0", "node", "-e",
                "let n = 0; const {Worker} = require('worker_threads');"
                    + "const w = new Worker(`require('worker_threads').parentPort.on('message', m => {"
                    + "require('worker_threads').parentPort.postMessage(m + 1)})`, {eval: true});"
                    + "w.on('message', m => { n = m; console.log(n); setTimeout(() => w.postMessage(n), 5) }); w.postMessage(0)",
            ]),
    ]

    static let here = all.filter { $0.name != "node" || access("/usr/bin/node", X_OK) == 0 }
}

@Suite(.serialized, .enabled(if: hasCriu, "needs criu"))
struct KindsOfProgramTests {
    @Test(arguments: KindOfProgram.here) func itGoesOnFromTheCut(kind: KindOfProgram) throws {
        try onOwnThread {
            let stage = try CriuStage()
            let plan = stage.fixture.plan(.namespaces, kind.arguments, groups: hasGroups ? hostGroups : nil)
            let agent = try stage.launch(plan)
            try stage.hear(5)
            #expect(stage.driver.blockers(in: agent.id) == [])
            let (images, work) = (stage.newImages(), stage.fixture.root + "/work")
            let heard = try #require(stage.lines.last.flatMap { Int($0) })
            let dump = try stage.dump(agent, into: images) { _ in
                try stage.fixture.run(["/bin/cp", "-a", work, images + ".work"])
                return true
            }
            try stage.hear(3)  // it goes on past the cut
            try stage.crash(agent.id)
            let last = try #require(stage.lines.last.flatMap { Int($0) })
            stage.forgetOutput()
            try stage.fixture.run(["/bin/sh", "-c", "rm -rf '\(work)' && cp -a '\(images).work' '\(work)'"])

            let restored = try stage.restore(plan, from: images, dump.tree)
            try stage.hear(5)
            let numbers = stage.lines.compactMap { Int($0) }
            #expect(numbers.first.map { $0 > heard && $0 <= last } == true, "\(heard) \(numbers.prefix(2)) \(last)")
            #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $1 == $0 + 1 })
            #expect(stage.errors == "")
            // What was restored can be dumped as well.
            _ = try stage.dump((restored.sandbox, restored.pid), into: stage.newImages())
            try stage.hear(2)
            try stage.crash(restored.sandbox)
        }
    }
}
