internal import AgentModel
internal import OutsideWorld
internal import Supervision

extension CommandFault {
    init(_ fault: OutsideWorld.LaunchFault, of agent: AgentName) {
        let code: ErrorCode =
            switch fault.kind {
            case .commandNotFound: .launchNotFound
            case .notExecutable: .launchNotExecutable
            case .setUp: .launchSetUp
            case .system: .launchSystem
            }
        self.init(code, fault.told(of: agent))
    }
}
