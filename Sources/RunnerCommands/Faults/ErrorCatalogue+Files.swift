/// What the catalogue says of files that are not the store's.
extension ErrorCode {
    var fileEntry: ErrorEntry {
        switch self {
        case .fileMissing:
            ErrorEntry(
                "a file or directory is missing", .noInput, "The path in the sentence leads nowhere.",
                remedy: "Check the path; it is taken from where you are.")
        case .fileDenied:
            ErrorEntry(
                "permission to a file is missing", .denied, "The user you are may not do that with the path in the sentence.",
                remedy: "Change its permissions, or be another user.")
        case .fileFull:
            ErrorEntry(
                "a disk is full", .cannotCreate, "There is no room for the path in the sentence.", remedy: "Free space and try again.")
        case .fileReadOnly:
            ErrorEntry(
                "a file system is read-only", .cannotCreate, "The path in the sentence cannot be written.",
                remedy: "Mount it writable, or use another place.")
        case .fileTooLarge:
            ErrorEntry(
                "a file is too large", .badData, "It is larger than what is read into memory at once.",
                remedy: "Check that it is the file you meant.")
        default:
            ErrorEntry(
                "a file could not be read or written", .inputOutput, "The machine reported an error; the sentence has it.",
                remedy: "Look at 'dmesg' and at the disk.")
        }
    }
}
