internal import OutsideWorld

extension CommandFault {
    /// A fault with a file that is not the store's.
    init(_ fault: FileFault) {
        let code: ErrorCode =
            switch fault.kind {
            case .missing, .notDirectory: .fileMissing
            case .denied, .privileged: .fileDenied
            case .full: .fileFull
            case .readOnly: .fileReadOnly
            case .tooLarge: .fileTooLarge
            case .stopped: .stopped
            case .exists, .notEmpty, .busy, .damaged, .system: .fileIO
            }
        self.init(code, fault.sentence)
    }

    /// A fault with a file inside the store.
    init(inStore fault: FileFault) {
        let code: ErrorCode =
            switch fault.kind {
            case .denied, .privileged: .storeDenied
            case .full: .storeFull
            case .readOnly: .storeReadOnly
            case .stopped: .stopped
            case .missing, .notDirectory, .tooLarge, .exists, .notEmpty, .busy, .damaged, .system: .storeIO
            }
        self.init(code, fault.sentence)
    }
}
