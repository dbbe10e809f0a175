import AgentModel
import AgentSpecs
import Checkpoints
import ControlSocket
import LaunchPlans
import OutsideWorld
import Recovery
import SimulatedWorld
import StatusViews
import Supervision
import Testing

@testable import RunnerCommands

// MARK: Reading, without a supervisor

@Test func lsShowsAnAgentThatNeverRan() throws {
    let stage = try Stage(["ls"])
    #expect(stage.run() == 0)
    #expect(
        stage.machine.output == """
            NAME     STATE    UP  ↺  MEM/CAP  STEP  LAST BEAT  CKPT  NEXT
            agent-7  stopped   -  0        -     -          -  -     -

            """)
}

@Test(arguments: [true, false])
func anAgentWhoseSupervisorDiedIsUnsupervised(supervised: Bool) throws {
    let stage = try Stage(["ls", "-o", "json"])
    try stage.write(status: stage.running())
    if supervised {
        let text = String(decoding: try JSONText.encode(stage.running()), as: UTF8.self)
        stage.machine.supervisor = { _ in .success(.status(text)) }
    }
    #expect(stage.run() == 0)
    #expect(stage.machine.output.contains(supervised ? #""state" : "running""# : #""state" : "unsupervised""#))
}

/// A terminal obeys what an agent writes; a file or a pipe gets it as it is.
@Test(arguments: [true, false]) func aTerminalIsShownNothingThatItWouldObey(_ isTerminal: Bool) throws {
    let stage = try Stage(["logs", "agent-7"])
    let line = "2026-11-21T08:00:00.000Z out \u{1b}]0;title\u{7}\u{1b}[2Jgone\rforged"
    try stage.write(log: line + "\n")
    if isTerminal { stage.machine.terminals = [.standardOutput] }
    #expect(stage.run() == 0)
    #expect(stage.machine.output == (isTerminal ? "2026-11-21T08:00:00.000Z out  ]0;title  [2Jgone forged\n" : line + "\n"))
}

@Test(arguments: [["plan", "agent-7"], ["plan", "agent-7", "--json"]]) func aPlanShowsNoSecret(_ arguments: [String]) throws {
    let stage = try Stage(arguments)
    let spec = AgentSpec(name: stage.agent, command: ["sleep", "9"], workdir: "/work", env: ["API_TOKEN": "hunter2"], workspace: "/work")
    try stage.disk.replace(stage.directory / "spec.json", with: JSONText.encode(spec))
    #expect(stage.run() == 0)
    #expect(stage.machine.output.contains("API_TOKEN") && stage.machine.output.contains("(hidden)"))
    #expect(!stage.machine.output.contains("hunter2"))
}

@Test func logsAreTheLastLinesAndThenWhatComes() throws {
    let stage = try Stage(["logs", "agent-7", "-n", "1", "-f"])
    try stage.write(log: "2026-11-21T08:00:00.000Z out one\n2026-11-21T08:01:00.000Z out two\n")
    let text = String(decoding: try JSONText.encode(stage.running()), as: UTF8.self)
    stage.machine.supervisor = { _ in .success(.status(text)) }
    var waits = 0
    stage.machine.onWait = { [unowned machine = stage.machine] in
        waits += 1
        // First something is written, then the log is turned over, then the supervisor goes.
        switch waits {
        case 1: try? append("2026-11-21T08:02:00.000Z out three\n2026-11-21T08:02", in: stage)
        case 2:
            try? append(":01.000Z out four\n", in: stage)
            try? stage.disk.rename(stage.directory / "log" / "current.log", to: stage.directory / "log" / "1.log")
            try? stage.write(log: "2026-11-21T08:03:00.000Z out five\n")
        default: machine.supervisor = nil
        }
    }
    #expect(stage.run() == 0)
    #expect(
        stage.machine.output == """
            2026-11-21T08:01:00.000Z out two
            2026-11-21T08:02:00.000Z out three
            2026-11-21T08:02:01.000Z out four
            2026-11-21T08:03:00.000Z out five

            """)
}

/// Nobody is left to follow for.
@Test func followingEndsWithItsReader() throws {
    let stage = try Stage(["logs", "agent-7", "-f"])
    try stage.write(log: "2026-11-21T08:00:00.000Z out one\n")
    let text = String(decoding: try JSONText.encode(stage.running()), as: UTF8.self)
    stage.machine.supervisor = { _ in .success(.status(text)) }
    stage.machine.outputLoss = .readerLeft
    #expect(stage.run() == 0)
}

