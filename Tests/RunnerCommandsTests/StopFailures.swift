import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

@testable import RunnerCommands

/// Somebody sent this signal before the first piece was read.
private func signalled(_ number: Int32) -> @Sendable (Stage) throws -> Void {
    { stage in stage.machine.endSignal = number }
}

private let (ctrlC, terminate, hangUp) = (signalled(2), signalled(15), signalled(1))

/// Long commands that are stopped.
let stopFailures: [Failure] = [
    Failure(
        "verify", 130, "E-STOPPED",
        "could not verify all of it: it was stopped. Nothing was read whole yet; the same command begins anew", versions: 1, ctrlC),
    Failure(
        "verify", 143, "E-STOPPED",
        "could not verify all of it: it was stopped. Nothing was read whole yet; the same command begins anew", versions: 1, terminate),
    Failure(
        "verify", 129, "E-STOPPED",
        "could not verify all of it: it was stopped. Nothing was read whole yet; the same command begins anew", versions: 1, hangUp),
    Failure(
        "prune agent-7 --keep 1", 130, "E-STOPPED",
        "could not prune all of it: it was stopped. 0 versions are gone, and the same command does the rest", versions: 3, ctrlC),
    Failure(
        "restore agent-7 1 -y", 130, "E-STOPPED",
        "could not restore 'agent-7@1': it was stopped. Nothing was changed; the same command begins anew", versions: 2, ctrlC),
    Failure(
        "restore agent-7 1 --only count -y", 130, "E-STOPPED",
        "could not restore 'count' of 'agent-7@1': it was stopped. Each file is whole, as it was or as it will be; the same command does the rest",
        versions: 2, ctrlC),
    Failure(
        "rollback agent-7 -y", 130, "E-STOPPED",
        "could not restore 'agent-7@1': it was stopped. Nothing was changed; the same command begins anew", versions: 2, ctrlC),
    Failure(
        "export agent-7@1", 130, "E-STOPPED",
        "could not export 'agent-7@1' to 'agent-7@1.tar.zst': it was stopped. Nothing of it is left there; the same command begins anew",
        versions: 1
    ) { stage in
        stage.machine.disks["/home/ada"] = SimulatedDisk(seed: 3, rootName: "/home/ada")
        try ctrlC(stage)
    },
    Failure(
        "import x.tar --as web", 130, "E-STOPPED",
        "could not import 'x.tar': it was stopped. Nothing was imported; the same command begins anew"
    ) { stage in
        stage.machine.diskFaults["/home/ada/x.tar"] = .notDirectory
        try ctrlC(stage)
    },
    Failure(
        "store sync /copy", 130, "E-COPY-STOPPED",
        "could not sync to '/copy': it was stopped. What is there already stays, and the same command goes on from there", versions: 1,
        ctrlC),
    Failure(
        "store pull /copy agent-7", 130, "E-COPY-STOPPED",
        "could not pull from '/copy': it was stopped. What is there already stays, and the same command goes on from there", versions: 1
    ) { stage in
        try stage.copy()
        try ctrlC(stage)
    },
    Failure(
        "store check /copy", 130, "E-COPY-STOPPED",
        "could not check '/copy': it was stopped. What is there already stays, and the same command goes on from there", versions: 1
    ) { stage in
        try stage.copy()
        try ctrlC(stage)
    },
]

/// What works for a command is ended with it.
@Test(
    arguments: [
        (
            "export agent-7@1",
            "could not export 'agent-7@1' to 'agent-7@1.tar.zst': it was stopped. Nothing of it is left there; the same command begins anew"
        ),
        (
            "import /home/ada/x.tar --as web",
            "could not import '/home/ada/x.tar': it was stopped. Nothing was imported; the same command begins anew"
        ),
    ])
