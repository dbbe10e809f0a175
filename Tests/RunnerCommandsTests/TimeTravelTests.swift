import AgentModel
import Checkpoints
import ControlSocket
import OutsideWorld
import SimulatedWorld
import StatusViews
import Supervision
import Testing

@testable import RunnerCommands

extension Stage {
    /// Another command on the same machine: its status, what it answered and what it said.
    func then(_ words: String) -> (status: Int32, output: String, errors: String) {
        machine.arguments = words.split(separator: " ").map(String.init)
        let (output, errors) = (machine.output.count, machine.errors.count)
        let status = run()
        return (status, String(machine.output.dropFirst(output)), String(machine.errors.dropFirst(errors)))
    }

    var work: SimulatedDisk {
        guard let work = machine.disks["/work"] else { preconditionFailure("there is no workspace") }
        return work
    }

    func count() throws -> String { String(decoding: try work.read("count", limit: .kibibytes(1)), as: UTF8.self) }
}

// MARK: Looking

@Test(arguments: [
    ("cat agent-7@1:count", "1\n"), ("cat agent-7:count", "3\n"), ("cat agent-7@known-good:/count", "3\n"), ("cat v2:./count", "2\n"),
    ("cat agent-7:count --at 1h", "2\n"), ("cat agent-7:count --at 2026-11-21T06:38", "1\n"), ("cat agent-7@latest:count", "3\n"),
])
func aFileIsPrintedAsItWas(words: String, expected: String) throws {
    let stage = try Stage([], versions: 3)
    let answer = stage.then(words)
    #expect(answer.status == 0)
    #expect(answer.output == expected, "\(answer.errors)")
    #expect(words.contains("--at") || answer.errors == "")
}

/// Whoever names a time does not know which version it is.
@Test func aTimeIsAnsweredWithTheVersionItMeant() throws {
    let stage = try Stage([], versions: 3)
    let hour = "version 2 of 'agent-7', taken 2026-11-21T07:38:00.000Z (60 min ago)\n"
    for words in ["cat agent-7:count", "ls agent-7:", "files agent-7"] {
        #expect(stage.then("\(words) --at 1h").errors == "runner: \(hour)", "\(words)")
    }
    #expect(stage.then("files agent-7 --at 1h -q").errors == "")
    #expect(
        stage.then("cat agent-7:count --at 2027-01-01").errors
            == "runner: that time is still to come; the newest is version 3 of 'agent-7', taken 2026-11-21T08:38:00.000Z (now)\n")
}

/// Its memory may be damaged, or another file.
@Test func aWholeFileOfABrokenVersionIsFoundByTime() throws {
    let stage = try Stage([], versions: 3)
    try stage.store.mark(stage.agent, VersionNumber(2), .broken, because: "state: its bytes are not what was stored")
    #expect(stage.then("cat agent-7:count --at 1h").output == "2\n")
    #expect(stage.then("files agent-7 --at 1h -q").output == "count\n")
    #expect(stage.then("cat agent-7:none --at 1h").errors.contains("of 'agent-7@2': it holds no file 'none'"))
    _ = stage.disk.damage(stage.directory / "versions" / "2" / "workspace" / "count", offset: 0, bit: 0)
    #expect(stage.then("cat agent-7:count --at 1h").output == "1\n")
}

/// What the real one would refuse is not shown as something that can be done.
@Test(arguments: [true, false]) func aPlanOfABrokenVersionIsRefusedAsTheRestore(isSupervised: Bool) throws {
    let stage = try Stage([], versions: 2)
    try stage.store.mark(stage.agent, VersionNumber(1), .broken, because: "state: its bytes are not what was stored")
    if isSupervised {
        let text = String(decoding: try JSONText.encode(stage.running()), as: UTF8.self)
        stage.machine.supervisor = { _ in .success(.status(text)) }
    } else {
        // Somebody may have mended it meanwhile.
        #expect(stage.then("restore agent-7@1 --dry-run").status == 0)
        _ = stage.disk.damage(stage.directory / "versions" / "1" / "state", offset: 0, bit: 0)
    }
    let plan = stage.then("restore agent-7@1 --dry-run")
    #expect(plan.status == 65 && plan.output == "")
    #expect(plan.errors.hasPrefix("runner: could not restore 'agent-7@1': "), "\(plan.errors)")
    #expect(stage.machine.asked.allSatisfy { $0 == .status })
}

