import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld

@testable import RunnerCommands

/// The two versions of the stage, and a whole copy of them at '/copy'.
private let copied: @Sendable (Stage) throws -> Void = { stage in try stage.copy() }

private let damaged: @Sendable (Stage) throws -> Void = { stage in
    try stage.copy()
    stage.disk.plant("agents/agent-7/versions/1/state", [9, 9, 9])
}

/// An rclone that ends so, whatever it is asked.
private func rclone(_ end: ToolEnd, damaging: Bool = false) -> @Sendable (Stage) throws -> Void {
    { stage in
        if damaging { try damaged(stage) }
        stage.machine.tools["rclone"] = { _ in end }
    }
}

extension Stage {
    func copy() throws {
        for summary in try store.versions(of: agent) { try store.pack(agent, summary.version) }
        let remote = SimulatedDisk(seed: 4, rootName: "/copy")
        machine.disks["/copy"] = remote
        let look = try store.openLook(for: "copy") { "copy" }
        let copy = CopyOut(of: store, by: DirectoryCarrier(remote))
        try copy.open(in: look)
        _ = try copy.send(agent, in: look)
        store.close(look)
    }
}

/// Ways to fail with copies elsewhere.
let copyFailures: [Failure] = syncFailures + pullFailures + checkFailures + healFailures

private let syncFailures: [Failure] = [
    Failure(
        "store sync backup:x", 69, "E-REMOTE-PROGRAM",
        "could not sync to 'backup:x': 'rclone' is not installed, and it carries what goes elsewhere. Install the package 'rclone', or give a directory"
    ),
    Failure(
        "store sync backup:x", 74, "E-REMOTE-IO",
        "could not sync to 'backup:x': rclone ended with 1 and did not say why. Look at the place and at its settings; what is there stays, and the same command goes on",
        rclone(.ended(.exited(1), output: []))),
    Failure(
        "store sync backup:x", 130, "E-COPY-STOPPED",
        "could not sync to 'backup:x': it was stopped. What is there already stays, and the same command goes on from there",
        rclone(.stopped)),
    Failure(
        "store sync /photos", 65, "E-REMOTE-NO-COPY",
        "could not sync to '/photos': it holds other files, and none that 'runner store sync' made. Give the place that 'runner store sync' was given; in an empty one that makes a new copy"
    ) { stage in
        let disk = SimulatedDisk(seed: 4, rootName: "/photos")
        disk.plant("holiday.jpg", [1])
        stage.machine.disks["/photos"] = disk
    },
    Failure(
        "store sync /copy web", 66, "E-AGENT-MISSING", "unknown agent 'web'. 'runner ls' lists those there are", copied),
    Failure(
        "store sync /copy", 75, "E-STORE-HELD",
        "could not copy versions of '/store': 'runner store sync' does so already. The same command goes on when that has ended"
    ) { stage in stage.machine.held.append(try stage.store.lockCopies(holder: "'runner store sync'")) },
    Failure("store sync", 64, "E-USAGE", "missing PLACE. See 'runner store sync --help'"),
]

