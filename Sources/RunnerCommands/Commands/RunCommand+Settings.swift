internal import AgentSpecs

extension RunCommand {
    /// The flags that give one setting each, and `--set` for all others.
    static var settingOptions: [Option<Self>] {
        let short = SpecFlags.settings.map { flag, setting in
            let words = words(for: setting)
            return Option<Self>(
                long: String(flag.dropFirst(2)), short: nil, help: words.help,
                effect: .value(placeholder: words.placeholder) { (command, text) throws(WordFault) in
                    command.flags.append(SpecFlags.Flag(flag: flag, setting: setting, text: text))
                })
        }
        let set = Option<Self>(
            long: "set", short: nil, help: "Any other setting of the spec, such as 'recovery.probation=2m'. May be repeated.",
            effect: .value(placeholder: "SETTING=VALUE") { (command, text) throws(WordFault) in
                command.flags.append(try SetWord.read(text).flag)
            })
        return short + [envFile, set]
    }

    private static var envFile: Option<Self> {
        Option<Self>(
            long: "env-file", short: nil, help: "A file of NAME=VALUE lines for the agent's environment.",
            effect: .value(placeholder: "FILE") { (command, text) throws(WordFault) in
                command.flags.append(SpecFlags.Flag(flag: "--env-file", setting: "env_file", text: text))
            })
    }

    private static func words(for setting: String) -> (placeholder: String, help: String) {
        switch setting {
        case "name": ("NAME", "The agent's name; else from the file or the command.")
        case "workdir": ("DIR", "Where the command starts.")
        case "workspace": ("DIR", "The directory whose files are part of every version.")
        case "user": ("USER", "Run the agent as this user (name or number).")
        case "limits.memory": ("SIZE", "Memory it may use, such as 512MB.")
        case "limits.cpu": ("SHARE", "Processor time it may use, such as 50% of one processor.")
        case "limits.processes": ("COUNT", "Processes and threads it may have.")
        case "limits.open_files": ("COUNT", "Files it may hold open.")
        case "checkpoint.every": ("TIME", "Take a version this often, such as 10m.")
        case "checkpoint.cron": ("EXPRESSION", "Take a version at these times, such as '0 * * * *'.")
        case "checkpoint.keep": ("COUNT", "Keep the newest so many versions, and none because of its age.")
        case "health.heartbeat": ("TIME", "Silence longer than this is a hang.")
        case "recovery.restart": ("WHEN", "always, on-failure or never.")
        case "stop.signal": ("SIGNAL", "What asks it to end, such as SIGTERM.")
        case "stop.deadline": ("TIME", "From asking it to end to killing it.")
        case "stop.adopt_within": ("TIME", "How long it may live without a supervisor.")
        case "hooks": ("DIR", "The directory of hook programs.")
        default: ("VALUE", "The setting '\(setting)' of the spec.")
        }
    }
}