@Test func aTimeWithoutAZoneIsUTC() {
    let now = WallTime(seconds: 1_795_250_280)
    for (word, time) in [
        ("2026-11-20 03:00", "2026-11-20T03:00:00Z"), ("2026-11-20 03:00:05", "2026-11-20T03:00:05Z"),
        ("2026-11-20T03:00", "2026-11-20T03:00:00Z"), ("2026-11-20", "2026-11-20T00:00:00Z"),
        ("2026-11-20T03:00:00+02:00", "2026-11-20T01:00:00Z"),
    ] {
        #expect(TimeWord(argument: word)?.time(now: now) == WallTime(rfc3339: time), "\(word)")
    }
    for word in ["2026-11-20 3", "yesterday", "2026-13-01", "03:00"] { #expect(TimeWord(argument: word) == nil, "\(word)") }
}

/// A terminal is shown nothing that it would obey.
@Test func aFileIsShownToAPersonAndGivenToAPipe() throws {
    let stage = try Stage([])
    stage.work.plant("log", Array("one\u{1b}[2J\ntwo".utf8))
    let request = CutRequest(
        agent: stage.agent, kind: .checkpoint, reason: .schedule, takenAt: stage.machine.wallTime(), workspace: stage.work, incarnation: 1)
    _ = try stage.store.commit(stage.store.cut(request, stagingID: "s"))
    #expect(stage.then("cat agent-7:log").output == "one\u{1b}[2J\ntwo")
    stage.machine.terminals = [.standardOutput]
    #expect(stage.then("cat agent-7:log").output == "one [2J\ntwo")
}

@Test func aVersionsFilesAreListed() throws {
    let stage = try Stage([])
    try stage.work.makeDirectories("src/deep")
    stage.work.plant("src/main", Array("x".utf8))
    stage.work.plant("src/deep/more", Array("yy".utf8))
    try stage.work.setMode("src/main", 0o4755)
    try stage.work.makeSymbolicLink("newest", to: "src/main")
    let request = CutRequest(
        agent: stage.agent, kind: .checkpoint, reason: .schedule, takenAt: stage.machine.wallTime(), workspace: stage.work, incarnation: 1)
    _ = try stage.store.commit(stage.store.cut(request, stagingID: "s"))
    func names(_ words: String) -> [String] { stage.then(words).output.split(separator: "\n").map(String.init) }
    #expect(names("ls agent-7@1: -q") == ["newest", "src"])
    #expect(names("ls agent-7:src/ -q") == ["src/deep", "src/main"])
    #expect(names("ls agent-7@1:src/main -q") == ["src/main"])
    #expect(names("files agent-7 -q") == ["newest", "src", "src/deep", "src/deep/more", "src/main"])
    #expect(names("files v1:src/deep -q") == ["src/deep/more"])
    let table = stage.then("ls agent-7@1:src").output.split(separator: "\n")
    #expect(table.first?.split(separator: " ") == ["MODE", "OWNER", "SIZE", "TIME", "NAME"])
    #expect(table.last?.hasPrefix("-rwsr-xr-x  0:0      1B") == true, "\(table)")
    let json = stage.then("ls agent-7@1:src/main --json").output
    for part in [#""mode" : "4755""#, #""path" : "src/main""#, #""size" : 1"#, #""kind" : "file""#] { #expect(json.contains(part)) }
}

@Test func oneFileOfTwoVersionsIsComparedLineByLine() throws {
    let stage = try Stage([], versions: 2)
    #expect(
        stage.then("diff agent-7@1 agent-7@2 count").output == """
            agent-7@1 -> agent-7@2

            files: 0 added, 1 changed, 0 removed, 0 unchanged
              ~ count  2 B

            @@ -1,1 +1,1 @@
            -1
            +2

            """)
    #expect(stage.then("diff agent-7 2 2 count").output == "agent-7@2 -> agent-7@2: nothing differs in 'count'\n")
    #expect(stage.then("diff v1 v2 count --json").output.contains(#""path" : "count""#))
}

@Test(arguments: [
    ("a\nb\nc\n", "a\nB\nc\n", "@@ -1,3 +1,3 @@| a|-b|+B| c"), ("", "a\n", "@@ -0,0 +1,1 @@|+a"), ("a\n", "", "@@ -1,1 +0,0 @@|-a"),
    ("same\n", "same\n", ""),
    ("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\n6\n7\n8\nx\n", "@@ -6,4 +6,4 @@| 6| 7| 8|-9|+x"),
    ("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "x\n2\n3\n4\n5\n6\n7\n8\ny\n", "@@ -1,4 +1,4 @@|-1|+x| 2| 3| 4|@@ -6,4 +6,4 @@| 6| 7| 8|-9|+y"),
])
func aDifferenceIsWrittenAsDiffDoes(old: String, new: String, expected: String) {
    #expect(UnifiedDifference(from: old, to: new).lines.joined(separator: "|") == expected)
}

// MARK: One path

@Test func onePathIsBroughtBackAndTheAgentStartsOnIt() throws {
    let stage = try Stage([], versions: 3)
    stage.work.plant("new", Array("work\n".utf8))
    let planned = stage.then("restore agent-7@1 --only count --dry-run")
    #expect(
        planned.output.hasPrefix(
            "restoring 'count' of 'agent-7@1' (stored, 2 h ago) would change nothing else\nkept first: the workspace as it is now, as an aside\nworkspace: 1 changed (~), "
        ))
    let answer = stage.then("restore agent-7@1 --only count")
    #expect(answer.status == 0)
    #expect(answer.errors == "runner: 'count' of 'agent-7@1' is back in '/work'; the workspace as it was is 'agent-7@4'\n")
    #expect(try stage.count() == "1\n")
    #expect(try stage.work.entry(at: "new") != nil)
    // Without it the next start would make the workspace that of version 3 again.
    let wish = try WantedFile.read(from: stage.disk, below: stage.directory)
    #expect(wish == WantedFile(startFrom: .version(VersionNumber(3)), rollsBackWorkspace: false))
    #expect(stage.then("cat agent-7@4:count").output == "3\n")
    let again = stage.then("restore agent-7@1 --only ./count/")
    #expect(again.errors == "runner: 'count' is as in 'agent-7@1' already: nothing was changed\n")
    #expect(try stage.store.versions(of: stage.agent).count == 4)
}

/// Images of processes fit only the files they were taken with: nobody is to wait for memory that does not come.
@Test func whoseMemoryIsLeftByASinglePathIsToldBeforeAndAfter() throws {
    let stage = try Stage([])
    try stage.storeImages(files: ["count": "1\n"])
    try stage.storeImages(files: ["count": "2\n"])
    let told =
        "memory of version 2 is not used, since it fits only the files it was taken with; 'runner restore agent-7@2' brings both back"
    #expect(!stage.then("plan agent-7").output.contains(told))
    let planned = stage.then("restore agent-7@1 --only count --dry-run").output
    #expect(
        planned.contains(
            "would change nothing else\nkept first: the workspace as it is now, as an aside\nat its next start its processes start anew: \(told)\n"
        ), "\(planned)")
    let answer = stage.then("restore agent-7@1 --only count")
    #expect(answer.errors.hasSuffix(". At its next start its processes start anew: \(told)\n"), "\(answer.errors)")
    #expect(stage.then("plan agent-7").output.contains("\nbegins       its processes start anew: \(told)\n"))
}

