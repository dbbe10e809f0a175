import Glibc
import Testing

/// One kind of program that is to resume mid-task. Its text is in Tests/Programs: it counts aloud, and in each step uses all it holds.
struct KindOfProgram: CustomTestStringConvertible, Sendable {
    var name: String
    var arguments: [String]
    /// Asks a server outside, which keeps a request of it unanswered at every cut.
    var asksOutside = false
    /// How many processes the tree has; nil: it says nothing about the kind.
    var processes: Int?
    /// Why it cannot run here; nil: it can.
    var missing: String?
    var testDescription: String { name }

    init(_ name: String, _ arguments: [String]) {
        self.name = name
        self.arguments = arguments
    }

    /// - Parameter python: a file in Tests/Programs, without its ending.
    init(_ name: String, python: String, _ more: String..., processes: Int? = nil) {
        // Without -B it would leave compiled copies beside the programs.
        self.init(name, ["python3", "-B", "\(Self.directory)/\(python).py"] + more)
        self.processes = processes
    }

    /// Tests/Programs of this tree.
    static let directory: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/") + "/Programs"
    }()

    static let all: [KindOfProgram] = [
        KindOfProgram("threads", python: "threads", processes: 1),
        KindOfProgram("asyncio", python: "asyncio_tasks", processes: 2),
        KindOfProgram("children over pipes", python: "children", processes: 11),
        KindOfProgram("shell pipeline", ["sh", "-c", "seq 1 100000000 | while read n; do echo $n; sleep 0.005; done"]),
        KindOfProgram("sqlite in a transaction", python: "database", processes: 1),
        KindOfProgram("file that grows", python: "grown_file", processes: 1),
        KindOfProgram("deleted file", python: "deleted_file", processes: 1),
        KindOfProgram("locked file", python: "locked_file", processes: 2),
        KindOfProgram("/dev/shm", python: "shared_memory", processes: 3),
        KindOfProgram("memfd", python: "memory_file", processes: 2),
        KindOfProgram("inotify", python: "watched_files", processes: 1),
        KindOfProgram("timers and signals", python: "timers", processes: 1),
        KindOfProgram("epoll and eventfd", python: "polled_events", processes: 1),
        KindOfProgram("terminal of its own", python: "terminal"),
        KindOfProgram("server with clients", python: "server", processes: 4),
        httpClient,
        node,
        KindOfProgram("swift", [SandboxFixture.buildDirectory + "/swift-program"]),
        KindOfProgram("two hundred threads", python: "many_threads", processes: 1),
        KindOfProgram("fifty processes", python: "process_tree", processes: 50),
    ]

    private static var httpClient: KindOfProgram {
        var kind = KindOfProgram("HTTP client in mid-request", python: "http_client", processes: 1)
        kind.asksOutside = true
        return kind
    }

    /// Node may have io_uring on: that is one of the programs that cannot be dumped, see BlockedProgramsTests.
    private static var node: KindOfProgram {
        var kind = KindOfProgram("node", ["/usr/bin/env", "UV_USE_IO_URING=0", Node.path ?? "node", directory + "/workers.js"])
        kind.missing = Node.path == nil ? "needs criu and node 18 or newer" : nil
        return kind
    }
}

/// Node, from wherever the PATH has it.
enum Node {
    static let path: String? = {
        let directories = getenv("PATH").map { String(cString: $0).split(separator: ":") } ?? []
        return directories.map { $0 + "/node" }.first { access($0, X_OK) == 0 && (version(of: $0) ?? 0) >= 18 }
    }()

    private static func version(of program: String) -> Int? {
        guard let text = try? Shell.output("\"$0\" --version", program) else { return nil }
        return Int(String(decoding: text.drop { $0 == UInt8(ascii: "v") }.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self))
    }
}

/// A server outside of every sandbox that answers when it is let.
final class SlowServer {
    private let fixture: SandboxFixture
    private let child: Child

    init(_ fixture: SandboxFixture) throws {
        self.fixture = fixture
        child = try Child(["/usr/bin/env", "python3", "-B", KindOfProgram.directory + "/slow_server.py", fixture.root])
        try #require(child.line() == "ready")
    }

    /// Returns once a request is kept waiting.
    func hold() throws {
        fixture.write("", to: "hold")
        try #require(child.line()?.hasPrefix("holding ") == true)
    }

    func letGo() { unlink(fixture.root + "/hold") }
}
