import AgentModel
import Checkpoints
import CriuRequests
import OutsideWorld
import SimulatedWorld

@testable import RunnerCommands

// Versions with a process part, made of the kept sets of images.

extension Stage {
    /// The next version: these files, this state, and one of the kept sets, changed as said.
    @discardableResult
    func storeImages(
        _ set: String = "many", files: [DiskPath: String] = [:], state: String? = nil, step: UInt64? = nil, ago: Int64 = 0,
        _ change: (SimulatedDisk) throws -> Void = { _ in }
    ) throws -> VersionNumber {
        let images = try imageDisk(set)
        try change(images)
        let workspace = SimulatedDisk(seed: 9, rootName: "/work")
        for (path, text) in files { workspace.plant(path, Array(text.utf8)) }
        let opened = try store.openCut(agent, stagingID: "images\(images.names(in: nil).count)")
        for name in try images.names(in: nil) {
            guard let file = DiskPath(name) else { continue }
            disk.plant(opened.directory / "process" / name, try images.read(file, limit: .mebibytes(4)))
        }
        let request = CutRequest(
            agent: agent, kind: .checkpoint, reason: .schedule, takenAt: machine.wallTime() + .seconds(-ago), step: step,
            cooperative: state.map { CooperativePart(state: .bytes(Array($0.utf8)), schema: "v1") }, workspace: workspace, incarnation: 1)
        var staged = try store.copy(request, into: opened, images: true)
        let tree = DumpedTree(
            root: 1001, highestProcess: 1006, outputPipe: nil, errorPipe: nil, connections: [], tcp: .close, criu: CriuVersion(4, 2, 1))
        staged.images = MadeImages(tree: tree, frozen: 61_700, kernel: "6.18", startedWith: "")
        let version = try store.commit(staged).version
        machine.disks[store.imagesDirectory(agent, version)] = images
        return version
    }
}
