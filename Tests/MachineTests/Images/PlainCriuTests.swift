import AgentModel
import CheckpointArchives
import CriuDriver
import CriuImages
import CriuRequests
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// Images of ours restored by plain CRIU, and images of plain CRIU restored by us.
@Suite(.serialized, .enabled(if: hasCriu, "needs criu"))
struct PlainCriuTests {
    /// Counts, in a child too, with a connection to the outside and a file in its hands; ends at a number.
    private static let counting = """
        import os, socket, subprocess, sys, time
        door = socket.socket(socket.AF_UNIX); door.connect("/run/runner/agent.sock")
        held = open("held", "a+")
        child = subprocess.Popen(["sh", "-c", "while read l; do echo $l; done"], stdin=-1, stdout=-1)
        secret = os.urandom(4).hex(); n = 0
        while n < 400 or os.path.exists("endless"):
            n += 1
            child.stdin.write(b"%d\\n" % n); child.stdin.flush()
            assert int(child.stdout.readline()) == n
            print(n, secret, os.getpid(), flush=True)
            time.sleep(.005)
        print("over", secret, door.recv(1) == b"", flush=True)
        """

    private static var criu: String { criuFinding.chosen?.path ?? "criu" }

    /// A shell in which `criu` is the one that works here, with an end for it and all it started. - Returns: what it writes.
    private func shell(_ stage: CriuStage, _ script: String) throws -> String {
        let directory = String(Self.criu.prefix(upTo: Self.criu.lastIndex(of: "/") ?? Self.criu.endIndex))
        return try stage.fixture.run(["/usr/bin/timeout", "-s", "KILL", "60", "/bin/bash", "-c", "PATH=\(directory):$PATH; \(script)"])
    }

    @Test func theCommandInTheTextRestoresAnExport() throws {
        try onOwnThread {
            let stage = try CriuStage()
            try stage.world.open(.agent)
            stage.fixture.write("", to: "work/endless")
            let plan = stage.fixture.plan(.namespaces, ["python3", "-c", Self.counting])
            let agent = try stage.launch(plan)
            try stage.hear(20)
            let images = stage.newImages()
            let dump = try stage.dump(agent, into: images)
            #expect(dump.tree.connections.count == 1)
            let cut = try #require(stage.lines.last?.split(separator: " "))
            try stage.crash(agent.id)
            _ = unlink(stage.fixture.root + "/work/endless")

            let instructions = RestoreInstructions(agent: stage.fixture.agent, version: VersionNumber(1), tree: dump.tree, workspace: nil)
            let block = instructions.text.split(separator: "\n", omittingEmptySubsequences: false).filter { $0.hasPrefix("    ") }
            let command = block.map { $0.dropFirst(4) }.joined(separator: "\n")
            let lines = try shell(stage, "cd '\(images)'; \(command)").split(separator: "\n").map { $0.split(separator: " ") }
            let first = try #require(lines.first { $0.count == 3 }, "\(lines)")
            // It went on from the cut with the memory and the number it had, and learnt that nobody is at the other end.
            let begun = try #require(Int(first[0]))
            let last = try #require(Int(cut[0]))
            #expect(abs(begun - last) <= 2 && first[1] == cut[1] && first[2] == cut[2], "\(cut) \(first)")
            #expect(lines.last == ["over", cut[1], "True"], "\(lines.suffix(2))")
        }
    }

    @Test func aDumpOfPlainCriuIsRestoredByUs() throws {
        try onOwnThread {
            let stage = try CriuStage()
            stage.fixture.write("", to: "work/endless")
            let images = stage.newImages()
            let script = Self.counting.replacing(
                #"door = socket.socket(socket.AF_UNIX); door.connect("/run/runner/agent.sock")"#, with: "door = open(os.devnull, 'rb')"
            )
            .replacing("door.recv(1)", with: "door.read(1)")
            stage.fixture.write(script, to: "work/agent.py")
            // A world of its own for the program and for CRIU beside it, as in any container; nothing of ours is in it.
            let inside = """
                cd '\(stage.fixture.root)/work'
                echo 1499 > /proc/sys/kernel/ns_last_pid
                exec 8< <(exec setsid python3 agent.py < /dev/null 2>&1)
                agent=$!
                for line in {1..20}; do read -r <&8; done
                criu dump --no-default-config -t $agent -D '\(images)' --file-locks --manage-cgroups=ignore -v1
                cat <&8 > ../said
                """
            stage.fixture.write(inside, to: "dump.sh")
            let said = try shell(
                stage, "unshare --pid --mount --fork --mount-proc --kill-child bash '\(stage.fixture.root)/dump.sh' 2>&1")
            let written = try #require(KernelFiles.text(stage.fixture.root + "/said", limit: 1 << 20), "\(said)")
            let cut = try #require(written.split(separator: "\n").last?.split(separator: " "))

            let set = try directory(images)
            #expect(Check.check(set).filter { $0.severity == .error } == [], "\(said)")
            let outside = try #require(SetOutside(of: set))
            #expect(outside.obstacle == nil && outside.outputPipe != nil && outside.sockets == [])
            let tree = DumpedTree(of: outside)
            let plan = stage.fixture.plan(.namespaces, ["never", "executed"])
            let restored = try stage.restore(plan, from: images, tree)
            try stage.hear(20)
            let first = try #require(stage.lines.first?.split(separator: " "))
            let (begun, last) = (try #require(Int(first[0])), try #require(Int(cut[0])))
            #expect(abs(begun - last) <= 2 && first[1] == cut[1] && first[2] == cut[2], "\(cut) \(first)")
            try stage.crash(restored.sandbox)
        }
    }

    private func directory(_ path: String) throws -> ImageDirectory {
        let disk = try LinuxDisk(at: path, create: false)
        let files = try disk.names(in: nil).compactMap { name -> ImageFile? in
            guard let file = DiskPath(name), let entry = try disk.entry(at: file), entry.kind == .file else { return nil }
            let bytes = try disk.read(file, limit: .mebibytes(512))
            return ImageFile(name: name, size: UInt64(bytes.count)) { (offset, count) throws(ImageFault) in
                guard offset + UInt64(count) <= UInt64(bytes.count) else { throw ImageFault(.truncated, "it ends") }
                return Array(bytes[Int(offset)..<Int(offset) + count])
            }
        }
        return ImageDirectory(name: path, files: files)
    }
}
