internal import CriuImages

extension CommandFault {
    /// - Parameters:
    ///   - doing: a verb phrase: "decode", "read the memory of".
    ///   - what: the file or directory as a person named it.
    init(_ fault: ImageFault, doing: String, _ what: String) {
        let (code, advice): (ErrorCode, String) =
            switch fault.kind {
            case .notAnImage: (.imageUnknown, "Is it an image of CRIU 3.17 to 4.2?")
            case .rawBytes: (.imageRaw, "Look at pages with 'runner image cat', at other such files with their own programs")
            case .truncated, .aboveLimit, .malformed: (.imageDamaged, "Look at its directory with 'runner image check'")
            case .badText: (.imageText, "Begin from what 'runner image decode' prints")
            case .notThere: (.imagePlace, "'runner image show' lists processes, 'runner image pages' what is there of one")
            case .unreadable: (.fileIO, "Try again, or look at 'dmesg'")
            }
        self.init(code, "could not \(doing) '\(what)': \(fault.sentence). \(advice)")
    }
}
