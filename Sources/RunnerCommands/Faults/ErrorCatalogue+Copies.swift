/// What the catalogue says of copies of a store elsewhere.
extension ErrorCode {
    var remoteEntry: ErrorEntry {
        switch self {
        case .remoteProgram:
            ErrorEntry(
                "the program that carries copies is not installed", .noSupervisor,
                "Copies go to S3, SFTP, WebDAV and other places by rclone, which is looked for on the PATH. A directory needs none.",
                remedy: "Install the package 'rclone' and set the place up with 'rclone config', or give a directory, also a mounted one.")
        case .remoteIO:
            ErrorEntry(
                "a copy could not be read or written", .inputOutput,
                "The other side, the way to it, or a setting of rclone refused. Its own words are in the sentence.",
                remedy: "Try 'rclone lsf PLACE'. What was copied stays; the same command goes on from there.")
        case .remoteDamaged:
            ErrorEntry(
                "a copy is not what was stored", .badData,
                "What came from elsewhere is checked before it is used: names, sizes, lists and every byte. Something was not what it has to be.",
                remedy:
                    "'runner store check' names all that is damaged there. Remove the damaged files there and sync again from a whole store."
            )
        case .remoteNoCopy:
            ErrorEntry(
                "the place is no copy of a store", .badData,
                "A copy has a file 'runner-copy-1' at its root, so that nothing else is ever taken for one, written over or removed.",
                remedy: "Check the place's name. A first 'runner store sync' wants an empty place.")
        case .remoteOther:
            ErrorEntry(
                "two versions have one number", .cannotCreate,
                "A version is known by its agent's name and its number. Two stores, or two agents of one name, gave the same number to different versions.",
                remedy: "Pull with '--as NAME'. For a sync give each store a place of its own.")
        case .copyStopped:
            ErrorEntry(
                "a copy was stopped before its end", .interrupted,
                "Somebody pressed Ctrl-C or ended the command. What was copied whole stays, and nothing that is not whole is listed.",
                remedy: "Run the same command again: it goes on from there.")
        default:
            ErrorEntry(
                "the copy has no such version", .noInput, "It was never synced, or pruned there; only versions that are whole are listed.",
                remedy: "'runner store check PLACE' lists what is there.")
        }
    }
}
