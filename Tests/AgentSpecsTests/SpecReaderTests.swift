import AgentModel
import AgentSpecs
import Recovery
import Retention
import Schedules
import Testing

@Suite struct SpecReaderTests {
    @Test func everySettingThatIsActedOnIsRead() throws {
        let reading = read(
            """
            name: agent-7
            command: [python3, -u, agent.py, 10]
            workdir: src/../work
            workspace: ~/space
            env_file: [keys.env, "${HOME}/more.env"]
            env:
              PORT: 8080
              FLAG: yes
              GREETING: hello ${USER}, ${NOBODY:-nobody}, ${EMPTY:-empty}, $$5
              PATH: /opt/bin:${PATH}
              CHAIN: "<${GREETING}>"
              NESTED: ${A_B_C:-${USER:-x}}
            user: "1000"
            priority: -5
            limits: {memory: 1.5GiB, cpu: 50%, processes: 64, open_files: 1024}
            checkpoint: {mode: cooperative, cron: "0 3 * * *", utc_offset: "+02:00", keep: 20, keep_asides: 1, deadline: 5s, on_stop: no,
              state_limit: 1MB, size_limit: 2GB, exclude: [tmp/, a.log]}
            health: {heartbeat: 30s}
            recovery:
              restart: always
              probation: 1m
              start_within: 10s
              restore_attempts: 2
              window: 10m
              backoff: {initial: 500ms, factor: 1.5, max: 1h, jitter: 25%, reset_after: 3m}
              flapping: {deaths: 3, within: 1m, cool_down: 5m, cool_downs: 2}
              escalate_after: 1d
              when_exhausted: retry
              retry_every: 2h
            stop: {signal: INT, deadline: 20s, adopt_within: 2m}
            effects: {unknown: retry-if-idempotent}
            log: {size: 1MiB, keep: 2}
            hooks: hooks
            """, environment: ["HOME": "/home/ann", "USER": "ann", "EMPTY": "", "PATH": "/bin"],
            files: [
                "/home/ann/agents/keys.env": "export KEY = 'a$b'\nTWO=\"x\\ny\" # note\n", "/home/ann/more.env": "\u{FEFF}TWO=2 # two\r\n",
            ])
        #expect(reading.notices == [])
        var wanted = AgentSpec(
            name: try #require(AgentName("agent-7")), command: ["python3", "-u", "agent.py", "10"], workdir: "/home/ann/agents/work",
            env: [
                "PORT": "8080", "FLAG": "yes", "GREETING": "hello ann, nobody, empty, $5", "PATH": "/opt/bin:/bin",
                "CHAIN": "<hello ann, nobody, empty, $5>", "NESTED": "ann", "KEY": "a$b", "TWO": "2",
            ], workspace: "/home/ann/space")
        wanted.user = "1000"
        wanted.priority = -5
        wanted.limits.memory = ByteCount(1_610_612_736)
        wanted.limits.cpuMilli = 500
        wanted.limits.processes = 64
        wanted.limits.openFiles = 1024
        wanted.checkpoint.mode = .cooperative
        wanted.checkpoint.cron = "0 3 * * *"
        wanted.checkpoint.utcOffset = .seconds(7200)
        wanted.checkpoint.keep = .onlyLast(20)
        wanted.checkpoint.keepAsides = 1
        wanted.checkpoint.deadline = .seconds(5)
        wanted.checkpoint.onStop = false
        wanted.checkpoint.stateLimit = ByteCount(1_000_000)
        wanted.checkpoint.sizeLimit = ByteCount(2_000_000_000)
        wanted.checkpoint.exclude = ["tmp/", "a.log"]
        wanted.health.heartbeat = .seconds(30)
        wanted.recovery.restart = .always
        wanted.recovery.probation = .seconds(60)
        wanted.recovery.startWithin = .seconds(10)
        wanted.recovery.restoreAttempts = 2
        wanted.recovery.window = .seconds(600)
        wanted.recovery.backOffInitial = .milliseconds(500)
        wanted.recovery.backOffFactor = 1.5
        wanted.recovery.backOffMaximum = .seconds(3600)
        wanted.recovery.backOffJitter = 0.25
        wanted.recovery.backOffResetAfter = .seconds(180)
        wanted.recovery.flappingDeaths = 3
        wanted.recovery.flappingWithin = .seconds(60)
        wanted.recovery.coolDown = .seconds(300)
        wanted.recovery.coolDownsBeforeEscalation = 2
        wanted.recovery.escalateAfter = .seconds(86_400)
        wanted.recovery.whenExhausted = .retry
        wanted.recovery.retryEvery = .seconds(7200)
        wanted.recovery.stopWithin = .seconds(20)
        wanted.stop.signal = 2
        wanted.stop.deadline = .seconds(20)
        wanted.stop.adoptWithin = .seconds(120)
        wanted.effects.unknown = .retryIfIdempotent
        wanted.log.size = .mebibytes(1)
        wanted.log.keep = 2
        wanted.hooks = "/home/ann/agents/hooks"
        #expect(reading.spec == wanted)
        #expect(reading.origins["env.TWO"] == .file("/home/ann/more.env", line: 1))
        #expect(reading.origins["env.PORT"] == .file("agent.yaml", line: 7))
        #expect(reading.origins["recovery.backoff.factor"] == .file("agent.yaml", line: 25))
        let decoded = try JSONText.decode(AgentSpec.self, from: try JSONText.encode(wanted))
        #expect(decoded == wanted)
    }

