import AgentModel
import Testing

@testable import RunnerCommands

/// A command with an option of every kind.
private struct Probe: Command {
    var name: String?
    var rest: [String] = []
    var words: [String] = []
    var count = 0
    var label: String?
    var loud = false
    var jolly = false
    var wait: Duration?

    static var manual: Manual {
        Manual(
            name: "probe", group: .look, summary: "for tests", examples: [.init("runner probe x", "a"), .init("runner probe y", "b")],
            exits: [])
    }
    static var options: [Option<Self>] {
        [
            .value("count", "n", \.count, as: "COUNT", "How many."), .optional("label", "m", \.label, as: "TEXT", "A label."),
            .flag("loud", "l", \.loud, "Loud."), .flag("jolly", "j", \.jolly, "Jolly."), .each("word", "w", \.words, as: "WORD", "A word."),
            .optional("wait", nil, \.wait, as: "TIME", "How long."),
        ]
    }
    static var operands: [Operand<Self>] { [.one("NAME", \.name, "A name."), .rest("COMMAND", \.rest, "A command.")] }
    func run(on bench: Workbench) throws(CommandFault) -> Ending { .ok }

    var said: String {
        "\(name ?? "-") \(rest) \(words) \(count) \(label ?? "-") \(loud) \(jolly) \(wait.map { "\($0)" } ?? "-")"
    }
}

private func parsed(_ words: [String]) -> String {
    do {
        switch try ArgumentParser(commands: [Probe.self]).parse(words) {
        case .command(let command as Probe, let common): return command.said + (common.store.map { " store=\($0)" } ?? "")
        case .help(let type): return "help \(type.map { $0.manual.name } ?? "all")"
        case .version: return "version"
        default: return "another command"
        }
    } catch { return error.sentence }
}

@Test(
    arguments: [
        (["probe", "x"], #"x [] [] 0 - false false -"#),
        (["probe", "x", "--count=3"], #"x [] [] 3 - false false -"#),
        (["probe", "x", "--count", "3", "--label", "-"], #"x [] [] 3 - false false -"#),
        (["probe", "--label=a=b", "x"], #"x [] [] 0 a=b false false -"#),
        (["probe", "--label=", "x"], #"x [] [] 0  false false -"#),
        (["probe", "-jlm", "hi", "x"], #"x [] [] 0 hi true true -"#),
        (["probe", "-jmhi", "x"], #"x [] [] 0 hi false true -"#),
        (["probe", "-n=4", "x"], #"x [] [] 4 - false false -"#),
        (["probe", "-w", "a", "--word", "b", "x"], #"x [] ["a", "b"] 0 - false false -"#),
        (["probe", "x", "--", "--count", "-z"], #"x ["--count", "-z"] [] 0 - false false -"#),
        (["probe", "x", "--wait", "1m30s"], #"x [] [] 0 - false false 90.0 seconds"#),
        (["--store", "/s", "probe", "x"], #"x [] [] 0 - false false - store=/s"#),
        (["probe", "x", "--store=/s"], #"x [] [] 0 - false false - store=/s"#),
        (["probe", "--help"], "help probe"), (["probe", "-jh"], "help probe"), (["--help"], "help all"), (["--version"], "version"),
        ([], "help all"),
        // What is wrong is said, and what was probably meant.
        (["prob"], "unknown command 'prob'; did you mean 'probe'? See 'runner --help'"),
        (["xyzzy"], "unknown command 'xyzzy'. See 'runner --help'"),
        (["--stor", "x"], "unknown option '--stor'; did you mean '--store'? See 'runner --help'"),
        (["probe", "x", "--cuont", "3"], "unknown option '--cuont'; did you mean '--count'? See 'runner probe --help'"),
        (["probe", "x", "-z"], "unknown option '-z'; there are -n -m -l -j -w. See 'runner probe --help'"),
        (["probe", "x", "--count"], "'--count' needs a value COUNT. See 'runner probe --help'"),
        (["probe", "x", "--count", "many"], "'many' for '--count' is not a number from 0 up. See 'runner probe --help'"),
        (["probe", "x", "--loud=yes"], "'--loud' takes no value. See 'runner probe --help'"),
        (["probe", "x", "--wait", "10"], "'10' for '--wait' has no unit; did you mean '10s' or '10m'? See 'runner probe --help'"),
        (["probe", "x", "y"], "unexpected argument 'y'. See 'runner probe --help'"),
        (["probe"], "missing NAME. See 'runner probe --help'"),
    ] as [([String], String)])
func aCommandLineIsReadOrRefused(words: [String], expected: String) {
    #expect(parsed(words) == expected)
}

@Test(
    arguments: [
        ("agnet-7", "agent-7", 1), ("agent-7", "agent-7", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 1),
    ])
func distanceCountsLetters(a: String, b: String, expected: Int) {
    #expect(editDistance(a, b) == expected)
}

@Test(
    arguments: [
        ("agent-7@42", "agent-7 number(42)"), ("agent-7@v42", "agent-7 number(42)"), ("agent-7", "agent-7 -"),
        ("agent-7@latest", "agent-7 latest"), ("agent-7@known-good", "agent-7 knownGood"), ("agent-7@0", "no"), ("agent-7@", "no"),
        ("A", "no"),
    ])
func versionsAreNamedAsPeopleDo(word: String, expected: String) {
    let reference = AgentReference(argument: word)
    let said = reference.map { reference in "\(reference.agent) " + (reference.version.map { "\($0)" } ?? "-") }
    #expect((said ?? "no") == expected)
}
