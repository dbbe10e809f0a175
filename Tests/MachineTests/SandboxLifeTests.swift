import AgentModel
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// An ordinary life, from the launch to `vanished`, with the real kernel.
struct SandboxLifeTests {
    @Test(
        arguments: Shape.possible,
        [
            ("echo one; echo two >&2; exit 3", "one\n", "two\n", ProcessEnd.exited(3)),
            ("true", "", "", .exited(0)),
            ("echo dying; kill -9 $$", "dying\n", "", .signaled(9, outOfMemory: false)),
            ("kill -15 $$", "", "", .signaled(15, outOfMemory: false)),
            ("head -c 300000 /dev/zero | tr '\\0' x", String(repeating: "x", count: 300_000), "", .exited(0)),
            ("exec >&- 2>&-; exit 4", "", "", .exited(4)),
            // What a grandchild holds of the pipes must not keep the end from being told.
            ("sleep 1000 & echo left; exit 5", "left\n", "", .exited(5)),
        ] as [(String, String, String, ProcessEnd)])
    func outputArrivesAndTheEndIsTold(shape: Shape, life: (script: String, out: String, err: String, end: ProcessEnd)) throws {
        let fixture = try SandboxFixture()
        let told = try fixture.life(fixture.plan(shape, script: life.script))
        #expect(told.news == [.started(pid: 0), .ended(life.end), .vanished])
        #expect(told.out == life.out)
        #expect(told.err == life.err)
        #expect(KernelFiles.names(in: fixture.place.runtime) == ["doors"])
    }

    /// `%` stands for the fixture's directory.
    @Test(
        arguments: Shape.possible,
        [
            (
                ["no-such-command"], "%/work", .commandNotFound,
                "could not execute 'no-such-command': no directory of PATH has it (/usr/bin:/bin)"
            ),
            (["%/work/none"], "%/work", .commandNotFound, "could not execute '%/work/none': there is no such file"),
            (
                ["./plain"], "%/work", .notExecutable,
                "could not execute './plain': permission denied"
            ),
            (
                ["./orphan"], "%/work", .notExecutable,
                "could not execute './orphan': the interpreter or loader it names is missing"
            ),
            (
                ["./text"], "%/work", .notExecutable,
                "could not execute './text': it is neither a program for this machine nor a script with a '#!' line"
            ),
            (["true"], "%/gone", .setUp, "could not enter the working directory '%/gone': no such file or directory"),
        ] as [([String], String, LaunchFault.Kind, String)])
    func aFaultIsToldInAWholeSentence(
        shape: Shape, launch: (arguments: [String], directory: String, kind: LaunchFault.Kind, sentence: String)
    ) throws {
        let fixture = try SandboxFixture()
        func filled(_ text: String) -> String {
            text.split(separator: "%", omittingEmptySubsequences: false).joined(separator: fixture.root)
        }
        fixture.write("echo never\n", to: "work/plain", mode: 0o644)
        fixture.write("#!/no/such/interpreter\n", to: "work/orphan", mode: 0o755)
        fixture.write("just words\n", to: "work/text", mode: 0o755)
        var plan = fixture.plan(shape, launch.arguments.map(filled))
        plan.workingDirectory = filled(launch.directory)
        let told = try fixture.life(plan)
        #expect(told.news == [.failed(LaunchFault(launch.kind, filled(launch.sentence))), .vanished])
        #expect(told.out + told.err == "")
    }

    @Test func anOpenFileLimitBeyondTheKernelsIsRefused() throws {
        let fixture = try SandboxFixture()
        var plan = fixture.plan(.subreaper, ["true"])
        plan.openFileLimit = 1 << 40
        let sentence = "could not allow 1099511627776 open files: operation not permitted. Ask for fewer"
        #expect(try fixture.life(plan).news == [.failed(LaunchFault(.setUp, sentence)), .vanished])
    }

