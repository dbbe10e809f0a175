import AgentModel
import AgentSpecs
import Checkpoints
import ControlSocket
import LaunchPlans
import OutsideWorld
import SimulatedWorld
import Supervision

@testable import RunnerCommands

// Ways to fail while something runs or is to run, with files beside the store, and what several commands document.

let supervisorFailures: [Failure] = [
    Failure(
        "checkpoint agent-7", 69, "E-SUPERVISOR-NONE",
        "could not checkpoint 'agent-7': no supervisor of it runs. Start it with 'runner run', or see 'runner status agent-7' for how it ended"
    ),
    Failure(
        "stop agent-7", 69, "E-SUPERVISOR-NONE",
        "could not stop 'agent-7': the agent runs on without a supervisor. 'runner run' takes it over; without one it ends by itself within its adoption term ('stop.adopt_within')"
    ) { stage in stage.leaveAnAgentAlone() },
    Failure(
        "restore agent-7 1 -y", 75, "E-STORE-HELD",
        "could not restore 'agent-7@1': the agent runs on without a supervisor. 'runner run' takes it over; without one it ends by itself within its adoption term ('stop.adopt_within')",
        versions: 1
    ) { stage in stage.leaveAnAgentAlone() },
    Failure(
        "stop agent-7", 77, "E-SUPERVISOR-DENIED",
        "could not stop 'agent-7': its supervisor belongs to another user. Run the command as that user, or as root",
        refusing(.denied)),
    Failure(
        "restart agent-7", 75, "E-SUPERVISOR-SILENT",
        "could not restart 'agent-7': its supervisor did not answer in time. Try again, or with a longer '--timeout'",
        refusing(.noAnswer)),
    Failure(
        "restart agent-7", 73, "E-STORE-FULL",
        "could not restart 'agent-7': no last version could be taken: the disk is full. Free space, or run 'runner prune agent-7 --dry-run'. It runs on"
    ) { stage in
        let sentence =
            "could not restart 'agent-7': no last version could be taken: the disk is full. Free space, or run 'runner prune agent-7 "
            + "--dry-run'. It runs on"
        stage.machine.supervisor = { _ in .success(.failed(code: "E-STORE-FULL", sentence: sentence)) }
    },
    Failure(
        "checkpoint agent-7", 74, "E-SUPERVISOR-IO",
        "could not checkpoint 'agent-7': the connection to its supervisor failed, error 104 (errno). Try again",
        refusing(.system(104))),
    Failure(
        "checkpoint agent-7", 73, "E-STORE-FULL", "could not commit the checkpoint 'agent-7@3': the disk is full. Free space",
        answering(
            .failed(code: "E-STORE-FULL", sentence: "could not commit the checkpoint 'agent-7@3': the disk is full. Free space"))),
    Failure(
        "checkpoint agent-7", 1, "E-FROM-THE-FUTURE", "could not do something: it is new. Update",
        answering(.failed(code: "E-FROM-THE-FUTURE", sentence: "could not do something: it is new. Update"))),
]

let launchFailures: [Failure] = [
    Failure(
        "run --name a -- x", 75, "E-STORE-HELD",
        "could not lock the agent 'a': it is held by pid 9. Look with 'runner status', or end it with 'runner stop' first",
        cause: .store(StoreFault(.held(by: "pid 9"), doing: "lock the agent", what: "a"))),
    Failure(
        "run --name a -- x", 73, "E-STORE-FULL", "could not write '/store/x': the disk is full. Free space and try again",
        cause: .file(FileFault(.full, doing: "write", what: "/store/x"))),
    Failure(
        "run --name a -- x", 127, "E-LAUNCH-NOT-FOUND",
        "could not start 'a': could not execute 'x': no directory of PATH has it (/bin). Correct the command, or give its whole path",
        cause: .launch(LaunchFault(.commandNotFound, "could not execute 'x': no directory of PATH has it (/bin)"))),
    Failure(
        "run --name a -- x", 126, "E-LAUNCH-NOT-EXECUTABLE",
        "could not start 'a': could not execute 'x': permission denied. Make it executable with 'chmod +x', or look at its first line",
        cause: .launch(LaunchFault(.notExecutable, "could not execute 'x': permission denied"))),
    Failure(
        "run --name a -- x", 125, "E-LAUNCH-SET-UP",
        "could not start 'a': could not mount a fresh /proc: permission denied. 'runner doctor' shows what this machine allows",
        cause: .launch(LaunchFault(.setUp, "could not mount a fresh /proc: permission denied"))),
    Failure(
        "run --name a -- x", 125, "E-LAUNCH-SYSTEM",
        "could not start 'a': could not make a process for the agent: out of memory. 'runner explain E-LAUNCH-SYSTEM' tells where to look",
        cause: .launch(LaunchFault(.system, "could not make a process for the agent: out of memory"))),
    Failure(
        "run --name a -- x", 125, "E-LAUNCH-SET-UP",
        "could not start 'a': cannot execute '/usr/bin/runner-init': no such file. Install 'runner-init' beside 'runner'"
    ) { stage in
        stage.machine.sandboxInit = .missing("cannot execute '/usr/bin/runner-init': no such file. Install 'runner-init' beside 'runner'")
    },
    Failure(
        "run --name a --user nobody-there -- x", 125, "E-LAUNCH-USER",
        "could not start 'a' as user 'nobody-there': /etc/passwd has no such user. Name one it has, or a number"),
    Failure(
        "run --name a --workspace /store/w -- x", 125, "E-LAUNCH-WORKSPACE",
        "could not start 'a': its workspace '/store/w' lies in the store '/store', which belongs to the runner. Choose another workspace"),
    Failure(
        "run -d --name a -- x", 125, "E-RUN-FAILED",
        "could not run 'a' in the background: its supervisor was killed before the agent ran. '/store/agents/a/log/supervisor.log' has what it said; without '--detach' it is told here"
    ) { stage in stage.machine.detached = .ended(status: nil, output: "") },
]

