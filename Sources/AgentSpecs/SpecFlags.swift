/// What the command line says about a spec. It wins over the file and over `RUNNER_…` variables.
public struct SpecFlags: Hashable, Sendable {
    /// One flag that gives one setting: `--memory-limit 512MB` is `limits.memory`.
    public struct Flag: Hashable, Sendable {
        /// As typed, for messages: `--memory-limit`.
        public var flag: String
        /// As in the file: `limits.memory`.
        public var setting: String
        public var text: String
        public init(flag: String, setting: String, text: String) {
            self.flag = flag
            self.setting = setting
            self.text = text
        }
    }

    public var flags: [Flag]
    /// `NAME=value`, taken as it is, or `NAME` for the runner's own value of it. From `--env`, in order.
    public var variables: [String]
    /// argv after `--`; replaces the file's command.
    public var command: [String]?
    /// What relative paths in flags count from. Absolute; nil: the directory of the spec.
    public var currentDirectory: String?

    public init(flags: [Flag] = [], variables: [String] = [], command: [String]? = nil, currentDirectory: String? = nil) {
        self.flags = flags
        self.variables = variables
        self.command = command
        self.currentDirectory = currentDirectory
    }

    /// The flags that have a short name of their own; every setting can also be given as `--set checkpoint.every=10m`.
    public static let settings: [(flag: String, setting: String)] = [
        ("--name", "name"), ("--workdir", "workdir"), ("--workspace", "workspace"), ("--user", "user"), ("--memory-limit", "limits.memory"),
        ("--cpu-limit", "limits.cpu"), ("--processes-limit", "limits.processes"), ("--open-files-limit", "limits.open_files"),
        ("--every", "checkpoint.every"), ("--cron", "checkpoint.cron"), ("--keep", "checkpoint.keep"), ("--heartbeat", "health.heartbeat"),
        ("--restart", "recovery.restart"), ("--stop-signal", "stop.signal"), ("--stop-deadline", "stop.deadline"),
        ("--adopt-within", "stop.adopt_within"), ("--hooks", "hooks"),
    ]

    /// Reads `SETTING=VALUE`, the argument of `--set`.
    public static func set(_ argument: String) throws(ValueMistake) -> Flag {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else {
            throw ValueMistake(.value, "is not 'SETTING=VALUE'", "write '--set checkpoint.every=10m'")
        }
        return Flag(flag: "--set \(parts[0])", setting: String(parts[0]), text: String(parts[1]))
    }
}
