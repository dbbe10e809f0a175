import AgentModel
import Checkpoints
import Glibc
import OutsideWorld
import Testing

@testable import LinuxWorld

/// The store and those who mean it ill: death at any moment, and somebody in the workspace while it is restored.
@Suite struct StoreUnderAttackTests {
    /// A child that does not outlive the object.
    private final class Child {
        let pid: pid_t
        let output: Int32

        init(_ path: String, _ arguments: [String]) throws {
            let pipe = try makePipe()
            output = pipe.readEnd
            let writeEnd = Descriptor(pipe.writeEnd)
            let nothing = Descriptor(open("/dev/null", O_RDWR | O_CLOEXEC))
            pid = try spawn(
                path, arguments: [path] + arguments, environment: ["PATH=/usr/bin:/bin"], descriptors: [nothing.raw, writeEnd.raw, 2])
        }

        func kill() {
            Glibc.kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }

        /// What it writes until it has written so many lines.
        func lines(_ count: Int) -> String {
            var bytes: [UInt8] = []
            while bytes.count(where: { $0 == UInt8(ascii: "\n") }) < count, case .success(let part) = readSome(output, 1 << 16),
                !part.isEmpty
            {
                bytes += part
            }
            return String(decoding: bytes, as: UTF8.self)
        }

        /// What it wrote, till it ends.
        func rest() -> String {
            var bytes: [UInt8] = []
            while case .success(let part) = readSome(output, 1 << 16), !part.isEmpty { bytes += part }
            return String(decoding: bytes, as: UTF8.self)
        }

        deinit { close(output) }
    }

    // MARK: kill -9

