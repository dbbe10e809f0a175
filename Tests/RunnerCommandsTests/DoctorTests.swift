import LaunchPlans
import Testing

@testable import RunnerCommands

@Test func doctorTellsWhatToDoNext() throws {
    let stage = try Stage(["doctor"])
    stage.machine.sandboxInit = .missing("'/usr/bin/runner-init' is not there")
    #expect(stage.run() == 1)
    #expect(stage.machine.output.contains("limited  user          user 1000, not root"))
    #expect(stage.machine.output.contains("missing  runner-init   '/usr/bin/runner-init' is not there"))
    #expect(
        stage.machine.output.hasSuffix(
            """

            No agent can run here yet: something is missing.

            What to do next
              1. Install 'runner-init' beside 'runner' ('make install' does it): no agent
                 starts without it.
              2. Run as root to keep agents apart from the host and to limit them: 'sudo
                 runner run agent.yaml'.

            """))
}

@Test func doctorTellsThatArchivesCannotBeMade() throws {
    let stage = try Stage(["doctor"])
    stage.machine.archiveHelper = .missing(
        "cannot execute '/usr/bin/runner-archive': no such file or directory. Install 'runner-archive' beside 'runner'")
    #expect(stage.run() == 0)
    #expect(stage.machine.output.contains("limited  archives      no export into an archive, no import: cannot execute"))
    #expect(stage.machine.output.contains("Install 'runner-archive' beside 'runner' ('make install' does it), where"))
}

/// With nothing missing there is nothing to install, and that is said.
@Test func doctorSaysThatAgentsRunWithoutRoot() throws {
    let stage = try Stage(["doctor"])
    #expect(stage.run() == 0)
    #expect(
        stage.machine.output.hasSuffix(
            """
            works    store         '/store' (RUNNER_STORE), 1.0 TB free
            works    sockets       in '/tmp/runner-1000'

            Agents run here as it is, and nothing must be installed for that; what is
            limited they go without, and are told so when they start.

            What to do next
              1. Run as root to keep agents apart from the host and to limit them: 'sudo
                 runner run agent.yaml'.

            """))
}

@Test(
    arguments: [
        ("/store", "missing  store         '/store' (RUNNER_STORE) may not be written by this user\n"),
        ("/tmp/runner-1000", "missing  sockets       '/tmp/runner-1000' may not be written by this user\n"),
    ])
func doctorFindsWhatCannotBeWritten(path: String, line: String) throws {
    let stage = try Stage(["doctor"])
    stage.machine.closed = [path]
    #expect(stage.run() == 1)
    #expect(stage.machine.output.contains(line), "\(stage.machine.output)")
}
