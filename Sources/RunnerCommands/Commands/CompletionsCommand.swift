/// Words a shell completes: commands, options, and the agents of the store.
struct CompletionsCommand: Command {
    enum Shell: String, ArgumentValue {
        case bash, zsh, fish
        init?(argument: String) { self.init(rawValue: argument) }
        static var expected: String { "'bash', 'zsh' or 'fish'" }
    }
    var shell: Shell?

    static var manual: Manual {
        Manual(
            name: "completions", group: .explain, summary: "print what lets a shell complete words (bash, zsh, fish)",
            examples: [
                .init("source <(runner completions bash)", "in this shell; in ~/.bashrc for every one"),
                .init("runner completions fish | source", "the same in fish; in ~/.config/fish/config.fish for every one"),
            ],
            notes: ["zsh: 'source <(runner completions zsh)' after compinit. Agents are those 'runner ls -q' names at that moment."],
            exits: [(.ok, "printed"), (.usage, "the command line is wrong")])
    }
    static var options: [Option<Self>] { [] }
    static var operands: [Operand<Self>] { [.one("SHELL", \.shell, "bash, zsh or fish.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let commands = allCommands().map(describe)
        switch shell {
        case .bash?: bench.answer(Completions.bash(commands))
        case .zsh?: bench.answer("autoload -U +X bashcompinit && bashcompinit\n" + Completions.bash(commands))
        case .fish?: bench.answer(Completions.fish(commands))
        case nil: throw CommandFault(.usage, "missing SHELL. See 'runner completions --help'")
        }
        return .ok
    }
}

/// The scripts, made of the same descriptions as the help.
private enum Completions {
    static func bash(_ commands: [CommandDescription]) -> String {
        let cases =
            families(commands).map { family in
                let words = family.members.flatMap { ["\($0.name.dropFirst(family.name.count + 1))"] + $0.options.map { "--\($0.long)" } }
                return "        \(family.name)) words=\"\(unique(words).joined(separator: " "))\" ;;"
            }
            + commands.filter { !$0.name.contains(" ") }.map { command in
                let words = command.options.map { "--\($0.long)" }.joined(separator: " ")
                let names = command.name == "help" ? " \(names(commands))" : list(for: command).map { " $(\($0))" } ?? ""
                return "        \(command.name)) words=\"\(words)\(names)\" ;;"
            }
        return """
            # runner: completion for bash, printed by 'runner completions bash'
            _runner() {
                local words command=${COMP_WORDS[1]}
                if [ "$COMP_CWORD" -eq 1 ]; then
                    words="\(names(commands)) --help --version --store --key-file"
                else
                    case $command in
            \(cases.joined(separator: "\n"))
                    esac
                fi
                COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
            }
            complete -o default -F _runner runner

            """
    }

    static func fish(_ commands: [CommandDescription]) -> String {
        var lines = ["# runner: completion for fish, printed by 'runner completions fish'"]
        for command in commands {
            let here = "-n '__fish_seen_subcommand_from \(command.name.split(separator: " ").last ?? "")'"
            let words = command.name.split(separator: " ")
            if words.count == 1 {
                lines.append("complete -c runner -n __fish_use_subcommand -f -a \(command.name) -d \(quoted(command.summary))")
            } else {
                lines.append("complete -c runner -n __fish_use_subcommand -f -a \(words[0])")
                let family = "-n '__fish_seen_subcommand_from \(words[0])'"
                lines.append("complete -c runner \(family) -f -a \(words[1]) -d \(quoted(command.summary))")
            }
            for option in command.options {
                let short = option.short.map { " -s \($0)" } ?? ""
                lines.append(
                    "complete -c runner \(here) -l \(option.long)\(short)\(option.value == nil ? "" : " -r") -d \(quoted(option.help))")
            }
            if let list = list(for: command) { lines.append("complete -c runner \(here) -f -a '(\(list))'") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: Parts

    private static func names(_ commands: [CommandDescription]) -> String {
        unique(commands.map { String($0.name.prefix { $0 != " " }) }).joined(separator: " ")
    }

    /// Commands whose names share their first word.
    private static func families(_ commands: [CommandDescription]) -> [(name: String, members: [CommandDescription])] {
        unique(commands.filter { $0.name.contains(" ") }.map { String($0.name.prefix { $0 != " " }) }).map { name in
            (name, commands.filter { $0.name.hasPrefix(name + " ") })
        }
    }

    private static func unique(_ words: [String]) -> [String] {
        var seen: Set<String> = []
        return words.filter { seen.insert($0).inserted }
    }

    /// What prints the words it takes. nil: it takes none that could be listed.
    private static func list(for command: CommandDescription) -> String? {
        if command.name == "undelete" { return "runner undelete -q 2>/dev/null" }
        return command.arguments.contains { $0.name.hasPrefix("AGENT") } ? "runner ls -q 2>/dev/null" : nil
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "\\'") + "'"
    }
}
