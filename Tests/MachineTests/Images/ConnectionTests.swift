import CriuDriver
import CriuRequests
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// TCP connections that lead out of the sandbox, in images.
@Suite(.serialized, .enabled(if: hasCriu && canIsolate, "needs criu"))
struct ConnectionTests {
    /// Answers each line with the number of the connection it came on.
    private static let server = """
        import socket, threading
        l = socket.create_server(("127.0.0.1", 0)); print(l.getsockname()[1], flush=True)
        def talk(s, n):
            try:
                for line in s.makefile("rb"): s.sendall(b"%d\\n" % n)
            except OSError: pass
        n = 0
        while True:
            s, _ = l.accept(); n += 1; threading.Thread(target=talk, args=(s, n), daemon=True).start()
        """
    /// Says on which connection it is, and connects anew when one is lost.
    private static func client(_ port: Int) -> String {
        """
        import socket, time
        def connect():
            s = socket.create_connection(("127.0.0.1", \(port)), timeout=5); return s, s.makefile("rb")
        def again():
            while True:
                try: return connect()
                except OSError: time.sleep(.02)  # nobody listens there just now
        s, f = connect()
        while True:
            try:
                s.sendall(b"x\\n"); answer = f.readline()
                if not answer: raise OSError("closed")
                print("on", int(answer), flush=True)
            except OSError: print("lost", flush=True); s, f = again()
            time.sleep(.02)
        """
    }

    /// A program on the host, ended with this value, and what it says.
    private final class Neighbour {
        private let pid: pid_t
        private let output: HeldDescriptor
        private var text: [UInt8] = []

        init(_ program: String) throws {
            let pipe = try makePipe()
            output = HeldDescriptor(pipe.readEnd)
            let writing = HeldDescriptor(pipe.writeEnd)
            let nothing = HeldDescriptor(open("/dev/null", O_RDWR | O_CLOEXEC))
            pid = try spawn(
                "/usr/bin/env", arguments: ["env", "python3", "-c", program], environment: ["PATH=/usr/bin:/bin"],
                descriptors: [nothing.number, writing.number, nothing.number])
        }

        deinit {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }

        /// Says nothing more until `speak`: what reaches no socket is answered with a reset.
        func holdItsTongue() throws {
            kill(pid, SIGSTOP)
            var status: Int32 = 0
            try #require(waitpid(pid, &status, WUNTRACED) == pid && status & 0xff == 0x7f)
        }

        func speak() { kill(pid, SIGCONT) }

        func line() throws -> String {
            while true {
                if let end = text.firstIndex(of: 10) {
                    defer { text.removeFirst(end + 1) }
                    return String(decoding: text[..<end], as: UTF8.self)
                }
                guard case .success(let bytes) = readSome(output.number, 4096), !bytes.isEmpty else { throw NothingCame() }
                text += bytes
            }
        }
    }

    /// - Parameters:
    ///   - stops: the agent does not go on after the cut, as in a suspension; else it crashes later.
    @Test(
        arguments: [
            (.close, false, ["on 1", "lost", "on 2"]), (.close, true, ["on 1", "lost", "on 2"]), (.keep, true, ["on 1"]),
            // The other end has heard of the crash: what is restored is told at its next word.
            (.keep, false, ["on 1", "lost", "on 2"]),
        ] as [(TCPHandling, Bool, [String])])
    func aConnectionIsClosedOrKept(tcp: TCPHandling, stops: Bool, heard: [String]) throws {
        try onOwnThread {
            let server = try Neighbour(Self.server)
            let port = try #require(Int(try server.line()))
            let stage = try CriuStage()
            let plan = stage.fixture.plan(.namespaces, ["python3", "-c", Self.client(port)])
            let agent = try stage.launch(plan)
            try stage.hear(3)
            let images = stage.newImages()
            let dump = try stage.dump(agent, into: images, leavesRunning: !stops, tcp: tcp)
            if !stops { try stage.hear(3) }
            try stage.crash(agent.id)
            do { _ = try stage.restore(plan, from: images, dump.tree) } catch let fault as CriuFault {
                // After a crash the kernel may still have the old connection: the second try closes it, as the supervisor's does.
                try #require(tcp == .keep && !stops && fault.kind == .refused(.portTaken), "\(fault)")
                var closing = dump.tree
                closing.tcp = .close
                _ = try stage.restore(plan, from: images, closing)
            }
            let seen = stage.lines.count
            try stage.wait("ten more lines") { _ in stage.lines.count > seen + 10 ? () : nil }
            var different: [Substring] = []
            for line in stage.lines where line != different.last { different.append(line) }
            #expect(different.map(String.init) == heard)
            #expect(stage.errors == "")
        }
    }

    /// An agent that serves: whoever comes after the restore is served, and who was connected is closed or goes on.
    @Test(arguments: [(.close, ["on 1", "lost", "on 2"]), (.keep, ["on 1"])] as [(TCPHandling, [String])])
    func anAgentThatListensServesOn(tcp: TCPHandling, heard: [String]) throws {
        try onOwnThread {
            let stage = try CriuStage()
            let plan = stage.fixture.plan(.namespaces, ["python3", "-c", Self.server])
            let agent = try stage.launch(plan)
            try stage.hear(1)
            let port = try #require(stage.lines.first.flatMap { Int($0) })
            let client = try Neighbour(Self.client(port))
            #expect(try client.line() == "on 1")
            try client.holdItsTongue()
            let images = stage.newImages()
            let dump = try stage.dump(agent, into: images, leavesRunning: false, tcp: tcp)
            try stage.crash(agent.id)
            let restored = try stage.restore(plan, from: images, dump.tree)
            client.speak()
            var different = ["on 1"]
            // What it said before the cut is still to be read, too.
            for count in 1...3000 {
                let line = try client.line()
                if line != different.last { different.append(line) }
                try #require(different.count <= heard.count, "\(different)")
                if count >= 100, different == heard { break }
            }
            #expect(different == heard)
            // A stranger who comes now.
            #expect(try Neighbour(Self.client(port)).line() == "on \(heard.count > 1 ? 3 : 2)")
            try stage.crash(restored.sandbox)
        }
    }
}
