internal import OutsideWorld

extension CommandFault {
    init(_ fault: OutsideWorld.LaunchFault) {
        let code: ErrorCode =
            switch fault.kind {
            case .commandNotFound: .launchNotFound
            case .notExecutable: .launchNotExecutable
            case .setUp: .launchSetUp
            case .system: .launchSystem
            }
        self.init(code, "could not start the agent: " + fault.sentence)
    }
}
