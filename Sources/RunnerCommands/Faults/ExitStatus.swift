/// What a command's exit status means: one table for all commands. Documentation: docs/commands/exit-codes.md
///
/// Numbers from 64 up are those of sysexits(3); `runner run` passes the agent's own status on.
enum ExitStatus: Int32, Hashable, Sendable, CaseIterable {
    case ok = 0
    case failed = 1
    case usage = 64
    case badData = 65
    case noInput = 66
    case noSupervisor = 69
    case `internal` = 70
    case cannotCreate = 73
    case inputOutput = 74
    case tryAgain = 75
    case denied = 77
    case badConfiguration = 78
    case runnerFailed = 125
    case notExecutable = 126
    case commandNotFound = 127
    case hungUp = 129
    case interrupted = 130
    case terminated = 143

    var meaning: String {
        switch self {
        case .ok: "It is done."
        case .failed: "It was tried and did not succeed: the checkpoint failed, the replay differs, a check found something."
        case .usage: "The command line is wrong."
        case .badData: "What is stored is damaged or not ours: a broken version, a journal that does not add up."
        case .noInput: "There is no such agent, version, file or code."
        case .noSupervisor: "What the command needs is not there: no supervisor of this agent runs, or a program is not installed."
        case .internal: "The runner contradicts itself. Please report it."
        case .cannotCreate: "Something could not be written: the disk is full or read-only."
        case .inputOutput: "The machine failed to read or write."
        case .tryAgain: "Not now: another supervisor holds the agent, or it did not answer in time. Try again."
        case .denied: "Permission is missing."
        case .badConfiguration: "The agent's spec is wrong."
        case .runnerFailed: "`runner run`: the runner itself failed, or nobody knows how the agent ended."
        case .notExecutable: "`runner run`: the agent's command cannot be executed."
        case .commandNotFound: "`runner run`: the agent's command was not found."
        case .hungUp: "Stopped by SIGHUP: the terminal went away. The sentence says what was done, and how to go on."
        case .interrupted: "Stopped by Ctrl-C (SIGINT). The sentence says what was done, and how to go on."
        case .terminated: "Stopped by SIGTERM. The sentence says what was done, and how to go on."
        }
    }

    /// That of a command which this signal stopped: 128 more than its number, as a shell tells it.
    static func stopped(by signal: Int32?) -> ExitStatus { signal.flatMap { ExitStatus(rawValue: 128 + $0) } ?? .interrupted }

    /// For many targets: the highest number.
    static func worst(of statuses: [ExitStatus]) -> ExitStatus { statuses.max { $0.rawValue < $1.rawValue } ?? .ok }
}

/// How a command ended: with one of our statuses, or with the agent's own.
enum Ending: Hashable, Sendable {
    case ours(ExitStatus)
    case agents(Int32)

    static var ok: Ending { .ours(.ok) }
    static var failed: Ending { .ours(.failed) }
    static var badData: Ending { .ours(.badData) }

    var status: Int32 {
        switch self {
        case .ours(let status): status.rawValue
        case .agents(let status): status
        }
    }
}
