/// Parts of the documents that are made from the code, so that they cannot disagree with it.
enum Documents {
    /// docs/commands/exit-codes.md
    static func exitCodes() -> String {
        let rows = ExitStatus.allCases.map { "| \($0.rawValue) | \($0.meaning) |" }.joined(separator: "\n")
        return """
            # Exit codes

            One table for all commands. Numbers from 64 to 78 are those of sysexits(3). `runner run` passes the agent's own status on, and 128 + n
            when signal n ended it; 125 to 127 are the runner's, as with other programs that start programs.

            | status | meaning |
            |---|---|
            \(rows)

            A command with several targets goes on after a failure, tells each, and ends with the highest number.
            With `--json` a failed command prints `{"error":{"code":"E-…","message":"…"}}` on standard output; the sentence goes to standard error as always.
            The codes are in [errors.md](../errors.md).

            """
    }

    /// docs/errors.md
    static func errors() -> String {
        let entries = catalogue().map { code, entry in
            "## \(code)\n\n*\(entry.title)* (exit status \(entry.status.rawValue))\n\n\(entry.explanation)\n\n\(entry.remedy)\n"
        }
        return """
            # Errors

            Every error has a stable code. `runner explain CODE` shows the same text as this page.

            """ + "\n" + entries.joined(separator: "\n")
    }

    /// docs/commands/<name>.md
    static func page(_ command: CommandDescription) -> String {
        "# runner \(command.name)\n\n```text\n\(helpText(command))```\n"
    }

    /// docs/commands/README.md
    static func index(_ commands: [CommandDescription]) -> String {
        var text =
            "# Commands\n\nThe text of each page is what `runner COMMAND --help` prints. `runner help --json` has all of it for programs.\n"
        for group in Manual.Group.allCases {
            text += "\n## \(group.rawValue)\n\n| command | what it does |\n|---|---|\n"
            for command in commands where command.group == group.rawValue {
                text += "| [\(command.name)](\(command.pageName).md) | \(command.summary) |\n"
            }
        }
        return text + "\n[Exit codes](exit-codes.md) · [errors](../errors.md)\n"
    }
}
