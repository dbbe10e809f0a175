extension FileFault {
    /// What could not be done, to what, why, what to do next.
    public var sentence: String { "could not \(doing) '\(what)': \(because)" }

    /// Only root or who has CAP_SYS_ADMIN may.
    public var isPrivileged: Bool { if case .privileged = kind { true } else { false } }

    /// Why, and what to do, without what was tried.
    public var because: String { "\(why). \(remedy)" }

    /// Why, alone.
    public var why: String {
        switch kind {
        case .missing: "there is no such file or directory"
        case .exists: "something of that name is there already"
        case .full: "the disk is full"
        case .readOnly: "the file system is read-only"
        case .denied: "permission denied"
        case .notDirectory: "it, or a part of its path, is not a directory"
        case .notEmpty: "the directory is not empty"
        case .tooLarge: "the file is larger than what is read at once"
        case .busy: "somebody else uses it"
        case .damaged(let how): how
        case .privileged(let why): "it needs root or CAP_SYS_ADMIN: \(why)"
        case .stopped: "it was stopped"
        case .system(let number): Self.words(number)
        }
    }

    /// Those that people meet, by their numbers in errno(3).
    private static func words(_ number: Int32) -> String {
        switch number {
        case 5: "input/output error"
        case 9: "the stream is closed"
        case 12: "there is no memory left"
        case 21: "it is a directory"
        case 23, 24: "too many files are open"
        case 36: "a name in its path is too long"
        case 40: "too many symbolic links, or one where none is followed"
        default: "the system says error \(number) (errno)"
        }
    }

    /// What to do next.
    private var remedy: String {
        switch kind {
        case .missing, .notDirectory, .system(21), .system(36), .system(40): "Check the path"
        case .exists: "Move it away, or take another name"
        case .full: "Free space and try again"
        case .readOnly: "Mount it writable, or use another place"
        case .privileged: "Run as root"
        case .denied: "Do it as its owner, or as root"
        case .notEmpty: "Empty it, or take another"
        case .tooLarge: "Check that it is the file you meant"
        case .busy: "Try again when it is free"
        case .stopped: "The same command does it anew"
        case .damaged: "Look at 'dmesg' and at the disk, and take it from another copy where there is one"
        case .system(9): "Do not close it, or send it to /dev/null"
        case .system: "Look at 'dmesg' and at the disk"
        }
    }
}