    /// At many moments of commits, packs, restores, removals and collections; at more of them with CHURN_ROUNDS=500. Whatever was said to be done is done, and nothing is half done.
    @Test func aWriterKilledAnywhereLosesNothingItSaid() throws {
        try onOwnThread {
            let scratch = try ScratchDirectory()
            let (path, work) = (scratch.path + "/store", scratch.path + "/work")
            let agent = try #require(AgentName("churn"))
            var random = SystemRandomNumberGenerator()
            var newest: UInt64 = 0
            for round in 0..<(getenv("CHURN_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 40) {
                let child = try Child(SandboxFixture.driverPath, ["churn", path, work])
                let begun = child.lines(round % 5)
                // Not a wait for something: the moment of death is what varies.
                usleep(UInt32.random(in: 0...60_000, using: &random))
                child.kill()
                let said = begun + child.rest()
                try #require(!said.contains("fault"), "round \(round): \(said)")
                let committed = said.split(separator: "\n").compactMap { line -> UInt64? in
                    let words = line.split(separator: " ")
                    return words.first == "committed" && words.count == 3 ? UInt64(words[1]) : nil
                }
                for number in committed {
                    #expect(number > newest, "round \(round): number \(number) after \(newest)")
                    newest = number
                }
                newest = try check(path, work, agent, newest: newest, gone: said)
            }
            #expect(newest > 5)
        }
    }

    /// - Returns: the newest number there is.
    private func check(_ path: String, _ work: String, _ agent: AgentName, newest: UInt64, gone: String) throws -> UInt64 {
        guard access(path, F_OK) == 0 else { return newest }
        let store = try CheckpointStore.open(try LinuxDisk(at: path, create: false), create: true) { "0123456789abcdef" }
        guard try store.agents().contains(agent) else { return newest }
        let lock = try store.lock(agent, holder: "test")
        defer { lock.release() }
        _ = try store.recover(agent)
        #expect(try store.disk.names(in: "staging").isEmpty && store.disk.names(in: "trash").isEmpty)
        let versions = try store.versions(of: agent)
        for version in versions {
            try store.verify(agent, version.version)
            #expect(!gone.contains("removed \(version.version)\n"))
            #expect(try store.state(agent, version.version).bytes == Array("\(version.step ?? 0)".utf8))
        }
        if newest > 0 { #expect(versions.contains { $0.version.number == newest } || versions.contains { $0.version.number > newest }) }
        if let unfinished = try store.unfinishedRestore(agent), let disk = try? LinuxDisk(at: work, create: false) {
            try store.restoreWorkspace(agent, unfinished, to: disk, excluded: [])
            #expect(try store.planRestore(agent, unfinished, to: disk, excluded: []).steps.isEmpty)
            let step = try store.manifest(agent, unfinished).step ?? 0
            #expect(try disk.read("step", limit: .kibibytes(1)) == Array("\(step)".utf8))
        }
        return max(newest, versions.last?.version.number ?? 0)
    }

    // MARK: Links

    /// Somebody swaps directories for links out of the workspace all the while. Nothing outside is touched, whatever the restore says.
    @Test func aRestoreIsNotLedOutByLinksThatComeAndGo() throws {
        try onOwnThread {
            let place = try StoreOnLinuxTests.Place()
            let outside = place.scratch.path + "/outside"
            try place.shell(
                "mkdir -p a/b; for i in 1 2 3 4 5 6 7 8; do echo $i > a/b/$i; echo $i > a/$i; done; mkdir -p ../outside/b; echo secret > ../outside/1; echo secret > ../outside/b/1; chmod 0711 ../outside"
            )
            let before = try LookedAt(place.work)
            let version = try place.take()
            let untouched = try LookedAt(outside)
            let swap = """
                use strict; chdir $ARGV[0]; for (;;) {
                  rename 'a', 'x' and symlink '../outside', 'a'; unlink 'a'; rename 'x', 'a';
                  rename 'a/b', 'y' and symlink '../../outside/b', 'a/b'; unlink 'a/b'; rename 'y', 'a/b';
                  rename 'a/1', 'z' and symlink '../../outside/1', 'a/1'; unlink 'a/1'; rename 'z', 'a/1';
                }
                """
            let attacker = try Child("/usr/bin/perl", ["-e", swap, place.work])
            for round in 0..<60 {
                // Work for the restore to do: files to replace, to remove, to make, modes and times to set.
                let name = try #require(DiskPath("a/b/\(round % 8 + 1)"))
                try? place.workspace.replace(name, with: Array("changed".utf8), mode: 0o666)
                try? place.workspace.replace("a/extra", with: [1])
                // Refused or done: what counts is what lies outside.
                _ = try? place.restore(version)
            }
            attacker.kill()
            #expect(try LookedAt(outside) == untouched)
            try place.shell("rm -rf x y z a/x a/y a/z")
            _ = try place.restore(version)
            #expect(try LookedAt(place.work) == before)
        }
    }

    /// The agent made another name for a file that is not its own. What a restore wants of it, it does to a new file.
    @Test func aHardLinkOutOfTheWorkspaceIsReplacedNotChanged() throws {
        try onOwnThread {
            let place = try StoreOnLinuxTests.Place()
            try place.shell("echo content > file; chmod 0666 file; echo content > ../theirs; chmod 0600 ../theirs")
            let version = try place.take()
            let theirs = try Shell.output("stat -c '%a %u %i %Y' \"$0/../theirs\"", place.work)
            try place.shell("ln -f ../theirs file")
            #expect(try place.restore(version).steps.map(\.change) == [.changed])
            #expect(try Shell.output("stat -c '%a %u %i %Y' \"$0/../theirs\"", place.work) == theirs)
            try place.shell("test $(stat -c %a file) = 666 && test $(stat -c %h file) = 1")
        }
    }

    /// What an agent may leave under the name of its state file.
    @Test func aStateFileThatIsNoneIsRefusedAtOnce() throws {
        let place = try StoreOnLinuxTests.Place()
        let staging = try LinuxDisk(at: place.scratch.path + "/staging", create: true)
        try Shell.output(
            "cd \"$0\"; mkfifo fifo; ln -s /etc/passwd link; mkdir directory; perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un(\"socket\")) or die'; truncate -s 1T huge",
            place.scratch.path + "/staging")
        for name: DiskPath in ["fifo", "link", "directory", "socket", "huge", "none"] {
            var request = place.request(limit: .mebibytes(1))
            let size: UInt64 = name == "huge" ? 1 << 40 : 10
            request.cooperative = CooperativePart(
                state: .file(disk: staging, path: name, size: size, sha256: [UInt8](repeating: 0, count: 32)), schema: nil)
            #expect(throws: StoreFault.self, "\(name)") { try place.store.cut(request, stagingID: "s") }
        }
        #expect(try place.disk.names(in: "staging") == [])
    }
}
