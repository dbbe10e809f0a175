import AgentSpecs
import Testing

/// Reads a spec in `/home/ann/agents` with a few variables set.
func read(
    _ text: String, environment: [String: String] = ["HOME": "/home/ann", "USER": "ann", "EMPTY": ""], flags: SpecFlags = SpecFlags(),
    files: [String: String] = [:]
) -> SpecReading {
    SpecReader.read(
        Array(text.utf8), file: "agent.yaml", directory: "/home/ann/agents", environment: environment, flags: flags
    ) { path throws(SpecFileFault) in
        guard let file = files[path] else { throw SpecFileFault(why: "no such file") }
        return Array(file.utf8)
    }
}

/// The two lines no spec can do without.
let minimal = "name: a\ncommand: [b]\n"

@Suite struct SpecNoticeTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var text: String
        var notices: [String]
        init(_ text: String, _ notices: String...) {
            self.text = text
            self.notices = notices
        }
        var testDescription: String { text }
    }

    /// Each row is written below the two minimal lines, so that it begins on line 3.
    @Test(arguments: [
        // Unknown keys.
        Row("chekpoint:\n  every: 10m", "3:1: error: 'chekpoint' is not a setting; did you mean 'checkpoint'? [E-SPEC-UNKNOWN]"),
        Row("checkpoint:\n  evrey: 10m", "4:3: error: 'evrey' is not a setting of 'checkpoint'; did you mean 'every'? [E-SPEC-UNKNOWN]"),
        Row(
            "limits:\n  openFiles: 64", "4:3: error: 'openFiles' is not a setting of 'limits'; did you mean 'open_files'? [E-SPEC-UNKNOWN]"),
        Row("memory: 512MB", "3:1: error: 'memory' is not a setting; did you mean 'limits.memory'? [E-SPEC-UNKNOWN]"),
        Row("cwd: /srv", "3:1: error: 'cwd' is not a setting; did you mean 'workdir'? [E-SPEC-UNKNOWN]"),
        Row("mem_limit: 1GB", "3:1: error: 'mem_limit' is not a setting; did you mean 'limits.memory'? [E-SPEC-UNKNOWN]"),
        Row("colour: red", "3:1: error: 'colour' is not a setting; docs/agent.yaml.md lists all settings [E-SPEC-UNKNOWN]"),
        Row(
            "stop:\n  colour: red",
            "4:3: error: 'colour' is not a setting of 'stop'; known there are 'signal', 'deadline' and 'adopt_within' [E-SPEC-UNKNOWN]"),
        Row("\"a\\e[31m\": 1", "3:1: error: 'a\\u{1b}[31m' is not a setting; docs/agent.yaml.md lists all settings [E-SPEC-UNKNOWN]"),

        // Durations.
        Row("checkpoint: {every: 10}", "3:21: error: 'every: 10' has no unit; did you mean '10s' or '10m'? [E-SPEC-UNIT]"),
        Row("checkpoint: {every: -5s}", "3:21: error: 'every: -5s' is negative; a duration is zero or longer [E-SPEC-NEGATIVE]"),
        Row("checkpoint: {every: 10min}", "3:21: error: 'every: 10min' has the unit 'min'; did you mean '10m'? [E-SPEC-UNIT]"),
        Row(
            "checkpoint: {every: 3 weeks}",
            "3:21: error: 'every: 3 weeks' is not a duration; write one such as '500ms', '10s', '10m', '1h30m' or '2d' [E-SPEC-VALUE]"),
        Row(
            "checkpoint: {every: 3w}",
            "3:21: error: 'every: 3w' has the unit 'w'; units are ms, s, m, h and d, as in '10m' or '1h30m' [E-SPEC-UNIT]"),
        Row(
            "checkpoint: {every: '1:30'}",
            "3:21: error: 'every: 1:30' is not a duration; write hours, minutes and seconds with their units, as in '1h30m' [E-SPEC-VALUE]"),
        Row(
            "checkpoint: {every: 30m1h}",
            "3:21: error: 'every: 30m1h' repeats a unit or has them out of order; write the larger unit first, as in '1h30m' [E-SPEC-VALUE]"
        ),
        Row("checkpoint: {every: 100ms}", "3:21: error: 'every: 100ms' is too short; the shortest is '1s' [E-SPEC-RANGE]"),
        Row(
            "checkpoint: {every: 99999999d}", "3:21: error: 'every: 99999999d' is longer than 100 years; is the unit right? [E-SPEC-RANGE]"),

        // Sizes, shares and numbers.
        Row("limits: {memory: 512}", "3:18: error: 'memory: 512' has no unit; did you mean '512MB' or '512MiB'? [E-SPEC-UNIT]"),
        Row(
            "limits: {memory: 512M}",
            "3:18: error: 'memory: 512M' has the unit 'M', which some read as powers of 1000 and some as powers of 1024; did you mean '512MB' or '512MiB'? [E-SPEC-UNIT]"
        ),
        Row(
            "limits: {memory: 50%}",
            "3:18: error: 'memory: 50%' is a share of the machine; write a size such as '512MB': a share would mean something else on another machine [E-SPEC-VALUE]"
        ),
        Row("limits: {memory: -1GB}", "3:18: error: 'memory: -1GB' is negative; a size is zero or more [E-SPEC-NEGATIVE]"),
        Row("limits: {memory: 4kB}", "3:18: error: 'memory: 4kB' is too small; the smallest is '1MB' [E-SPEC-RANGE]"),
        Row("limits: {memory: lots}", "3:18: error: 'memory: lots' is not a size; write one such as '512MB' or '1.5GiB' [E-SPEC-VALUE]"),
        Row(
            "limits: {memory: 99999999TB}",
            "3:18: error: 'memory: 99999999TB' is more than any machine has; is the unit right? [E-SPEC-RANGE]"),
        Row(
            "limits: {cpu: half}",
            "3:15: error: 'cpu: half' is not a share; write a share of one processor such as '50%' or '0.5'; '200%' is two [E-SPEC-VALUE]"),
        Row("limits: {cpu: 500m}", "3:15: error: 'cpu: 500m' has the unit 'm'; did you mean '50%'? [E-SPEC-UNIT]"),
        Row(
            "limits: {cpu: 0}",
            "3:15: error: 'cpu: 0' leaves the agent no time at all; write a share of one processor such as '50%' or '0.5'; '200%' is two [E-SPEC-RANGE]"
        ),
        Row(
            "limits: {processes: 0}",
            "3:21: error: 'processes: 0' is out of range; it takes a whole number from 1 to 4194304 [E-SPEC-RANGE]"),
        Row(
            "limits: {processes: -1}",
            "3:21: error: 'processes: -1' is negative; it takes a whole number from 1 to 4194304 [E-SPEC-NEGATIVE]"),
        Row(
            "checkpoint: {keep: ten}",
            "3:20: error: 'keep: ten' is not a whole number; it takes a whole number from 1 to 100000 [E-SPEC-VALUE]"),
        Row(
            "recovery: {backoff: {factor: 0.5}}",
            "3:30: error: 'factor: 0.5' is out of range; it takes a number from 1 to 100 [E-SPEC-RANGE]"),
        Row(
            "recovery: {backoff: {jitter: 150%}}",
            "3:30: error: 'jitter: 150%' is more than the whole; write a part from 0 to 1 such as '0.1', or '10%' [E-SPEC-RANGE]"),
        Row(
            "checkpoint: {on_stop: perhaps}",
            "3:23: error: 'on_stop: perhaps' is neither yes nor no; write 'true' or 'false' [E-SPEC-VALUE]"),

        // Words, signals, schedules.
        Row(
            "recovery: {restart: alway}",
            "3:21: error: 'restart: alway' is not one of 'always', 'on-failure' and 'never'; did you mean 'always'? [E-SPEC-VALUE]"),
        Row("stop: {signal: SIGTREM}", "3:16: error: 'signal: SIGTREM' is not a signal; did you mean 'SIGTERM'? [E-SPEC-VALUE]"),
        Row("stop: {signal: 99}", "3:16: error: 'signal: 99' is not a signal; signals go from 1 to 64 [E-SPEC-RANGE]"),
        Row(
            "stop: {signal: KILL}",
            "3:16: error: 'signal: KILL' cannot be caught, so it asks nothing; an agent that does not end within 'stop.deadline' is killed in any case [E-SPEC-VALUE]"
        ),
        Row(
            "checkpoint: {cron: 0 0 31 2 *}",
            "3:20: error: 'cron: 0 0 31 2 *' names a day that never comes; no month it allows has such a day [E-SPEC-CRON]"),
        Row("checkpoint: {cron: '99 * * * *'}", "3:20: error: 'cron: 99 * * * *' has minute 99; it goes from 0 to 59 [E-SPEC-CRON]"),
        Row(
            "checkpoint: {cron: '@daily', utc_offset: Europe/Berlin}",
            "3:42: error: 'utc_offset: Europe/Berlin' is not a distance to UTC; write one such as '+02:00', '-05:30' or 'Z'; zones with summer time are not known here [E-SPEC-VALUE]"
        ),
        Row(
            "checkpoint: {every: 10m, cron: '@daily'}",
            "3:32: error: 'checkpoint.every' and 'checkpoint.cron' are both set; keep one of the two [E-SPEC-CONFLICT]"),
        Row(
            "recovery: {backoff: {initial: 2h, max: 1h}}",
            "3:31: error: 'backoff.initial: 2h' is longer than 'backoff.max' (1h); make the first wait the shorter one [E-SPEC-CONFLICT]"),

        // Known, not yet acted on.
        Row(
            "checkpoint: {mode: proces}",
            "3:20: error: 'mode: proces' is not one of 'auto', 'cooperative' and 'process'; did you mean 'process'? [E-SPEC-VALUE]"),
        Row(
            "health:\n  http:\n    url: http://localhost:8080/health\n    every: 10s",
            "4:3: error: 'health.http' is known, but this version of runner cannot act on it yet; remove it [E-SPEC-UNSUPPORTED]"),
        Row(
            "health:\n  http:\n    ulr: x\n    every: 10",
            "4:3: error: 'health.http' is known, but this version of runner cannot act on it yet; remove it [E-SPEC-UNSUPPORTED]",
            "5:5: error: 'ulr' is not a setting of 'health.http'; did you mean 'url'? [E-SPEC-UNKNOWN]",
            "6:12: error: 'every: 10' has no unit; did you mean '10s' or '10m'? [E-SPEC-UNIT]"),
        Row(
            "budget: {tokens: 1000000}",
            "3:1: error: 'budget' is known, but this version of runner cannot act on it yet; remove it [E-SPEC-UNSUPPORTED]"),
        Row(
            "config_files:\n  - path: config.json\n    repiar: known-good",
            "3:1: error: 'config_files' is known, but this version of runner cannot act on it yet; remove it [E-SPEC-UNSUPPORTED]",
            "5:5: error: 'repiar' is not a setting of 'config_files'; did you mean 'repair'? [E-SPEC-UNKNOWN]"),
        Row(
            "health: {silent_call: 1m}",
            "3:10: error: 'health.silent_call' is known, but this version of runner cannot act on it yet; remove it [E-SPEC-UNSUPPORTED]"),

        // Shapes.
        Row(
            "stop: 5s",
            "3:7: error: 'stop' takes a mapping, not a single value; its settings are 'signal', 'deadline' and 'adopt_within' [E-SPEC-TYPE]"
        ),
        Row("stop:", "3:1: error: 'stop' has nothing in it; remove the line, or indent its settings below it [E-SPEC-EMPTY]"),
        Row("stop:\n  deadline:", "4:3: error: 'deadline' has no value; remove the line to get the default [E-SPEC-EMPTY]"),
        Row("stop:\n  deadline: [5s]", "4:13: error: 'deadline' takes a duration such as '10m', not a list [E-SPEC-TYPE]"),
        Row("checkpoint: {exclude: tmp/}", "3:23: error: 'exclude' takes a list, not a single value; write '[tmp/]' [E-SPEC-TYPE]"),
        Row("checkpoint: {exclude: [a, [b]]}", "3:27: error: 'exclude' takes a list of texts, and this is a list [E-SPEC-TYPE]"),
        Row(
            "checkpoint: {exclude: ['*.log', /, ../x, '!ok', 'a[b', cache/]}",
            "3:23: error: 'exclude: /' means nothing; write one such as '*.log', '/cache/' for a directory at the top, or 'node_modules/' for those of that name [E-SPEC-PATH]",
            "3:23: error: 'exclude: ../x' is not a path below the workspace; write one such as '*.log', '/cache/' for a directory at the top, or 'node_modules/' for those of that name [E-SPEC-PATH]",
            "3:23: error: 'exclude: !ok' takes something back, which is not known here; write one such as '*.log', '/cache/' for a directory at the top, or 'node_modules/' for those of that name [E-SPEC-PATH]",
            "3:23: error: 'exclude: a[b' has a '[' without a ']'; write one such as '*.log', '/cache/' for a directory at the top, or 'node_modules/' for those of that name [E-SPEC-PATH]"
        ),
        Row(
            "limits.memory: 1GB",
            "3:1: error: 'limits.memory' is not a setting; write 'limits:' and 'memory: …' indented below it [E-SPEC-UNKNOWN]"),
        Row("stop: {signal.x: 1}", "3:8: error: 'signal.x' is not a setting of 'stop'; a key holds no dot [E-SPEC-UNKNOWN]"),
        Row("workdir: \"a\\0b\"", "3:10: error: 'workdir: a\\u{0}b' holds a zero byte [E-SPEC-VALUE]"),
        Row("workspace: /", "3:12: error: 'workspace: /' is the whole file system; name the directory the agent works in [E-SPEC-PATH]"),
        Row("workspace: ''", "3:12: error: 'workspace: ' is empty [E-SPEC-EMPTY]"),
        Row(
            "workdir: ${NOWHERE}/x",
            "3:10: error: 'workdir: ${NOWHERE}/x' refers to 'NOWHERE', which is not set; set it, or write '${NOWHERE:-default}' [E-SPEC-UNSET]"
        ),

        // YAML.
        Row(
            "stop: {deadline: 5s}\nstop: {deadline: 6s}",
            "4:1: error: 'stop' stands here for the second time (first on line 3); remove one of the two [E-SPEC-DUPLICATE]"),
        Row("hooks: *there", "3:8: error: the alias '*there' is not read; write the value out [E-SPEC-ALIAS]"),
        Row("priority: !!int 3", "3:11: error: the tag 'tag:yaml.org,2002:int' is not read; remove it [E-SPEC-ALIAS]"),
        Row("---\nname: b", "3:1: error: the file holds more than one document ('---'); one file describes one agent [E-SPEC-YAML]"),
        Row("[a, b]: c", "3:1: error: a key is a list, not a word [E-SPEC-YAML]"),
        Row(
            "workdir: \"open",
            "4:1: error: this is not YAML: found unexpected end of stream (while scanning a quoted scalar); a quote or bracket is never closed [E-SPEC-YAML]"
        ),
        Row(
            "\thooks: x",
            "3:1: error: this is not YAML: found character that cannot start any token (while scanning for the next token); put the value in quotes, and indent with spaces, not tabs [E-SPEC-YAML]"
        ),
        Row(
            "workdir: a: b",
            "3:11: error: this is not YAML: mapping values are not allowed in this context; a text that holds ': ' needs quotes; else check the indentation [E-SPEC-YAML]"
        ),

        // Environment.
        Row("env: [A=1]", "3:6: error: 'env' takes a mapping, not a list; write each variable as 'NAME: value' [E-SPEC-TYPE]"),
        Row(
            "env: {A-B: 1}",
            "3:12: error: 'A-B' is not a variable's name; names have letters, digits and '_', and do not begin with a digit [E-SPEC-VARIABLE]"
        ),
        Row("env: {RUNNER_AGENT: x}", "3:21: error: 'RUNNER_AGENT' is set by the runner itself; choose another name [E-SPEC-VARIABLE]"),
        Row(
            "env: {A: }",
            "3:7: error: the variable 'A' has no value; write '\"\"' for an empty one, or '${A}' to hand on the runner's own [E-SPEC-EMPTY]"
        ),
        Row("env: {A: {B: c}}", "3:10: error: the variable 'A' takes a text, not a mapping [E-SPEC-TYPE]"),
        Row(
            "env: {A: '${NOWHERE}'}",
            "3:10: error: the variable 'A' refers to 'NOWHERE', which is not set; set it, or write '${NOWHERE:-default}' [E-SPEC-UNSET]"),
        Row(
            "env:\n  A: ${B}\n  B: ${C}\n  C: x${A}",
            "6:6: error: the variable 'C' refers to itself: A → B → C → A; give one of them a text of its own [E-SPEC-CYCLE]"),
        Row(
            "env: {A: '${B'}",
            "3:10: error: the variable 'A' has a '${' that is never closed; write '${NAME}', or '$$' for a dollar [E-SPEC-VALUE]"),
        Row(
            "env: {A: '${B-x}'}",
            "3:10: error: the variable 'A' refers to 'B-x', which is not a variable's name; write '${NAME}' or '${NAME:-default}' [E-SPEC-VALUE]"
        ),
        Row(
            "env: {A: '${B:+x}'}",
            "3:10: error: the variable 'A' has something other than ':-' after 'B'; write '${B}' or '${B:-default}' [E-SPEC-VALUE]"),
        Row(
            "env: {A: $HOME/x}",
            "3:10: warning: the variable 'A' keeps '$HOME' as it is written; write '${HOME}' to have it replaced, or '$$HOME' to say so [E-SPEC-VALUE]"
        ),
        Row(
            "env_file: gone.env",
            "3:11: error: could not read the env file '/home/ann/agents/gone.env': no such file [E-SPEC-ENV-FILE]"),
    ])
    func aMistakeBelowTwoGoodLinesIsToldWhole(_ row: Row) {
        let reading = read(minimal + row.text + "\n")
        #expect(reading.notices.map(\.description) == row.notices.map { "agent.yaml:" + $0 })
        #expect((reading.spec == nil) == row.notices.contains { $0.contains(": error: ") })
    }

    @Test(arguments: [
        Row(
            "", "1:1: error: the file says nothing; begin with 'name: …' and 'command: …' [E-SPEC-MISSING]",
            "1:1: error: the agent has no name; write 'name: agent-7', or call with '--name agent-7' [E-SPEC-MISSING]",
            "1:1: error: the agent has no command; write 'command: [program, argument, …]', or call with '-- program argument …' [E-SPEC-MISSING]"
        ),
        Row(
            "name: a",
            "1:1: error: the agent has no command; write 'command: [program, argument, …]', or call with '-- program argument …' [E-SPEC-MISSING]"
        ),
        Row("command: [a]", "1:1: error: the agent has no name; write 'name: agent-7', or call with '--name agent-7' [E-SPEC-MISSING]"),
        Row("name: a\ncommand: []", "2:10: error: 'command' names no program; write 'command: [program, argument, …]' [E-SPEC-MISSING]"),
        Row("name: a\ncommand: ['']", "2:10: error: 'command' names no program; write 'command: [program, argument, …]' [E-SPEC-MISSING]"),
        Row(
            "name: a\ncommand:",
            "1:1: error: the agent has no command; write 'command: [program, argument, …]', or call with '-- program argument …' [E-SPEC-MISSING]"
        ),
        Row(
            "name: My Agent\ncommand: [b]",
            "1:7: error: 'name: My Agent' cannot be an agent's name; names have 1 to 63 of a-z 0-9 . _ - and begin with a letter or digit, as in 'my-agent' [E-SPEC-NAME]"
        ),
        Row(
            "- a", "1:1: error: the file holds a list, not a mapping; begin with 'name: …' and 'command: …' [E-SPEC-TYPE]",
            "1:1: error: the agent has no name; write 'name: agent-7', or call with '--name agent-7' [E-SPEC-MISSING]",
            "1:1: error: the agent has no command; write 'command: [program, argument, …]', or call with '-- program argument …' [E-SPEC-MISSING]"
        ),
    ])
    func aWholeFileIsTold(_ row: Row) {
        #expect(read(row.text).notices.map(\.description) == row.notices.map { "agent.yaml:" + $0 })
    }

    @Test func allMistakesOfAFileAreTold() {
        let reading = read(
            """
            nmae: agent-7
            command: [python3, agent.py]
            limits:
              memory: 512
              cpu: half
            checkpoint:
              every: 10
            health:
              http: {url: "http://localhost/"}
            """)
        #expect(
            reading.notices.map { "\($0.line ?? 0) \($0.code.rawValue)" } == [
                "1 E-SPEC-UNKNOWN", "1 E-SPEC-MISSING", "4 E-SPEC-UNIT", "5 E-SPEC-VALUE", "7 E-SPEC-UNIT", "9 E-SPEC-UNSUPPORTED",
            ])
        #expect(reading.spec == nil)
    }

    @Test func moreThanAHundredMistakesAreCounted() {
        let reading = read(minimal + (0..<150).map { "unknown\($0): 1\n" }.joined())
        #expect(reading.notices.count == 101)
        #expect(reading.notices.last?.description == "agent.yaml:102:1: error: there are 50 more mistakes; mend these first [E-SPEC-LIMIT]")
    }

    @Test func mistakesInAnEnvFileHaveItsLinesAndNeverShowValues() {
        let file = "# keys\nA=1\n\nhunter2\nB='open\n9X=1\nRUNNER_SOCKET=x\nC=\"a\" b\n"
        let reading = read(minimal + "env_file: keys.env\n", files: ["/home/ann/agents/keys.env": file])
        #expect(
            reading.notices.map(\.description) == [
                "/home/ann/agents/keys.env:4:1: error: the line is not 'NAME=value'; write one variable a line; comments begin with '#' [E-SPEC-ENV-FILE]",
                "/home/ann/agents/keys.env:5:1: error: 'B' has a quote that is never closed; a value ends on its line; write '\\n' in double quotes for a line break [E-SPEC-ENV-FILE]",
                "/home/ann/agents/keys.env:6:1: error: '9X' is not a variable's name; names have letters, digits and '_', and do not begin with a digit [E-SPEC-VARIABLE]",
                "/home/ann/agents/keys.env:7:1: error: 'RUNNER_SOCKET' is set by the runner itself; choose another name [E-SPEC-VARIABLE]",
                "/home/ann/agents/keys.env:8:1: error: 'C' has text after its closing quote; put the whole value in quotes [E-SPEC-ENV-FILE]",
            ])
    }

    @Test func everyCodeIsExplained() {
        for code in SpecCode.allCases {
            #expect(code.rawValue.hasPrefix("E-SPEC-"))
            #expect(code.explanation.hasSuffix("."))
        }
    }
}
