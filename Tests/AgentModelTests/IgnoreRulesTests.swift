import AgentModel
import Testing

/// Each row as git says it, by `git check-ignore --no-index`.
@Suite struct IgnoreRulesTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let rule: String
        var covered: [String] = []
        var left: [String] = []
        var testDescription: String { rule }
    }

    /// A path with a '/' at its end is a directory.
    static let rows: [Row] = [
        Row(
            rule: "debug.log", covered: ["debug.log", "a/debug.log", "debug.log/x", "a/debug.log/b/c"], left: ["debug.logs", "xdebug.log"]),
        Row(rule: "/debug.log", covered: ["debug.log", "debug.log/x"], left: ["a/debug.log"]),
        Row(rule: "a/debug.log", covered: ["a/debug.log"], left: ["debug.log", "b/a/debug.log"]),
        Row(rule: "./cache/", covered: ["cache/", "cache/deep/a"], left: ["cached/"]),
        Row(rule: "cache/", covered: ["cache/", "x/cache/", "x/cache/y"], left: ["cache", "x/cache"]),
        Row(rule: "*.pyc", covered: ["a.pyc", "x/.pyc", "x.pyc/y"], left: ["a.pyc.txt", "pyc"]),
        Row(rule: "doc/*.txt", covered: ["doc/a.txt"], left: ["doc/b/a.txt", "x/doc/a.txt"]),
        Row(rule: "doc/**/*.txt", covered: ["doc/a.txt", "doc/b/a.txt", "doc/b/c/a.txt"], left: ["a.txt", "docs/a.txt"]),
        Row(rule: "**/target", covered: ["target", "a/target", "a/b/target/c"], left: ["targets"]),
        Row(rule: "out/**", covered: ["out/a", "out/b/c"], left: ["out/", "about/x"]),
        Row(rule: "?.o", covered: ["a.o", "é.o", "x/b.o"], left: [".o", "ab.o"]),
        Row(rule: "f[0-9a]", covered: ["f1", "fa"], left: ["fb", "f", "f10"]),
        Row(rule: "f[!0-9]", covered: ["fb"], left: ["f1", "f"]),
        Row(rule: "f[]x]", covered: ["f]", "fx"], left: ["fy"]),
        Row(rule: "\\*", covered: ["*", "a/*"], left: ["a", "**"]),
        Row(rule: "a*b*c", covered: ["abc", "aXbYc", "abbbc", "abcbc"], left: ["ab", "abcd", "acb"]),
        Row(rule: "*", covered: ["a", "a/b", ".hidden"]),
        Row(rule: "e\u{301}", covered: ["e\u{301}"], left: ["é"]),
    ]

    @Test(arguments: rows)
    func aRuleMeansWhatItMeansToGit(row: Row) {
        let rules = IgnoreRules([row.rule])
        func isCovered(_ path: String) -> Bool {
            rules.cover(path.hasSuffix("/") ? String(path.dropLast()) : path, isDirectory: path.hasSuffix("/"))
        }
        for path in row.covered { #expect(isCovered(path), "'\(path)'") }
        for path in row.left { #expect(!isCovered(path), "'\(path)'") }
    }

    @Test func aRuleAloneMeansNothingBelow() {
        let rules = IgnoreRules(["cache/", "*.o"])
        #expect(rules.mean("cache", isDirectory: true) && !rules.mean("cache/x", isDirectory: false))
        #expect(rules.mean("a/b.o", isDirectory: false) && !rules.mean("cache", isDirectory: false))
        #expect(!IgnoreRules([]).cover("a", isDirectory: true))
    }

    @Test func aLiteralMeansOnePath() {
        for path in ["a", "a/b*", "[x]", "!n", "a\\b", "#", "a?/b"] {
            let rules = IgnoreRules([IgnoreRules.literal(path)])
            #expect(rules.cover(path, isDirectory: false) && rules.cover(path + "/below", isDirectory: false), "\(path)")
            #expect(!rules.cover("x/" + path, isDirectory: false) && !rules.cover(path + "x", isDirectory: false), "\(path)")
        }
    }

    @Test func whatIsNoRuleIsTold() {
        for (line, mistake): (String, IgnoreRules.Mistake) in [
            ("", .empty), ("/", .empty), ("//", .empty), ("../x", .leavesTheTop), ("a/./b", .leavesTheTop), ("!a", .negated),
            ("a[b", .openBracket), ("[", .openBracket),
        ] {
            #expect(throws: mistake) { try IgnoreRules.check(line) }
            #expect(!IgnoreRules([line]).cover("a", isDirectory: true))
        }
    }

    /// No pattern takes a name for long.
    @Test func aHardPatternEnds() {
        let rules = IgnoreRules([String(repeating: "*a", count: 200) + "b", String(repeating: "**/", count: 12) + "x"])
        #expect(!rules.cover(String(repeating: "a", count: 255), isDirectory: false))
        #expect(!rules.cover(String(repeating: "a/", count: 40) + "y", isDirectory: false))
    }
}
