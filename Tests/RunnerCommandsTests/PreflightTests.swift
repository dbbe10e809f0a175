import AgentModel
import ControlSocket
import OutsideWorld
import Testing

@testable import RunnerCommands

/// What a living agent keeps out of its versions, and what to do about it.
@Test(
    arguments: [
        // what the supervisor found, the end of what is said, the status
        (
            Preflight(mode: .auto, criu: "4.2.1", missing: nil, blockers: [], handsStateOver: true, workspace: "/work"),
            """
            works    processes     CRIU 4.2.1 sees nothing in them that it could not put
                                   into an image
            works    state         it hands its state over at a safe point
            works    files         those in '/work'

            'agent-7' comes back at the very instruction it was cut at.

            """, 0
        ),
        (
            Preflight(
                mode: .auto, criu: "4.2.1", missing: nil,
                blockers: ["fd 9 of 'node' (process 1003) is an io_uring; CRIU cannot dump it. Start Node with UV_USE_IO_URING=0"],
                handsStateOver: false, workspace: nil),
            """
            limited  processes     fd 9 of 'node' (process 1003) is an io_uring; CRIU cannot
                                   dump it. Start Node with UV_USE_IO_URING=0
            limited  state         it hands none over: it does not speak the protocol of the
                                   SDKs
            limited  files         none: it has no workspace

            'agent-7' would come back with its files, and begin its work anew.

            What to do next
              1. Do what is said of each, or let the agent hand its state over with an SDK.
              2. Give it a 'workspace' in its spec, so that its files go back with it.

            """, 1
        ),
        (
            Preflight(mode: .cooperative, criu: nil, missing: "that takes root", blockers: [], handsStateOver: true, workspace: "/work"),
            """
            limited  processes     no images of them: 'checkpoint.mode' of its spec is
                                   'cooperative'
            works    state         it hands its state over at a safe point
            works    files         those in '/work'

            'agent-7' comes back with the state it handed over at its last safe point.

            """, 0
        ),
        (
            Preflight(mode: .process, criu: nil, missing: "that takes root", blockers: [], handsStateOver: true, workspace: "/work"),
            """
            limited  processes     no images of them: that takes root
            limited  state         it is not asked for: 'checkpoint.mode' of its spec is
                                   'process'
            works    files         those in '/work'

            'agent-7' would come back with its files, and begin its work anew.

            """, 1
        ),
    ] as [(Preflight, String, Int32)])
func doctorLooksAtALivingAgent(preflight: Preflight, expected: String, status: Int32) throws {
    let stage = try Stage(["doctor", "agent-7"])
    stage.machine.supervisor = { $0 == .preflight ? .success(.preflight(preflight)) : .failure(.noAnswer) }
    #expect(stage.run() == status)
    #expect(stage.machine.output == expected, "\(stage.machine.output)")
    let json = try Stage(["doctor", "agent-7", "--json"])
    json.machine.supervisor = { _ in .success(.preflight(preflight)) }
    #expect(json.run() == status)
    #expect(json.machine.output.contains(#""handsStateOver" : \#(preflight.handsStateOver)"#))
}
