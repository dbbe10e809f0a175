/// What one code means, at length.
struct ErrorEntry: Hashable, Sendable {
    var title: String
    /// Why it happens.
    var explanation: String
    /// What to do.
    var remedy: String
    var status: ExitStatus

    init(_ title: String, _ status: ExitStatus, _ explanation: String, remedy: String) {
        self.title = title
        self.explanation = explanation
        self.remedy = remedy
        self.status = status
    }
}

/// The catalogue: `runner explain`, docs/errors.md and every exit status come from here.
extension ErrorCode {
    var entry: ErrorEntry {
        switch self {
        case .usage, .internal, .codeUnknown: generalEntry
        case .effectNoKey, .effectNotOpen, .effectRunning, .effectResult: effectEntry
        case .agentUnknown, .agentHeld, .agentNotRunning, .versionUnknown, .versionBroken, .versionPart: agentEntry
        case .storeMissing, .storeFormat, .storeUnsafe, .storeFull, .storeReadOnly, .storeDenied, .storeIO: storeEntry
        case .checkpointEmpty, .checkpointRefused, .checkpointFailed, .checkpointAborted, .restartFailed, .restoreFailed, .stopFailed:
            actionEntry
        case .supervisorNone, .supervisorDenied, .supervisorSilent, .supervisorIO, .controlBad: supervisorEntry
        case .specFile, .specInvalid, .runFailed: runEntry
        case .launchNotFound, .launchNotExecutable, .launchSetUp, .launchSystem, .launchUser, .launchWorkspace, .launchPath: launchEntry
        case .fileMissing, .fileDenied, .fileFull, .fileReadOnly, .fileTooLarge, .fileIO: fileEntry
        case .statusBroken, .journalBroken, .replayDiffers: recordEntry
        }
    }

    // MARK: By subject; each switch names the codes its caller sends here

    private var generalEntry: ErrorEntry {
        switch self {
        case .usage:
            ErrorEntry(
                "the command line is wrong", .usage, "An option or command is unknown, or a value is missing or not of its kind.",
                remedy: "Read 'runner COMMAND --help'; the examples stand first.")
        case .codeUnknown:
            ErrorEntry(
                "there is no such error code", .noInput, "The code asked for is not one of ours.",
                remedy: "'runner explain' without a code lists them all.")
        default:
            ErrorEntry(
                "the runner contradicts itself", .internal, "Something that cannot be has been.",
                remedy: "Please report it with the whole sentence and 'runner version'.")
        }
    }

    private var effectEntry: ErrorEntry {
        switch self {
        case .effectNoKey:
            ErrorEntry(
                "there is no effect of that key", .noInput, "The agent's ledger holds no effect with this key.",
                remedy: "'runner status AGENT' lists the keys that wait for a decision.")
        case .effectNotOpen:
            ErrorEntry(
                "the effect is settled already", .failed, "Its outcome is known, so there is nothing to decide.",
                remedy: "Nothing needs to be done. An outcome, once known, is never changed.")
        case .effectRunning:
            ErrorEntry(
                "the effect is being done right now", .tryAgain, "The agent that began it lives and will say how it ended.",
                remedy: "Wait for it. Only an effect that was open when its agent died is left to a person.")
        default:
            ErrorEntry(
                "the effect's result is too long", .badData,
                "A result is kept in the ledger and handed back to the agent, so it has a limit.",
                remedy: "Give a shorter one: an identifier rather than a document.")
        }
    }

