import AgentModel
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
