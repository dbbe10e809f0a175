internal import StatusViews

/// A command's help: two examples first, exit statuses last. 80 columns.
func helpText(_ command: CommandDescription) -> String {
    var text = "runner \(command.name): \(command.summary)\n\nEXAMPLES\n"
    for example in command.examples { text += "  \(example.line)\n      \(wrapped(example.effect, width: 78, indent: 6))\n" }
    text += "\nUSAGE\n  \(wrapped(command.usage, width: 78, indent: 4))\n"
    if !command.arguments.isEmpty {
        text += "\nARGUMENTS\n" + twoColumns(command.arguments.map { ($0.name, $0.help) })
    }
    text += "\nOPTIONS\n" + twoColumns(command.options.map { (written($0), $0.help) })
    for note in command.notes { text += "\n\(wrapped(note, width: 78, indent: 0))\n" }
    return text + "\nEXIT STATUS\n" + twoColumns(command.exits.map { (String($0.status), $0.meaning) })
}

/// Help for commands whose names share their first word.
func familyText(_ word: String, _ commands: [CommandDescription]) -> String {
    let members = commands.filter { $0.name.hasPrefix(word + " ") }
    var text = "runner \(word): \(members.count) commands\n\nEXAMPLES\n"
    for example in members.prefix(2).compactMap(\.examples.first) {
        text += "  \(example.line)\n      \(wrapped(example.effect, width: 78, indent: 6))\n"
    }
    text += "\nCOMMANDS\n" + twoColumns(members.map { ($0.name, $0.summary) })
    return text + "\n'runner \(word) COMMAND --help' tells more of each.\n"
}

/// The whole program's help.
func overviewText(_ commands: [CommandDescription]) -> String {
    var text = """
        runner: runs agents, keeps versions of them, and brings them back

        EXAMPLES
          runner run agent.yaml
              run an agent in the foreground: its output here, its versions in the store
          runner run --name agent-7 --memory-limit 512MB -- python3 agent.py
              the same for any command, without a file
          runner cat agent-7:notes.md --at 1d
              yesterday's notes.md; 'runner ls agent-7: --at 1d' lists what there was
          runner rollback agent-7 2
              back by two versions, memory and files; it says first what changes
          runner undelete agent-7
              bring back an agent that was removed with 'runner rm'

        USAGE
          runner COMMAND [OPTIONS] [ARGUMENTS]

        """
    for group in Manual.Group.allCases {
        let members = commands.filter { $0.group == group.rawValue }
        guard !members.isEmpty else { continue }
        text += "\n\(group.rawValue)\n" + twoColumns(members.map { ($0.name, $0.summary) })
    }
    return text + """

        OPTIONS
              --store DIR      The store, instead of RUNNER_STORE or the default.
              --key-file FILE  The key of an encrypted store, instead of RUNNER_KEY_FILE.
              --version        Show the version.
          -h, --help           Show this help, or 'runner COMMAND --help' a command's.

        EXIT STATUS
          One table for all commands: docs/commands/exit-codes.md. 'runner run' passes the
          agent's own status on.

        """
}

// MARK: Parts

private func written(_ option: CommandDescription.Option) -> String {
    (option.short.map { "-\($0), " } ?? "    ") + "--\(option.long)" + (option.value.map { " \($0)" } ?? "")
}

/// Names left, words right; a long name has a line of its own.
func twoColumns(_ rows: [(String, String)]) -> String {
    let column = min(26, (rows.map { $0.0.count }.max() ?? 0) + 4)
    return rows.map { name, words in
        let told = wrapped(words, width: 78, indent: column)
        let blanks = String(repeating: " ", count: max(0, column - name.count - 2))
        guard name.count + 4 <= column else { return "  \(name)\n\(String(repeating: " ", count: column))\(told)\n" }
        return "  \(name)\(blanks)\(told)\n"
    }.joined()
}