func aHelperThatWasStoppedStopsItsCommand(line: String, sentence: String) throws {
    let stage = try Stage(line.split(separator: " ").map(String.init), versions: 1)
    let home = SimulatedDisk(seed: 3, rootName: "/home/ada")
    home.plant("x.tar", [1])
    stage.machine.disks["/home/ada"] = home
    stage.machine.diskFaults["/home/ada/x.tar"] = .notDirectory
    stage.machine.archiveFault = ArchiveFault(.stopped)
    #expect(stage.run() == 130)
    #expect(stage.machine.errors == "runner: \(sentence)\n")
    #expect(try stage.disk.names(in: "staging") == [] && stage.store.agents() == [stage.agent])
}

/// The workspace was set aside, and not touched yet.
@Test func aStopBehindSettingAsideTellsOfIt() throws {
    let stage = try Stage(["restore", "agent-7", "1", "-y"], versions: 2)
    stage.machine.endsWhen = { stage.disk.peekNames("agents/agent-7/versions").contains("3") }
    #expect(stage.run() == 130)
    #expect(
        stage.machine.errors
            == "runner: could not restore 'agent-7@1': it was stopped. The workspace is as it was, and kept as 'agent-7@3', too; the same command begins anew\n"
    )
    #expect(stage.machine.disks["/work"]?.peek("count") == Array("2\n".utf8))
}

/// What is done is told as done, with all that belongs to it.
@Test(arguments: [[], ["--only", "count"]])
func aStopBehindTheLastPieceComesTooLate(more: [String]) throws {
    let stage = try Stage(["restore", "agent-7", "1", "-y"] + more, versions: 2)
    stage.machine.endsWhen = {
        stage.machine.disks["/work"]?.peek("count") == Array("1\n".utf8) && stage.disk.peek("agents/agent-7/restoring") == nil
    }
    #expect(stage.run() == 0, "\(stage.machine.errors)")
    #expect(stage.disk.peek("agents/agent-7/wanted") != nil)
}

/// A line that changes is for eyes alone.
@Test(arguments: [(["verify"], true), (["verify", "--json"], false), (["verify", "-q"], false)])
func howFarItIsIsShownOnATerminal(words: [String], isShown: Bool) throws {
    for terminal in [true, false] {
        let stage = try Stage(words, versions: 2)
        if terminal { stage.machine.terminals = [.standardError] }
        #expect(stage.run() == 0)
        #expect(stage.machine.errors.contains("verifying (1 of 2)") == (isShown && terminal))
        // It is gone before anything else is said.
        let rest = stage.machine.errors.split(separator: "\u{1B}[K", omittingEmptySubsequences: false).last.map(String.init)
        #expect(rest == (words.count > 1 ? "" : "runner: 'agent-7': 2 versions are whole\n"))
    }
}

/// Whoever watches a disk takes nothing away from it: names of one file stay names of one file, with what else they have.
@Test func aWatchedRestoreBringsBackAllThatARestoreDoes() throws {
    let stage = try Stage(["restore", "agent-7", "1", "-y"])
    let workspace = try #require(stage.machine.disks["/work"])
    workspace.plant("one", Array("of two names".utf8))
    try workspace.makeLink("two", to: "one")
    let isKept = workspace.mayGive(attribute: "user.note")
    workspace.plant("noted", [1, 2, 3])
    if isKept { try workspace.setAttribute("user.note", of: "noted", to: [7]) }
    let request = CutRequest(
        agent: stage.agent, kind: .checkpoint, reason: .schedule, takenAt: stage.machine.wallTime(),
        cooperative: CooperativePart(state: .bytes([1]), schema: nil), workspace: workspace, incarnation: 1)
    _ = try stage.store.commit(stage.store.cut(request, stagingID: "links"))
    for name in ["one", "two", "noted"] as [DiskPath] { try workspace.removeFile(name) }
    #expect(stage.run() == 0, "\(stage.machine.errors)")
    let (one, two) = (try #require(try workspace.entry(at: "one")), try #require(try workspace.entry(at: "two")))
    #expect(one.hasOtherNames && one.number == two.number && one.number != nil)
    if isKept { #expect(try workspace.attributes(at: "noted", limit: .kibibytes(4)).map(\.value) == [[7]]) }
}