    @Test func aSpecOfTwoLinesHasTheDefaults() throws {
        let spec = AgentSpec(name: try #require(AgentName("a")), command: ["b"], workdir: "/home/ann/agents")
        #expect(read(minimal).spec == spec)
        #expect(read("{\"name\": \"a\", \"command\": [\"b\"]}").spec == spec)
        #expect(read("name: a\ncommand: b").spec?.command == ["/bin/sh", "-c", "b"])
        #expect(try spec.checkpointSchedule() == .never)
        #expect(try read(minimal + "checkpoint: {every: 10m}").spec?.checkpointSchedule() == .every(.seconds(600)))
    }

    // MARK: Layers

    @Test func flagsWinOverVariablesAndVariablesOverTheFile() throws {
        let flags = SpecFlags(
            flags: [
                .init(flag: "--memory-limit", setting: "limits.memory", text: "512MB"),
                .init(flag: "--workdir", setting: "workdir", text: "sub"),
                try SpecFlags.set("checkpoint.cron=@daily"),
            ], variables: ["A=${x}", "HOME"], command: ["c", "d"], currentDirectory: "/tmp")
        let reading = read(
            minimal + "limits: {memory: 1GB, cpu: 50%}\nenv: {A: 1, B: '2'}\ncheckpoint: {every: 10m}\n",
            environment: [
                "HOME": "/home/ann", "RUNNER_LIMITS_CPU": "2", "RUNNER_LIMITS_MEMORY": "2GB", "RUNNER_NAME": "of-a-build-server",
            ],
            flags: flags)
        #expect(reading.notices == [])
        let spec = try #require(reading.spec)
        #expect(spec.name.text == "a")
        #expect(spec.limits.memory == ByteCount(512_000_000))
        #expect(spec.limits.cpuMilli == 2000)
        #expect(spec.command == ["c", "d"])
        #expect(spec.workdir == "/tmp/sub")
        #expect(spec.env == ["A": "${x}", "B": "2", "HOME": "/home/ann"])
        #expect(spec.checkpoint.every == nil)
        #expect(spec.checkpoint.cron == "@daily")
        #expect(
            reading.origins == [
                "name": .file("agent.yaml", line: 1), "command": .flag("--"), "limits.memory": .flag("--memory-limit"),
                "limits.cpu": .variable("RUNNER_LIMITS_CPU"), "workdir": .flag("--workdir"), "env.A": .flag("--env"),
                "env.B": .file("agent.yaml", line: 4), "env.HOME": .flag("--env"), "checkpoint.every": .flag("--set checkpoint.cron"),
                "checkpoint.cron": .flag("--set checkpoint.cron"),
            ])
    }

