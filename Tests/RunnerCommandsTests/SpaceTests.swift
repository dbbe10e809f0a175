import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import StatusViews
import Testing

@testable import RunnerCommands

/// What agents take on the disk of the store, and how it is had back.
@Suite struct SpaceTests {
    private func run(_ words: String..., on stage: Stage) -> (status: Int32, output: String, errors: String) {
        stage.machine.arguments = words
        let (output, errors) = (stage.machine.output.count, stage.machine.errors.count)
        let status = stage.run()
        return (status, String(stage.machine.output.dropFirst(output)), String(stage.machine.errors.dropFirst(errors)))
    }

    @Test func whatAnAgentTakesIsTold() throws {
        let stage = try Stage([], versions: 3)
        let space = try stage.store.space(of: stage.agent)
        #expect(space.bytes > 0)
        let wide = run("ls", "-o", "wide", on: stage)
        let lines = wide.output.split(separator: "\n")
        #expect(lines.first?.contains("DISK") == true && lines.last?.contains(" \(space.brief) ") == true, "\(wide.output)")
        #expect(wide.errors == "runner: the store takes \(try stage.store.space()) of disk\n")
        #expect(run("status", "agent-7", on: stage).output.contains("store       /store, which has \(space) of it on disk\n"))
        #expect(run("status", "agent-7", "--json", on: stage).output.contains("\"disk\" : \(space.bytes)"))
        #expect(!run("ls", on: stage).output.contains("DISK"))
        #expect(
            run("versions", "agent-7", "-o", "wide", on: stage).errors
                == "runner: 'agent-7' takes \(space) of disk, with its packs, journal and log\n")
    }

    /// A monitor asks so every few seconds, of every agent.
    @Test(arguments: [["ls"], ["ls", "--json"], ["ls", "-o", "ndjson"], ["ls", "agent-7", "--json"], ["status"], ["status", "--json"]])
    func whoAsksOfAllAgentsWaitsForNoMeasure(words: [String]) throws {
        let stage = try Stage(words, versions: 2)
        var status: Int32 = 1
        let done = stage.disk.trace { status = stage.run() }
        #expect(status == 0 && !stage.machine.output.contains("\"disk\"") && !stage.machine.output.contains("on disk"))
        #expect(!done.contains { $0.name == "list" && $0.path.contains("versions/1") }, "\(done)")
    }

    /// Files that share their place are counted of each: what is told is the most it can be.
    @Test func whereFilesMaySharePlaceItIsSaidAtMost() throws {
        let stage = try Stage([], versions: 3)
        stage.disk.setSharing(.shared)
        let space = try stage.store.space(of: stage.agent)
        #expect(run("status", "agent-7", on: stage).output.contains("store       /store, which has up to \(space) of it on disk\n"))
        #expect(run("ls", "-o", "wide", on: stage).errors.hasPrefix("runner: the store takes up to "))
        #expect(run("versions", "agent-7", "-o", "wide", on: stage).errors.hasPrefix("runner: 'agent-7' takes up to \(space) of disk"))
        #expect(run("prune", "agent-7", "--keep", "2", "--dry-run", on: stage).errors.contains("would go; that frees up to "))
        #expect(run("prune", "agent-7", "--keep", "2", on: stage).errors.contains("is gone; that freed up to "))
        #expect(run("rm", "agent-7", on: stage).status == 0)
        let removed = try #require(try stage.store.removedAgents().first)
        #expect(run("rm", "--now", removed.name, on: stage).errors.contains("is gone for good; that freed up to "))
    }

    @Test func whatARemovedAgentStillTakesIsTold() throws {
        let stage = try Stage([], versions: 2)
        #expect(run("rm", "agent-7", on: stage).status == 0)
        let removed = try #require(try stage.store.removedAgents().first)
        let space = try stage.store.space(of: removed)
        #expect(space.bytes > 0)
        let list = run("undelete", on: stage).output
        #expect(list.contains("DISK") && list.contains(" \(space.brief)  "), "\(list)")
        #expect(run("undelete", "--json", on: stage).output.contains("\"disk\" : \(space.bytes)"))
        #expect(run("ls", "-o", "wide", on: stage).errors.contains(" of it for 1 removed agent"))
        try stage.store.addAgent(named("other"))
        let said = run("ls", "-o", "wide", on: stage).errors
        #expect(said.hasSuffix(" of disk, \(space) of it for 1 removed agent: see 'runner undelete'\n"), "\(said)")
    }

    /// Only the one that was named, and only with '--now'.
    @Test func aRemovedAgentGoesBeforeItsTerm() throws {
        let stage = try Stage([], versions: 2)
        #expect(run("rm", "agent-7", on: stage).status == 0)
        try stage.store.addAgent(stage.agent)
        #expect(run("rm", "agent-7", on: stage).status == 0)
        let names = try stage.store.removedAgents().map(\.name)
        try #require(names.count == 2)
        let refused = run("rm", names[1], on: stage)
        #expect(refused.status == 64 && refused.errors.contains("goes for good with '--now'"), "\(refused)")
        let before = try stage.store.space()
        let gone = run("rm", "--now", names[1], on: stage)
        #expect(gone.status == 0)
        let freed = before.bytes - (try stage.store.space()).bytes
        #expect(
            gone.errors == """
                runner: removing '\(names[1])', which was removed, with 2 versions for good
                runner: '\(names[1])' is gone for good; that freed \(ByteCount(freed)) of disk

                """)
        #expect(try stage.store.removedAgents().map(\.name) == [names[0]])
        #expect(run("undelete", names[1], on: stage).status == 66)
        let again = run("rm", "--now", names[1], on: stage)
        #expect(again.status == 66 && again.errors.contains("there is no such removed agent"), "\(again)")
    }

    /// - Parameter place: where half of the files that are removed there stay.
    /// - Returns: what was said, and what the store takes less then.
    private func clearing(_ words: [String], failingBelow place: String?, removedFirst: Bool) throws -> (said: String, freed: ByteCount) {
        var index: Int?
        for isFailing in place == nil ? [false] : [false, true] {
            let stage = try Stage([], versions: 4)
            if removedFirst { #expect(run("rm", "agent-7", on: stage).status == 0) }
            let name = try stage.store.removedAgents().first?.name
            stage.machine.arguments = words + [name].compactMap { $0 }
            // The command makes it before it measures.
            let withoutLock = { () throws -> ByteCount in
                try? stage.disk.removeFile("agents/agent-7/lock")
                return try stage.store.space()
            }
            let (before, said) = (try withoutLock(), stage.machine.errors.count)
            if isFailing { stage.disk.fail(at: stage.disk.operationCount + (try #require(index)), with: .io) }
            var status: Int32 = 1
            let done = stage.disk.trace { status = stage.run() }
            #expect(status == 0, "\(stage.machine.errors)")
            if isFailing || place == nil {
                let after = try withoutLock()
                return (String(stage.machine.errors.dropFirst(said)), ByteCount(before.bytes - min(before.bytes, after.bytes)))
            }
            let cleared = done.indices.filter { done[$0].name == "unlink" && done[$0].path.contains(place ?? "") }
            index = cleared.isEmpty ? nil : cleared[cleared.count / 2] + 1
        }
        return ("", ByteCount(0))
    }

    /// What is only out of reach has freed nothing.
    @Test func whatCouldNotBeClearedIsNotSaidToBeFree() throws {
        let (whole, all) = try clearing(["rm", "--now"], failingBelow: nil, removedFirst: true)
        #expect(whole.hasSuffix("; that freed \(all) of disk\n"), "\(whole)")
        let (said, freed) = try clearing(["rm", "--now"], failingBelow: ".gone/", removedFirst: true)
        #expect(freed < all)
        #expect(
            said.hasSuffix(
                """
                is gone for good; that freed \(freed) of disk. \(ByteCount(all.bytes - freed.bytes)) could not be cleared: 'runner prune' and supervisors try it again

                """), "\(said)")
        let words = ["prune", "agent-7", "--keep", "1"]
        let (pruned, much) = try clearing(words, failingBelow: nil, removedFirst: false)
        #expect(pruned == "runner: 'agent-7': 3 of 4 versions are gone; that freed \(much) of disk\n")
        let (some, less) = try clearing(words, failingBelow: "trash/", removedFirst: false)
        #expect(less < much)
        #expect(some == "runner: 'agent-7': 3 of 4 versions are gone; that freed \(less) of disk\n")
    }

    /// What is held, by somebody who brings it back, stays.
    @Test func aRemovedAgentThatIsHeldStays() throws {
        let stage = try Stage([], versions: 1)
        let lock = try stage.store.lock(stage.agent, holder: "pid 9")
        lock.release()
        #expect(run("rm", "agent-7", on: stage).status == 0)
        let removed = try #require(try stage.store.removedAgents().first)
        stage.machine.held.append(
            try stage.disk.lock(try #require(DiskPath("removed/\(removed.name)/lock")), holder: "pid 9"))
        let answer = run("rm", "--now", removed.name, on: stage)
        #expect(answer.status == 75 && answer.errors.contains("another command holds it"), "\(answer)")
        #expect(try stage.store.removedAgents() == [removed])
    }

    @Test func theLimitsOfAStoreAreShownWithWhatTheyAreByDefault() throws {
        let stage = try Stage([])
        #expect(run("config", "show", on: stage).output.hasSuffix("quota      none, by default\n  keep_free  1GiB, by default\n"))
        #expect(run("config", "set", "quota", "50GB", on: stage).status == 0)
        #expect(run("config", "show", on: stage).output.hasSuffix("quota      50GB\n  keep_free  1GiB, by default\n"))
    }
}

/// As after `store pull`.
@Test func anAgentThatNeverRanShowsItsVersions() throws {
    let stage = try Stage(["ls"], versions: 2)
    #expect(stage.run() == 0, "\(stage.machine.errors)")
    #expect(stage.machine.output.contains("v2"))
    stage.machine.arguments = ["status", "agent-7", "--json"]
    #expect(stage.run() == 0, "\(stage.machine.errors)")
    #expect(stage.machine.output.contains(#""latest""#) && stage.machine.output.contains("it has not run yet"))
}
