import AgentModel
import CriuDriver
import CriuImages
import CriuRequests
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

extension CriuStage {
    var rehearsalGroups: HostFacts.ControlGroups? { hasGroups ? hostGroups : nil }

    /// The agent's plan with a copy of its workspace in its place.
    func rehearsal(of plan: LaunchPlan, copy: String) -> LaunchPlan {
        plan.rehearsal(doorsDirectory: fixture.place.rehearsal.doors, copy: .init(host: copy, inside: fixture.root + "/work"))
    }

    func shape(of images: String) throws -> SetShape { SetShape(of: try ImageDirectory(on: try world.disk(at: images))) }

    /// - Parameter shape: nil: what the images say.
    func rehearse(
        _ plan: LaunchPlan, from images: String, _ tree: DumpedTree, copy: String, shape: SetShape? = nil,
        timeLimit: Duration = .seconds(20)
    ) throws -> RehearsalNews {
        let shape = try shape ?? self.shape(of: images)
        var plan = rehearsal(of: plan, copy: copy)
        plan.hiddenDirectories += shape.boundSockets.map { String($0.prefix(upTo: $0.lastIndex(of: "/") ?? $0.endIndex)) }
        let restore = RestoreRequest(plan: plan, images: images, scratch: newScratch(), tree: tree, timeLimit: timeLimit)
        let job = try driver.rehearse(RehearsalRequest(restore: restore, shape: shape))
        while true {
            guard let event = world.next(until: job.deadline ?? world.now() + .seconds(30)) else {
                job.timePassed()
                continue
            }
            note(event)
            if let news = job.take(event) { return news }
        }
    }

    /// What a rehearsal could leave, looked at from outside: files, groups, processes.
    var leftOfRehearsals: [String] {
        var left = KernelFiles.isDirectory(fixture.place.rehearsal.runtime) ? [fixture.place.rehearsal.runtime] : []
        let mark = LinuxSandboxes.mark(initSocket: fixture.place.rehearsal.initSocket)
        left += ProcessLook.marked(mark, session: nil).keys.map { "process \($0)" }
        if case .v1(let mounts) = hostGroups {
            for (controller, mount) in mounts {
                let parent = mount + "/runner-test-" + fixture.agent.text
                left += KernelFiles.directories(in: parent).filter { $0.contains("@") }.map { "\(controller) \($0)" }
            }
        }
        return left
    }
}

/// Versions restored stopped beside the living agent, with the real CRIU.
@Suite(.serialized, .enabled(if: hasCriu, "needs criu"))
struct RehearsalTests {
    /// One dump of a living agent, with a copy of its workspace as it was at the cut.
    private struct Cut {
        var stage: CriuStage
        var plan: LaunchPlan
        var agent: (id: SandboxID, pid: Int32)
        var images: String
        var copy: String
        var dump: Dump

        init(_ arguments: [String], before: (CriuStage) throws -> Void = { _ in }) throws {
            stage = try CriuStage()
            try before(stage)
            plan = stage.fixture.plan(.namespaces, arguments, groups: stage.rehearsalGroups)
            plan.environment.append(.init(name: "OUTSIDE", value: stage.fixture.root + "/outside"))
            agent = try stage.launch(plan)
            try stage.hear(5)
            images = stage.newImages()
            copy = images + ".work"
            let (fixture, copy) = (stage.fixture, copy)
            dump = try stage.dump(agent, into: images) { _ in
                try fixture.run(["/bin/cp", "-a", fixture.root + "/work", copy])
                return true
            }
            try stage.hear(3)
        }

        func rehearse(_ shape: SetShape? = nil, timeLimit: Duration = .seconds(20)) throws -> RehearsalNews {
            try stage.rehearse(plan, from: images, dump.tree, copy: copy, shape: shape, timeLimit: timeLimit)
        }
    }

    /// A shell command at the images, the copy of the workspace or what the agent uses outside; and what is found then.
    struct Damage: CustomTestStringConvertible, Sendable {
        var testDescription: String
        /// `$0` is the directory of the images; `OUTSIDE` is one that the agent uses beside its workspace.
        var script: String
        var isFound: @Sendable (RehearsalNews) -> Bool
    }

    private static func refused(_ news: RehearsalNews, _ isCause: (CriuCause) -> Bool) -> Bool {
        guard case .failed(let fault) = news, case .refused(let cause?) = fault.kind else { return false }
        return isCause(cause)
    }

    static let damages: [Damage] = [
        Damage(testDescription: "a file outside the workspace is gone", script: "rm $OUTSIDE/held") {
            refused($0) { if case .fileMissing = $0 { true } else { false } }
        },
        Damage(testDescription: "a mapped library has another size", script: "printf x >> $OUTSIDE/library") {
            refused($0) { if case .fileSizeDiffers = $0 { true } else { false } }
        },
        Damage(testDescription: "the workspace is another", script: "printf x >> $0.work/held") {
            refused($0) { if case .fileSizeDiffers = $0 { true } else { false } }
        },
        Damage(testDescription: "a page file is too short", script: "truncate -s -8192 $0/pages-1.img") {
            if case .failed = $0 { true } else { false }
        },
        Damage(testDescription: "the list of descriptors is gone", script: "rm $0/fdinfo-*.img") {
            switch $0 {
            case .rehearsed: false
            case .differs, .failed: true
            }
        },
    ]