private func append(_ text: String, in stage: Stage) throws {
    let file = try stage.disk.open(stage.directory / "log" / "current.log", .append(mode: 0o600))
    try file.write(Array(text.utf8))
}

@Test func whyTellsTheJournalInWords() throws {
    let stage = try Stage(["why", "agent-7"])
    try stage.write(journal: stage.strangeJournal())
    #expect(stage.run() == 0)
    #expect(
        stage.machine.output == """
            agent-7 is stopped: it has not run yet.

            how it came to this (times are UTC)
              08:38:00  it was killed by signal 9
                        so: starting clean in 1 s: it was killed by signal 9
                          - open an incident: it was killed by signal 9

            """)
    #expect(stage.machine.errors == "")
}

@Test func replayFindsWhatWasDecidedOtherwise() throws {
    let stage = try Stage(["replay", "agent-7"])
    try stage.write(journal: stage.strangeJournal())
    #expect(stage.run() == 1)
    #expect(stage.machine.output.hasSuffix("0 of 1 decisions are decided the same again\n"))
}

@Test func versionsAreListedWithTheirLinks() throws {
    let stage = try Stage(["versions", "agent-7"], versions: 2)
    #expect(stage.run() == 0)
    let lines = stage.machine.output.split(separator: "\n")
    #expect(lines.first == "VERSION  STANDING    AGE  STEP  SIZE  FROZEN  PARTS        WHY       LINKS")
    #expect(lines.last?.hasSuffix("state+files  schedule  latest,known-good") == true)
}

@Test func aDamagedVersionIsFoundAndMarked() throws {
    let stage = try Stage(["verify", "agent-7"], versions: 2)
    #expect(stage.disk.damage(stage.directory / "versions" / "1" / "state", offset: 0, bit: 0))
    #expect(stage.run() == 65)
    #expect(try stage.store.versions(of: stage.agent).map(\.standing) == [.broken, .stored])
}

/// One line for each version, one for the agent, and nothing said twice.
@Test func aVerificationEndsWithWhatToDoNext() throws {
    let stage = try Stage(["verify", "agent-7"], versions: 6)
    for version in [1, 2, 4] { #expect(stage.disk.damage(stage.directory / "versions" / "\(version)" / "state", offset: 0, bit: 0)) }
    #expect(stage.run() == 65)
    #expect(stage.machine.output.split(separator: "\n").count == 7)
    #expect(
        stage.machine.errors == """
            runner: 'agent-7': 3 of 6 versions are broken; whole: 3, 5-6. 'runner verify agent-7 --from STORE' puts back what a copy of the store has whole

            """)
    // Nor when they are known already.
    #expect(stage.run() == 65)
    #expect(stage.machine.errors.split(separator: "\n").count == 2)
    stage.machine.arguments = ["verify", "agent-7@3"]
    #expect(stage.run() == 0)
    #expect(stage.machine.errors.hasSuffix("runner: 'agent-7': 1 version is whole\n"))
}

@Test func whatIsWholeIsToldInRuns() {
    for (numbers, runs) in [([], []), ([7], ["7"]), ([1, 2, 3, 7, 9, 10], ["1-3", "7", "9-10"])] as [([UInt64], [String])] {
        #expect(VerificationSummary.runs(numbers) == runs)
    }
}

// MARK: Acting

@Test(arguments: [["checkpoint", "agent-7"], ["checkpoint", "agent-7", "--wait"]])
func checkpointPrintsTheVersionsName(_ words: [String]) throws {
    let stage = try Stage(words)
    let summary = CheckpointSummary(
        version: VersionNumber(42), parts: VersionParts(cooperative: true), reason: .operator, takenAt: stage.machine.wallTime(),
        size: ByteCount(9))
    stage.machine.supervisor = { _ in .success(.stored(summary)) }
    #expect(stage.run() == 0)
    #expect(stage.machine.output == "agent-7@42\n")
    #expect(stage.machine.asked == [.checkpoint(wait: true)])
}

@Test func aCheckpointThatIsNotWaitedForHasNoNameYet() throws {
    let stage = try Stage(["checkpoint", "agent-7", "--no-wait"])
    stage.machine.supervisor = { _ in .success(.done("a checkpoint of 'agent-7' has begun")) }
    #expect(stage.run() == 0)
    #expect(stage.machine.output == "")
    #expect(stage.machine.errors == "runner: a checkpoint of 'agent-7' has begun\n")
    #expect(stage.machine.asked == [.checkpoint(wait: false)])
}

/// An end that is there already is what was asked for.
@Test func whatDoesNotRunIsStopped() throws {
    let stage = try Stage(["stop", "agent-7"])
    #expect(stage.run() == 0)
    #expect(stage.machine.output == "")
    #expect(stage.machine.errors == "runner: 'agent-7' is not running\n")
}