@Test func whatHoldsFilesAloneIsNotSaidToBringMemory() throws {
    let stage = try Stage([])
    try stage.storeFilesAlone()
    #expect(
        stage.then("restore agent-7@1 --dry-run").output.hasPrefix(
            "restoring 'agent-7@1' (stored, now) would start it anew, on the files of version 1, which holds nothing of its memory\n"))
}

// MARK: Rolling back

@Test func aRollBackCountsVersionsAndNamesTheWayBack() throws {
    let stage = try Stage([], versions: 3)
    let plan = stage.then("rollback agent-7 2 --dry-run")
    #expect(
        plan.output.hasPrefix(
            "restoring 'agent-7@1' (stored, 2 h ago) would start it from version 1\nkept first: the workspace as it is now, as an aside\nworkspace: 1 changed (~), 0 unchanged\n  ~ count\n"
        ))
    #expect(try stage.count() == "3\n")
    let first = stage.then("rollback agent-7")
    #expect(first.status == 0)
    #expect(try stage.count() == "2\n")
    #expect(
        first.errors.hasPrefix("runner: rolling back to version 2 of 'agent-7' (stored, 60 min ago). workspace: 1 changed, 0 unchanged"))
    // Nobody worked since version 3: it has all.
    #expect(first.errors.hasSuffix("runner: 'runner restore agent-7@3' undoes this\n"), "\(first.errors)")
    // From there, and not from the newest.
    #expect(stage.then("rollback agent-7").status == 0)
    #expect(try stage.count() == "1\n")
    #expect(stage.then("rollback agent-7").status == 66)
    #expect(stage.then("restore agent-7@3").status == 0)
    #expect(try stage.count() == "3\n")
}

