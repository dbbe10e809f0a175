import AgentModel
import ControlSocket
import OutsideWorld
import StatusViews

@testable import RunnerCommands

// Ways to fail on the way to disk and back.

let suspensionFailures: [Failure] = [
    Failure(
        "suspend agent-7", 69, "E-SUPERVISOR-NONE",
        "could not suspend 'agent-7': no supervisor of it runs. Start it with 'runner run', or see 'runner status agent-7' for how it ended"
    ),
    said(
        "suspend agent-7", 1, "E-SUSPEND-FAILED",
        "could not suspend 'agent-7': version 42 holds its files and not what it is doing. It runs on; 'runner stop agent-7' ends it all the same"
    ),
    said(
        "suspend agent-7", 73, "E-STORE-FULL",
        "could not suspend 'agent-7': what it is could not be kept: the disk is full. Free space, or run 'runner prune agent-7 --dry-run'. It runs on"
    ),
    Failure(
        "suspend agent-7", 75, "E-SUPERVISOR-SILENT",
        "could not suspend 'agent-7': its supervisor did not answer in time. Try again, or with a longer '--timeout'", refusing(.noAnswer)),
    Failure(
        "suspend agent-7 --until 2020-01-01T00:00:00Z", 64, "E-USAGE",
        "could not suspend 'agent-7' until 2020-01-01T00:00:00Z: that is past. Say a time to come, such as '8h' or '08:00'"),
    said(
        "checkpoint agent-7", 1, "E-AGENT-SUSPENDED",
        "could not checkpoint 'agent-7': it is suspended in version 42, and nothing of it runs. 'runner resume agent-7' brings it back"),
    Failure(
        "resume agent-7", 69, "E-SUPERVISOR-NONE",
        "could not resume 'agent-7': no supervisor of it runs. Start it with 'runner run', or see 'runner status agent-7' for how it ended"),
    Failure(
        "resume agent-7", 69, "E-SUPERVISOR-NONE",
        "could not resume 'agent-7': no supervisor of it runs. 'runner run --from 42 agent-7' brings it back"
    ) { stage in try stage.write(status: stage.suspended(until: nil)) },
    said(
        "resume agent-7", 1, "E-RESUME-FAILED",
        "could not resume 'agent-7' from version 42: it could not be started: no memory. Recovery goes on by its own rules: 'runner why agent-7' tells how"
    ),
    said(
        "resume agent-7", 1, "E-AGENT-NOT-SUSPENDED",
        "could not resume 'agent-7': it is not suspended. 'runner restart agent-7' starts it, 'runner status agent-7' tells what comes next by itself"
    ),
    Failure(
        "resume agent-7", 75, "E-SUPERVISOR-SILENT",
        "could not resume 'agent-7': its supervisor did not answer in time. Try again, or with a longer '--timeout'", refusing(.noAnswer)),
]

/// The supervisor says it itself, and the command passes it on.
private func said(_ words: String, _ status: Int32, _ code: String, _ sentence: String) -> Failure {
    Failure(words, status, code, sentence, answering(.failed(code: code, sentence: sentence)))
}

extension Stage {
    /// What the supervisor of an agent that is on disk wrote.
    func suspended(until: WallTime?) -> AgentStatus {
        var status = AgentStatus(
            agent: agent, state: .suspended, wantedRunning: false, supervisorPID: 9,
            reason: "suspended in version 42: the operator wants it on disk",
            command: ["sleep", "9"], store: "/store", updatedAt: machine.wallTime())
        status.suspended = AgentStatus.Suspension(version: VersionNumber(42), until: until)
        status.next = until.map { AgentStatus.Next(what: "resume", at: $0) }
        return status
    }
}