@Test func manyTargetsAreAllTriedAndTheWorstIsTold() throws {
    let stage = try Stage(["stop", "agnet-7", "agent-7", "--no-checkpoint"])
    stage.machine.supervisor = { _ in .success(.done("'agent-7' is stopped")) }
    #expect(stage.run() == 66)
    #expect(stage.machine.errors == "runner: unknown agent 'agnet-7'; did you mean 'agent-7'?\nrunner: 'agent-7' is stopped\n")
    #expect(stage.machine.asked == [.stop(checkpoint: false)])
}

@Test func restoreIsPlannedFirst() throws {
    let stage = try Stage(["restore", "agent-7@1", "--dry-run"], versions: 2)
    #expect(stage.run() == 0)
    #expect(
        stage.machine.output.hasPrefix(
            "restoring 'agent-7@1' (stored, 60 min ago) would start it from version 1\n"
                + "kept first: the workspace as it is now, as an aside\nworkspace: 1 changed (~), 0 unchanged\n  ~ count\n"))
    #expect(try stage.store.versions(of: stage.agent).count == 2)
}

@Test(arguments: [["--dry-run"], ["--dry-run", "--only", "workspace"]])
func aPlanMakesNothing(_ options: [String]) throws {
    let stage = try Stage(["restore", "agent-7@1"] + options, versions: 2)
    stage.machine.disks["/work"] = nil
    #expect(stage.run() == 0)
    #expect(stage.machine.output.contains("\nworkspace: 1 added (+), 0 unchanged\n  + count\n"))
    #expect(stage.machine.disks["/work"] == nil)
}

@Test func restoreWithoutASupervisorRollsBackAndLeavesAWish() throws {
    let stage = try Stage(["restore", "agent-7", "1"], versions: 2)
    #expect(stage.run() == 0)
    #expect(try stage.machine.disks["/work"]?.read("count", limit: .kibibytes(1)) == Array("1\n".utf8))
    let wish = try WantedFile.read(from: stage.disk, below: stage.directory)
    #expect(wish == WantedFile(startFrom: .version(VersionNumber(1)), rollsBackWorkspace: true))
    #expect(try stage.store.versions(of: stage.agent).last?.kind == .aside)
    #expect(
        stage.machine.errors
            == "runner: no supervisor of 'agent-7' runs: its workspace is restored, and the workspace as it was is 'agent-7@3'; the next 'runner run' starts it from version 1\nrunner: 'runner restore agent-7@2' undoes this\n"
    )
}

@Test func onATerminalARestoreWaitsBeforeItBegins() throws {
    let stage = try Stage(["restore", "agent-7", "latest"], versions: 1)
    stage.machine.terminals = [.standardError]
    stage.machine.supervisor = { _ in .success(.done("agent-7 runs")) }
    let before = stage.machine.now()
    #expect(stage.run() == 0)
    #expect(stage.machine.now() - before == .seconds(5))
    #expect(stage.machine.errors == "runner: restoring version 1 of 'agent-7' (stored, now) in 5 s; ctrl-c stops\nrunner: agent-7 runs\n")
}

@Test func pruneKeepsWhatIsWorthKeeping() throws {
    let stage = try Stage(["prune", "agent-7", "--keep", "1"], versions: 3)
    #expect(stage.run() == 0)
    #expect(try stage.store.versions(of: stage.agent).map(\.version) == [VersionNumber(3)])
    #expect(stage.machine.errors.hasPrefix("runner: 'agent-7': 2 of 3 versions are gone; that freed "))
}

@Test func pruningBesideASupervisorNamesItsRules() throws {
    let stage = try Stage(["prune", "agent-7", "--keep", "1"], versions: 2)
    stage.machine.supervisor = { _ in .success(.done("it runs")) }
    #expect(stage.run() == 75)
    #expect(
        stage.machine.errors == """
            runner: could not prune 'agent-7': its supervisor runs, and prunes by 'checkpoint.keep' of its spec after every version. 'runner stop agent-7' first, and 'runner run --keep COUNT' for another rule that stays

            """)
}

