import AgentModel
import AgentSpecs
import Checkpoints
import LaunchPlans
import OutsideWorld
import SimulatedWorld

@testable import RunnerCommands

// Ways to fail before anything runs: what was typed, what is not there, what is damaged.

let usageFailures: [Failure] = [
    Failure("undo agent-7", 64, "E-USAGE", "unknown command 'undo'; did you mean 'rollback'? See 'runner --help'"),
    Failure("history", 64, "E-USAGE", "unknown command 'history'; did you mean 'versions'? See 'runner --help'"),
    Failure("recover agent-7", 64, "E-USAGE", "unknown command 'recover'; did you mean 'undelete'? See 'runner --help'"),
    Failure("lss", 64, "E-USAGE", "unknown command 'lss'; did you mean 'ls'? See 'runner --help'"),
    Failure("ls --jsno", 64, "E-USAGE", "unknown option '--jsno'; did you mean '--json'? See 'runner ls --help'"),
    Failure("ls -o xml", 64, "E-USAGE", "'xml' for '-o' is not one of table, wide, json, ndjson, name. See 'runner ls --help'"),
    Failure("run", 64, "E-USAGE", "say what to run: a spec such as agent.yaml, or a command after '--'. See 'runner run --help'"),
    Failure(
        "restore agent-7", 64, "E-USAGE",
        "say one version: a number, 'latest', 'known-good' or '--at TIME'. See 'runner restore --help'"),
    Failure("fork agent-7@1", 64, "E-USAGE", "say what the fork is called: '--as NAME'. See 'runner fork --help'"),
    Failure("settle agent-7 k", 64, "E-USAGE", "say either '--happened' or '--did-not-happen'. See 'runner settle --help'"),
    Failure(
        "settle agent-7 k --did-not-happen --result x", 64, "E-USAGE",
        "what did not happen has no result: leave out '--result'. See 'runner settle --help'"),
    Failure("config check", 64, "E-USAGE", "say which file to check. See 'runner config --help'"),
    Failure(
        "pin agent-7", 64, "E-USAGE",
        "say which version: 'agent-7@42', 'agent-7@latest' or 'agent-7@known-good'. See 'runner pin --help'"),
    Failure(
        "unpin agent-7", 64, "E-USAGE",
        "say which version: 'agent-7@42', 'agent-7@latest' or 'agent-7@known-good'. See 'runner unpin --help'"),
    Failure("help lss", 64, "E-USAGE", "unknown command 'lss'; did you mean 'ls'? See 'runner --help'"),
    Failure(
        "plan Agent_", 64, "E-USAGE",
        "'Agent_' is not an agent's name (a-z, 0-9, '.', '_', '-', at most 63, a letter or digit first). See 'runner plan --help'"),
    Failure(
        "settle agent-7 \(String(repeating: "k", count: 70_000)) --happened", 64, "E-USAGE",
        "could not settle an effect of 'agent-7': the line is longer than 65536 bytes. Say it shorter"),
]

let missingFailures: [Failure] = [
    Failure("status agnet-7", 66, "E-AGENT-MISSING", "unknown agent 'agnet-7'; did you mean 'agent-7'?"),
    Failure("why other", 66, "E-AGENT-MISSING", "unknown agent 'other'. 'runner ls' lists those there are"),
    Failure(
        "show agent-7@9", 66, "E-VERSION-MISSING",
        "could not find 'agent-7@9': it has no version yet. 'runner checkpoint agent-7' takes one while it runs"),
    Failure(
        "show agent-7@9", 66, "E-VERSION-MISSING",
        "could not find 'agent-7@9': there is no such version. 'runner versions agent-7' lists those there are",
        versions: 1),
    Failure(
        "restore agent-7 --at 9h", 66, "E-VERSION-MISSING",
        "could not find a version of 'agent-7' from 2026-11-20T23:38:00.000Z or before: the oldest that is known-good is 'agent-7@1', of 2026-11-21T07:38:00.000Z. 'runner versions agent-7' lists those there are",
        versions: 2),
    Failure(
        "restore agent-7 1 --only state", 66, "E-VERSION-PART",
        "could not restore 'agent-7@1': it holds no state. See 'runner show agent-7@1'"
    ) { stage in try stage.storeFilesAlone() },
    Failure(
        "fork agent-7 --as agent-7", 73, "E-FORK-EXISTS",
        "could not fork 'agent-7@2': there is an agent 'agent-7' already. Choose another name",
        versions: 2),
    Failure(
        "fork agent-7 --as other", 1, "E-FORK-WORKSPACE",
        "could not fork 'agent-7@2': 'agent-7' has no workspace, and the two would share all they write. Give it one in its spec: later versions can be forked",
        versions: 2
    ) { stage in
        let spec = AgentSpec(name: stage.agent, command: ["agent"], workdir: "/srv")
        stage.disk.plant(stage.directory / "spec.json", try JSONText.encode(spec))
    },
    Failure(
        "fork agent-7 --as other --workspace /srv/taken", 73, "E-FORK-EXISTS",
        "could not fork 'agent-7@2': '/srv/taken' is there already. Choose another with '--workspace'",
        versions: 2
    ) { stage in
        stage.machine.namespaces = .available
        let disk = SimulatedDisk(seed: 5, rootName: "/srv")
        disk.plant("taken", [1])
        stage.machine.disks["/srv"] = disk
    },
    Failure("explain E-STORE-FUL", 66, "E-CODE-UNKNOWN", "unknown error code 'E-STORE-FUL'; did you mean 'E-STORE-FULL'?"),
    Failure("explain xyz", 66, "E-CODE-UNKNOWN", "unknown error code 'xyz'. 'runner explain' lists them all"),
    Failure(
        "run no.yaml", 66, "E-SPEC-FILE",
        "could not read the spec 'no.yaml': there is no such file. Give its path, an agent's name for the spec it last ran with, or a command after '--'"
    ),
    Failure(
        "ls", 66, "E-STORE-MISSING",
        "could not open the store '/store': there is none yet. 'runner run' makes it; '--store' chooses another"
    ) { stage in stage.machine.disks = [:] },
]

