import AgentModel
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// What an agent in namespaces of its own sees of the machine.
@Suite(.enabled(if: canIsolate, "namespaces need root with CAP_SYS_ADMIN"))
struct SandboxViewTests {
    @Test func theNamespacesAreNew() throws {
        let fixture = try SandboxFixture()
        let script =
            "for n in pid mnt ipc uts net; do readlink /proc/self/ns/$n; done; hostname; echo $$; cat /proc/1/comm; set -- /proc/[0-9]*; echo $#"
        let lines = try fixture.life(fixture.plan(.namespaces, script: script)).out.split(separator: "\n").map(String.init)
        try #require(lines.count == 9)
        for (name, line) in zip(["pid", "mnt", "ipc", "uts"], lines) {
            #expect(line.hasPrefix(name + ":[") && line != Self.link("/proc/self/ns/" + name))
        }
        #expect(lines[4] == Self.link("/proc/self/ns/net"))
        #expect(lines[5] == "box")
        #expect(lines[6] == "1000")
        #expect(lines[7] == "runner-init")
        #expect(lines[8] == "2")  // init and the shell: nothing of the host
    }

    @Test func theDoorsAreShownAndTheHiddenIsNot() throws {
        let fixture = try SandboxFixture()
        fixture.write("knock", to: "run/doors/note")
        fixture.write("secret", to: "hidden/secret")
        let script =
            "cat /run/runner/note; echo; ls -A $ROOT/hidden | wc -l; touch $ROOT/hidden/new; echo back > /run/runner/reply; cat $ROOT/work/own"
        fixture.write("mine\n", to: "work/own")
        var plan = fixture.plan(.namespaces, script: script)
        // The runtime directory holds the doors: shown all the same. One that is not there needs no cover.
        plan.hiddenDirectories += [fixture.place.runtime, fixture.root + "/nothing-here"]
        let told = try fixture.life(plan)
        #expect(told.out == "knock\n0\nmine\n")
        #expect(KernelFiles.text(fixture.root + "/run/doors/reply") == "back\n")
        #expect(KernelFiles.names(in: fixture.root + "/hidden") == ["secret"])
    }

    @Test func aDirectoryIsSeenInAnothersPlace() throws {
        let fixture = try SandboxFixture()
        _ = KernelFiles.makeDirectories(fixture.root + "/hidden/copy/deep")
        fixture.write("the host's\n", to: "work/file")
        fixture.write("the copy's\n", to: "hidden/copy/file")
        let script = "cat file; echo new > written; ls -A $ROOT/hidden | wc -l; cat $ROOT/more/file; ls $ROOT/more"
        var plan = fixture.plan(.namespaces, script: script)
        plan.binds = [
            .init(host: fixture.root + "/hidden/copy", inside: fixture.root + "/work"),
            .init(host: fixture.root + "/hidden/copy", inside: fixture.root + "/more"),  // made, for it is not there
        ]
        #expect(try fixture.life(plan).out == "the copy's\n0\nthe copy's\ndeep\nfile\nwritten\n")
        #expect(KernelFiles.names(in: fixture.root + "/work") == ["file"])
        #expect(KernelFiles.text(fixture.root + "/hidden/copy/written") == "new\n")

        plan.binds = [.init(host: fixture.root + "/nothing", inside: fixture.root + "/work")]
        let sentence = "could not show '\(fixture.root)/nothing' as '\(fixture.root)/work': no such file or directory"
        #expect(try fixture.life(plan).news == [.failed(LaunchFault(.setUp, sentence)), .vanished])
    }

    @Test func withoutANetworkThereIsOnlyALoopback() throws {
        let fixture = try SandboxFixture()
        let script = """
            import os, socket
            print(os.readlink("/proc/self/ns/net") != os.environ["NET"], sorted(n for _, n in socket.if_nameindex()))
            a = socket.socket(); a.bind(("127.0.0.1", 0)); a.listen(); socket.create_connection(a.getsockname())
            b = socket.socket(); b.bind(("192.0.2.7", 8080)); b.listen()
            try: socket.create_connection(("192.0.2.8", 80), timeout=5)
            except OSError as fault: print(fault.strerror)
            """
        var plan = fixture.plan(.namespaces, ["python3", "-c", script])
        plan.network = .none
        plan.environment.append(.init(name: "NET", value: Self.link("/proc/self/ns/net")))
        let told = try fixture.life(plan)
        #expect(told.out == "True ['lo']\nNetwork is unreachable\n", "\(told.err)")
        #expect(told.news.dropFirst() == [.ended(.exited(0)), .vanished])
    }

    /// A terminal that the host or another sandbox made has its number there, not here.
    @Test func terminalsAreNumberedFromTheBeginning() throws {
        let fixture = try SandboxFixture()
        let host = try Child(["/usr/bin/env", "python3", "-c", "import os, time; os.openpty(); print(1, flush=True); time.sleep(60)"])
        #expect(host.line() == "1")
        let script = "import os; print(os.ttyname(os.openpty()[1]))"
        #expect(try fixture.life(fixture.plan(.namespaces, ["python3", "-c", script])).out == "/dev/pts/0\n")
    }

    /// `%` stands for the fixture's directory.
    @Test(arguments: [
        (
            "%/hidden/inner", "%/run/doors",
            "could not keep the working directory '%/hidden/inner': it lies in a directory that is hidden from agents. Move it out of there"
        ),
        (
            "%/hidden", "%/run/doors",
            "could not keep the working directory '%/hidden': it lies in a directory that is hidden from agents. Move it out of there"
        ),
        ("%/work", "%/no-doors", "could not show '%/no-doors' as '/run/runner': no such file or directory"),
    ])
    func aViewThatCannotBeMadeIsTold(directory: String, doors: String, sentence: String) throws {
        let fixture = try SandboxFixture()
        func filled(_ text: String) -> String {
            text.split(separator: "%", omittingEmptySubsequences: false).joined(separator: fixture.root)
        }
        _ = KernelFiles.makeDirectories(fixture.root + "/hidden/inner")
        var plan = fixture.plan(.namespaces, ["true"])
        plan.workingDirectory = filled(directory)
        plan.doorsDirectory = filled(doors)
        #expect(try fixture.life(plan).news == [.failed(LaunchFault(.setUp, filled(sentence))), .vanished])
    }

    private static func link(_ path: String) -> String {
        var target = [CChar](repeating: 0, count: 256)
        let count = readlink(path, &target, target.count)
        return String(decoding: target.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
