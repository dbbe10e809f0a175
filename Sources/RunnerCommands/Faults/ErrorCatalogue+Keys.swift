extension ErrorCode {
    /// Of stores that are encrypted. Documentation: docs/encryption.md
    var keyEntry: ErrorEntry {
        switch self {
        case .keyMissing:
            ErrorEntry(
                "the store is encrypted, and its key is missing", .denied,
                "What is in the store can be read with its key alone, and nobody said where that is, or there is no such file.",
                remedy: "Name the file with '--key-file' or RUNNER_KEY_FILE. Without the key nobody can read the store, not even we.")
        case .keyFile:
            ErrorEntry(
                "the key file cannot be used", .badConfiguration,
                "A key file belongs to who uses it, nobody else may read it, it lies outside of the store, and 'runner store key new' makes it.",
                remedy: "Put right what the sentence says. Nothing was changed.")
        case .keyWrong:
            ErrorEntry(
                "it is another key", .denied,
                "The store was encrypted with another key than the file holds. Each key has a name that tells nothing of it.",
                remedy: "Name the file with the key of that name. 'runner store key show' tells the name of a file's key.")
        case .keyUnused:
            ErrorEntry(
                "the store is not encrypted", .badConfiguration,
                "A key was named, and what is in the store can be read without one. A store is encrypted from its first file on or never.",
                remedy: "Leave '--key-file' and RUNNER_KEY_FILE out, or move the agents to a new store: docs/encryption.md tells how.")
        default:
            ErrorEntry(
                "there is too little memory for the images", .cannotCreate,
                "Images of processes of an encrypted store are never written to a disk in clear: CRIU reads them in memory.",
                remedy:
                    "Free memory, or raise the limit of the control group that the sentence names, and try again. What the agent itself handed "
                    + "over, and its files, need none.")
        }
    }
}
