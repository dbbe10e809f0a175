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
        _ plan: LaunchPlan, from images: String, _ tree: DumpedTree, copy: String, shape: SetShape? = nil, timeLimit: Duration = .seconds(20)
    ) throws -> RehearsalNews {
        let restore = RestoreRequest(plan: rehearsal(of: plan, copy: copy), images: images, tree: tree, timeLimit: timeLimit)
        let job = try driver.rehearse(RehearsalRequest(restore: restore, shape: try shape ?? self.shape(of: images)))
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

    private static let beating = "import sys, time\nn = 0\nwhile True: n += 1; print(n, flush=True); time.sleep(.01)"

    @Test(arguments: KindOfProgram.here) func whatWasDumpedIsRestoredBesideTheLivingAgent(kind: KindOfProgram) throws {
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
}
