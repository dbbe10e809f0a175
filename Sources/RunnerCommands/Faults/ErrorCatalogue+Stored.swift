/// What the catalogue says of stores, agents and versions in them, and the records kept of them.
extension ErrorCode {
    var agentEntry: ErrorEntry {
        switch self {
        case .agentNotRunning:
            ErrorEntry(
                "the agent does not run at the moment", .tryAgain, "It has a supervisor, which waits, restores or cools down.",
                remedy: "'runner status AGENT' tells what comes next and when; ask again then.")
        case .agentHeld:
            ErrorEntry(
                "another supervisor holds the agent", .tryAgain,
                "One agent has one writer. The lock is held by a living process and is gone when that process ends.",
                remedy: "Speak to the running supervisor ('runner status', 'runner stop'), or wait for it to end.")
        case .agentExists:
            ErrorEntry(
                "there is an agent of that name again", .cannotCreate,
                "A removed agent comes back under its own name, which its versions carry, and another has that name by now. Nothing was changed.",
                remedy: "'runner rm AGENT' removes the present one; 'runner undelete' then lists both, and brings back the one you name.")
        case .agentNotRemoved:
            ErrorEntry(
                "no such agent was removed", .noInput,
                "A removed agent can be brought back until its term is over; then 'runner prune' or a supervisor removes it for good.",
                remedy: "'runner undelete' lists what can be brought back, and until when.")
        case .versionUnknown:
            ErrorEntry(
                "there is no such version", .noInput, "Versions are numbered from 1 and never numbered anew; retention removes old ones.",
                remedy: "'runner versions AGENT' lists what there is.")
        case .versionBroken:
            ErrorEntry(
                "the version is damaged", .badData, "Its bytes are not those that were stored: the disk, or somebody, changed them.",
                remedy: "Restore an older one: 'runner versions AGENT' shows which are whole. A broken version is never restored by itself."
            )
        case .versionPart:
            ErrorEntry(
                "the version does not hold that part", .noInput, "A version holds what there was: state, files, or both.",
                remedy: "'runner show AGENT@VERSION' tells which parts it has; leave out '--only', or choose another version.")
        default:
            ErrorEntry(
                "there is no such agent", .noInput, "The store knows no agent of that name. A name appears with its first 'runner run'.",
                remedy: "'runner ls' lists the agents of this store; '--store' or RUNNER_STORE chooses another store.")
        }
    }

    var storeEntry: ErrorEntry {
        switch self {
        case .storeMissing:
            ErrorEntry(
                "there is no store", .noInput, "Nothing has run here yet, or the store is elsewhere.",
                remedy:
                    "'runner run' makes it. '--store DIR' or RUNNER_STORE points to another; 'runner config show --origin' tells which is used."
            )
        case .storeFormat:
            ErrorEntry(
                "it is not a store this runner reads", .badData, "The file 'format' at its root names another format, or is missing.",
                remedy: "Use the runner that made it, or another directory with '--store'. Nothing was changed.")
        case .storeUnsafe:
            ErrorEntry(
                "others could change the store", .denied,
                "Its directory belongs to another user, may be written by others, or lies in a directory where anybody could replace it.",
                remedy: "Close it as the sentence says, run as its owner, or choose another store with '--store'. Nothing was changed.")
        case .storeFull:
            ErrorEntry(
                "the disk of the store is full", .cannotCreate,
                "A checkpoint is written whole before it counts; there was no room. Older versions are untouched and the agent keeps running.",
                remedy:
                    "Free space, or remove old versions: 'runner prune AGENT --dry-run'. Checkpoints go on by themselves when there is room."
            )
        case .storeReadOnly:
            ErrorEntry(
                "the store is on a read-only file system", .cannotCreate, "Linux mounts a file system read-only after errors, too.",
                remedy: "Look at 'dmesg', mount it writable again. The agent keeps running meanwhile.")
        case .storeDenied:
            ErrorEntry(
                "permission to the store is missing", .denied, "A store belongs to the user that made it and is closed to others.",
                remedy: "Run the command as that user, or choose your own store with '--store'.")
        default:
            ErrorEntry(
                "the store could not be read or written", .inputOutput,
                "The machine reported an error that is neither space nor permission.",
                remedy: "Look at 'dmesg' and at the disk. 'runner verify' tells which versions are whole.")
        }
    }

    var recordEntry: ErrorEntry {
        switch self {
        case .statusBroken:
            ErrorEntry(
                "the status file is damaged", .badData, "It is replaced in one step, so this is a damaged disk or another program's doing.",
                remedy: "A running supervisor writes it anew within seconds; else 'runner why AGENT' reads the journal instead.")
        case .journalBroken:
            ErrorEntry(
                "the journal is damaged", .badData, "A line in the middle is not what was written. A torn last line is normal and ignored.",
                remedy: "What can be read is shown; recovery takes the state from the last whole line.")
        default:
            ErrorEntry(
                "the journal replays differently", .failed, "This runner would decide otherwise than the one that wrote the journal.",
                remedy: "Expected after an update that changed recovery; otherwise please report it with the entry shown.")
        }
    }
}
