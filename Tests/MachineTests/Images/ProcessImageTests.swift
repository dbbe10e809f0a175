import AgentModel
import CLinuxShims
import CriuDriver
import CriuRequests
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// Whole process trees, dumped while they run and restored by the real CRIU.
@Suite(.serialized, .enabled(if: hasCriu, "needs criu"))
struct ProcessImageTests {
    /// Two threads and two children with pipes; every line says how far all of them are.
    static let counting = """
        import os, subprocess, sys, threading, time
        ticks = [0, 0]
        def tick(i):
            while True: ticks[i] += 1; time.sleep(.002)
        for i in (0, 1): threading.Thread(target=tick, args=(i,), daemon=True).start()
        children = [subprocess.Popen(["sh", "-c", "while read l; do echo $l; done"], stdin=-1, stdout=-1) for _ in range(2)]
        held = open("held", "a+"); n = 0
        while True:
            n += 1
            child = children[n % 2]; child.stdin.write(b"%d\\n" % n); child.stdin.flush()
            assert int(child.stdout.readline()) == n
            held.write("%d\\n" % n); held.flush(); held.seek(0); assert len(held.readlines()) == n; held.seek(0, 2)
            print(n, ticks[0], ticks[1], os.getpid(), *[c.pid for c in children], flush=True)
            time.sleep(.005)
        """

    private struct Line: Equatable {
        var count: Int
        var ticks: [Int]
        var processes: [Int]
        init?(_ text: Substring) {
            let numbers = text.split(separator: " ").compactMap { Int($0) }
            guard numbers.count == 6 else { return nil }
            (count, ticks, processes) = (numbers[0], Array(numbers[1...2]), Array(numbers[3...5]))
        }
    }

    @Test func anAgentGoesOnTwentyTimesInFreshSandboxes() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let plan = stage.fixture.plan(.namespaces, ["python3", "-c", Self.counting], groups: hasGroups ? hostGroups : nil)
            var agent = try stage.launch(plan)
            var processes: [Int]?
            var frozen: [Duration] = []
            for round in 1...20 {
                try stage.hear(5)
                let images = stage.newImages()
                var cut = 0
                let dump = try stage.dump(agent, into: images) { _ in
                    // The workspace as it is at the cut; the file grows afterwards, and a restore insists on the size it had.
                    try stage.fixture.run(["/bin/cp", "-a", stage.fixture.root + "/work", images + ".work"])
                    cut = KernelFiles.text(images + ".work/held", limit: 1 << 20)?.split(separator: "\n").count ?? -1
                    return true
                }
                frozen.append(dump.statistics.frozen)
                try stage.hear(3)  // it goes on past the cut
                try stage.crash(agent.id)
                stage.forgetOutput()
                try stage.fixture.run(["/bin/rm", "-rf", stage.fixture.root + "/work"])
                try stage.fixture.run(["/bin/cp", "-a", images + ".work", stage.fixture.root + "/work"])

                let restored = try stage.restore(plan, from: images, dump.tree)
                agent = (restored.sandbox, restored.pid)
                // Until its threads have gone on as well.
                try stage.wait("the threads") { _ -> Void? in
                    let lines = stage.lines.compactMap { Line($0) }
                    guard let first = lines.first, let last = lines.last, lines.count > 3 else { return nil }
                    return zip(first.ticks, last.ticks).allSatisfy { $0 < $1 } ? () : nil
                }
                let lines = stage.lines.compactMap { Line($0) }
                let first = try #require(lines.first, "round \(round): \(stage.lines) \(stage.errors)")
                #expect(first.count == cut || first.count == cut + 1, "round \(round)")
                #expect(zip(lines, lines.dropFirst()).allSatisfy { $1.count == $0.count + 1 })
                #expect(processes == nil || processes == first.processes, "numbers inside stay")
                processes = first.processes
                #expect(first.processes.allSatisfy { $0 >= 1000 })
                #expect(stage.errors == "")
                try stage.fixture.run(["/bin/rm", "-rf", images, images + ".work"])
            }
            try stage.crash(agent.id)
            print("frozen, of 20: \(frozen.min() ?? .zero) to \(frozen.max() ?? .zero)")
        }
    }
}