/// What is foretold is what is freed, within what the list of files itself grows or shrinks by.
@Test func aDryRunForetellsWhatADiskGetsBack() throws {
    func freed(_ words: String...) throws -> (said: String, space: UInt64) {
        let stage = try Stage(["prune", "agent-7", "--keep", "1"] + words, versions: 4)
        for number in UInt64(1)...4 {
            _ = try #require(try stage.store.beginPacking(stage.agent, VersionNumber(number))).work { true }
            if number < 3 { try stage.store.thin(stage.agent, VersionNumber(number)) }
        }
        let before = try stage.store.space(of: stage.agent)
        #expect(stage.run() == 0)
        return (stage.machine.errors, before.bytes - (try stage.store.space(of: stage.agent)).bytes)
    }
    let (foretold, nothing) = try freed("--dry-run")
    let (done, space) = try freed()
    #expect(nothing == 0 && space > 0)
    #expect(foretold.hasPrefix("runner: 'agent-7': 3 of 4 versions would go; that frees about "))
    #expect(done == "runner: 'agent-7': 3 of 4 versions are gone; that freed \(ByteCount(space)) of disk\n")
    let stage = try Stage([], versions: 4)
    let removed = (UInt64(1)...3).map { VersionNumber($0) }
    let forecast = try stage.store.spaceFreed(byRemoving: removed, of: stage.agent)
    let before = try stage.store.space(of: stage.agent)
    try stage.store.remove(stage.agent, removed)
    #expect(ByteCount(before.bytes - (try stage.store.space(of: stage.agent)).bytes) == forecast)
}

@Test func aDryRunShowsEveryReasonAndTouchesNothing() throws {
    let stage = try Stage(["prune", "agent-7", "--dry-run", "--keep", "1", "--keep-daily", "2", "--keep-within", "1h30m"], versions: 4)
    try stage.store.pin(stage.agent, VersionNumber(1), true)
    #expect(stage.run() == 0)
    let day = String(stage.machine.wallTime().description.prefix(10))
    let rows = stage.machine.output.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
    #expect(
        rows.map { ([$0[0], $0[1]] + $0.dropFirst(3)).joined(separator: " ") } == [
            "VERSION FATE WHY",
            "agent-7@1 stays pinned",
            "agent-7@2 goes -",
            "agent-7@3 stays within 1h30m",
            "agent-7@4 stays newest, newest known-good, last 1, within 1h30m, daily \(day)",
        ])
    #expect(stage.machine.errors.hasPrefix("runner: 'agent-7': 1 of 4 versions would go; that frees about "))
    #expect(try stage.store.versions(of: stage.agent).count == 4)
}

@Test func theQuotaSaysWhatItTakes() throws {
    let stage = try Stage(["prune", "agent-7", "--dry-run", "--keep", "4", "--quota", "1B"], versions: 2)
    #expect(stage.run() == 0)
    #expect(stage.machine.output.contains("over the quota; else last 4"))
    #expect(stage.machine.output.contains("newest, newest known-good, last 4"))
}

/// The store's spec says the rest: the default keeps each of these by its hour.
@Test func aRuleThatNoFlagNamesIsTheSpecs() throws {
    let stage = try Stage(["prune", "agent-7", "--keep-last", "1"], versions: 5)
    #expect(stage.run() == 0)
    #expect(try stage.store.versions(of: stage.agent).count == 5)
}

@Test func whatNoVersionNeedsIsCollectedAfterAPrune() throws {
    let stage = try Stage(["prune", "agent-7", "--keep", "1"], versions: 3)
    for number in UInt64(1)...3 {
        _ = try #require(try stage.store.beginPacking(stage.agent, VersionNumber(number))).work { true }
        if number < 3 { try stage.store.thin(stage.agent, VersionNumber(number)) }
    }
    #expect(try stage.store.planCollection(stage.agent).isEmpty)
    #expect(stage.run() == 0)
    #expect(stage.machine.errors.contains("'agent-7': 2 of 3 versions are gone; that freed "))
    #expect(try stage.store.planCollection(stage.agent).isEmpty)
    try stage.store.verify(stage.agent, VersionNumber(3))
}

@Test func versionsSayWhatTheyAreKeptFor() throws {
    let stage = try Stage(["versions", "agent-7", "-o", "wide"], versions: 2)
    #expect(stage.run() == 0)
    #expect(stage.machine.output.contains("KEPT FOR"))
    #expect(stage.machine.output.contains("newest, newest known-good, last 10, hourly "))
    stage.machine.arguments = ["versions", "agent-7", "--json"]
    #expect(stage.run() == 0)
    #expect(stage.machine.output.contains(#""keptFor""#))
}

@Test func everyCommandShowsItsHelpWithoutAStore() throws {
    for command in allCommands().map(describe) {
        let machine = FakeMachine(command.name, "--help")
        #expect(RunnerCommands.main(machine) == 0)
        #expect(machine.output == helpText(command))
    }
}
