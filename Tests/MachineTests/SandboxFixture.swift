import AgentModel
import CLinuxShims
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// How the sandbox is separated in a test.
enum Shape: String, CaseIterable, CustomTestStringConvertible {
    case namespaces, subreaper
    var testDescription: String { rawValue }
    /// Without root only the subreaper can be had; that the other is skipped is said by `canIsolate`'s own test.
    static var possible: [Shape] { canIsolate ? allCases : [.subreaper] }
}

let canIsolate: Bool = {
    var step: Int32 = 0
    return shim_process_try_namespaces(&step) == 0
}()
let hostGroups = ControlGroupProbe.find()
let hasGroups: Bool = { if case .none = hostGroups { false } else { true } }()
/// Every hierarchy that can be tried here: the host's own, and a version 2 mount beside version 1.
let groupHosts: [HostFacts.ControlGroups] = {
    guard hasGroups else { return [] }
    let unified = "/sys/fs/cgroup/unified"
    if case .v1 = hostGroups, access(unified + "/cgroup.procs", W_OK) == 0 { return [hostGroups, .v2(root: unified, controllers: [])] }
    return [hostGroups]
}()

/// A runtime directory of its own, a workspace, and a table of sandboxes over its own loop. Everything is ended and removed with it.
final class SandboxFixture {
    let root: String
    let loop = EventLoop()
    let place: SupervisorPlace
    private(set) var sandboxes: LinuxSandboxes
    let agent: AgentName

    static let buildDirectory: String = {
        var path = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &path, path.count)
        let executable = String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return String(executable.prefix(upTo: executable.lastIndex(of: "/") ?? executable.endIndex))
    }()
    static var initPath: String { buildDirectory + "/runner-init" }
    static var driverPath: String { buildDirectory + "/sandbox-driver" }

    init() throws {
        let name = UInt64.random(in: 0 ... .max)
        root = "/tmp/runner-machine-" + String(name, radix: 36)
        agent = try #require(AgentName("m" + String(name, radix: 36)))
        place = SupervisorPlace(agent: agent, store: root + "/store", runtime: root + "/run", noEarlierThan: nil)
        for directory in [place.runtime, place.doors, root + "/work", root + "/hidden"] {
            #expect(KernelFiles.makeDirectories(directory) == 0)
        }
        sandboxes = LinuxSandboxes(loop: loop, place: place, initPath: Self.initPath)
    }

    deinit {
        sandboxes.letGo()
        do {
            if let adopted = try sandboxes.adopt(agent, doorsDirectory: place.doors) {
                sandboxes.kill(adopted.id)
                _ = events { $0 == .sandbox(adopted.id, .vanished) }
            }
        } catch { Issue.record("a sandbox is left behind: \(error.sentence)") }
        for host in groupHosts {
            let group = ControlGroup(.init(host: host, path: groupName, memoryLimit: nil, cpuLimitMilli: nil, processLimit: nil))
            _ = group?.remove()
        }
        _ = try? run(["/bin/rm", "-rf", root])
    }

    /// As if this supervisor had ended: another table over the same place.
    func replaceSupervisor() {
        sandboxes.letGo()
        sandboxes = LinuxSandboxes(loop: loop, place: place, initPath: Self.initPath)
    }

    /// Below it the group is made, so that groups in groups are part of the test.
    private var groupName: String { "runner-test-" + agent.text }

    // MARK: Plans

    func plan(_ shape: Shape, _ arguments: [String], groups: HostFacts.ControlGroups? = nil) -> LaunchPlan {
        LaunchPlan(
            agent: agent, origin: .clean, incarnation: 7, arguments: arguments,
            environment: [.init(name: "PATH", value: "/usr/bin:/bin"), .init(name: "ROOT", value: root)], workingDirectory: root + "/work",
            isolation: shape == .namespaces ? .namespaces(hostName: "box") : .subreaper(because: "the test wants it"),
            controlGroup: groups.map {
                .init(host: $0, path: groupName + "/" + agent.text, memoryLimit: nil, cpuLimitMilli: nil, processLimit: nil)
            },
            doorsDirectory: place.doors, doorsInside: shape == .namespaces ? "/run/runner" : place.doors,
            hiddenDirectories: shape == .namespaces ? [root + "/hidden"] : [], adoptWithin: .seconds(60), stopDeadline: .seconds(5))
    }

    func plan(_ shape: Shape, script: String, groups: HostFacts.ControlGroups? = nil) -> LaunchPlan {
        plan(shape, ["/bin/sh", "-c", script], groups: groups)
    }

    // MARK: Events

    /// Everything up to the event that `isLast` names; records an issue when it does not come within 20 seconds.
    func events(until isLast: (WorldEvent) -> Bool) -> [WorldEvent] {
        var events: [WorldEvent] = []
        let deadline = shim_boottime_ns() + 20_000_000_000
        while let event = loop.next(until: deadline) {
            events.append(event)
            if isLast(event) { return events }
        }
        Issue.record("the awaited event did not come; these did: \(events)")
        return events
    }

    /// Launches and waits for the end. - Returns: the news in order, and what was written.
    func life(_ plan: LaunchPlan) throws -> (news: [SandboxNews], out: String, err: String) {
        let id = try sandboxes.launch(plan)
        return summary(events { $0 == .sandbox(id, .vanished) })
    }

    /// News without the number in `started`, and each stream's whole text.
    func summary(_ events: [WorldEvent]) -> (news: [SandboxNews], out: String, err: String) {
        var (news, out, err): ([SandboxNews], [UInt8], [UInt8]) = ([], [], [])
        for event in events {
            switch event {
            case .sandbox(_, .started): news.append(.started(pid: 0))
            case .sandbox(_, let one): news.append(one)
            case .output(_, .standardOutput, let bytes): out += bytes
            case .output(_, .standardError, let bytes): err += bytes
            default: Issue.record("an event of somebody else: \(event)")
            }
        }
        return (news, String(decoding: out, as: UTF8.self), String(decoding: err, as: UTF8.self))
    }

    /// Launches and returns once the agent has written its first line. - Returns: sandbox, pid on the host.
    func start(_ plan: LaunchPlan) throws -> (id: SandboxID, pid: Int32) {
        let id = try sandboxes.launch(plan)
        var pid: Int32 = 0
        _ = events { event in
            if case .sandbox(id, .started(let number)) = event { pid = number }
            if case .output = event { return true }
            return false
        }
        #expect(pid > 0)
        return (id, pid)
    }

    // MARK: Files and processes

    func write(_ text: String, to name: String, mode: mode_t = 0o644) {
        let descriptor = open(root + "/" + name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        #expect(descriptor >= 0)
        #expect(Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count)
        close(descriptor)
    }

    /// pid of the sandbox's init, from the record.
    func initPid() throws -> Int32 {
        try #require(SandboxRecord.read(place.runtime + "/sandbox")?.initProcess?.pid)
    }

    /// Command lines on the host that hold `word`, looked up in /proc.
    static func commandLines(with word: String) -> [String] {
        KernelFiles.names(in: "/proc").filter { Int32($0) != nil && Int32($0) != getpid() }
            .compactMap { KernelFiles.text("/proc/\($0)/cmdline") }.filter { $0.contains(word) }
    }

    /// Runs a program to its end. - Returns: what it wrote to its standard output.
    @discardableResult func run(_ arguments: [String]) throws -> String {
        let child = try Child(arguments)
        var text = ""
        while let line = child.line() { text += line + "\n" }
        return text
    }

    func savedPlan(_ plan: LaunchPlan) throws -> String {
        write(String(decoding: try JSONText.encode(plan), as: UTF8.self), to: "plan.json")
        return root + "/plan.json"
    }
}

