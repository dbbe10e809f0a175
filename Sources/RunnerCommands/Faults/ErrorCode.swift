/// Stable names of everything that can go wrong. Never renamed, never used for another thing. `runner explain CODE` tells more.
enum ErrorCode: String, Hashable, Sendable, CaseIterable {
    case usage = "E-USAGE"
    case `internal` = "E-INTERNAL"
    case codeUnknown = "E-CODE-UNKNOWN"

    case agentUnknown = "E-AGENT-MISSING"
    case agentHeld = "E-STORE-HELD"
    case agentNotRunning = "E-AGENT-NOT-RUNNING"
    case versionUnknown = "E-VERSION-MISSING"
    case versionBroken = "E-VERSION-BROKEN"
    case versionPart = "E-VERSION-PART"

    case storeMissing = "E-STORE-MISSING"
    case storeFormat = "E-STORE-FORMAT"
    case storeUnsafe = "E-STORE-UNSAFE"
    case storeFull = "E-STORE-FULL"
    case storeReadOnly = "E-STORE-READONLY"
    case storeDenied = "E-STORE-DENIED"
    case storeIO = "E-STORE-IO"

    case checkpointEmpty = "E-CHECKPOINT-EMPTY"
    case checkpointRefused = "E-CHECKPOINT-REFUSED"
    case restartFailed = "E-RESTART-FAILED"
    case restoreFailed = "E-RESTORE-FAILED"
    case stopFailed = "E-STOP-FAILED"
    case checkpointAborted = "E-CHECKPOINT-ABORTED"

    case effectNoKey = "E-EFFECT-NO-KEY"
    case effectNotOpen = "E-EFFECT-NOT-OPEN"
    case effectRunning = "E-EFFECT-RUNNING"
    case effectResult = "E-EFFECT-RESULT"

    case supervisorNone = "E-SUPERVISOR-NONE"
    case supervisorDenied = "E-SUPERVISOR-DENIED"
    case supervisorSilent = "E-SUPERVISOR-SILENT"
    case supervisorIO = "E-SUPERVISOR-IO"
    case controlBad = "E-CONTROL-BAD"

    case specFile = "E-SPEC-FILE"
    case specInvalid = "E-SPEC-INVALID"

    case launchNotFound = "E-LAUNCH-NOT-FOUND"
    case launchNotExecutable = "E-LAUNCH-NOT-EXECUTABLE"
    case launchSetUp = "E-LAUNCH-SET-UP"
    case launchSystem = "E-LAUNCH-SYSTEM"
    case launchUser = "E-LAUNCH-USER"
    case launchWorkspace = "E-LAUNCH-WORKSPACE"
    case launchPath = "E-LAUNCH-PATH"
    case runFailed = "E-RUN-FAILED"

    case fileMissing = "E-FILE-MISSING"
    case fileDenied = "E-FILE-DENIED"
    case fileFull = "E-FILE-FULL"
    case fileReadOnly = "E-FILE-READONLY"
    case fileTooLarge = "E-FILE-TOO-LARGE"
    case fileIO = "E-FILE-IO"

    case statusBroken = "E-STATUS-BROKEN"
    case journalBroken = "E-JOURNAL-BROKEN"
    case replayDiffers = "E-REPLAY-DIFFERS"
}