    private var agentEntry: ErrorEntry {
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

    private var storeEntry: ErrorEntry {
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

    private var actionEntry: ErrorEntry {
        switch self {
        case .checkpointEmpty:
            ErrorEntry(
                "there is nothing to checkpoint", .failed,
                "The agent handed over no state and has no workspace, so a version would be empty.",
                remedy: "Give it a workspace in agent.yaml, or let it answer 'prepare' with an SDK.")
        case .checkpointRefused:
            ErrorEntry(
                "the checkpoint was refused", .failed, "What the agent handed over is not what it said, or is larger than its limits.",
                remedy: "The sentence tells which. Limits stand under 'checkpoint' in agent.yaml.")
        case .checkpointAborted:
            ErrorEntry(
                "the checkpoint was given up", .failed,
                "The agent ended, or was stopped, before the version was whole. Older versions are untouched.",
                remedy: "'runner events AGENT' tells what came between; ask again when it runs.")
        case .restartFailed:
            ErrorEntry(
                "the agent could not be started again", .failed, "The supervisor tried, and tells why in the sentence.",
                remedy: "'runner why AGENT' and 'runner logs AGENT' tell more; recovery goes on by its own rules.")
        case .restoreFailed:
            ErrorEntry(
                "the version could not be restored", .failed, "The supervisor tried, and tells why in the sentence.",
                remedy: "'runner verify AGENT' tells which versions are whole; 'runner why AGENT' what it did instead.")
        case .stopFailed:
            ErrorEntry(
                "the agent could not be stopped", .failed, "The supervisor tried, and tells why in the sentence.",
                remedy: "'runner status AGENT' tells what is still there; try again with '--no-checkpoint'.")
        default:
            ErrorEntry(
                "the checkpoint failed", .failed,
                "It was begun and could not be stored. Older versions are untouched and the agent keeps running.",
                remedy: "The sentence tells why; 'runner events AGENT' has what led to it.")
        }
    }

    private var supervisorEntry: ErrorEntry {
        switch self {
        case .supervisorDenied:
            ErrorEntry(
                "permission to speak to the supervisor is missing", .denied,
                "A control socket belongs to the user that runs the supervisor.",
                remedy: "Run the command as that user, or as root.")
        case .supervisorSilent:
            ErrorEntry(
                "the supervisor did not answer in time", .tryAgain, "It is busy or stuck, or what was asked takes longer than '--timeout'.",
                remedy: "'runner status AGENT' tells what it does. Ask again, with a longer '--timeout'.")
        case .supervisorIO:
            ErrorEntry(
                "the supervisor could not be reached", .inputOutput, "The connection to its control socket failed.",
                remedy: "The sentence has the system's own error. 'runner doctor' shows where sockets are looked for.")
        case .controlBad:
            ErrorEntry(
                "the supervisor did not understand the request", .failed, "What arrived at its control socket is no request it knows.",
                remedy:
                    "Use the same release for the command and the supervisor: 'runner version' and the start of the agent's log tell them.")
        default:
            ErrorEntry(
                "no supervisor of the agent runs", .noSupervisor,
                "The command speaks to a living supervisor, and none listens: the agent was stopped, finished, or died with its supervisor.",
                remedy:
                    "Start it: 'runner run agent.yaml' goes on where it ended. What only reads (ls, status, why, logs, versions) works without."
            )
        }
    }

    private var runEntry: ErrorEntry {
        switch self {
        case .specFile:
            ErrorEntry(
                "there is no such spec file", .noInput, "'runner run' takes a file such as agent.yaml, or a command after '--'.",
                remedy: "Give the file's path, or 'runner run --name NAME -- COMMAND'.")
        case .specInvalid:
            ErrorEntry(
                "the spec is wrong", .badConfiguration, "Every mistake is listed with its line, column and what was probably meant.",
                remedy: "Mend the file and try 'runner config check FILE'.")
        default:
            ErrorEntry(
                "the runner itself failed", .runnerFailed,
                "Supervision could not begin or go on. The agent, if it lives, is stopped within its adoption term.",
                remedy: "Do what the sentence says and run it again: it goes on from the last version.")
        }
    }

    private var launchEntry: ErrorEntry {
        switch self {
        case .launchNotFound:
            ErrorEntry(
                "the agent's command was not found", .commandNotFound,
                "It is looked up in the PATH the agent gets, from its working directory.",
                remedy: "Give its whole path, or set PATH under 'env'; 'runner plan' shows both.")
        case .launchNotExecutable:
            ErrorEntry(
                "the agent's command cannot be executed", .notExecutable,
                "The file lacks the x bit, its interpreter is missing, or it is for another machine.",
                remedy: "'chmod +x' it, or look at its first line.")
        case .launchSetUp:
            ErrorEntry(
                "the sandbox could not be set up", .runnerFailed, "The working directory, user, control group or a mount could not be had.",
                remedy: "The sentence tells which. 'runner doctor' shows what this machine allows.")
        case .launchUser:
            ErrorEntry(
                "the agent's user cannot be had", .runnerFailed, "The user is not known on this machine, or only root may become it.",
                remedy: "Leave 'user' out, name one from /etc/passwd, or run as root.")
        case .launchWorkspace:
            ErrorEntry(
                "workspace and store lie in one another", .runnerFailed, "Every version would hold all versions before it.",
                remedy: "Choose another workspace, or another store with '--store'.")
        case .launchPath:
            ErrorEntry(
                "a socket's path would be too long", .runnerFailed, "Linux takes 107 bytes for the path of a socket.",
                remedy: "Give the agent a shorter name, or set XDG_RUNTIME_DIR to a shorter directory.")
        default:
            ErrorEntry(
                "the system refused to start the agent", .runnerFailed,
                "Starting a process failed: memory, process limits, or a kernel error.",
                remedy: "The sentence has the system's own error; look at 'ulimit -u', free memory and 'dmesg'.")
        }
    }

    private var fileEntry: ErrorEntry {
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

    private var recordEntry: ErrorEntry {
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
