/// The catalogue: `runner explain`, docs/errors.md and every exit status come from here.
extension ErrorCode {
    var entry: ErrorEntry {
        switch self {
        case .usage, .internal, .codeUnknown, .stopped: generalEntry
        case .effectNoKey, .effectNotOpen, .effectRunning, .effectResult: effectEntry
        case .agentSuspended, .agentNotSuspended, .suspendFailed, .resumeFailed: suspensionEntry
        case .agentUnknown, .agentExists, .agentNotRemoved, .agentHeld, .agentNotRunning, .versionUnknown, .versionBroken, .versionPart:
            agentEntry
        case .storeMissing, .storeFormat, .storeUnsafe, .storeFull, .storeReadOnly, .storeDenied, .storeIO: storeEntry
        case .storeMemory, .keyMissing, .keyFile, .keyWrong, .keyUnused: keyEntry
        case .checkpointEmpty, .checkpointRefused, .checkpointAborted, .checkpointProcess, .restartFailed, .restoreFailed, .stopFailed,
            .stopUnsaved:
            actionEntry
        case .forkExists, .forkPlace: forkEntry
        case .supervisorNone, .supervisorDenied, .supervisorSilent, .supervisorIO, .controlBad: supervisorEntry
        case .specFile, .specInvalid, .runFailed: runEntry
        case .launchNotFound, .launchNotExecutable, .launchSetUp, .launchSystem, .launchUser, .launchWorkspace, .launchPath,
            .launchFence:
            launchEntry
        case .fileMissing, .fileDenied, .fileFull, .fileReadOnly, .fileTooLarge, .fileIO: fileEntry
        case .imageUnknown, .imageRaw, .imageDamaged, .imageText, .imagePlace, .imageSet: imageEntry
        case .exportExists, .exportName, .archiveDamaged, .archiveHostile, .archiveTooLarge, .archiveHelper, .importImages: archiveEntry
        case .remoteProgram, .remoteIO, .remoteDamaged, .remoteNoCopy, .remoteOther, .remoteVersion, .copyStopped: remoteEntry
        case .statusBroken, .journalBroken, .replayDiffers: recordEntry
        }
    }

    // MARK: By subject; each switch names the codes its caller sends here

    var generalEntry: ErrorEntry {
        switch self {
        case .usage:
            ErrorEntry(
                "the command line is wrong", .usage, "An option or command is unknown, or a value is missing or not of its kind.",
                remedy: "Read 'runner COMMAND --help'; the examples stand first.")
        case .stopped:
            ErrorEntry(
                "a command was stopped before its end", .interrupted,
                "Somebody pressed Ctrl-C or ended the command. It ended between two pieces of its work, and left nothing half done behind.",
                remedy: "The sentence says what was done. The same command does the rest.")
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

    var effectEntry: ErrorEntry {
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
}