private let pullFailures: [Failure] = [
    Failure(
        "store pull backup:x agent-7", 69, "E-REMOTE-PROGRAM",
        "could not pull from 'backup:x': 'rclone' is not installed, and it carries what goes elsewhere. Install the package 'rclone', or give a directory"
    ),
    Failure(
        "store pull backup:x agent-7", 65, "E-REMOTE-DAMAGED",
        "could not pull from 'backup:x': more came from there than was announced. Nothing of it was used; find out who writes there",
        rclone(.ended(.exited(8), output: []))),
    Failure(
        "store pull backup:x agent-7", 74, "E-REMOTE-IO",
        "could not pull from 'backup:x': rclone's list is not JSON. Look at the place and at its settings; what is there stays, and the same command goes on",
        rclone(.ended(.exited(0), output: [1]))),
    Failure(
        "store pull /copy agent-7@9", 66, "E-REMOTE-VERSION",
        "could not pull from '/copy': 'agent-7@9' is not listed there. 'runner store check' lists what is", versions: 2, copied),
    Failure(
        "store pull /copy agent-7@1", 73, "E-REMOTE-OTHER",
        "could not pull from '/copy': this store has another 'agent-7@1'. Take it in beside that with '--as NAME', or keep the two apart in places of their own",
        versions: 2
    ) { stage in
        try stage.copy()
        stage.disk.plant("agents/agent-7/versions/1/seal", Array("another\n".utf8))
    },
    Failure(
        "store pull /copy agent-7@1", 75, "E-STORE-HELD",
        "could not lock the agent 'agent-7': it is held by pid 99. Look with 'runner status', or end it with 'runner stop' first",
        versions: 2
    ) { stage in
        try stage.copy()
        stage.machine.held.append(try stage.store.lock(stage.agent, holder: "pid 99"))
    },
    Failure(
        "store pull /copy agent-7 web --as x", 64, "E-USAGE", "'--as' takes one agent at a time. See 'runner store pull --help'"),
]

private let checkFailures: [Failure] = [
    Failure(
        "store check backup:x", 69, "E-REMOTE-PROGRAM",
        "could not check 'backup:x': 'rclone' is not installed, and it carries what goes elsewhere. Install the package 'rclone', or give a directory"
    ),
    Failure(
        "store check backup:x", 65, "E-REMOTE-DAMAGED",
        "could not check 'backup:x': 'backup:x' there is not what was stored: '../x' leads out of it, or is no name. Nothing of it was used; see 'runner store check'",
        rclone(.ended(.exited(0), output: Array(#"[{"Path":"../x","Size":1}]"#.utf8)))),
    Failure(
        "store check backup:x", 74, "E-REMOTE-IO",
        "could not check 'backup:x': it does not tell how long 'x' is. Look at the place and at its settings; what is there stays, and the same command goes on",
        rclone(.ended(.exited(0), output: Array(#"[{"Path":"x","Size":-1}]"#.utf8)))),
    Failure(
        "store check backup:x", 130, "E-COPY-STOPPED",
        "could not check 'backup:x': it was stopped. What is there already stays, and the same command goes on from there", rclone(.stopped)
    ),
    Failure(
        "store check /copy web", 66, "E-REMOTE-VERSION",
        "could not check '/copy': 'web' is not listed there. 'runner store check' lists what is", versions: 1, copied),
    Failure(
        "store check /copy", 73, "E-STORE-FULL",
        "could not make room for a store check in '/store': the disk is full. Free space, or give another store with --store"
    ) { stage in stage.disk.setCapacity(ByteCount(0)) },
    Failure(
        "store check /copy agent-7@x", 64, "E-USAGE",
        "'agent-7@x' is not an agent such as 'agent-7', or one of its versions such as 'agent-7@42'. See 'runner store check --help'"
    ),
]

private let healFailures: [Failure] = [
    Failure(
        "verify agent-7 --from backup:x", 69, "E-REMOTE-PROGRAM",
        "could not heal from 'backup:x': 'rclone' is not installed, and it carries what goes elsewhere. Install the package 'rclone', or give a directory",
        versions: 2, damaged),
    Failure(
        "verify agent-7 --from backup:x", 74, "E-REMOTE-IO",
        "could not heal from 'backup:x': rclone ended with 1 and did not say why. Look at the place and at its settings; what is there stays, and the same command goes on",
        versions: 2, rclone(.ended(.exited(1), output: []), damaging: true)),
    Failure(
        "verify agent-7 --from /copy", 75, "E-STORE-HELD",
        "could not lock the agent 'agent-7': it is held by pid 99. Look with 'runner status', or end it with 'runner stop' first",
        versions: 2
    ) { stage in
        try damaged(stage)
        stage.machine.held.append(try stage.store.lock(stage.agent, holder: "pid 99"))
    },
]
