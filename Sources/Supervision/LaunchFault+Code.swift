internal import OutsideWorld

extension LaunchFault {
    /// The stable code: docs/errors.md.
    var code: String {
        switch kind {
        case .commandNotFound: "E-LAUNCH-NOT-FOUND"
        case .notExecutable: "E-LAUNCH-NOT-EXECUTABLE"
        case .setUp: "E-LAUNCH-SET-UP"
        case .system: "E-LAUNCH-SYSTEM"
        }
    }
}
