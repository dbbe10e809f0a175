import AgentModel
import AgentSpecs
import Checkpoints
import ControlSocket
import Digests
import OutsideWorld
import Recovery
import SimulatedWorld
import StatusViews

@testable import RunnerCommands

/// A store with agents in it, on a fake machine.
struct Stage {
    let machine: FakeMachine
    let disk: SimulatedDisk
    let store: CheckpointStore

    /// A store at /store with the agent 'agent-7', its workspace at /work, and `versions` versions of it, an hour apart, the last now.
    init(_ arguments: [String], versions: Int = 0) throws {
        machine = FakeMachine()
        machine.arguments = arguments
        disk = SimulatedDisk(seed: 7, rootName: "/store")
        machine.disks["/store"] = disk
        store = try CheckpointStore.open(disk, create: true, identity: { "0123456789abcdef" })
        try store.addAgent(agent)
        let workspace = SimulatedDisk(seed: 8, rootName: "/work")
        machine.disks["/work"] = workspace
        let spec = AgentSpec(name: agent, command: ["sleep", "9"], workdir: "/work", workspace: "/work")
        try disk.replace(store.directory(of: agent) / "spec.json", with: JSONText.encode(spec))
        for number in 0..<versions {
            workspace.plant("count", Array("\(number + 1)\n".utf8))
            let taken = WallTime(nanoseconds: machine.wallTime().nanoseconds - Int64(versions - 1 - number) * 3_600_000_000_000)
            let request = CutRequest(
                agent: agent, kind: .checkpoint, reason: .schedule, takenAt: taken, step: UInt64(number + 1),
                cooperative: CooperativePart(state: .bytes([1, 2, 3]), schema: "v1"), workspace: workspace, incarnation: 1)
            _ = try store.commit(store.cut(request, stagingID: "stage\(number)"))
        }
    }

    var agent: AgentName { named("agent-7") }
    var directory: DiskPath { store.directory(of: agent) }

    /// Runs the command. Returns its exit status.
    @discardableResult
    func run(supervise: @escaping Supervise = { (_, _) in .exited(0) }) -> Int32 { RunnerCommands.main(machine, supervise: supervise) }

    func write(status: AgentStatus) throws { try disk.replace(directory / "status.json", with: JSONText.encode(status)) }

    func write(log text: String) throws {
        try disk.makeDirectories(directory / "log")
        try disk.replace(directory / "log" / "current.log", with: Array(text.utf8))
    }

    func write(journal entries: [JournalEntry], torn: Bool = false) throws {
        var bytes: [UInt8] = []
        for entry in entries {
            let json = try JSONText.encode(entry)
            bytes += Array(hexadecimal(Array(SHA256.digest(of: json).prefix(8))).utf8) + [UInt8(ascii: " ")] + json + [UInt8(ascii: "\n")]
        }
        try disk.makeDirectories(directory / "journal")
        try disk.replace(directory / "journal" / "current.jsonl", with: torn ? bytes.dropLast(4) + [] : bytes)
    }

    /// A status as a running supervisor would write it.
    func running() -> AgentStatus {
        let now = machine.wallTime()
        var status = AgentStatus(
            agent: agent, state: .running, wantedRunning: true, supervisorPID: 4700, reason: "running clean", command: ["sleep", "9"],
            store: "/store", updatedAt: now)
        status.pid = 4712
        status.incarnation = 1
        status.startedAt = now + .seconds(-90)
        return status
    }
}

// MARK: Trouble

extension Stage {
    /// One decision that today's recovery takes otherwise.
    func strangeJournal() -> [JournalEntry] {
        var before = RecoveryState()
        before.phase = .running(from: .clean, since: machine.now(), healthySince: nil)
        var after = before
        after.phase = .waiting(toLaunch: .clean, until: machine.now() + .seconds(1))
        let end = ProcessEnd.signaled(9, outOfMemory: false)
        let decision = Decision(
            state: after, actions: [.openIncident(.ended(end)), .setTimer(machine.now() + .seconds(1))],
            reason: "starting clean in 1 s: it was killed by signal 9")
        let content = JournalEntry.Content.decision(
            before: before, event: .ended(end, done: false), versions: [], settings: RecoverySettings(), chance: 0, taken: decision)
        return [JournalEntry(sequence: 1, at: machine.now(), time: machine.wallTime(), content: content)]
    }

    /// A line that no supervisor wrote.
    func damageJournal() throws {
        try disk.makeDirectories(directory / "journal")
        disk.plant(directory / "journal" / "current.jsonl", Array("no entry of a journal\n".utf8))
    }

    /// A version that holds files and no state.
    func storeFilesAlone() throws {
        let workspace = SimulatedDisk(seed: 9, rootName: "/work")
        workspace.plant("count", [1])
        let request = CutRequest(
            agent: agent, kind: .checkpoint, reason: .schedule, takenAt: machine.wallTime(), workspace: workspace, incarnation: 1)
        _ = try store.commit(store.cut(request, stagingID: "files"))
    }

    /// The agent's init lives and its supervisor does not: what is left is the record of the sandbox, and the process it names.
    func leaveAnAgentAlone(in runtime: String = "/tmp/runner-1000/0123456789abcdef/agent-7") {
        machine.files[runtime + "/sandbox"] = "init 99 4242\n"
        machine.files["/proc/99/stat"] = "99 (runner-init) S " + (4...21).map { "\($0)" }.joined(separator: " ") + " 4242 0\n"
    }
}

/// An agent's name that the test itself wrote.
func named(_ text: String) -> AgentName {
    guard let name = AgentName(text) else { preconditionFailure("'\(text)' is no agent's name") }
    return name
}
