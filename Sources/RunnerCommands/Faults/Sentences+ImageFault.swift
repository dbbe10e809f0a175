internal import CriuImages

extension CommandFault {
    /// - Parameters:
    ///   - doing: a verb phrase: "decode", "read the memory of".
    ///   - what: the file or directory as a person named it.
    init(_ fault: ImageFault, doing: String, _ what: String) {
        let code: ErrorCode =
            switch fault.kind {
            case .notAnImage: .imageUnknown
            case .rawBytes: .imageRaw
            case .truncated, .aboveLimit, .malformed: .imageDamaged
            case .badText: .imageText
            case .notThere: .imagePlace
            case .unreadable: .fileIO
            }
        self.init(code, "could not \(doing) '\(what)': \(fault.sentence). \(Self.advice(fault.kind))")
    }

    private static func advice(_ kind: ImageFault.Kind) -> String {
        switch kind {
        case .notAnImage: "Name an image of CRIU 3.17 to 4.2"
        case .rawBytes: "Look at pages with 'runner image cat', at other such files with their own programs"
        case .truncated, .aboveLimit, .malformed: "Look at its directory with 'runner image check'"
        case .badText: "Begin from what 'runner image decode' prints"
        case .notThere: "'runner image show' lists processes, 'runner image pages' what is there of one"
        case .unreadable: "Try again, or look at 'dmesg'"
        }
    }
}
