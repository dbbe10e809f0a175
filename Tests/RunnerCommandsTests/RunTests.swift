import AgentModel
import AgentSpecs
import Checkpoints
import OutsideWorld
import Recovery
import Supervision
import Testing

@testable import RunnerCommands

@Test func runHandsOverItsSpecAndPassesTheAgentsStatusOn() throws {
    let stage = try Stage(["run", "--name", "b-2", "--memory-limit", "512MB", "-e", "K=V", "-q", "--", "echo", "--json"])
    var seen: SupervisorRequest?
    let status = stage.run { (request, _) in
        seen = request
        request.ready()
        return .exited(7)
    }
    #expect(status == 7)
    #expect(seen?.spec.name.text == "b-2")
    #expect(seen?.spec.command == ["echo", "--json"])
    #expect(seen?.spec.limits.memory == ByteCount(512_000_000))
    #expect(seen?.spec.env["K"] == "V")
    #expect(seen?.echo == false)
    #expect(seen?.startFrom == nil)
    #expect(stage.machine.saidReady)
}

@Test func aWishIsGrantedOnce() throws {
    let stage = try Stage(["run", "--name", "agent-7", "--", "echo"], versions: 1)
    try WantedFile(startFrom: .version(VersionNumber(1)), rollsBackWorkspace: false).write(to: stage.disk, below: stage.directory)
    var seen: SupervisorRequest?
    let status = stage.run { (request, _) in
        seen = request
        request.ready()
        return .signaled(9, outOfMemory: false)
    }
    #expect(status == 137)
    #expect(seen?.startFrom == .version(VersionNumber(1)))
    #expect(seen?.rollsBackWorkspace == false)
    #expect(try WantedFile.read(from: stage.disk, below: stage.directory) == nil)
}

/// What it said last in the background is what it would have said here, and so is its status.
@Test(
    arguments: [
        (BackgroundStart.ready, Int32(0), "runs in the background; 'runner logs -f b' follows it, 'runner stop b' stops it"),
        (.ended(status: 127, output: "1\nrunner: could not start 'b': it is not there\n"), 127, "could not start 'b': it is not there"),
        (.ended(status: 126, output: "runner: could not start 'b': no x bit\n"), 126, "could not start 'b': no x bit"),
        (.ended(status: 75, output: "runner: could not lock the agent 'b'\n"), 75, "could not lock the agent 'b'"),
        (.ended(status: 3, output: "runner: x\n"), 125, silent("ended with status 3")),
        (.ended(status: 127, output: "no shared library\n"), 125, silent("ended with status 127")),
        (.ended(status: nil, output: ""), 125, silent("was killed")),
        (.notStarted(code: "E-LAUNCH-SYSTEM", sentence: "could not start 'b': no"), 125, "could not start 'b': no"),
    ])
func detachStartsTheSameCommandInTheBackground(start: BackgroundStart, status: Int32, sentence: String) throws {
    let stage = try Stage(["--store", "/store", "run", "-d", "--name", "b", "--", "echo"])
    stage.machine.detached = start
    #expect(stage.run() == status)
    #expect(stage.machine.startedDetached == [["--store", "/store", "run", "--in-background", "-d", "--name", "b", "--", "echo"]])
    #expect(stage.machine.output == (status == 0 ? "b\n" : ""))
    #expect(stage.machine.errors == "runner: \(sentence)\n")
}

private func silent(_ how: String) -> String {
    "could not run 'b' in the background: its supervisor \(how) before the agent ran. '/store/agents/b/log/supervisor.log' has what it said; "
        + "without '--detach' it is told here"
}

/// What is done is done, but whoever asked for the answer did not get it; a reader that hung up got what it wanted.
@Test(arguments: [["ls"], ["ls", "--help"], ["version"], ["--version"], ["doctor", "--json"]])
func anAnswerThatIsNotTakenIsAFailure(_ words: [String]) throws {
    let stage = try Stage(words)
    let fault = FileFault(.full, doing: "write the answer to", what: "standard output")
    stage.machine.outputLoss = .refused(fault)
    #expect(stage.run() == 73)
    #expect(stage.machine.errors == "runner: could not write the answer to 'standard output': the disk is full. Free space and try again\n")
    let hungUp = try Stage(words)
    hungUp.machine.outputLoss = .readerLeft
    #expect(hungUp.run() == 0)
    #expect(hungUp.machine.errors == "")
}