let fileFailures: [Failure] = [
    Failure(
        "restore agent-7 1 --dry-run", 66, "E-FILE-MISSING",
        "could not open the directory '/work': it, or a part of its path, is not a directory. Check the path", versions: 1,
        disk("/work", .notDirectory)),
    Failure(
        "restore agent-7 1 --dry-run", 77, "E-FILE-DENIED",
        "could not open the directory '/work': permission denied. Do it as its owner, or as root", versions: 1, disk("/work", .denied)),
    Failure(
        "run --name a --workspace /w -- x", 73, "E-FILE-READONLY",
        "could not open the directory '/w': the file system is read-only. Mount it writable, or use another place", disk("/w", .readOnly)),
    Failure(
        "run big.yaml", 65, "E-FILE-TOO-LARGE",
        "could not read '/home/ada/big.yaml': the file is larger than what is read at once. Check that it is the file you meant"
    ) { stage in stage.machine.fileFaults["/home/ada/big.yaml"] = .tooLarge },
    Failure(
        "version", 73, "E-FILE-FULL", "could not write the answer to 'standard output': the disk is full. Free space and try again"
    ) { stage in stage.machine.outputLoss = .refused(FileFault(.full, doing: "write the answer to", what: "standard output")) },
    Failure(
        "ls", 74, "E-FILE-IO", "could not write the answer to 'standard output': input/output error. Look at 'dmesg' and at the disk"
    ) { stage in stage.machine.outputLoss = .refused(FileFault(.system(5), doing: "write the answer to", what: "standard output")) },
    Failure(
        "run -d --name a -- x", 75, "E-SUPERVISOR-SILENT",
        "could not see 'a' start: its supervisor did not run it within 60 s and goes on trying. 'runner status a' and '/store/agents/a/log/supervisor.log' tell what it does"
    ) { stage in stage.machine.detached = .silent },
]

/// Talk at the end of an answer that was given all the same.
let remarks: [Failure] = [
    Failure(
        "image check /dump -q", 65, "E-IMAGE-DAMAGED",
        "could not trust '/dump': 1 error in its images. Restore another version, or dump anew"
    ) { stage in stage.machine.disks["/dump"] = try imageDisk("older", without: ["mm-1001.img"]) },
    Failure(
        "replay agent-7", 1, "E-REPLAY-DIFFERS",
        "could not decide all again as the journal of 'agent-7' has it: 1 differ, shown above. 'runner explain E-REPLAY-DIFFERS' tells what that means"
    ) { stage in try stage.write(journal: stage.strangeJournal()) },
    Failure(
        "replay agent-7", 65, "E-JOURNAL-BROKEN",
        "could not read all of the journal of 'agent-7': 1 line is damaged and left out. 'runner explain E-JOURNAL-BROKEN' tells what that means"
    ) { stage in try stage.damageJournal() },
    Failure(
        "why agent-7", 0, "E-JOURNAL-BROKEN",
        "could not read all of the journal of 'agent-7': 1 line is damaged and left out. 'runner explain E-JOURNAL-BROKEN' tells what that means"
    ) { stage in try stage.damageJournal() },
    Failure("stop agent-7", 0, "", "'agent-7' is not running"),
]

