import AgentModel
import Checkpoints
import ControlSocket
import OutsideWorld
import SimulatedWorld
import Supervision
import Testing

@testable import RunnerCommands

/// One way to fail: what is typed, what is wrong, the whole sentence, the status.
struct Failure: Sendable, CustomTestStringConvertible {
    var words: [String]
    var sentence: String
    var status: Int32
    var versions = 0
    var setUp: @Sendable (Stage) throws -> Void = { _ in }
    init(
        _ words: String, _ status: Int32, _ sentence: String, versions: Int = 0,
        _ setUp: @escaping @Sendable (Stage) throws -> Void = { _ in }
    ) {
        self.words = words.split(separator: " ").map(String.init)
        self.status = status
        self.sentence = sentence
        self.versions = versions
        self.setUp = setUp
    }
    var testDescription: String { "\(words.joined(separator: " ")) -> \(status)" }
}

private func answering(_ reply: ControlReply) -> @Sendable (Stage) -> Void {
    { stage in stage.machine.supervisor = { _ in .success(reply) } }
}

private func refusing(_ fault: AskFault) -> @Sendable (Stage) -> Void {
    { stage in stage.machine.supervisor = { _ in .failure(fault) } }
}

let failures: [Failure] = [
    // The command line.
    Failure("lss", 64, "unknown command 'lss'; did you mean 'ls'? See 'runner --help'"),
    Failure("ls --jsno", 64, "unknown option '--jsno'; did you mean '--json'? See 'runner ls --help'"),
    Failure("ls -o xml", 64, "'xml' for '-o' is not one of table, wide, json, ndjson, name. See 'runner ls --help'"),
    Failure("run", 64, "say what to run: a spec such as agent.yaml, or a command after '--'. See 'runner run --help'"),
    Failure("restore agent-7", 64, "say one version: a number, 'latest', 'known-good' or '--at TIME'. See 'runner restore --help'"),
    Failure("settle agent-7 k", 64, "say either '--happened' or '--did-not-happen'. See 'runner settle --help'"),
    Failure(
        "settle agent-7 k --did-not-happen --result x", 64,
        "what did not happen has no result: leave out '--result'. See 'runner settle --help'"),
    Failure("config check", 64, "say which file to check. See 'runner config --help'"),
    Failure("pin agent-7", 64, "say which version: 'agent-7@42', 'agent-7@latest' or 'agent-7@known-good'"),
    Failure("help lss", 64, "unknown command 'lss'; did you mean 'ls'? See 'runner --help'"),
    Failure("plan Agent_", 64, "'Agent_' is not an agent's name (a-z, 0-9, '.', '_', '-', at most 63, a letter or digit first)"),

    // What is not there.
    Failure("status agnet-7", 66, "unknown agent 'agnet-7'; did you mean 'agent-7'?"),
    Failure("why other", 66, "unknown agent 'other'. 'runner ls' lists those there are"),
    Failure("show agent-7@9", 66, "could not find 'agent-7@9': it has no version yet. 'runner checkpoint agent-7' takes one while it runs"),
    Failure(
        "show agent-7@9", 66, "could not find 'agent-7@9': there is no such version. 'runner versions agent-7' lists those there are",
        versions: 1),
    Failure(
        "restore agent-7 --at 9h", 66,
        "could not find a version of 'agent-7' from 2026-11-20T23:38:00.000Z or before: there is none that is known-good. 'runner versions agent-7' lists those there are",
        versions: 2),
    Failure("explain E-STORE-FUL", 66, "unknown error code 'E-STORE-FUL'; did you mean 'E-STORE-FULL'?"),
    Failure("explain xyz", 66, "unknown error code 'xyz'. 'runner explain' lists them all"),
    Failure("run no.yaml", 66, "could not read the spec 'no.yaml': there is no such file. Give its path, or a command after '--'"),
    Failure("ls", 66, "could not open the store '/store': there is none yet. 'runner run' makes it; '--store' chooses another") { stage in
        stage.machine.disks = [:]
    },

    // The spec.
    Failure("run bad.yaml", 78, "could not use 'bad.yaml': it has 1 mistake. Mend it and try 'runner config check bad.yaml'") { stage in
        stage.machine.files["/home/ada/bad.yaml"] = "name: a\ncommand: [x]\nlimitz: {}\n"
    },
    Failure(
        "status agent-7", 65,
        "could not read the status of 'agent-7': '/store/agents/agent-7/status.json' is damaged. 'runner why agent-7' reads its journal instead"
    ) { stage in stage.disk.plant(stage.directory / "status.json", Array("{".utf8)) },
    Failure(
        "plan agent-7", 78,
        "could not read the stored spec of 'agent-7': '/store/agents/agent-7/spec.json' is damaged. 'runner run' writes it anew"
    ) { stage in stage.disk.plant(stage.directory / "spec.json", Array("{".utf8)) },

    // The supervisor.
    Failure(
        "checkpoint agent-7", 69,
        "could not checkpoint 'agent-7': no supervisor of it runs. Start it with 'runner run', or see 'runner status agent-7' for how it ended"
    ),
    Failure(
        "stop agent-7", 77, "could not stop 'agent-7': its supervisor belongs to another user. Run the command as that user, or as root",
        refusing(.denied)),
    Failure(
        "restart agent-7", 75,
        "could not restart 'agent-7': its supervisor did not answer in time. Try again, or with a longer '--timeout'",
        refusing(.noAnswer)),
    Failure(
        "checkpoint agent-7", 74, "could not checkpoint 'agent-7': the connection to its supervisor failed, error 104 (errno). Try again",
        refusing(.system(104))),
    Failure(
        "checkpoint agent-7 --wait", 73, "the disk is full",
        answering(.failed(code: "E-STORE-FULL", sentence: "the disk is full"))),
    Failure("checkpoint agent-7 --wait", 1, "something new", answering(.failed(code: "E-FROM-THE-FUTURE", sentence: "something new"))),

    // The store.
    Failure("ls", 77, "could not open the directory '/store': permission denied. Do it as its owner, or as root") { stage in
        stage.machine.diskFaults["/store"] = .denied
    },
    Failure(
        "run --name a -- x", 73,
        "could not open the directory '/store': the file system is read-only. Mount it writable, or use another place"
    ) { stage in
        stage.machine.diskFaults["/store"] = .readOnly
    },
    Failure(
        "ls", 65,
        "could not open the store '/store': it has format 2, and this runner knows format 1. Give the store's directory with --store, or an empty one to make a new store"
    ) { stage in
        stage.disk.plant("format", Array("runner-store 2\n".utf8))
    },
    Failure(
        "restore agent-7 1 --only workspace", 75,
        "could not lock the agent 'agent-7': it is held by pid 9. Look with 'runner status', or end it with 'runner stop' first",
        versions: 2
    ) { stage in stage.machine.held.append(try stage.store.lock(stage.agent, holder: "pid 9")) },
]