/// What goes wrong, with the real CRIU and the real kernel.
@Suite(.serialized, .enabled(if: hasCriu, "needs criu"))
struct ProcessImageFaultTests {
    private static let beating = "import sys, time\nn = 0\nwhile True: n += 1; print(n, flush=True); time.sleep(.01)"
    /// Holds a connection to the agents' door, connects anew when it ends, and says which connection it is on.
    private static let connected = """
        import socket, time
        def connect():
            s = socket.socket(socket.AF_UNIX); s.connect("/run/runner/agent.sock"); s.setblocking(False); return s
        count, held = 1, connect()
        while True:
            try:
                if held.recv(100) == b"": count, held = count + 1, connect()
            except BlockingIOError: pass
            print("connection", count, flush=True); time.sleep(.01)
        """

    private func told(_ body: () throws -> Void) throws -> CriuFault {
        do { try body() } catch let fault as CriuFault { return fault }
        throw NothingCame()
    }

    @Test func aConnectionToTheRunnerIsMadeAnew() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let plan = stage.fixture.plan(.namespaces, ["python3", "-c", Self.connected])
            try stage.world.open(.agent)
            let agent = try stage.launch(plan)
            try stage.hear(3)
            let images = stage.newImages()
            let dump = try stage.dump(agent, into: images)
            #expect(dump.tree.connections.map(\.form) == [.stream])
            try stage.crash(agent.id)
            stage.forgetOutput()
            let restored = try stage.restore(plan, from: images, dump.tree)
            // The agent runs before CRIU has ended, so it may knock before it is told to be restored; it is known to be inside all the same.
            try stage.wait("its word") { _ -> Void? in stage.lines.last == "connection 2" && stage.peers.count == 2 ? () : nil }
            #expect(stage.peers.map(\.isInside) == [agent.id, restored.sandbox])
            #expect(stage.errors == "")
            try stage.crash(restored.sandbox)
        }
    }

    /// Each takes a descriptor of CRIU's at the restore.
    @Test func anyNumberOfConnectionsIsMadeAnew() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let count = 150
            let path = stage.fixture.root + "/listener"
            let listener = HeldDescriptor(shim_unix_bind(path, Int32(SOCK_STREAM.rawValue), 0o600))
            #expect(listen(listener.number, Int32(count)) == 0)
            let program = """
                import socket, time
                def connect():
                    s = socket.socket(socket.AF_UNIX); s.connect("\(path)"); s.setblocking(False); return s
                held = [connect() for _ in range(\(count))]; ended = set()
                while True:
                    for s in held:
                        try:
                            if s.recv(1) == b"": ended.add(s)
                        except BlockingIOError: pass
                    print("ended", len(ended), flush=True); time.sleep(.01)
                """
            let plan = stage.fixture.plan(.namespaces, ["python3", "-c", program])
            let agent = try stage.launch(plan)
            try stage.hear(1)
            let ends = (0..<count).map { _ in HeldDescriptor(shim_accept(listener.number)) }
            #expect(ends.allSatisfy { $0.number >= 0 })
            let images = stage.newImages()
            let dump = try stage.dump(agent, into: images)
            #expect(dump.tree.connections.count == count)
            try stage.crash(agent.id)
            stage.forgetOutput()
            let restored = try stage.restore(plan, from: images, dump.tree)
            try stage.wait("its word") { _ -> Void? in stage.lines.last == "ended \(count)" ? () : nil }
            #expect(stage.errors == "")
            try stage.crash(restored.sandbox)
        }
    }

    @Test func whatIsNotWantedLeavesTheAgentAsItWas() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let plan = stage.fixture.plan(.namespaces, ["python3", "-c", Self.beating], groups: hasGroups ? hostGroups : nil)
            let agent = try stage.launch(plan)
            try stage.hear(2)
            let fault = try told { _ = try stage.dump(agent, into: stage.newImages(), leavesRunning: false) { _ in false } }
            #expect(fault.kind == .declined)
            #expect(CriuLog(fault.log.map { "(0) Error (criu/x.c:1): \($0)" }.joined(separator: "\n")).cause == .declined, "\(fault.log)")
            try stage.hear(3)
            // CRIU does not come as far in time: it finds the connection closed, and the agent goes on.
            let late = stage.newImages()
            let job = try stage.driver.dump(
                DumpRequest(sandbox: agent.id, agent: agent.pid, images: late, leavesRunning: true, timeLimit: .milliseconds(1)))
            var why: CriuFault.Kind?
            while why == nil {
                guard let event = stage.world.next(until: job.deadline) else {
                    job.timePassed()
                    continue
                }
                if case .failed(let fault)? = job.take(event) { why = fault.kind }
            }
            #expect(why == .timedOut(.milliseconds(1)))
            try stage.hear(3)
            _ = try stage.dump(agent, into: stage.newImages())
            try stage.crash(agent.id)
        }
    }

    @Test func aLastCutLeavesTheAgentStandingUntilItIsEndedOrLetGo() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let plan = stage.fixture.plan(.namespaces, ["python3", "-c", Self.beating])
            let agent = try stage.launch(plan)
            try stage.hear(2)
            // It could not be kept: as if nothing had been.
            _ = try stage.dump(agent, into: stage.newImages(), leavesRunning: false)
            stage.world.goOn(in: agent.id)
            try stage.hear(3)
            let images = stage.newImages()
            let dump = try stage.dump(agent, into: images, leavesRunning: false)
            stage.world.kill(agent.id)
            try stage.wait("its end") { $0 == .sandbox(agent.id, .vanished) ? () : nil }
            let made = KernelFiles.names(in: images)
            let restored = try stage.restore(plan, from: images, dump.tree)
            try stage.hear(3)
            // The images of a version are sealed: nothing is put beside them.
            #expect(KernelFiles.names(in: images) == made)
            // Its life is like any other's from here on.
            kill(restored.pid, SIGTERM)
            try stage.wait("its end") { $0 == .sandbox(restored.sandbox, .ended(.signaled(15, outOfMemory: false))) ? () : nil }
            try stage.wait("the rest") { $0 == .sandbox(restored.sandbox, .vanished) ? () : nil }
        }
    }

    /// Nobody but who began a restore can finish it.
    @Test func aSandboxWhoseRestoreIsLeftEndsByItself() throws {
        let fixture = try SandboxFixture()
        let plan = fixture.plan(.namespaces, ["true"], groups: hasGroups ? hostGroups : nil)
        let id = try fixture.sandboxes.prepare(plan, forRestoreOf: 1000)
        _ = fixture.events { $0 == .sandbox(id, .ready) }
        let waiting = HeldDescriptor(shim_process_open(try fixture.initPid()))
        fixture.replaceSupervisor()
        #expect(ProcessLook.hasEnded(handle: waiting.number, within: 10_000))
        #expect(try fixture.sandboxes.adopt(fixture.agent, doorsDirectory: fixture.place.doors) == nil)
        #expect(KernelFiles.names(in: fixture.place.runtime) == ["doors"])

        // One that is finished without a tree says so, and is gone.
        let empty = try fixture.sandboxes.prepare(plan, forRestoreOf: 1000)
        _ = fixture.events { $0 == .sandbox(empty, .ready) }
        fixture.sandboxes.finishRestore(in: empty)
        let told = fixture.summary(fixture.events { $0 == .sandbox(empty, .vanished) })
        #expect(told.news == [.failed(LaunchFault(.system, "could not take over the restored agent: no child processes")), .vanished])
    }

    @Test func aRestoreThatFailsSaysWhyAndLeavesNothing() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let holding = "f = open('state', 'w+'); f.write('abc'); f.flush()\n" + Self.beating
            let plan = stage.fixture.plan(.namespaces, ["python3", "-c", holding])
            let agent = try stage.launch(plan)
            try stage.hear(2)
            let images = stage.newImages()
            let dump = try stage.dump(agent, into: images)
            try stage.crash(agent.id)
            stage.fixture.write("abcdefg", to: "work/state")
            let path = stage.fixture.root + "/work/state"
            let fault = try told { _ = try stage.restore(plan, from: images, dump.tree) }
            #expect(fault.kind == .refused(.fileSizeDiffers(path: path, is: 7, was: 3)))

            // A page file that is cut short makes CRIU wait for ever: the sandbox is ended.
            stage.fixture.write("abc", to: "work/state")
            let short = stage.newImages()
            try stage.fixture.run(["/bin/sh", "-c", "cp -a '\(images)/.' '\(short)' && truncate -s -4096 '\(short)/pages-1.img'"])
            let stuck = try told { _ = try stage.restore(plan, from: short, dump.tree, timeLimit: .seconds(2)) }
            #expect(stuck.kind == .timedOut(.seconds(2)) || stuck.kind == .refused(.damagedImage("a page image is shorter than its map")))

            // Nothing is left of either, and the good image still works.
            let restored = try stage.restore(plan, from: images, dump.tree)
            try stage.hear(2)
            try stage.crash(restored.sandbox)
        }
    }
}
