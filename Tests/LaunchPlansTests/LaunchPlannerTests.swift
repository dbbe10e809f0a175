import AgentModel
import AgentSpecs
import LaunchPlans
import Testing

@Suite struct LaunchPlannerTests {
    static func facts(
        user: UInt32 = 0, namespaces: HostFacts.Availability = .available,
        groups: HostFacts.ControlGroups = .v2(root: "/sys/fs/cgroup", controllers: ["memory", "cpu", "pids"])
    ) -> HostFacts {
        HostFacts(
            userID: user, groupID: user, kernelRelease: "6.1.0", hostName: "box", processors: 2, memory: ByteCount(8_000_000_000),
            namespaces: namespaces, controlGroups: groups, sandboxInit: .available, bootID: "b")
    }

    static let place = LaunchPlace(
        runtimeDirectory: "/run/runner/0123456789abcdef", storeDirectory: "/var/lib/runner", storeIdentity: "0123456789abcdef",
        specFile: "/srv/a/agent.yaml",
        environment: ["PATH": "/usr/bin", "HOME": "/root", "LANG": "C.UTF-8", "TERM": "xterm", "OPENAI_API_KEY": "not handed on"],
        accounts: [Account(name: "ann", userID: 1000, groupID: 1001, home: "/home/ann")])

    static func spec(_ change: (inout AgentSpec) -> Void = { _ in }) throws -> AgentSpec {
        var spec = AgentSpec(
            name: try #require(AgentName("agent-7")), command: ["python3", "my agent.py"], workdir: "/srv/a", env: ["API_KEY": "hunter2"],
            workspace: "/srv/a/space")
        change(&spec)
        return spec
    }

    // MARK: Whole plans

