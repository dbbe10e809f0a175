extension FileFault {
    /// What could not be done, to what, why, what to do next.
    public var sentence: String { "could not \(doing) '\(what)': \(because)" }

    /// Why, and what to do, without what was tried.
    public var because: String {
        switch kind {
        case .missing: "there is no such file or directory"
        case .exists: "something of that name is there already"
        case .full: "the disk is full. Free space and try again"
        case .readOnly: "the file system is read-only. Mount it writable, or use another place"
        case .denied: "permission denied. Do it as its owner, or as root"
        case .notDirectory: "a part of the path is not a directory"
        case .notEmpty: "the directory is not empty"
        case .tooLarge: "the file is larger than what is read at once"
        case .busy: "somebody else uses it. Try again when it is free"
        case .system(let number): "the system says error \(number) (errno)"
        }
    }
}
