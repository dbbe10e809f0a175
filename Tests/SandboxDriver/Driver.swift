internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import LaunchPlans
internal import LinuxWorld
internal import OutsideWorld

func run(_ arguments: [String]) {
    switch (arguments.first, arguments.count) {
    case ("supervise", 4): supervise(Driver(Array(arguments.dropFirst())))
    case ("rehearse", 4): rehearse(Driver(Array(arguments.dropFirst())))
    case ("measure", 5): measure(Int(arguments[1]) ?? 1, Driver(Array(arguments.dropFirst(2))))
    case ("probe", 2): probe(arguments[1])
    case ("knock", 2): knock(arguments[1])
    case ("visit", 2): visit(arguments[1])
    case ("churn", 3): churn(arguments[1], arguments[2])
    default: exit(64)
    }
}

private func churn(_ store: String, _ workspace: String) {
    do { try Churn(store: store, workspace: workspace).run() } catch {
        tell("fault \(error)")
        exit(1)
    }
}

/// A table of sandboxes and the plan to launch, from RUNTIME INIT PLAN.json.
struct Driver {
    let loop = EventLoop()
    let sandboxes: LinuxSandboxes
    let plan: LaunchPlan

    init(_ arguments: [String]) {
        guard let file = fopen(arguments[2], "r") else { exit(66) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        bytes.removeLast(bytes.count - count)
        fclose(file)
        do { plan = try JSONText.decode(LaunchPlan.self, from: bytes) } catch {
            tell("\(error)")
            exit(65)
        }
        let place = SupervisorPlace(agent: plan.agent, store: "/", runtime: arguments[0], noEarlierThan: nil)
        sandboxes = LinuxSandboxes(loop: loop, place: place, initPath: arguments[1])
    }
}

/// A line at once: the reader may kill us after it.
func tell(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(1, bytes, bytes.count)
}

private func supervise(_ driver: Driver) {
    do { _ = try driver.sandboxes.launch(driver.plan) } catch {
        tell("fault \(error.sentence)")
        exit(1)
    }
    while let event = driver.loop.next(until: nil) {
        switch event {
        case .sandbox(_, .vanished):
            tell("vanished")
            return
        case .sandbox(_, let news): tell("\(news)")
        case .output(_, let stream, let bytes): tell("\(stream.rawValue) \(String(decoding: bytes, as: UTF8.self))")
        default: break
        }
    }
}

/// The plan's agent, and beside it a sandbox for a rehearsal into which nothing is restored.
private func rehearse(_ driver: Driver) {
    do {
        _ = try driver.sandboxes.launch(driver.plan)
        let doors = driver.plan.doorsDirectory.dropLast("doors".count) + "rehearsal/doors"
        let id = try driver.sandboxes.prepare(driver.plan.rehearsal(doorsDirectory: String(doors), copy: nil), forRestoreOf: 1000)
        while let event = driver.loop.next(until: nil) { if event == .sandbox(id, .ready) { tell("ready") } }
    } catch {
        tell("fault \(error)")
        exit(1)
    }
}

// MARK: Measuring

private func milliseconds() -> Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) * 1000 + Double(now.tv_nsec) / 1e6
}

private func probe(_ initPath: String) {
    let begin = milliseconds()
    let facts = HostProbe.facts(initPath: initPath)
    tell("\(milliseconds() - begin) ms: \(facts)")
}

/// The plan's agent must write a line when it begins and then wait. Each round: launch, its first line, SIGKILL to it, `ended`, `vanished`.
private func measure(_ count: Int, _ driver: Driver) {
    var samples: [String: [Double]] = [:]
    let descriptors = KernelFiles.names(in: "/proc/self/fd").count
    for _ in 0..<count {
        let begin = milliseconds()
        guard let id = try? driver.sandboxes.launch(driver.plan) else { exit(1) }
        samples["1 launch returned", default: []].append(milliseconds() - begin)
        var pid: Int32 = 0
        var killed = 0.0
        rounds: while let event = driver.loop.next(until: nil) {
            switch event {
            case .sandbox(id, .started(let number)):
                pid = number
                samples["2 started", default: []].append(milliseconds() - begin)
            case .output:
                samples["3 first instruction", default: []].append(milliseconds() - begin)
                killed = milliseconds()
                Glibc.kill(pid, SIGKILL)
            case .sandbox(id, .ended): samples["4 death to ended", default: []].append(milliseconds() - killed)
            case .sandbox(id, .vanished):
                samples["5 death to vanished", default: []].append(milliseconds() - killed)
                break rounds
            default: break
            }
        }
    }
    for (step, times) in samples.sorted(by: { $0.key < $1.key }) {
        let sorted = times.sorted()
        tell("\(step): median \(sorted[sorted.count / 2]) worst \(sorted[sorted.count - 1]) of \(sorted.count)")
    }
    let children = KernelFiles.text("/proc/thread-self/children") ?? "?"
    tell("left: \(KernelFiles.names(in: "/proc/self/fd").count - descriptors) descriptors, children '\(children)'")
}

// MARK: Knocking

private func knock(_ path: String) {
    let connection = shim_packet_connect(path)
    guard connection >= 0 else { return tell("errno \(-connection)") }
    var report = sandbox_report()
    var handles: [Int32] = [-1, -1, -1, -1]
    var count: Int32 = 0
    var one = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
    poll(&one, 1, 10_000)
    let length = shim_packet_receive(connection, &report, MemoryLayout<sandbox_report>.size, &handles, &count)
    let isRefusal = sandbox_report_kind(report.kind) == SANDBOX_REFUSED
    tell(length > 0 ? (isRefusal ? "refused" : "hello") : "closed")
}

private func visit(_ path: String) {
    let connection = shim_unix_connect(path, Int32(SOCK_STREAM.rawValue), 1000)
    guard connection >= 0 else { return tell("errno \(-connection)") }
    tell("in")
    var byte: UInt8 = 0
    while recv(connection, &byte, 1, 0) > 0 {}
}
