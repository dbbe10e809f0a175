import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

private let removedAt = WallTime(seconds: 1_795_100_000)
private let term = WallTime(seconds: 1_795_200_000)

extension Bench {
    fileprivate func remove(at time: WallTime = removedAt, until: WallTime = term) throws {
        let store = try open()
        let lock = try store.lock(agent, holder: "test")
        defer { lock.release() }
        _ = try store.recover(agent)
        try store.removeAgent(agent, at: time, keptUntil: until)
    }

    fileprivate func bringBack() throws {
        let store = try open()
        guard let newest = try store.removedAgents().first else { return }
        try store.bringBack(newest, holder: "test")
    }

    /// Every file below the agent's directory, wherever that is; but hints and the counter, which are repaired after a fault: `check` has them.
    fileprivate func whole(below directory: DiskPath) -> [DiskPath: SimulatedContent] {
        storeDisk.contents().reduce(into: [:]) { found, item in
            guard item.key.isBelow(directory), let path = DiskPath(String(item.key.text.dropFirst(directory.text.utf8.count + 1))),
                !["removed", "removed.new", "lock", "numbers", "latest", "known-good"].contains(path.text)
            else { return }
            found[path] = item.value
            found[path]?.modifiedAt = WallTime(nanoseconds: 0)  // of directories, it follows what is made in them
        }
    }
}

@Suite struct RemovedAgentTests {
    @Test func whatWasRemovedComesBackWhole() throws {
        let bench = try Deed.bench()
        let before = bench.whole(below: "agents/agent-7")
        try bench.remove()
        let store = try bench.open()
        #expect(try store.agents().isEmpty)
        #expect(try fault { _ = try store.versions(of: agent) }?.kind == .noSuchAgent)
        let name = "agent-7@18e979f06c4dc000"
        let listed = try #require(try store.removedAgents().first)
        #expect(listed.agent == agent && listed.name == name && listed.versions == 3)
        #expect(listed.removedAt == removedAt && listed.keptUntil == term)
        try bench.bringBack()
        #expect(try store.removedAgents().isEmpty)
        #expect(bench.whole(below: "agents/agent-7") == before)
        #expect(bench.storeDisk.contents()["agents/agent-7/removed"] == nil)
        try bench.check("brought back")
    }