@Test func whatNoVersionHasIsKeptAside() throws {
    let stage = try Stage([], versions: 2)
    stage.work.plant("count", Array("by hand\n".utf8))
    let answer = stage.then("rollback agent-7 --json")
    #expect(answer.output.contains(#""undo" : "runner restore agent-7@3""#), "\(answer.output)")
    #expect(stage.then("cat agent-7@3:count").output == "by hand\n")
}

/// Nobody was asked and nothing ran: what is not known of it is not told.
@Test(arguments: [UInt64?.none, 4]) func anAsideOfAStoppedAgentTellsNothingThatIsNotSo(incarnation: UInt64?) throws {
    let stage = try Stage([], versions: 2)
    if let incarnation {
        var status = stage.running()
        (status.state, status.incarnation, status.origin) = (.stopped, incarnation, .version(VersionNumber(1)))
        try stage.write(status: status)
    }
    stage.work.plant("count", Array("by hand\n".utf8))
    #expect(stage.then("restore agent-7@1").status == 0)
    let page = stage.then("show agent-7@3").output
    #expect(page.contains("kind") && page.contains("aside") && !page.contains("forced") && !page.contains("began clean"), "\(page)")
    #expect(page.contains("4, which began from version 1 left these files") == (incarnation != nil))
    #expect(!stage.then("diff agent-7@2 agent-7@3").output.contains("another\n"))
}

/// A life that was rolled away is not stepped through again.
@Test func aRollBackFollowsWhatTheAgentDid() throws {
    let stage = try Stage([], versions: 3)
    for (life, parent, count) in [(UInt64(2), UInt64?(1), "4\n"), (2, 1, "5\n")] {
        stage.work.plant("count", Array(count.utf8))
        let request = CutRequest(
            agent: stage.agent, kind: .checkpoint, reason: .schedule, takenAt: stage.machine.wallTime(), workspace: stage.work,
            incarnation: life, parent: parent.map { VersionNumber($0) })
        _ = try stage.store.commit(stage.store.cut(request, stagingID: "s"))
    }
    #expect(stage.then("rollback agent-7 2 --dry-run").output.hasPrefix("restoring 'agent-7@1' "))
    #expect(stage.then("rollback agent-7 3 --dry-run").status == 66)
}