    private static let using = """
        import ctypes, mmap, os, shutil, sys, time
        o = os.environ["OUTSIDE"]
        held = open(o + "/held", "r"); lib = open(o + "/library", "rb"); m = mmap.mmap(lib.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)
        own = open("held", "r+"); n = 0
        while True: n += 1; print(n, flush=True); time.sleep(.01)
        """

    @Test(arguments: damages) func whatCannotBeRestoredIsFound(damage: Damage) throws {
        try onOwnThread {
            let cut = try Cut(["python3", "-c", Self.using]) { stage in
                _ = KernelFiles.makeDirectories(stage.fixture.root + "/outside")
                stage.fixture.write("abc", to: "outside/held")
                stage.fixture.write(String(repeating: "library ", count: 1024), to: "outside/library")
                stage.fixture.write("abc", to: "work/held")
            }
            let whole = try cut.rehearse()
            if case .rehearsed = whole {} else { Issue.record("the whole one: \(whole)") }
            let shape = try cut.stage.shape(of: cut.images)
            try cut.stage.fixture.run(
                ["/bin/sh", "-ec", "OUTSIDE=\(cut.stage.fixture.root)/outside; " + damage.script, cut.images])
            let news = try cut.rehearse(shape, timeLimit: .seconds(3))
            print("\(damage.testDescription): \(news)")
            #expect(damage.isFound(news), "\(news)")
            #expect(cut.stage.leftOfRehearsals == [])
            try cut.stage.hear(3)
            try cut.stage.crash(cut.agent.id)
        }
    }