    @Test func whoHasItsNameStays() throws {
        let bench = try Deed.bench()
        try bench.remove()
        let store = try bench.open()
        try store.addAgent(agent)
        let before = bench.storeDisk.contents()
        let refusal = try fault { try bench.bringBack() }
        #expect(
            refusal?.sentence
                == "could not bring back the agent 'agent-7': there is an agent of that name again. 'runner rm agent-7' makes room: 'runner undelete' lists both then"
        )
        #expect(refusal?.code == "E-AGENT-EXISTS")
        #expect(bench.storeDisk.contents().keys == before.keys)
        // Both are kept, and told apart, though they were removed at the same time.
        try bench.remove()
        #expect(try store.removedAgents().map(\.versions) == [0, 3])
    }

    /// Nothing but the term takes it away: not what is tidied up after a crash, in the name of whoever has the name now.
    @Test func whoHasItsNameDoesNotTidyItAway() throws {
        let bench = try Deed.bench()
        let before = bench.whole(below: "agents/agent-7")
        try bench.remove()
        let store = try bench.open()
        try store.addAgent(agent)
        _ = try store.recover(agent)
        try store.removeExpired(at: removedAt)
        try bench.storeDisk.removeTree("agents/agent-7")
        try bench.bringBack()
        #expect(bench.whole(below: "agents/agent-7") == before)
    }

    @Test func afterItsTermItGoesForGood() throws {
        let bench = try Deed.bench()
        try bench.remove()
        let store = try bench.open()
        #expect(try store.removeExpired(at: term + .seconds(-1)).isEmpty)
        #expect(try store.removeExpired(at: term).map(\.agent) == [agent])
        #expect(try store.removedAgents().isEmpty)
        #expect(bench.storeDisk.contents().keys.filter { $0.isBelow("removed") }.isEmpty)
    }

    @Test func withoutARecordItStays() throws {
        let bench = try Deed.bench()
        try bench.remove()
        let store = try bench.open()
        let name = try #require(try store.removedAgents().first?.name)
        #expect(bench.storeDisk.damage("removed" / name / "removed", offset: 3, bit: 1))
        #expect(try store.removeExpired(at: WallTime(seconds: 4_000_000_000)).isEmpty)
        #expect(try store.removedAgents().map(\.keptUntil) == [nil])
        try bench.bringBack()
        try bench.check("brought back without a record")
    }

    /// Whoever brings it back holds it: it does not go for good meanwhile.
    @Test func whatIsHeldDoesNotGo() throws {
        let bench = try Deed.bench()
        try bench.remove()
        let store = try bench.open()
        let name = try #require(try store.removedAgents().first?.name)
        let lock = try bench.storeDisk.lock("removed" / name / "lock", holder: "'runner undelete'")
        #expect(try store.removeExpired(at: term).isEmpty)
        #expect(try fault { try bench.bringBack() }?.kind == .held(by: "'runner undelete'"))
        lock.release()
        try bench.bringBack()
        try bench.check("brought back")
    }

    // MARK: Crashes

    private enum Act: String, CaseIterable {
        case remove, bringBack, removeForGood

        func prepare(_ bench: Bench) throws {
            if self != .remove { try bench.remove() }
            bench.storeDisk.syncAll()
        }
        func run(_ bench: Bench) throws {
            switch self {
            case .remove: try bench.remove()
            case .bringBack: try bench.bringBack()
            case .removeForGood: try bench.open().removeExpired(at: term)
            }
        }
    }

    /// A power cut, or a fault, at every operation: the agent is wholly there, wholly removed, or wholly gone; and the same again succeeds.
    @Test(arguments: ["remove", "bringBack", "removeForGood"]) func itIsNeverHalfThere(_ name: String) throws {
        let act = try #require(Act(rawValue: name))
        let base = try Deed.bench()
        let before = base.whole(below: "agents/agent-7")
        try act.prepare(base)
        let traced = base.copy(seed: 1)
        let trace = try traced.storeDisk.trace { try act.run(traced) }
        #expect(trace.count > 8)
        for index in trace.indices {
            for (seed, trouble) in (UInt64(1)...12).map({ ($0, DiskTrouble.powerCutAfter) }) + DiskTrouble.allCases.map({ (1, $0) }) {
                let context = "\(act), \(trouble), seed \(seed), operation \(index + 1) ('\(trace[index])')"
                let bench = base.copy(seed: seed)
                bench.storeDisk.fail(at: bench.storeDisk.operationCount + index + 1, with: trouble)
                _ = try fault { try act.run(bench) }
                bench.reboot()
                try expectWhole(bench, before, mayBeGone: act == .removeForGood, context)
                // Again, and durably.
                let store = try bench.open()
                let isThere = try store.agents().contains(agent)
                if act != .remove || isThere { try act.run(bench) }
                bench.storeDisk.powerCut()
                bench.reboot()
                let expected: ([AgentName], Int) =
                    switch act {
                    case .remove: ([], 1)
                    case .bringBack: ([agent], 0)
                    case .removeForGood: ([], 0)
                    }
                #expect(try bench.open().agents() == expected.0, "\(context)")
                #expect(try bench.open().removedAgents().count == expected.1, "\(context)")
                try expectWhole(bench, before, mayBeGone: act == .removeForGood, "\(context), again")
            }
        }
    }

    private func expectWhole(
        _ bench: Bench, _ before: [DiskPath: SimulatedContent], mayBeGone: Bool, _ context: @autoclosure () -> String
    ) throws {
        let store = try bench.open()
        let live = try store.agents().contains(agent)
        let removed = try store.removedAgents()
        #expect(!live || removed.isEmpty, "in two places: \(context())")
        #expect(live || !removed.isEmpty || mayBeGone, "nowhere: \(context())")
        let place: DiskPath? = live ? "agents/agent-7" : removed.first.map { "removed" / $0.name }
        guard let place else { return }
        let now = bench.whole(below: place)
        let differing = Set(now.keys).union(before.keys).filter { now[$0] != before[$0] }.sorted()
        #expect(differing.isEmpty, "not whole: \(context())")
        if !live { #expect(removed.first?.keptUntil == term, "\(context())") }
        guard live else { return }
        try bench.check(context())
    }
}