let damageFailures: [Failure] = [
    Failure(
        "fork agent-7 --as other", 78, "E-SPEC-INVALID",
        "could not read the stored spec of 'agent-7': '/store/agents/agent-7/spec.json' is damaged. 'runner run' writes it anew",
        versions: 2
    ) { stage in stage.disk.plant(stage.directory / "spec.json", Array("{".utf8)) },
    Failure(
        "fork agent-7 --as other", 125, "E-LAUNCH-FENCE",
        "could not start 'other' without a network: that takes namespaces, and only root may make them. Run as root, or take it out of the spec",
        versions: 2
    ) { stage in stage.machine.namespaces = .missing("only root may make them") },
    Failure(
        "fork agent-7@1 --as other", 65, "E-VERSION-BROKEN",
        "could not fork 'agent-7@1': 'state' is broken: its bytes are not what was stored. Use another version, see 'runner versions agent-7'",
        versions: 2
    ) { stage in
        stage.machine.namespaces = .available
        _ = stage.disk.damage(stage.directory / "versions" / "1" / "state", offset: 0, bit: 0)
    },
    Failure(
        "run bad.yaml", 78, "E-SPEC-UNKNOWN",
        "could not use 'bad.yaml': it has 1 mistake. Mend it and try 'runner config check bad.yaml'"
    ) { stage in stage.machine.files["/home/ada/bad.yaml"] = "name: a\ncommand: [x]\nlimitz: {}\n" },
    Failure(
        "plan agent-7", 78, "E-SPEC-INVALID",
        "could not read the stored spec of 'agent-7': '/store/agents/agent-7/spec.json' is damaged. 'runner run' writes it anew"
    ) { stage in stage.disk.plant(stage.directory / "spec.json", Array("{".utf8)) },
    Failure(
        "status agent-7", 65, "E-STATUS-BROKEN",
        "could not read the status of 'agent-7': '/store/agents/agent-7/status.json' is damaged. 'runner why agent-7' reads its journal instead"
    ) { stage in stage.disk.plant(stage.directory / "status.json", Array("{".utf8)) },
    Failure(
        "restore agent-7 1", 65, "E-VERSION-BROKEN",
        "could not restore 'agent-7@1': 'state' is broken: its bytes are not what was stored. Use another version, see 'runner versions agent-7'",
        versions: 2
    ) { stage in _ = stage.disk.damage(stage.directory / "versions" / "1" / "state", offset: 0, bit: 0) },
    Failure(
        "ls", 65, "E-STORE-FORMAT",
        "could not open the store '/store': it has format 4, and this runner knows formats 1 to 3. Give the store's directory with --store, or an empty one to make a new store"
    ) { stage in stage.disk.plant("format", Array("runner-store 4\n".utf8)) },
]

let storeFailures: [Failure] = [
    Failure(
        "ls", 77, "E-STORE-UNSAFE",
        "could not open the store '/store': others may write into it (mode 777). Run 'chmod go-w /store', or give another store with --store"
    ) { stage in stage.disk.setRootMode(0o777) },
    Failure(
        "ls", 77, "E-STORE-DENIED", "could not open the directory '/store': permission denied. Do it as its owner, or as root",
        disk("/store", .denied)),
    Failure(
        "run --name a -- x", 73, "E-STORE-READONLY",
        "could not open the directory '/store': the file system is read-only. Mount it writable, or use another place",
        disk("/store", .readOnly)),
    Failure(
        "run --name a -- x", 73, "E-STORE-FULL", "could not open the directory '/store': the disk is full. Free space and try again",
        disk("/store", .full)),
    Failure(
        "ls", 74, "E-STORE-IO", "could not open the directory '/store': input/output error. Look at 'dmesg' and at the disk",
        disk("/store", .system(5))),
    Failure(
        "restore agent-7 1 --only workspace", 75, "E-STORE-HELD",
        "could not lock the agent 'agent-7': it is held by pid 9. Look with 'runner status', or end it with 'runner stop' first",
        versions: 2
    ) { stage in stage.machine.held.append(try stage.store.lock(stage.agent, holder: "pid 9")) },
]
