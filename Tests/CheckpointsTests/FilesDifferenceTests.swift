import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

/// What was done to the workspace between two versions, as their lists tell it.
@Test func theListsOfTwoVersionsTellWhatWasDone() throws {
    let bench = try Bench(seed: 5)
    let store = try bench.open()
    let disk = bench.workspace
    for (path, text) in [("same", "x"), ("grows", "a"), ("goes", "gone"), ("rights", "r")] as [(DiskPath, String)] {
        disk.plant(path, bytes(text))
    }
    try disk.makeDirectory("folder", mode: 0o755)
    try disk.makeSymbolicLink("link", to: "same")
    func cut(_ id: String) throws -> VersionNumber {
        let request = CutRequest(
            agent: agent, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: 0), workspace: disk, incarnation: 1)
        return try store.commit(store.cut(request, stagingID: id)).version
    }
    let before = try cut("a")
    disk.plant("grows", bytes("ab"))
    try disk.removeFile("goes")
    try disk.setMode("rights", 0o755)
    try disk.removeFile("link")
    try disk.makeSymbolicLink("link", to: "grows")
    disk.plant("folder/new", bytes("new"))
    let after = try cut("b")
    let difference = FilesDifference(from: try store.files(agent, before), to: try store.files(agent, after))
    let told = difference.files.map { file in
        "\(file.change) \(file.path) \(file.sizeBefore.map(String.init) ?? "-") \(file.sizeAfter.map(String.init) ?? "-")"
    }
    #expect(
        told == ["added folder/new - 3", "removed goes 4 -", "changed grows 1 2", "changed link - -", "attributes rights 1 1"])
    #expect(difference.unchanged == 2)
    let back = FilesDifference(from: try store.files(agent, after), to: try store.files(agent, before))
    #expect(back.files.count == 5 && back.files(.removed).map(\.path) == ["folder/new"] && back.files(.added).map(\.path) == ["goes"])
    #expect(FilesDifference(from: try store.files(agent, before), to: try store.files(agent, before)).files.isEmpty)
}
