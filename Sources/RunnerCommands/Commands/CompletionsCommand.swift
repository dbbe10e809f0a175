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
        let cases = commands.map { command in
            let words = command.options.map { "--\($0.long)" }.joined(separator: " ")
            let agents = takesAgent(command) ? " $(runner ls -q 2>/dev/null)" : command.name == "help" ? " \(names(commands))" : ""
            return "        \(command.name)) words=\"\(words)\(agents)\" ;;"
        }
        return """
            # runner: completion for bash, printed by 'runner completions bash'
            _runner() {
                local words command=${COMP_WORDS[1]}
                if [ "$COMP_CWORD" -eq 1 ]; then
                    words="\(names(commands)) --help --version --store"
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
            let here = "-n '__fish_seen_subcommand_from \(command.name)'"
            lines.append("complete -c runner -n __fish_use_subcommand -f -a \(command.name) -d \(quoted(command.summary))")
            for option in command.options {
                let short = option.short.map { " -s \($0)" } ?? ""
                lines.append(
                    "complete -c runner \(here) -l \(option.long)\(short)\(option.value == nil ? "" : " -r") -d \(quoted(option.help))")
            }
            if takesAgent(command) { lines.append("complete -c runner \(here) -f -a '(runner ls -q 2>/dev/null)'") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: Parts

    private static func names(_ commands: [CommandDescription]) -> String { commands.map(\.name).joined(separator: " ") }

    private static func takesAgent(_ command: CommandDescription) -> Bool { command.arguments.contains { $0.name.hasPrefix("AGENT") } }

    private static func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "\\'") + "'"
    }
}
