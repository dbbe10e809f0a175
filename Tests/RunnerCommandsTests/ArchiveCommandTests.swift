import AgentModel
import AgentSpecs
import Checkpoints
import CriuRequests
import Foundation
import OutsideWorld
import SimulatedWorld
import Testing

@testable import RunnerCommands

/// Versions on their way out and in.
@Suite struct ArchiveCommandTests {
    private func export(_ words: String...) throws -> Stage {
        let stage = try Stage(["export"] + words)
        try stage.storeProcesses()
        stage.makeOutside()
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        return stage
    }

    private func contents(_ disk: SimulatedDisk) throws -> [String: Int] {
        var found: [String: Int] = [:]
        var open: [DiskPath?] = [nil]
        while let next = open.popLast() {
            for name in try disk.names(in: next) {
                let path = try #require(next.map { $0.appending(untrusted: name) } ?? DiskPath(name))
                if try disk.entry(at: path)?.kind == .directory {
                    open.append(path)
                } else {
                    found[path.text] = Int(try disk.entry(at: path)?.size ?? 0)
                }
            }
        }
        return found
    }

    // MARK: Out

    @Test func anArchiveHasWhatPodmansReadersLookFor() throws {
        let stage = try export("agent-7@1", "--format", "archive", "-o", "/out/a.tar.zst")
        #expect(stage.machine.output == "/out/a.tar.zst\n")
        let archive = try #require(stage.machine.archives.values.first)
        #expect(archive.compression == .zstd)
        let names = archive.members.map(\.name)
        #expect(names.count == Set(names).count)
        // The directory itself is asked for; statistics lie beside it.
        for name in [
            "checkpoint/", "checkpoint/inventory.img", "checkpoint/descriptors.json", "config.dump", "spec.dump", "network.status",
            "stats-dump",
        ] {
            #expect(names.contains(name), "\(name)")
        }
        #expect(!names.contains("checkpoint/stats-dump"))
        // The telling ones come before the large ones.
        let first = try #require(names.firstIndex(of: "checkpoint/"))
        #expect(
            ["config.dump", "spec.dump", "network.status", "runner/manifest.json"].allSatisfy { (names.firstIndex(of: $0) ?? 99) < first })
        let config = try #require(try JSONSerialization.jsonObject(with: Data(archive.bytes("config.dump") ?? [])) as? [String: Any])
        #expect(config["name"] as? String == "agent-7" && (config["id"] as? String)?.count == 64)
        #expect(config["checkpointedTime"] as? String == "2026-11-21T08:38:00.000Z")
        // What is ours, and nothing else.
        let ours = names.filter { $0.hasPrefix("runner/") }
        #expect(
            Set(ours) == [
                "runner/manifest.json", "runner/seal", "runner/spec.json", "runner/state", "runner/tree", "runner/images",
                "runner/workspace/count",
            ])
    }

    @Test func imagesAreWrittenForPlainCriu() throws {
        let stage = try export("agent-7@latest", "-f", "criu", "--output", "/out/dump")
        let disk = try #require(stage.machine.disks["/out"])
        let set = try imageDisk("older")
        var expected = Dictionary(uniqueKeysWithValues: try contents(set).map { ("dump/\($0)", $1) })
        expected["dump/descriptors.json"] = 37
        let found = try contents(disk)
        expected["dump/RESTORE.txt"] = found["dump/RESTORE.txt"]
        #expect(found == expected)
        #expect(try disk.entry(at: "dump")?.mode == 0o700 && disk.entry(at: "dump/pages-1.img")?.mode == 0o600)
        let text = String(decoding: try disk.read("dump/RESTORE.txt", limit: .kibibytes(64)), as: UTF8.self)
        #expect(
            text.contains("criu restore") && text.contains("--inherit-fd 'fd[1]:pipe:[11]'") && text.contains("The workspace was '/work'"))
        #expect(disk.contents() == disk.copy(seed: 1).contents())
    }

    /// What lies beside the output is somebody else's, whatever it is called.
    @Test(arguments: ["criu", "archive"]) func whatLiesBesideTheOutputIsLeftAlone(format: String) throws {
        let stage = try Stage(["export", "agent-7@1", "-f", format, "-o", "/out/dump"])
        try stage.storeProcesses()
        stage.makeOutside()
        let disk = try #require(stage.machine.disks["/out"])
        disk.plant("dump.new", Array("precious".utf8))
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        #expect(try disk.names(in: nil).sorted() == ["dump", "dump.new"])
        #expect(try disk.read("dump.new", limit: .kibibytes(1)) == Array("precious".utf8))
    }

    /// Somebody was faster: theirs stays, and of ours nothing does.
    @Test(arguments: ["criu", "archive"]) func whatCameMeanwhileIsNotReplaced(format: String) throws {
        let stage = try Stage(["export", "agent-7@1", "-f", format, "-o", "/out/dump"])
        try stage.storeProcesses()
        stage.makeOutside()
        let disk = try #require(stage.machine.disks["/out"])
        stage.machine.onRandomNumber = {
            if format == "criu" { try? disk.makeDirectory("dump", mode: 0o755) } else { disk.plant("dump", [1]) }
        }
        #expect(stage.run() == 73, "\(stage.machine.errors)")
        #expect(stage.machine.errors.contains("could not export 'agent-7@1' to '/out/dump': something is there already."))
        #expect(try disk.names(in: nil) == ["dump"])
        #expect(try disk.entry(at: "dump")?.size == (format == "criu" ? 0 : 1))
    }

    /// Whatever goes wrong in the middle, nothing is left at the output, and the next export finds its place free.
    @Test func aFailedExportLeavesNothing() throws {
        let plain = try export("agent-7@1", "-f", "criu", "-o", "/out/dump")
        let count = try #require(plain.machine.disks["/out"]).operationCount
        for operation in 1...count {
            let context = "a fault at operation \(operation)"
            let stage = try Stage(["export", "agent-7@1", "-f", "criu", "-o", "/out/dump"])
            try stage.storeProcesses()
            stage.makeOutside()
            let disk = try #require(stage.machine.disks["/out"])
            disk.fail(at: operation, with: .io)
            let status = stage.run()
            disk.forgetTroubles()
            let names = try disk.names(in: nil)
            // The last thing that can fail is to know that the name will last.
            #expect(names == ["dump"] || names.isEmpty && status != 0, "\(context): \(names)")
            if names.isEmpty { #expect(stage.run() == 0, "\(context), then without: \(stage.machine.errors)") }
        }
    }

    /// It has its name, and only whether that lasts is not known: that is told, and not that nothing is there.
    @Test(arguments: ["criu", "archive"]) func aStopBehindTheRenameSaysNothingElse(format: String) throws {
        let line = ["export", "agent-7@1", "-f", format, "-o", "/out/dump"]
        func export(failingAt operation: Int?) throws -> (Stage, SimulatedDisk) {
            let stage = try Stage(line)
            try stage.storeProcesses()
            stage.makeOutside()
            let disk = try #require(stage.machine.disks["/out"])
            if let operation { disk.fail(at: operation, with: .io) }
            stage.machine.endsWhen = { disk.contents()["dump"] != nil }
            return (stage, disk)
        }
        let (whole, disk) = try export(failingAt: nil)
        #expect(whole.run() == 0, "\(whole.machine.errors)")
        let (stage, other) = try export(failingAt: disk.operationCount)
        #expect(stage.run() == 74)
        #expect(try other.names(in: nil) == ["dump"])
        #expect(stage.machine.errors == "runner: could not syncdir '/out': input/output error. Look at 'dmesg' and at the disk\n")
    }

    /// What a stopped export cannot take away again it names.
    @Test func whatAStoppedExportLeavesIsTold() throws {
        let stage = try Stage(["export", "agent-7@1", "-f", "criu", "-o", "/out/dump"])
        try stage.storeProcesses()
        stage.makeOutside()
        let disk = try #require(stage.machine.disks["/out"])
        stage.machine.endsWhen = { disk.operationCount >= 2 }
        disk.fail(at: 3, with: .io)
        #expect(stage.run() == 130)
        let left = try #require(try disk.names(in: nil).first)
        #expect(
            stage.machine.errors
                == "runner: could not export 'agent-7@1' to '/out/dump': it was stopped. '/out/\(left)' could not be removed; the same command begins anew\n"
        )
    }

    /// What no import would take is refused at once, and not after all that comes before it was packed.
    @Test func aNameTooDeepIsToldAtOnce() throws {
        for (directories, status) in [(126, 0), (127, 73)] as [(Int, Int32)] {
            let stage = try Stage(["export", "agent-7@1", "-f", "archive", "-o", "/out/a.tar"])
            let workspace = SimulatedDisk(seed: 9, rootName: "/work")
            let name = Array(repeating: "d", count: directories).joined(separator: "/")
            try workspace.makeDirectories(try #require(DiskPath(name)))
            workspace.plant(try #require(DiskPath(name + "/file")), [1])
            let request = CutRequest(
                agent: stage.agent, kind: .checkpoint, reason: .operator, takenAt: stage.machine.wallTime(), workspace: workspace,
                incarnation: 1)
            _ = try stage.store.commit(stage.store.cut(request, stagingID: "deep"))
            stage.makeOutside()
            #expect(stage.run() == status, "\(stage.machine.errors)")
            #expect(stage.machine.archives.isEmpty == (status != 0))
            if status != 0 {
                #expect(stage.machine.errors.contains("no archive takes the name 'runner/workspace/d/d"))
                #expect(try stage.machine.disks["/out"]?.names(in: nil).isEmpty == true)
            }
        }
    }

    @Test func theOutputIsNamedAfterTheVersion() throws {
        for (words, name) in [
            (["-f", "archive"], "agent-7@1.tar.zst"), (["-f", "archive", "-c", "gzip"], "agent-7@1.tar.gz"),
            (["-f", "archive", "-c", "none"], "agent-7@1.tar"), (["-f", "criu"], "agent-7@1"),
        ] {
            let stage = try Stage(["export", "agent-7@1"] + words)
            try stage.storeProcesses()
            stage.machine.disks["/home/ada"] = SimulatedDisk(seed: 4, rootName: "/home/ada")
            #expect(stage.run() == 0)
            #expect(stage.machine.output == name + "\n")
            #expect(try stage.machine.disks["/home/ada"]?.names(in: nil) == [name])
        }
    }

    // MARK: In again

    @Test func whatWasExportedComesBackAsItWas() throws {
        let stage = try Stage([])
        try stage.exported()
        stage.machine.arguments = ["import", "/out/a.tar", "--as", "other"]
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        let other = named("other")
        #expect(stage.machine.output.hasSuffix("other@1\n"))
        let version = VersionNumber(1)
        try stage.store.verify(other, version)
        let (before, after) = (try stage.store.manifest(stage.agent, version), try stage.store.manifest(other, version))
        #expect(after.state == before.state && after.workspace == before.workspace && after.process?.made == before.process?.made)
        #expect(
            after.reason == .import && after.takenAt == before.takenAt && after.step == 41
                && after.notes == ["imported from an export of 'agent-7@1'"])
        #expect(try stage.store.files(other, version) == stage.store.files(stage.agent, version))
        let images = { (agent: AgentName) in try stage.store.images(agent, version).map { "\($0.path) \($0.sha256 ?? "")" } }
        #expect(try images(other) == images(stage.agent))
        let spec = try JSONText.decode(AgentSpec.self, from: stage.disk.read("agents/other/spec.json", limit: .mebibytes(1)))
        #expect(spec.name == other && spec.command == ["sleep", "9"] && spec.workspace == "/work")
        #expect(try stage.disk.names(in: "staging").isEmpty)
    }

    @Test func theNameIsTheOneItHad() throws {
        let stage = try Stage([])
        try stage.exported()
        stage.machine.arguments = ["import", "/out/a.tar", "--json"]
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(stage.machine.output.utf8)) as? [String: Any])
        #expect(object["agent"] as? String == "agent-7" && object["version"] as? Int == 2 && object["standing"] as? String == "stored")
        #expect(try stage.store.versions(of: stage.agent).map(\.reason) == [.operator, .import])
        // Its own spec stays.
        let spec = try JSONText.decode(AgentSpec.self, from: stage.disk.read("agents/agent-7/spec.json", limit: .mebibytes(1)))
        #expect(spec.command == ["sleep", "9"])
    }

    @Test func aVersionWithoutProcessesComesBackToo() throws {
        let stage = try Stage(["export", "agent-7@1", "-f", "archive", "-o", "/out/a.tar"], versions: 1)
        stage.makeOutside()
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        stage.machine.diskFaults["/out/a.tar"] = .notDirectory
        stage.machine.arguments = ["import", "/out/a.tar", "--as", "other"]
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        try stage.store.verify(named("other"), VersionNumber(1))
        #expect(try stage.store.versions(of: named("other")).first?.parts == VersionParts(cooperative: true, workspace: true))
    }

    @Test func aDirectoryOfImagesBecomesAVersion() throws {
        let stage = try Stage(["import", "/dump/counter@7"])
        let dump = try imageDisk("older")
        dump.plant("dump.log", [1])
        dump.plant("RESTORE.txt", [2])
        stage.machine.disks["/dump/counter@7"] = dump
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        #expect(stage.machine.output == "counter@1\n")
        let counter = named("counter")
        let summary = try #require(try stage.store.versions(of: counter).first)
        #expect(summary.parts == VersionParts(process: true) && summary.standing == .stored && summary.isKnownGood)
        let manifest = try stage.store.manifest(counter, summary.version)
        #expect(manifest.process?.made.tree.root == 1001 && manifest.process?.made.startedWith == "")
        #expect(manifest.process?.made.tree.criu == CriuVersion(4, 1))
        #expect(try stage.store.images(counter, summary.version).count == 14)
    }

    @Test func aForeignArchiveBecomesAVersion() throws {
        let stage = try Stage(["import", "/out/podman.tar"])
        try stage.plantArchive()
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        #expect(stage.machine.output == "web@1\n")
        let manifest = try stage.store.manifest(named("web"), VersionNumber(1))
        #expect(manifest.takenAt.description == "2026-11-20T08:00:00.000Z")
        #expect(manifest.notes == ["imported from the container 'web' of the image 'counter:1', without its file system and volumes"])
        #expect(try stage.store.images(named("web"), VersionNumber(1)).map(\.path).contains("stats-dump"))
    }

    /// To know its name little of it is written; and whoever was killed while he looked left something that the next one removes.
    @Test func aLookTakesLittleRoomAndNoneForLong() throws {
        let stage = try Stage(["import", "/out/podman.tar", "--size-limit", "1GiB"])
        try stage.plantArchive()
        try stage.disk.makeDirectories("staging/@dead/content/runner")
        stage.disk.plant("staging/@dead/content/runner/manifest.json", [1])
        try stage.disk.makeDirectories("staging/@held")
        let lock = try stage.disk.lock("staging/@held/lock", holder: "another import")
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        let gibibyte = ByteCount.mebibytes(1024)
        #expect(stage.machine.archiveLimits.map(\.bytes) == [gibibyte, gibibyte])
        #expect(stage.machine.archiveLimits.map(\.room) == [.mebibytes(8), gibibyte])
        #expect(try stage.disk.names(in: "staging") == ["@held"])
        lock.release()
    }

    /// It can be looked at; the ladder never takes it.
    @Test func whatCannotBeRestoredHereIsSuspect() throws {
        let stage = try Stage(["import", "/out/podman.tar"])
        try stage.plantArchive("namespaces")
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        let summary = try #require(try stage.store.versions(of: named("web")).first)
        #expect(summary.standing == .suspect && !summary.isKnownGood)
        #expect(summary.note?.contains("namespaces of their own (net, ipc, uts)") == true)
        #expect(stage.machine.errors.contains("the processes of 'web@1' cannot be restored here"))
    }

    /// It is there: whoever stops it now comes too late, also for what must be said of it.
    @Test func aStopBehindTheCommitChangesNothing() throws {
        let stage = try Stage(["import", "/out/podman.tar"])
        try stage.plantArchive("namespaces")
        stage.machine.endsWhen = { stage.disk.peekNames("agents/web/versions").contains("1") }
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        #expect(try stage.store.versions(of: named("web")).map(\.standing) == [.suspect])
    }

    /// A refused import leaves the store as it was: no agent, no version, nothing in staging.
    @Test(arguments: archiveFailures.filter { $0.words.first == "import" && $0.status != 64 })
    func aRefusedImportLeavesNothing(failure: Failure) throws {
        let stage = try failure.stage()
        let agents = try stage.store.agents()
        let versions = try agents.map { try stage.store.versions(of: $0) }
        #expect(stage.run() == failure.status)
        #expect(try stage.store.agents() == agents)
        #expect(try agents.map { try stage.store.versions(of: $0) } == versions)
        #expect(try stage.disk.names(in: "staging").isEmpty && stage.disk.names(in: "trash").isEmpty)
    }
}