@Test func aLivingAgentTakesACheckpointFirst() throws {
    let stage = try Stage([], versions: 2)
    var summary = try #require(try stage.store.versions(of: stage.agent).last)
    summary.version = VersionNumber(3)
    let text = String(decoding: try JSONText.encode(stage.running()), as: UTF8.self)
    stage.machine.supervisor = { [summary] request in
        switch request {
        case .status: .success(.status(text))
        case .checkpoint: .success(.stored(summary))
        default: .success(.done("'agent-7' runs again, from version 1"))
        }
    }
    let answer = stage.then("rollback agent-7")
    #expect(answer.status == 0)
    #expect(answer.errors.hasSuffix("runner: 'agent-7' runs again, from version 1\nrunner: 'runner restore agent-7@3' undoes this\n"))
    let done = stage.machine.asked.filter { $0 != .status }
    #expect(done == [.checkpoint(wait: true, sparing: VersionNumber(1)), .restore(VersionNumber(1), workspace: true, state: true)])
}

/// A restore takes away as much as a roll-back, and keeps as much.
@Test(arguments: ["", " --only workspace", " --only state"]) func aRestoreOfALivingAgentIsUndoneAsARollBack(_ part: String) throws {
    let stage = try Stage([], versions: 2)
    var summary = try #require(try stage.store.versions(of: stage.agent).last)
    summary.version = VersionNumber(3)
    let text = String(decoding: try JSONText.encode(stage.running()), as: UTF8.self)
    stage.machine.supervisor = { [summary] request in
        switch request {
        case .status: .success(.status(text))
        case .checkpoint: .success(.stored(summary))
        default: .success(.done("'agent-7' runs (incarnation 2, from version 1)"))
        }
    }
    let answer = stage.then("restore agent-7@1\(part)")
    #expect(
        answer.errors == "runner: 'agent-7' runs (incarnation 2, from version 1)\nrunner: 'runner restore agent-7@3' undoes this\n")
    #expect(stage.machine.asked.first { $0 != .status } == .checkpoint(wait: true, sparing: VersionNumber(1)))
    #expect(stage.then("restore agent-7@1\(part) --json").output.contains(#""undo" : "runner restore agent-7@3""#))
}

/// What cannot be kept whole is told as such; one that does not run has nothing in memory.
@Test(arguments: [("E-CHECKPOINT-REFUSED", true), ("E-AGENT-NOT-RUNNING", false)])
func aRestoreOfAnAgentThatGivesNoCheckpointSaysHowMuchIsKept(code: String, isTold: Bool) throws {
    let stage = try Stage([], versions: 2)
    let text = String(decoding: try JSONText.encode(stage.running()), as: UTF8.self)
    stage.machine.supervisor = { request in
        switch request {
        case .status: .success(.status(text))
        case .checkpoint: .success(.failed(code: code, sentence: "could not checkpoint 'agent-7': why"))
        default: .success(.done("'agent-7' runs (incarnation 2, from version 1)"))
        }
    }
    let answer = stage.then("restore agent-7@1")
    #expect(answer.errors.contains("going on: its files are kept") == isTold)
    #expect(answer.errors.contains("'runner restore agent-7@2' undoes this\n") == !isTold, "\(answer.errors)")
}

@Test func onATerminalARollBackWaitsBeforeItBegins() throws {
    let stage = try Stage(["rollback", "agent-7"], versions: 2)
    stage.machine.terminals = [.standardError]
    let before = stage.machine.now()
    #expect(stage.run() == 0)
    #expect(stage.machine.now() - before == .seconds(5))
    #expect(stage.machine.errors.contains(" in 5 s; ctrl-c stops. workspace: "))
}

