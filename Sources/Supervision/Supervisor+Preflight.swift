internal import AgentModel
internal import AgentSpecs
internal import ControlSocket
internal import CriuDriver
internal import OutsideWorld

/// What stands in the way of the next version, told before it matters. Documentation: docs/criu.md
extension Supervisor {
    func operatorPreflight(_ id: ConnectionID) {
        if let why = whyNotOnDisk("look at") { return reply(.failed(code: "E-AGENT-SUSPENDED", sentence: why), to: id) }
        guard let life, life.end == nil, life.pid != nil else {
            let why = "it is not running. 'runner status \(agent)' tells what comes next and when"
            return reply(.failed(code: "E-AGENT-NOT-RUNNING", sentence: "could not look at '\(agent)': \(why)"), to: id)
        }
        let missing = criuMissing
        let driver = missing == nil ? criuDriver : nil
        reply(
            .preflight(
                Preflight(
                    mode: spec.checkpoint.mode, criu: driver.map { "\($0.program.version)" }, missing: missing,
                    blockers: driver?.blockers(in: life.sandbox, keeping: keptFiles).map(\.sentence) ?? [], handsStateOver: handsStateOver,
                    workspace: agentsSpec.workspace)),
            to: id)
    }
}