@Test(arguments: failures)
func aFailureSaysAllOfIt(failure: Failure) throws {
    let stage = try Stage(failure.words, versions: failure.versions)
    try failure.setUp(stage)
    let status = stage.run()
    #expect(stage.machine.errors.split(separator: "\n").last.map(String.init) == "runner: \(failure.sentence)")
    #expect(status == failure.status)
    #expect(stage.machine.output == "")
}

@Test func withJSONAFailureIsADocumentToo() throws {
    let stage = try Stage(["status", "agnet-7", "--json"])
    #expect(stage.run() == 66)
    #expect(
        stage.machine.output == """
            {
              "error" : {
                "code" : "E-AGENT-MISSING",
                "message" : "unknown agent 'agnet-7'; did you mean 'agent-7'?"
              }
            }

            """)
}

@Test(
    arguments: [
        (
            SupervisionFault.Cause.store(StoreFault(.held(by: "pid 9"), doing: "lock the agent", what: "a")), Int32(75),
            "could not lock the agent 'a': it is held by pid 9. Look with 'runner status', or end it with 'runner stop' first"
        ),
        (
            .file(FileFault(.full, doing: "write", what: "/store/x")), 73,
            "could not write '/store/x': the disk is full. Free space and try again"
        ),
        (.launch(LaunchFault(.commandNotFound, "'x' is not in PATH")), 127, "could not start the agent: 'x' is not in PATH"),
        (.launch(LaunchFault(.notExecutable, "'x' has no x bit")), 126, "could not start the agent: 'x' has no x bit"),
        (.launch(LaunchFault(.setUp, "no such user")), 125, "could not start the agent: no such user"),
        (.launch(LaunchFault(.system, "out of processes")), 125, "could not start the agent: out of processes"),
    ])
func aSupervisorThatCannotBeginSaysWhy(cause: SupervisionFault.Cause, status: Int32, sentence: String) throws {
    let stage = try Stage(["run", "--name", "a", "--", "x"])
    let ended = stage.run { (_, _) throws(SupervisionFault) in throw SupervisionFault(agent: named("a"), cause: cause) }
    #expect(stage.machine.errors.hasSuffix("runner: \(sentence)\n"))
    #expect(ended == status)
}

/// Every kind of file fault, as a person reads it and as the shell sees it.
@Test(
    arguments: [
        (FileFault.Kind.missing, "E-FILE-MISSING", Int32(66), "there is no such file or directory"),
        (.exists, "E-FILE-IO", 74, "something of that name is there already"),
        (.full, "E-FILE-FULL", 73, "the disk is full. Free space and try again"),
        (.readOnly, "E-FILE-READONLY", 73, "the file system is read-only. Mount it writable, or use another place"),
        (.denied, "E-FILE-DENIED", 77, "permission denied. Do it as its owner, or as root"),
        (.notDirectory, "E-FILE-MISSING", 66, "a part of the path is not a directory"),
        (.notEmpty, "E-FILE-IO", 74, "the directory is not empty"),
        (.tooLarge, "E-FILE-TOO-LARGE", 65, "the file is larger than what is read at once"),
        (.busy, "E-FILE-IO", 74, "somebody else uses it. Try again when it is free"),
        (.system(5), "E-FILE-IO", 74, "the system says error 5 (errno)"),
    ])
func aFileFaultIsASentence(kind: FileFault.Kind, code: String, status: Int32, because: String) {
    let fault = CommandFault(FileFault(kind, doing: "read", what: "/x"))
    #expect(fault.sentence == "could not read '/x': \(because)")
    #expect(fault.code == code)
    #expect(fault.status.rawValue == status)
}

/// Every kind of store fault ends with a documented status.
@Test(
    arguments: [
        (StoreFault.Kind.format("x"), Int32(65)), (.full(needed: nil, free: nil), 73), (.readOnly, 73), (.denied, 77), (.held(by: "x"), 75),
        (.noSuchAgent, 66), (.noSuchVersion, 66), (.broken(part: "state", how: "x"), 65), (.noSuchPart("state"), 66), (.nothing, 1),
        (.refused("x"), 1), (.system(FileFault(.busy, doing: "read", what: "x")), 74),
    ])
func aStoreFaultHasItsStatus(kind: StoreFault.Kind, status: Int32) {
    let fault = CommandFault(StoreFault(kind, doing: "verify", what: "agent-7@1"))
    #expect(fault.status.rawValue == status)
    #expect(ErrorCode(rawValue: fault.code) != nil)
}