    @Test(arguments: Shape.possible)
    func theAgentHasWhatThePlanSaysAndNothingElse(shape: Shape) throws {
        let fixture = try SandboxFixture()
        var plan = fixture.plan(
            shape, script: "pwd; umask; ulimit -n; ls /proc/self/fd | tr '\\n' ' '; env | grep -v -e ^PWD= -e ^_= | sort")
        plan.openFileLimit = 77
        let told = try fixture.life(plan)
        // Descriptor 3 is the directory that ls itself reads.
        let environment = "PATH=/usr/bin:/bin\nROOT=\(fixture.root)\n\(fixture.sandboxes.mark)\n"
        #expect(told.out == "\(fixture.root)/work\n0022\n77\n0 1 2 3 " + environment)
        #expect(told.err == "")
    }

    @Test(.enabled(if: geteuid() == 0, "only root may become another user"), arguments: Shape.possible)
    func theAgentBecomesTheUser(shape: Shape) throws {
        let fixture = try SandboxFixture()
        chmod(fixture.root, 0o755)
        var plan = fixture.plan(shape, script: "id -u; id -g; id -G; echo through > /dev/stdout")
        plan.userID = 65534
        plan.groupID = 65533
        #expect(try fixture.life(plan).out == "65534\n65533\n65533\nthrough\n")
    }

    @Test(arguments: Shape.possible)
    func onlyOneSandboxOfAnAgentLives(shape: Shape) throws {
        let fixture = try SandboxFixture()
        let first = try fixture.start(fixture.plan(shape, script: "echo up; exec sleep 1000"))
        let sentence = "could not start a second sandbox: one of this agent still lives. Adopt it, or wait for its end"
        #expect(throws: LaunchFault(.system, sentence)) { try fixture.sandboxes.launch(fixture.plan(shape, ["true"])) }
        fixture.replaceSupervisor()
        #expect(throws: LaunchFault(.system, sentence)) { try fixture.sandboxes.launch(fixture.plan(shape, ["true"])) }
        let adopted = try #require(try fixture.sandboxes.adopt(fixture.agent, doorsDirectory: fixture.place.doors))
        #expect(adopted.pid == first.pid)
        fixture.sandboxes.kill(adopted.id)
        let news = fixture.summary(fixture.events { $0 == .sandbox(adopted.id, .vanished) }).news
        #expect(news == [.ended(.signaled(9, outOfMemory: false)), .vanished])
        #expect(try fixture.life(fixture.plan(shape, ["true"])).news == [.started(pid: 0), .ended(.exited(0)), .vanished])
    }

    @Test func aMissingInitIsAFault() throws {
        let fixture = try SandboxFixture()
        let sandboxes = LinuxSandboxes(loop: fixture.loop, place: fixture.place, initPath: "/no/init")
        let sentence = "could not start the sandbox with '/no/init': no such file or directory"
        #expect(throws: LaunchFault(.system, sentence)) { try sandboxes.launch(fixture.plan(.subreaper, ["true"])) }
        #expect(KernelFiles.names(in: fixture.place.runtime) == ["doors"])
    }

    @Test func fiftyQuickStartsLeaveNothing() throws {
        let fixture = try SandboxFixture()
        let shape: Shape = canIsolate ? .namespaces : .subreaper
        let plan = try fixture.savedPlan(fixture.plan(shape, script: "echo up; exec sleep 1000", groups: hasGroups ? hostGroups : nil))
        let told = try fixture.run([SandboxFixture.driverPath, "measure", "50", fixture.place.runtime, SandboxFixture.initPath, plan])
        #expect(told.split(separator: "\n").last == "left: 0 descriptors, children ''")
        #expect(told.contains("death to vanished") && told.contains("of 50"))
        #expect(KernelFiles.names(in: fixture.place.runtime) == ["doors"])
        let planned = fixture.plan(shape, ["true"], groups: hostGroups).controlGroup
        for path in planned.flatMap({ ControlGroup($0) })?.paths ?? [] { #expect(!KernelFiles.isDirectory(path)) }
    }
}