    @Test func mistakesInFlagsAndVariablesAreToldWhereTheyAre() {
        let reading = read(
            minimal, environment: ["RUNNER_LIMITS_MEMROY": "1GB", "RUNNER_CHECKPOINT_EVERY": "10", "RUNNER_OS": "Linux"],
            flags: SpecFlags(
                flags: [
                    .init(flag: "--memory-limit", setting: "limits.memory", text: "512"),
                    .init(flag: "--set limit.memory", setting: "limit.memory", text: "1GB"),
                    .init(flag: "--set budget.tokens", setting: "budget.tokens", text: "1"),
                ], variables: ["NOWHERE", "9=1"], command: []))
        #expect(
            reading.notices.map(\.description) == [
                "RUNNER_CHECKPOINT_EVERY: error: 'RUNNER_CHECKPOINT_EVERY=10' has no unit; did you mean '10s' or '10m'? [E-SPEC-UNIT]",
                "RUNNER_LIMITS_MEMROY: warning: 'RUNNER_LIMITS_MEMROY' is the name of no setting; did you mean 'RUNNER_LIMITS_MEMORY'? [E-SPEC-UNKNOWN]",
                "--memory-limit: error: '--memory-limit 512' has no unit; did you mean '512MB' or '512MiB'? [E-SPEC-UNIT]",
                "--set limit.memory: error: 'limit.memory' is not a setting; did you mean 'limits.memory'? [E-SPEC-UNKNOWN]",
                "--set budget.tokens: error: 'budget.tokens' is known, but this version of runner cannot act on it yet; remove it [E-SPEC-UNSUPPORTED]",
                "--env: error: 'NOWHERE' is not set here, so there is nothing to hand on; write '--env NAME=value' [E-SPEC-UNSET]",
                "--env: error: '9' is not a variable's name; names have letters, digits and '_', and do not begin with a digit [E-SPEC-VARIABLE]",
                "--: error: no program is named after '--'; write 'runner run -- program argument …' [E-SPEC-MISSING]",
            ])
    }

    @Test(
        arguments: [
            (["./agent.py"], "agent.py"), (["/opt/My Agent"], "my-agent"), (["python3", "-u", "work/agent.py", "x"], "agent.py"),
            (["python3.11", "-m", "agent"], "agent"), (["python3", "-c", "print(1)"], "python3"), (["bash"], "bash"),
            (["sleep", "10"], "sleep"),
            (["uv", "run", "main.py"], "main.py"), (["/usr/bin/---x.."], "x"), (["шум"], nil), ([], nil),
            ([String(repeating: "a", count: 80)], String(repeating: "a", count: 63)),
        ] as [([String], String?)])
    func aCommandWithoutASpecHasItsOwnName(_ row: (command: [String], name: String?)) {
        let reading = SpecReader.compose(
            directory: "/tmp", environment: [:], flags: SpecFlags(command: row.command)
        ) { _ throws(SpecFileFault) in throw SpecFileFault(why: "there is none") }
        #expect(reading.spec?.name.text == row.name)
        if row.name != nil {
            #expect(reading.spec?.command == row.command)
            #expect(reading.spec?.workdir == "/tmp")
            #expect(reading.origins["name"] == .derived("from the command"))
        } else {
            #expect(reading.notices.contains { $0.sentence.hasPrefix("the agent has no name") || $0.sentence.hasPrefix("no program") })
        }
    }

    // MARK: Showing

    @Test func theEffectiveSpecIsYAMLThatGivesTheSameSpec() throws {
        let text =
            minimal + """
                workspace: space
                env: {API_KEY: hunter2, ODD: "a\\tb \\"$$c\\" # : é\\n", EMPTY: ""}
                limits: {memory: 1.5GiB, cpu: 12.5%}
                checkpoint: {every: 1h30m, utc_offset: "-05:30", exclude: ["a b", -x]}
                stop: {signal: 40}
                recovery: {backoff: {factor: 1.5, jitter: 0.05}, escalate_after: 90061001ms}
                """
        let first = read(text)
        let spec = try #require(first.spec)
        let shown = EffectiveText.lines(EffectiveSetting.all(of: spec, origins: first.origins, secrets: .shown), origins: .shown)
        let second = read(shown.joined(separator: "\n"))
        #expect(second.notices == [])
        #expect(second.spec == spec)
        let hidden = EffectiveText.lines(EffectiveSetting.all(of: spec, origins: first.origins), origins: .shown)
        #expect(
            hidden.prefix(11).map { String($0) } == [
                "name: a                            # agent.yaml:1",
                "command: [b]                       # agent.yaml:2",
                "workdir: /home/ann/agents          # default",
                "workspace: /home/ann/agents/space  # agent.yaml:3",
                "env:",
                "  API_KEY: \"(hidden)\"              # agent.yaml:4",
                "  EMPTY: \"\"                        # agent.yaml:4",
                "  ODD: \"a\\tb \\\"$$c\\\" # : é\\n\"      # agent.yaml:4",
                "user: null                         # default",
                "priority: 0                        # default",
                "limits:",
            ])
        #expect(hidden.contains("    factor: 1.5                    # agent.yaml:8"))
        #expect(!hidden.joined().contains("hunter2"))
    }

    @Test func theEffectiveSpecAsJSONHasPlainNumbers() throws {
        let reading = read(minimal + "limits: {memory: 1MB, cpu: 50%}\ncheckpoint: {every: 1m}\n")
        let spec = try #require(reading.spec)
        let rows = EffectiveSetting.all(of: spec, origins: reading.origins)
        let json = String(decoding: try JSONText.encode(rows), as: UTF8.self)
        #expect(json.contains(#"{"origin":"agent.yaml:3","path":"limits.memory","value":1000000}"#))
        #expect(json.contains(#"{"origin":"agent.yaml:3","path":"limits.cpu","value":0.5}"#))
        #expect(json.contains(#"{"origin":"agent.yaml:4","path":"checkpoint.every","value":60}"#))
        #expect(json.contains(#"{"origin":"default","path":"health.heartbeat","value":null}"#))
        #expect(json.contains(#"{"origin":"default","path":"stop.signal","value":"SIGTERM"}"#))
    }
}