// MARK: Removing

@Test func whoIsRemovedInTheMiddleOfARestoreIsToldOf() throws {
    let stage = try Stage([], versions: 2)
    try stage.store.beginRestore(stage.agent, VersionNumber(1), in: "/work", excluded: [])
    let removed = stage.then("rm agent-7")
    #expect(removed.status == 0)
    #expect(removed.errors.hasSuffix(". Its workspace '/work' is neither old nor new: a restore to version 1 was not finished\n"))
}

@Test func anAgentIsRemovedAndBroughtBack() throws {
    let stage = try Stage([], versions: 2)
    let removed = stage.then("rm agent-7 --keep-for 7d")
    #expect(removed.status == 0)
    #expect(removed.errors == "runner: 'agent-7' is removed; 'runner undelete agent-7' brings it back until 2026-11-28T08:38:00.000Z\n")
    #expect(stage.then("ls -q").output == "")
    #expect(try stage.count() == "2\n")
    stage.machine.pass(.seconds(7200))
    #expect(
        stage.then("undelete").output == """
            AGENT    REMOVED  VERSIONS  DISK  KEPT UNTIL
            agent-7    2h00m         2  3.1k  2026-11-28T08:38:00.000Z

            """)
    let name = stage.then("undelete -q").output.dropLast()
    #expect(name.hasPrefix("agent-7@"))
    #expect(stage.then("undelete --json").output.contains(#""keptUntil" : "2026-11-28T08:38:00.000Z""#))
    // Pruning respects the term.
    #expect(stage.then("prune").errors == "runner: there is no version to prune\n")
    #expect(stage.then("undelete \(name)").errors == "runner: 'agent-7' is back, with 2 versions. 'runner run agent-7' starts it\n")
    #expect(stage.then("versions agent-7 -q").output == "agent-7@1\nagent-7@2\n")
    #expect(stage.then("undelete").errors == "runner: no agent was removed, or none that can be brought back\n")
}

@Test func afterItsTermPruneRemovesItForGood() throws {
    let stage = try Stage([], versions: 1)
    #expect(stage.then("rm agent-7").status == 0)
    stage.machine.pass(.seconds(30 * 86_400))
    #expect(stage.then("prune --dry-run").errors.contains("would go for good: its term is over"))
    #expect(stage.then("undelete").output.contains("the next 'runner prune'"))
    #expect(stage.then("prune").errors.contains("is gone for good: its term was over"))
    #expect(stage.then("undelete agent-7").status == 66)
    #expect(stage.disk.contents().keys.filter { $0.isBelow("removed") }.isEmpty)
}

@Test(arguments: [true, false]) func atOnceItSaysWhatGoes(isTerminal: Bool) throws {
    let stage = try Stage([], versions: 2)
    if isTerminal { stage.machine.terminals = [.standardError] }
    let before = stage.machine.now()
    let answer = stage.then("rm agent-7 --now")
    #expect(answer.status == 0)
    let wait = isTerminal ? " in 5 s; ctrl-c stops" : ""
    #expect(
        answer.errors
            == "runner: removing 'agent-7' with 2 versions, its journal, log, effects and spec for good\(wait)\nrunner: 'agent-7' is removed for good\n"
    )
    #expect(stage.machine.now() - before == .seconds(isTerminal ? 5 : 0))
    #expect(stage.then("undelete -q").output == "")
}

/// What a newcomer looks for is named where they look.
@Test(arguments: ["cat", "files", "rollback", "rm", "undelete"]) func theOverviewNamesIt(_ command: String) throws {
    let machine = FakeMachine("--help")
    #expect(RunnerCommands.main(machine) == 0)
    #expect(machine.output.split(separator: "\n").contains { $0.hasPrefix("  \(command) ") })
}
