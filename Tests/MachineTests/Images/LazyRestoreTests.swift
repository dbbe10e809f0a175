import AgentModel
import CLinuxShims
import CriuDriver
import CriuRequests
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// Restores whose memory comes later, with the real CRIU and userfaultfd.
@Suite(.serialized, .enabled(if: criuFinding.chosen?.features.lazyPages == true && canIsolate, "needs criu and userfaultfd"))
struct LazyRestoreTests {
    /// Memory that no page of zeros can be taken for, in two processes; every line says that a page here and there is as it was.
    private static func holding(_ mebibytes: Int) -> String {
        """
        import os, time
        size = \(mebibytes) << 20; block = bytes(range(1, 251)) * 4200; held = bytearray((block * (size // len(block) + 1))[:size]); n = 0
        if os.fork() == 0: held[:] = held[::-1]; sign = -1
        else: sign = 1
        while True:
            n += 1; at = n * 7919 * 4096 % size
            whole = held[at] == (block[at % len(block)] if sign > 0 else block[(size - 1 - at) % len(block)])
            os.write(1, b"%d %d\\n" % (sign * n, whole)); time.sleep(.01)
        """
    }

    private static func pageServers(_ stage: CriuStage) throws -> [Int32] {
        let initPid = try stage.fixture.initPid()
        let children = KernelFiles.text("/proc/\(initPid)/task/\(initPid)/children") ?? ""
        return children.split(separator: " ").compactMap { Int32($0) }.filter {
            (KernelFiles.text("/proc/\($0)/cmdline") ?? "").contains("lazy-pages")
        }
    }

    private static func dumped(_ stage: CriuStage, mebibytes: Int = 60) throws -> (plan: LaunchPlan, images: String, tree: DumpedTree) {
        let plan = stage.fixture.plan(.namespaces, ["python3", "-c", holding(mebibytes)], groups: hasGroups ? hostGroups : nil)
        let agent = try stage.launch(plan)
        try stage.hear(10)
        let images = stage.newImages()
        let dump = try stage.dump(agent, into: images)
        try stage.crash(agent.id)
        stage.forgetOutput()
        return (plan, images, dump.tree)
    }

