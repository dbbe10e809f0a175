internal import OutsideWorld

/// Why the simulated tree says no, before it is known what was being done to what.
enum Refusal: Error {
    case missing, exists, full, readOnly, denied, notDirectory, notEmpty, busy
    case system(Int32)

    var kind: FileFault.Kind {
        switch self {
        case .missing: .missing
        case .exists: .exists
        case .full: .full
        case .readOnly: .readOnly
        case .denied: .denied
        case .notDirectory: .notDirectory
        case .notEmpty: .notEmpty
        case .busy: .busy
        case .system(let number): .system(number)
        }
    }
}
