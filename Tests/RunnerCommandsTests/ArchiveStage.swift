import AgentModel
import Checkpoints
import CriuRequests
import Foundation
import OutsideWorld
import SimulatedWorld

@testable import RunnerCommands

extension Stage {
    /// One more version, with images of processes in it.
    @discardableResult
    func storeProcesses(_ set: String = "older") throws -> VersionNumber {
        let workspace = SimulatedDisk(seed: 9, rootName: "/work")
        workspace.plant("count", Array("41\n".utf8))
        try workspace.makeDirectories("notes/empty")
        try workspace.makeSymbolicLink("notes/newest", to: "../count")
        let opened = try store.openCut(agent, stagingID: "images")
        let images = try imageDisk(set)
        for name in try images.names(in: nil) {
            try disk.replace(opened.directory / "process" / name, with: images.read(try require(DiskPath(name)), limit: .mebibytes(8)))
        }
        let request = CutRequest(
            agent: agent, kind: .checkpoint, reason: .operator, takenAt: machine.wallTime(), step: 41,
            cooperative: CooperativePart(state: .bytes([4, 1]), schema: "v1"), workspace: workspace, incarnation: 1)
        var staged = try store.copy(request, into: opened, images: true)
        let tree = DumpedTree(
            root: 1001, highestProcess: 1001, outputPipe: 11, errorPipe: 12, connections: [], tcp: .close, criu: CriuVersion(4, 1, 1))
        staged.images = MadeImages(tree: tree, frozen: 1234, kernel: "6.18.0", startedWith: "ab")
        return try store.commit(staged).version
    }

    /// A directory for what is exported.
    func makeOutside() { machine.disks["/out"] = SimulatedDisk(seed: 4, rootName: "/out") }

    /// An archive in podman's form at /out/podman.tar, with one of the kept sets of images.
    func plantArchive(_ set: String = "older", without missing: [String] = [], with added: [(name: String, bytes: [UInt8])] = []) throws {
        makeOutside()
        let images = try imageDisk(set, without: missing)
        var members: [(name: String, bytes: [UInt8])] = [("checkpoint/", [])]
        for name in try images.names(in: nil).sorted() {
            let bytes = try images.read(try require(DiskPath(name)), limit: .mebibytes(8))
            members.append((name == "stats-dump" ? name : "checkpoint/\(name)", bytes))
        }
        members.append(
            ("config.dump", Array(#"{"name": "web", "rootfsImageName": "counter:1", "checkpointedTime": "2026-11-20T08:00:00Z"}"#.utf8)))
        members.append(("rootfs-diff.tar", [1, 2, 3]))
        machine.archives["/out/podman.tar"] = FakeArchive(members: members + added)
        machine.diskFaults["/out/podman.tar"] = .notDirectory
    }

    /// What was exported to /out/a.tar, to be changed and imported.
    func exported(_ change: (inout FakeArchive) -> Void = { _ in }) throws {
        try storeProcesses()
        makeOutside()
        // Another machine over the same disks: what it says is not part of the test.
        let exporter = FakeMachine("export", "agent-7@1", "--format", "archive", "-o", "/out/a.tar")
        exporter.disks = machine.disks
        _ = RunnerCommands.main(exporter) { (_, _) in .exited(0) }
        var archive = try require(exporter.archives.values.first)
        change(&archive)
        machine.archives["/out/a.tar"] = archive
        machine.diskFaults["/out/a.tar"] = .notDirectory
    }
}

private struct Missing: Error {}

private func require<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw Missing() }
    return value
}