/// What more than one command documents.
let documentedFailures: [Failure] = [
    Failure(
        "show agent-7@1", 65, "E-VERSION-BROKEN",
        "could not read 'agent-7@1': 'manifest.json' is broken: it does not match its seal. Use another version, see 'runner versions agent-7'",
        versions: 2
    ) { stage in _ = stage.disk.damage(stage.directory / "versions" / "1" / "manifest.json", offset: 0, bit: 0) },
    Failure(
        "pin agent-7@1", 75, "E-STORE-HELD",
        "could not lock the agent 'agent-7': it is held by pid 9. Look with 'runner status', or end it with 'runner stop' first",
        versions: 2
    ) { stage in stage.machine.held.append(try stage.store.lock(stage.agent, holder: "pid 9")) },
    Failure(
        "unpin agent-7@1", 75, "E-STORE-HELD",
        "could not lock the agent 'agent-7': it is held by pid 9. Look with 'runner status', or end it with 'runner stop' first",
        versions: 2
    ) { stage in stage.machine.held.append(try stage.store.lock(stage.agent, holder: "pid 9")) },
    Failure(
        "prune agent-7 --keep 1", 75, "E-STORE-HELD",
        "could not lock the agent 'agent-7': it is held by pid 9. Look with 'runner status', or end it with 'runner stop' first",
        versions: 2
    ) { stage in stage.machine.held.append(try stage.store.lock(stage.agent, holder: "pid 9")) },
    Failure(
        "prune agent-7", 73, "E-STORE-READONLY",
        "could not open the directory '/store': the file system is read-only. Mount it writable, or use another place",
        disk("/store", .readOnly)),
    Failure(
        "restore agent-7 1", 73, "E-STORE-FULL", "could not set the workspace aside: the disk is full. Free space",
        versions: 1, answering(.failed(code: "E-STORE-FULL", sentence: "could not set the workspace aside: the disk is full. Free space"))),
    Failure(
        "stop agent-7", 75, "E-SUPERVISOR-SILENT",
        "could not stop 'agent-7': its supervisor did not answer in time. Try again, or with a longer '--timeout'", refusing(.noAnswer)),
    Failure(
        "checkpoint agent-7 --timeout 1m", 75, "E-SUPERVISOR-SILENT",
        "could not checkpoint 'agent-7': its supervisor did not answer in time. Try again, or with a longer '--timeout'",
        refusing(.noAnswer)),
    Failure("plan other", 66, "E-AGENT-MISSING", "unknown agent 'other'. 'runner ls' lists those there are"),
    Failure(
        "settle agent-7 k --happened", 69, "E-SUPERVISOR-NONE",
        "could not settle an effect of 'agent-7': no supervisor of it runs. Start it with 'runner run', or see 'runner status agent-7' for how it ended"
    ),
    Failure(
        "restart agent-7", 69, "E-SUPERVISOR-NONE",
        "could not restart 'agent-7': no supervisor of it runs. Start it with 'runner run', or see 'runner status agent-7' for how it ended"
    ),
    Failure(
        "plan agent-7", 125, "E-LAUNCH-USER",
        "could not start 'agent-7' as user 'nobody-there': /etc/passwd has no such user. Name one it has, or a number"
    ) { stage in
        var spec = AgentSpec(name: stage.agent, command: ["sleep", "9"], workdir: "/work")
        spec.user = "nobody-there"
        try stage.disk.replace(stage.directory / "spec.json", with: JSONText.encode(spec))
    },
    Failure(
        "config check bad.yaml", 78, "E-SPEC-UNKNOWN",
        "could not use 'bad.yaml': it has 1 mistake. Mend it and try 'runner config check bad.yaml'"
    ) { stage in stage.machine.files["/home/ada/bad.yaml"] = "name: a\ncommand: [x]\nlimitz: {}\n" },
    Failure(
        "config check no.yaml", 66, "E-SPEC-FILE",
        "could not read the spec 'no.yaml': there is no such file. Give its path, an agent's name for the spec it last ran with, or a command after '--'"
    ),
]

/// The same two mistakes can be made with every command.
let commonFailures: [Failure] = allCommands().map(describe).flatMap { command -> [Failure] in
    let help = "See 'runner \(command.name) --help'"
    let unknownOption = Failure("\(command.name) --no-such-option", 64, "E-USAGE", "unknown option '--no-such-option'. \(help)")
    let options = ["settle": "k --happened", "restore": "1", "pin": "", "unpin": "", "fork": "--as new"]
    // Those of a copy name a place first: their rows are in CopyFailures.
    let takesAgent = command.arguments.contains { $0.name.contains("AGENT") } && command.name != "plan" && !command.name.hasPrefix("store ")
    guard takesAgent else { return [unknownOption] }
    let words = command.name == "cat" ? "cat other:notes.md" : "\(command.name) other \(options[command.name] ?? "")"
    return [unknownOption, Failure(words, 66, "E-AGENT-MISSING", "unknown agent 'other'. 'runner ls' lists those there are")]
}