/// A program with its standard output in our hands; killed and reaped at the end.
final class Child {
    let handle: Int32
    private let output: Int32
    private var kept: [UInt8] = []

    init(_ arguments: [String]) throws {
        let pipe = try makePipe()
        let nothing = open("/dev/null", O_RDWR | O_CLOEXEC)
        var handle: Int32 = -1
        let pid = withCStrings([arguments, ["PATH=/usr/bin:/bin"]]) {
            shim_process_spawn(arguments[0], $0[0], $0[1], [nothing, pipe.writeEnd, 2], 3, 0, &handle)
        }
        close(nothing)
        close(pipe.writeEnd)
        output = pipe.readEnd
        self.handle = handle
        try #require(pid > 0, "cannot run \(arguments[0]): errno \(-pid)")
    }

    deinit {
        close(output)
        kill()
        close(handle)
    }

    /// SIGKILL, and waits till it has ended.
    func kill() {
        _ = shim_process_signal(handle, SIGKILL)
        _ = ProcessLook.hasEnded(handle: handle, within: 20_000)
        _ = shim_process_reap(handle)
    }

    /// The next line; nil at the end of the output, or when none comes within 20 seconds.
    func line() -> String? {
        while true {
            if let end = kept.firstIndex(of: 10) {
                defer { kept.removeFirst(end + 1) }
                return String(decoding: kept[..<end], as: UTF8.self)
            }
            guard ProcessLook.hasEnded(handle: output, within: 20_000), case .success(let bytes) = readSome(output, 4096), !bytes.isEmpty
            else { return nil }
            kept += bytes
        }
    }
}