    @Test func rootWithEverythingGetsNamespacesAndAGroup() throws {
        let spec = try Self.spec {
            $0.limits.memory = ByteCount(512_000_000)
            $0.limits.cpuMilli = 500
            $0.limits.processes = 64
            $0.limits.openFiles = 1024
            $0.health.heartbeat = .seconds(30)
            $0.user = "ann"
        }
        let plan = try LaunchPlanner(spec: spec, facts: Self.facts(), place: Self.place).plan(
            from: .version(VersionNumber(41)), incarnation: 3)
        let wanted = LaunchPlan(
            agent: spec.name, origin: .version(VersionNumber(41)), incarnation: 3, arguments: ["python3", "my agent.py"],
            environment: [
                .init(name: "API_KEY", value: "hunter2"), .init(name: "HOME", value: "/home/ann"), .init(name: "LANG", value: "C.UTF-8"),
                .init(name: "NOTIFY_SOCKET", value: "/run/runner/notify.sock"), .init(name: "PATH", value: "/usr/bin"),
                .init(name: "RUNNER_AGENT", value: "agent-7"), .init(name: "RUNNER_INCARNATION", value: "3"),
                .init(name: "RUNNER_RESTORED_FROM", value: "41"), .init(name: "RUNNER_SOCKET", value: "/run/runner/agent.sock"),
                .init(name: "RUNNER_STAGING", value: "/run/runner/staging"), .init(name: "TERM", value: "xterm"),
                .init(name: "WATCHDOG_USEC", value: "30000000"),
            ],
            workingDirectory: "/srv/a", userID: 1000, groupID: 1001, isolation: .namespaces(hostName: "box"),
            controlGroup: .init(
                host: .v2(root: "/sys/fs/cgroup", controllers: ["memory", "cpu", "pids"]), path: "runner/0123456789abcdef/agent-7",
                memoryLimit: ByteCount(512_000_000), cpuLimitMilli: 500, processLimit: 64),
            doorsDirectory: "/run/runner/0123456789abcdef/agent-7/doors", doorsInside: "/run/runner",
            hiddenDirectories: ["/var/lib/runner"],
            openFileLimit: 1024, adoptWithin: .seconds(60), stopSignal: 15, stopDeadline: .seconds(10), losses: [])
        #expect(plan == wanted)
        #expect(try JSONText.decode(LaunchPlan.self, from: try JSONText.encode(plan)) == plan)
        #expect(
            plan.lines() == [
                "agent        agent-7, incarnation 3, from version 41",
                "command      python3 'my agent.py'",
                "directory    /srv/a",
                "user         1000, group 1001",
                "isolation    own process, mount, ipc and uts namespaces, host name box",
                "group        runner/0123456789abcdef/agent-7 (control groups version 2)",
                "limits       memory 512MB, CPU 50%, 64 processes",
                "open files   at most 1024",
                "doors        /run/runner/0123456789abcdef/agent-7/doors, seen inside as /run/runner",
                "hidden       /var/lib/runner",
                "stop         SIGTERM, after 10s SIGKILL",
                "alone        without a runner it is stopped after 1m",
                "environment  API_KEY=(hidden)",
                "environment  HOME=/home/ann",
                "environment  LANG=C.UTF-8",
                "environment  NOTIFY_SOCKET=/run/runner/notify.sock",
                "environment  PATH=/usr/bin",
                "environment  RUNNER_AGENT=agent-7",
                "environment  RUNNER_INCARNATION=3",
                "environment  RUNNER_RESTORED_FROM=41",
                "environment  RUNNER_SOCKET=/run/runner/agent.sock",
                "environment  RUNNER_STAGING=/run/runner/staging",
                "environment  TERM=xterm",
                "environment  WATCHDOG_USEC=30000000",
            ])
    }

    @Test func withoutRightsEveryLossIsSaid() throws {
        let spec = try Self.spec {
            $0.limits.memory = ByteCount(512_000_000)
            $0.limits.cpuMilli = 400_000
        }
        let facts = Self.facts(
            user: 1000, namespaces: .missing("only root may make them"), groups: .none("no group is delegated to user 1000"))
        let plan = try LaunchPlanner(spec: spec, facts: facts, place: Self.place).plan(from: .clean, incarnation: 1)
        #expect(plan.isolation == .subreaper(because: "only root may make them"))
        #expect(plan.controlGroup == nil)
        #expect(plan.hiddenDirectories == [])
        #expect(plan.doorsInside == plan.doorsDirectory)
        #expect(plan.environment.contains(.init(name: "RUNNER_SOCKET", value: "/run/runner/0123456789abcdef/agent-7/doors/agent.sock")))
        #expect(!plan.environment.contains { $0.name == "RUNNER_RESTORED_FROM" || $0.name == "WATCHDOG_USEC" })
        #expect(
            plan.losses == [
                "the memory limit of 512MB is not kept: no group is delegated to user 1000",
                "the CPU limit of 40000% is not kept: no group is delegated to user 1000",
                "the CPU limit of 40000% is more than the 2 processors this host has",
            ])
        #expect(plan.lines().contains("isolation    none but supervision of the whole process tree: only root may make them"))
        #expect(plan.lines().contains("limits       none: there is no control group"))
        #expect(plan.lines().last == "lost         the CPU limit of 40000% is more than the 2 processors this host has")
    }

    @Test func aControllerThatIsMissingLosesOnlyItsLimit() throws {
        let spec = try Self.spec {
            $0.limits.memory = ByteCount(9_000_000_000)
            $0.limits.processes = 5
        }
        let groups = HostFacts.ControlGroups.v1(["memory": "/sys/fs/cgroup/memory", "freezer": "/sys/fs/cgroup/freezer"])
        let plan = try LaunchPlanner(spec: spec, facts: Self.facts(groups: groups), place: Self.place).plan(from: .clean, incarnation: 1)
        #expect(plan.controlGroup?.memoryLimit == ByteCount(9_000_000_000))
        #expect(plan.controlGroup?.processLimit == nil)
        #expect(
            plan.losses == [
                "the limit of 5 processes is not kept: the control group controller 'pids' is not available here",
                "the memory limit of 9GB is more than the 8.0 GB this host has",
            ])
    }

    // MARK: Hiding

    @Test(arguments: [
        ("/var/lib/runner", "/run/runner/x", ["/var/lib/runner"], []),
        ("/srv/a/.state/runner", "/run/user/0/runner/x", ["/srv/a/.state/runner", "/run/user/0/runner/x"], []),
        ("/srv", "/run/runner/x", [], ["'/srv' cannot be hidden from the agent, because its working directory '/srv/a' lies in it"]),
        (
            "/var/lib/runner", "/etc", ["/var/lib/runner"],
            ["'/etc' cannot be hidden from the agent, because its spec '/etc/agents/agent.yaml' lies in it"]
        ),
        ("/opt", "/run/runner", [], ["'/opt' cannot be hidden from the agent, because its program '/opt/bin/agent' lies in it"]),
    ])
    func whatTheAgentNeedsIsNeverHidden(_ row: (store: String, runtime: String, hidden: [String], losses: [String])) throws {
        let spec = try Self.spec {
            $0.workspace = nil
            $0.command = ["/opt/bin/agent"]
        }
        var place = Self.place
        place.storeDirectory = row.store
        place.runtimeDirectory = row.runtime
        place.specFile = "/etc/agents/agent.yaml"
        let plan = try LaunchPlanner(spec: spec, facts: Self.facts(), place: place).plan(from: .clean, incarnation: 1)
        #expect(plan.hiddenDirectories == row.hidden)
        #expect(plan.losses == row.losses)
    }

    /// A fork's. The agent does not need it.
    @Test func aSpecInTheStoreIsHiddenWithIt() throws {
        var place = Self.place
        place.storeDirectory = "/var/lib/runner"
        place.specFile = "/var/lib/runner/agents/other/agent.yaml"
        let plan = try LaunchPlanner(spec: Self.spec { $0.workspace = nil }, facts: Self.facts(), place: place).plan(
            from: .clean, incarnation: 1)
        #expect(plan.hiddenDirectories.contains("/var/lib/runner") && !plan.losses.contains { $0.contains("cannot be hidden") })
    }

    // MARK: Refusals

    static let deepRuntime = "/run/" + String(repeating: "x", count: 80)

    struct Refusal: Sendable {
        var user: String?
        var runnerUser: UInt32 = 0
        var workspace = "/srv/a/space"
        var store = "/var/lib/runner"
        var runtime = "/run/runner/0123456789abcdef"
        var sentence: String
    }

    @Test(arguments: [
        Refusal(
            user: "bob",
            sentence: "could not start 'agent-7' as user 'bob': /etc/passwd has no such user. Name one it has, or a number [E-LAUNCH-USER]"),
        Refusal(
            user: "ann", runnerUser: 1001,
            sentence:
                "could not start 'agent-7' as user 'ann': the runner is user 1001, and only root may become another. Start the runner as root, or remove 'user' [E-LAUNCH-USER]"
        ),
        Refusal(
            workspace: "/home/ann", store: "/home/ann/.local/state/runner",
            sentence:
                "could not start 'agent-7': its workspace '/home/ann' holds the store '/home/ann/.local/state/runner', so every version would hold all before it. Choose a smaller workspace, or another store with --store [E-LAUNCH-WORKSPACE]"
        ),
        Refusal(
            workspace: "/var/lib/runner/w",
            sentence:
                "could not start 'agent-7': its workspace '/var/lib/runner/w' lies in the store '/var/lib/runner', which belongs to the runner. Choose another workspace [E-LAUNCH-WORKSPACE]"
        ),
        Refusal(
            runtime: Self.deepRuntime,
            sentence:
                "could not start 'agent-7': the socket's path '\(Self.deepRuntime)/agent-7/doors/notify.sock' has 111 bytes and the kernel takes 107. Choose a shorter name, or a shorter XDG_RUNTIME_DIR [E-LAUNCH-PATH]"
        ),
    ])
    func whatMustNotBeStartedIsRefused(_ row: Refusal) throws {
        let spec = try Self.spec {
            $0.user = row.user
            $0.workspace = row.workspace
        }
        var place = Self.place
        place.storeDirectory = row.store
        place.runtimeDirectory = row.runtime
        let planner = LaunchPlanner(spec: spec, facts: Self.facts(user: row.runnerUser), place: place)
        #expect { try planner.plan(from: .clean, incarnation: 1) } throws: { ($0 as? PlanFault)?.description == row.sentence }
    }

    @Test func aFenceIsPartOfThePlanOrNothingIsStarted() throws {
        let spec = try Self.spec {
            $0.sandbox.network = .none
            $0.sandbox.workspaceAt = "/srv/b/space/"
        }
        let plan = try LaunchPlanner(spec: spec, facts: Self.facts(), place: Self.place).plan(from: .clean, incarnation: 1)
        #expect(plan.network == .none && plan.purpose == .life)
        #expect(plan.binds == [.init(host: "/srv/a/space", inside: "/srv/b/space")])
        #expect(plan.lines().contains("bound        /srv/a/space, seen inside as /srv/b/space"))
        #expect(plan.lines().contains("network      none but a loopback"))
        let alone = LaunchPlanner(spec: spec, facts: Self.facts(namespaces: .missing("only root may make them")), place: Self.place)
        let sentence =
            "could not start 'agent-7' without a network: that takes namespaces, and only root may make them. Run as root, or take it out of the spec [E-LAUNCH-FENCE]"
        #expect { try alone.plan(from: .clean, incarnation: 1) } throws: { ($0 as? PlanFault)?.description == sentence }

        let copy = LaunchPlan.Bind(host: "/copy", inside: "/srv/b/space")
        let rehearsal = plan.rehearsal(doorsDirectory: "/run/doors", copy: copy, covering: ["/srv/s"])
        #expect(rehearsal.binds == [copy])
        #expect(rehearsal.purpose == .rehearsal && rehearsal.adoptWithin == .zero && rehearsal.hiddenDirectories.last == "/srv/s")
        #expect(rehearsal.controlGroup?.path == (plan.controlGroup?.path ?? "") + "@rehearsal")
        #expect(try JSONText.decode(LaunchPlan.self, from: try JSONText.encode(rehearsal)) == rehearsal)
    }

    @Test func usersByNumberNeedNoEntryAndPasswdIsRead() throws {
        let spec = try Self.spec { $0.user = "4242" }
        let plan = try LaunchPlanner(spec: spec, facts: Self.facts(), place: Self.place).plan(from: .clean, incarnation: 1)
        #expect(plan.userID == 4242)
        #expect(plan.groupID == 4242)
        let passwd = "root:x:0:0:root:/root:/bin/bash\n# note\nann:x:1000:1001::/home/ann:/bin/sh\nbad:x:-1:0:::\n"
        #expect(
            Account.all(inPasswd: Array(passwd.utf8)) == [
                Account(name: "root", userID: 0, groupID: 0, home: "/root"),
                Account(name: "ann", userID: 1000, groupID: 1001, home: "/home/ann"),
            ])
    }
}