    @Test func memoryComesAfterTheAgent() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let (plan, images, tree) = try Self.dumped(stage)
            let made = KernelFiles.names(in: images)
            for _ in 1...5 {
                let restored = try stage.restore(plan, from: images, tree, lazily: true)
                #expect(restored.eagerBecause == nil)
                if restored.awaitsMemory {
                    try stage.wait("all memory") { $0 == .sandbox(restored.sandbox, .memory(.complete)) ? () : nil }
                }
                #expect(!stage.world.awaitsMemory(restored.sandbox))
                // Every page of both processes.
                try stage.hear(40)
                #expect(stage.lines.allSatisfy { $0.hasSuffix(" 1") }, "\(stage.lines)")
                #expect(stage.lines.contains { $0.hasPrefix("-") } && stage.lines.contains { !$0.hasPrefix("-") })
                #expect(stage.errors == "")
                #expect(KernelFiles.names(in: images) == made)
                // What has all its memory can be dumped, and is whole.
                let again = stage.newImages()
                let second = try stage.dump((restored.sandbox, restored.pid), into: again)
                #expect(second.statistics.pagesWritten > 2 * 60 * 256)
                try stage.crash(restored.sandbox)
                stage.forgetOutput()
            }
        }
    }

    @Test func whatIsStillToComeKeepsADumpOut() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let (plan, images, tree) = try Self.dumped(stage)
            // The server is stopped as soon as it listens: nothing comes but what the agent cannot do without, once it goes on.
            var server: Int32 = 0
            let restored = try stage.restore(plan, from: images, tree, lazily: true) { event in
                guard case .sandbox(_, .started) = event, let pid = try? Self.pageServers(stage).first else { return }
                server = pid
                kill(pid, SIGSTOP)
            }
            try #require(restored.awaitsMemory && server > 0)
            #expect(
                stage.blockers(in: restored.sandbox).map(\.sentence) == [
                    "'python3' (process 1000) is still getting its memory back from a lazy restore. Try again in a moment"
                ])
            do {
                _ = try stage.dump((restored.sandbox, restored.pid), into: stage.newImages())
                Issue.record("an image without its memory was made")
            } catch let fault as CriuFault { #expect(fault.mayPass) }
            kill(server, SIGCONT)
            try stage.wait("all memory") { $0 == .sandbox(restored.sandbox, .memory(.complete)) ? () : nil }
            _ = try stage.dump((restored.sandbox, restored.pid), into: stage.newImages())
            #expect(stage.lines.allSatisfy { $0.hasSuffix(" 1") })
            try stage.crash(restored.sandbox)
        }
    }

    /// Without its server the kernel gives a process zeros.
    @Test func anAgentWhosePageServerDiesIsEndedAtOnce() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let (plan, images, tree) = try Self.dumped(stage)
            var server: Int32 = 0
            let restored = try stage.restore(plan, from: images, tree, lazily: true) { event in
                guard case .sandbox(_, .started) = event, let pid = try? Self.pageServers(stage).first else { return }
                server = pid
                kill(pid, SIGSTOP)
            }
            try #require(restored.awaitsMemory && server > 0)
            kill(server, SIGKILL)
            var news: [SandboxNews] = []
            try stage.wait("the end") { event -> Void? in
                if case .sandbox(restored.sandbox, let one) = event { news.append(one) }
                return news.last == .vanished ? () : nil
            }
            let killed = ProcessEnd.signaled(SIGKILL, outOfMemory: false)
            // Or it fell over the zeros by itself, in whatever way: before that was seen, or before it could be killed.
            var rest = news[...]
            let wasSeen = rest.first == .memory(.lost(killed))
            if wasSeen { rest.removeFirst() }
            try #require(rest.count == 2 && rest.last == .vanished, "\(news)")
            guard case .ended(let end)? = rest.first else {
                Issue.record("\(news)")
                return
            }
            #expect(end != .exited(0) && (wasSeen || end != killed), "\(news)")
        }
    }

    @Test func oneThatCannotBeServedIsRestoredWithAllItsMemory() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let (plan, images, tree) = try Self.dumped(stage, mebibytes: 5)
            // The server dies before it listens, in the middle, and with the restore.
            let killed: (Int32) -> Void = { _ = kill($0, SIGKILL) }
            let restored = try stage.restore(plan, from: images, tree, lazily: true) { event in
                if case .sandbox(_, .memory(.served)) = event { (try? Self.pageServers(stage))?.forEach(killed) }
            }
            #expect(restored.eagerBecause == "the page server that brings its memory in ended too early (signal 9)")
            try stage.hear(20)
            #expect(stage.lines.allSatisfy { $0.hasSuffix(" 1") })
            try stage.crash(restored.sandbox)
        }
    }

    /// The supervisor may go while memory is still to come: the next one knows.
    @Test func theNextSupervisorKnowsWhatIsStillToCome() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let (plan, images, tree) = try Self.dumped(stage)
            var server: Int32 = 0
            let restored = try stage.restore(plan, from: images, tree, lazily: true) { event in
                guard case .sandbox(_, .started) = event, let pid = try? Self.pageServers(stage).first else { return }
                server = pid
                kill(pid, SIGSTOP)
            }
            try #require(restored.awaitsMemory && server > 0)
            let adopted = try #require(try stage.replaceSupervisor())
            #expect(stage.world.awaitsMemory(adopted.id))
            kill(server, SIGCONT)
            try stage.wait("all memory") { $0 == .sandbox(adopted.id, .memory(.complete)) ? () : nil }
            #expect(!stage.world.awaitsMemory(adopted.id))
            try stage.hear(20)
            #expect(stage.lines.allSatisfy { $0.hasSuffix(" 1") })
            try stage.crash(adopted.id)
        }
    }
}
