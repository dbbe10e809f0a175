import AgentModel
import Checkpoints
import ControlSocket
import OutsideWorld
import SimulatedWorld

@testable import RunnerCommands

private let damaged: @Sendable (Stage) throws -> Void = { stage in
    _ = stage.disk.damage(stage.directory / "versions" / "1" / "tree", offset: 5, bit: 0)
}

private let held: @Sendable (Stage) throws -> Void = { stage in
    stage.machine.held.append(try stage.store.lock(stage.agent, holder: "pid 9"))
}

private let readOnly: @Sendable (Stage) throws -> Void = { stage in
    for operation in 20...200 { stage.disk.fail(at: stage.disk.operationCount + operation, with: .readOnly) }
}

private let removed: @Sendable (Stage) throws -> Void = { stage in
    try stage.store.removeAgent(stage.agent, at: stage.machine.wallTime(), keptUntil: stage.machine.wallTime() + .seconds(60))
}

let timeTravelFailures: [Failure] = [
    Failure("ls agent-7@1: agent-7", 64, "E-USAGE", "say agents, or one version's files: 'agent-7@41:notes'. See 'runner ls --help'"),
    Failure(
        "ls agent-7@1:../x", 64, "E-USAGE",
        "'agent-7@1:../x' is not an agent such as 'agent-7', or files of a version such as 'agent-7@41:notes'. See 'runner ls --help'"),
    Failure(
        "ls agent-7@1:none", 66, "E-VERSION-PART",
        "could not list the files of 'agent-7@1': it holds no file 'none'. Paths begin at the agent's workspace; 'runner files agent-7@1' lists those there are",
        versions: 1),
    Failure(
        "files agent-7@1", 65, "E-VERSION-BROKEN",
        "could not list the files of 'agent-7@1': 'tree' is broken: its bytes are not what was stored. Use another version, see 'runner versions agent-7'",
        versions: 1, damaged),
    Failure(
        "files agent-7@1 --at 2h", 64, "E-USAGE", "say either a version or '--at TIME'. See 'runner files --help'", versions: 1),
    Failure(
        "files agent-7 --at 9h", 66, "E-VERSION-MISSING",
        "could not find a version of 'agent-7' from 2026-11-20T23:38:00.000Z or before: the oldest whose files are whole is 'agent-7@1', of 2026-11-21T07:38:00.000Z. 'runner versions agent-7' lists those there are",
        versions: 2),
    Failure(
        "ls agent-7 --at 2h", 64, "E-USAGE",
        "'--at' is about files: say 'runner ls agent-7: --at TIME', with ':'. See 'runner ls --help'", versions: 1),
    Failure(
        "cat agent-7@3:src", 66, "E-VERSION-PART",
        "could not read 'src' of 'agent-7@3': 'src' is a directory and no file. 'runner ls agent-7@3:src' lists it", versions: 2
    ) { stage in
        let work = SimulatedDisk(seed: 9, rootName: "/work")
        try work.makeDirectories("src")
        let request = CutRequest(
            agent: stage.agent, kind: .checkpoint, reason: .schedule, takenAt: stage.machine.wallTime(), workspace: work, incarnation: 1)
        _ = try stage.store.commit(stage.store.cut(request, stagingID: "src"))
    },
    Failure(
        "cat agent-7:count --at 9h", 66, "E-VERSION-MISSING",
        "could not find a version of 'agent-7' from 2026-11-20T23:38:00.000Z or before: there is none whose files are whole. 'runner versions agent-7' lists those there are",
        versions: 0),
    Failure("cat agent-7@1", 64, "E-USAGE", "say which file: 'agent-7@41:notes.md'. See 'runner cat --help'"),
    Failure(
        "cat agent-7@1:none", 66, "E-VERSION-PART",
        "could not read 'none' of 'agent-7@1': it holds no file 'none'. Paths begin at the agent's workspace; 'runner files agent-7@1' lists those there are",
        versions: 1),
    Failure(
        "cat agent-7@1:count", 65, "E-VERSION-BROKEN",
        "could not read 'count' of 'agent-7@1': 'workspace/count' is broken: its bytes are not what was stored. Use another version, see 'runner versions agent-7'",
        versions: 1
    ) { stage in _ = stage.disk.damage(stage.directory / "versions" / "1" / "workspace" / "count", offset: 0, bit: 0) },
    Failure(
        "diff agent-7@1 agent-7@2 none", 66, "E-VERSION-PART",
        "could not compare 'none' of 'agent-7@1' with 'agent-7@2': it holds no file 'none'. Paths begin at the agent's workspace; 'runner files agent-7@2' lists those there are",
        versions: 2),
    Failure(
        "restore agent-7 1 --only state --only count", 64, "E-USAGE",
        "say '--only' paths, or one of 'workspace' and 'state'. See 'runner restore --help'", versions: 1),
    Failure(
        "restore agent-7 1 --only none", 66, "E-VERSION-PART",
        "could not restore files of 'agent-7@1': it holds no file 'none'. Paths begin at the agent's workspace; 'runner files agent-7@1' lists those there are",
        versions: 1),
    Failure(
        "restore agent-7 1 --only count", 75, "E-STORE-HELD",
        "could not restore 'count' of 'agent-7@1': 'agent-7' runs and may be writing there. 'runner stop agent-7' first; 'runner cat agent-7@1:PATH' prints it meanwhile",
        versions: 2, answering(.done("it runs"))),
    Failure(
        "restore agent-7 1 --only count --dry-run", 75, "E-STORE-HELD",
        "could not restore 'count' of 'agent-7@1': 'agent-7' runs and may be writing there. 'runner stop agent-7' first; 'runner cat agent-7@1:PATH' prints it meanwhile",
        versions: 2, answering(.done("it runs"))),
    Failure(
        "run agent-7", 64, "E-USAGE",
        "could not tell what 'agent-7' is: an agent has that name, and a file here, too. Say './agent-7' for the file; for the agent, move the file away or call this from another directory"
    ) { stage in stage.machine.files["/home/ada/agent-7"] = "name: agent-7\ncommand: [sleep, 8]\n" },
    Failure(
        "rollback agent-7 5", 66, "E-VERSION-MISSING",
        "could not roll 'agent-7' back by 5 versions: only 2 known-good ones lie before version 3, where it is now. 'runner versions agent-7' lists those there are",
        versions: 3),
    Failure(
        "rollback agent-7", 66, "E-VERSION-MISSING",
        "could not roll 'agent-7' back by one version: no known-good one lies there: it has none yet. 'runner versions agent-7' lists those there are"
    ),
    Failure("rollback agent-7 0", 64, "E-USAGE", "'0' is not a number from 1 up. See 'runner rollback --help'"),
    Failure(
        "rollback agent-7 -y", 65, "E-VERSION-BROKEN",
        "could not restore 'agent-7@1': 'state' is broken: its bytes are not what was stored. Use another version, see 'runner versions agent-7'",
        versions: 2
    ) { stage in _ = stage.disk.damage(stage.directory / "versions" / "1" / "state", offset: 0, bit: 0) },
    Failure(
        "rollback agent-7 -y", 75, "E-STORE-HELD",
        "could not lock the agent 'agent-7': it is held by pid 9. Look with 'runner status', or end it with 'runner stop' first",
        versions: 2, held),
    Failure(
        "rollback agent-7 -y", 73, "E-STORE-FULL", "could not set the workspace aside: the disk is full. Free space", versions: 2,
        answering(.failed(code: "E-STORE-FULL", sentence: "could not set the workspace aside: the disk is full. Free space"))),
    Failure(
        "rollback agent-7 -y", 1, "E-RESTORE-FAILED", "could not restore 'agent-7@1': it did not start. See 'runner logs agent-7'",
        versions: 2,
        answering(.failed(code: "E-RESTORE-FAILED", sentence: "could not restore 'agent-7@1': it did not start. See 'runner logs agent-7'"))
    ),
    Failure(
        "rm agent-7", 75, "E-STORE-HELD", "could not remove 'agent-7': its supervisor runs. 'runner stop agent-7' first",
        answering(.done("it runs"))),
    Failure(
        "rm agent-7", 75, "E-STORE-HELD",
        "could not remove 'agent-7': the agent runs on without a supervisor. 'runner run' takes it over; without one it ends by itself within its adoption term ('stop.adopt_within')"
    ) { stage in stage.leaveAnAgentAlone() },
    Failure(
        "rm agent-7", 75, "E-STORE-HELD",
        "could not lock the agent 'agent-7': it is held by pid 9. Look with 'runner status', or end it with 'runner stop' first", held),
    Failure(
        "rm agent-7", 73, "E-STORE-READONLY",
        "could not put in order the versions of 'agent-7': the store's disk is read-only. Remount it writable; older versions are untouched",
        readOnly),
    Failure(
        "status agent-7", 66, "E-AGENT-MISSING", "unknown agent 'agent-7': it was removed. 'runner undelete agent-7' brings it back",
        removed),
    Failure(
        "undelete agnet-7", 66, "E-AGENT-NOT-REMOVED",
        "could not bring 'agnet-7' back: no such agent was removed, or its term was over; did you mean 'agent-7'?", removed),
    Failure(
        "undelete agent-7", 66, "E-AGENT-NOT-REMOVED",
        "could not bring 'agent-7' back: no such agent was removed, or its term was over. 'runner undelete' lists those there are"),
    Failure(
        "undelete agent-7", 73, "E-AGENT-EXISTS",
        "could not bring back the agent 'agent-7': there is an agent of that name again. 'runner rm agent-7' makes room: 'runner undelete' lists both then"
    ) { stage in
        try removed(stage)
        try stage.store.addAgent(stage.agent)
    },
    Failure(
        "undelete agent-7", 75, "E-STORE-HELD",
        "could not bring back the agent 'agent-7': it is held by pid 9. Look with 'runner status', or end it with 'runner stop' first"
    ) { stage in
        try removed(stage)
        guard let name = try stage.store.removedAgents().first?.name else { return }
        stage.machine.held.append(try stage.disk.lock("removed" / name / "lock", holder: "pid 9"))
    },
]