    /// Everything it has of the host is its own as long as it lives: a socket, a port, a lock, connections.
    @Test func theLivingAgentKeepsWhatItHas() throws {
        try onOwnThread {
            let program = """
                import fcntl, os, socket, sys, threading, time
                o = os.environ["OUTSIDE"]
                lock = open(o + "/lock", "a"); fcntl.flock(lock, fcntl.LOCK_EX)
                u = socket.socket(socket.AF_UNIX); u.bind(o + "/sockets/u"); u.listen()
                t = socket.socket(); t.bind((os.environ.get("ADDRESS", "127.0.0.1"), 0)); t.listen()
                c = socket.create_connection(t.getsockname()); s, _ = t.accept()
                server = socket.create_connection(("127.0.0.1", int(open(o + "/port").read()))); server.sendall(b"GET")
                abstract = socket.socket(socket.AF_UNIX); abstract.bind("\\0" + o); abstract.listen()
                def serve():
                    while True: u.accept()[0].sendall(b"here")
                threading.Thread(target=serve, daemon=True).start()
                n = 0
                while True:
                    n += 1; c.sendall(b"x"); assert s.recv(1) == b"x"
                    k = socket.socket(socket.AF_UNIX); k.connect(o + "/sockets/u"); assert k.recv(4) == b"here"; k.close()
                    print(n, flush=True); time.sleep(.01)
                """
            // It has a request of the agent that it never answers.
            let listening = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); "
            let waiting = "print(s.getsockname()[1], flush=True); c = s.accept(); time.sleep(600)"
            let server = try Child(["/usr/bin/env", "python3", "-c", listening + waiting])
            let port = try #require(server.line())
            let cut = try Cut(["python3", "-c", program]) { stage in
                _ = KernelFiles.makeDirectories(stage.fixture.root + "/outside/sockets")
                stage.fixture.write(port, to: "outside/port")
            }
            let news = try cut.rehearse()
            if case .rehearsed = news {} else { Issue.record("\(news)") }
            try cut.stage.hear(5)
            #expect(cut.stage.errors == "")
            try cut.stage.crash(cut.agent.id)
        }
    }

    /// As a fork is: a network of its own, and another directory in the place of the workspace.
    @Test func anAgentWithoutANetworkIsDumpedAndRestored() throws {
        try onOwnThread {
            let program = """
                import socket, time
                door = socket.socket(socket.AF_UNIX); door.connect("/run/runner/agent.sock")
                t = socket.socket(); t.bind(("127.0.0.1", 0)); t.listen()
                held = open("held", "a+"); n = 0
                while True:
                    c = socket.create_connection(t.getsockname()); s, _ = t.accept(); c.sendall(b"x"); assert s.recv(1) == b"x"; c.close(); s.close()
                    n += 1; held.write("x"); held.flush(); print(n, held.tell() == n, flush=True); time.sleep(.01)
                """
            let stage = try CriuStage()
            try stage.world.open(.agent)
            var plan = stage.fixture.plan(.namespaces, ["python3", "-c", program], groups: stage.rehearsalGroups)
            let copy = stage.fixture.root + "/hidden/copy"
            _ = KernelFiles.makeDirectories(copy)
            plan.network = .none
            plan.binds = [.init(host: copy, inside: stage.fixture.root + "/work")]
            let agent = try stage.launch(plan)
            try stage.hear(3)
            let images = stage.newImages()
            let dump = try stage.dump(agent, into: images) { _ in
                try stage.fixture.run(["/bin/cp", "-a", copy, images + ".work"])
                return true
            }
            // Seen although it is in another network than we are.
            #expect(dump.tree.connections.map(\.form) == [.stream])
            try stage.crash(agent.id)
            let last = stage.lines.count
            stage.forgetOutput()
            try stage.fixture.run(["/bin/sh", "-c", "rm -rf '\(copy)' && cp -a '\(images).work' '\(copy)'"])
            let restored = try stage.restore(plan, from: images, dump.tree)
            try stage.hear(3)
            #expect(stage.lines.allSatisfy { $0.hasSuffix("True") } && stage.errors == "")
            #expect(stage.lines.first?.hasPrefix("1 ") == false && last > 0)
            #expect(KernelFiles.names(in: stage.fixture.root + "/work") == [])
            try stage.crash(restored.sandbox)
        }
    }

    private static let beating = "import sys, time\nn = 0\nwhile True: n += 1; print(n, flush=True); time.sleep(.01)"

    /// Those that need nothing of the host beside their workspace.
    private static let kinds = KindOfProgram.all.filter { $0.missing == nil && !$0.asksOutside }

    @Test(arguments: kinds) func whatWasDumpedIsRestoredBesideTheLivingAgent(kind: KindOfProgram) throws {
        try onOwnThread {
            let cut = try Cut(kind.arguments)
            let before = try cut.stage.fixture.run(["/bin/sh", "-c", "cat /proc/mounts | wc -l"])
            let news = try cut.rehearse()
            guard case .rehearsed(let rehearsed) = news else {
                Issue.record("\(kind.name): \(news)")
                return try cut.stage.crash(cut.agent.id)
            }
            print("rehearsed '\(kind.name)': \(rehearsed.took), \(rehearsed.processes) processes, \(rehearsed.memory)")
            #expect(cut.stage.leftOfRehearsals == [])
            #expect(try cut.stage.fixture.run(["/bin/sh", "-c", "cat /proc/mounts | wc -l"]) == before)
            // The agent has not noticed, and the image is as good as before.
            try cut.stage.hear(3)
            #expect(cut.stage.errors == "")
            try cut.stage.crash(cut.agent.id)
        }
    }

    /// What a restore would reach beside the sandbox, read from images of a program that has it open.
    @Test func whatReachesOutsideIsSeenInTheImages() throws {
        let program = """
            import os, socket, sys, time
            place = os.environ["OUTSIDE"]
            os.makedirs(place, exist_ok=True); os.mkfifo(place + "/orders")
            pipe = os.open(place + "/orders", os.O_RDWR)
            def datagram(address):
                made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                made.connect((address, 53))
                return made
            held = [datagram("127.0.0.1")]
            try: held.append(datagram("192.0.2.9"))
            except OSError: print("no way out", flush=True)
            held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
            n = 0
            while True: n += 1; print(n, flush=True); time.sleep(.01)
            """
        try onOwnThread {
            let cut = try Cut(["python3", "-c", program])
            let shape = try cut.stage.shape(of: cut.images)
            #expect(shape.namedPipes == [cut.stage.fixture.root + "/outside/orders"])
            #expect(shape.boundDevices == ["lo"])
            #expect(shape.connectedTo == ["192.0.2.9:53"] || cut.stage.lines.contains("no way out"))
            try cut.stage.crash(cut.agent.id)
        }
    }

    /// A file of others that is only read may be another by then: no reason to lose the agent. Its place in it is kept.
    @Test func whatOthersWriteMayGrow() throws {
        let program = """
            import os, time
            place = os.environ["OUTSIDE"]
            os.makedirs(place, exist_ok=True)
            open(place + "/log", "w").write("one\\ntwo\\n")
            held = open(place + "/log")
            held.readline(); held.seek(4)
            while True: print(held.tell(), repr(held.readline()), held.seek(4), flush=True); time.sleep(.01)
            """
        try onOwnThread {
            let cut = try Cut(["python3", "-c", program])
            try cut.stage.fixture.run(["/bin/sh", "-c", "echo three >> \(cut.stage.fixture.root)/outside/log"])
            guard case .rehearsed = try cut.rehearse() else {
                Issue.record("it was not restored")
                return try cut.stage.crash(cut.agent.id)
            }
            try cut.stage.crash(cut.agent.id)
            cut.stage.forgetOutput()
            let restored = try cut.stage.restore(cut.plan, from: cut.images, cut.dump.tree)
            try cut.stage.hear(3)
            #expect(cut.stage.lines.allSatisfy { $0.hasPrefix("4 'two") } && cut.stage.errors == "", "\(cut.stage.lines)")
            try cut.stage.crash(restored.sandbox)
        }
    }
}
