import AgentModel
import Checkpoints
import OutsideWorld
import Sealing
import SimulatedWorld
import Testing

/// Agents that are called as directories of the store are, in an encrypted one.
@Test(arguments: ["process", "packs", "versions", "journal", "log", "effects", "agents", "removed", "content"])
func anEncryptedAgentOfAnyNameLivesAndComesBack(name: String) throws {
    let disk = SimulatedDisk(seed: 5, rootName: "/store")
    var bytes = [UInt8](repeating: 5, count: SecretKey.length)
    let key = SecretKey(wiping: &bytes)
    let draws = Draws(seed: 5)
    func store() throws -> CheckpointStore {
        let sealed = SealedDisk(disk, key: key, draw: { draws.next() }) { size throws(FileFault) in
            SimulatedRoom(SimulatedDisk(seed: draws.next(), rootName: "/room"), size: size)
        }
        return try CheckpointStore.open(sealed, create: true) { "0123456789abcdef" }
    }
    let agent = try #require(AgentName(name))
    let workspace = SimulatedDisk(seed: 6, rootName: "/work")
    workspace.plant("file", [1, 2, 3])
    func cut(_ number: Int) throws {
        let request = CutRequest(
            agent: agent, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: Int64(number)), step: UInt64(number),
            cooperative: CooperativePart(state: .bytes([1, 2, 3]), schema: "v1"), workspace: workspace, incarnation: 1)
        _ = try store().commit(store().cut(request, stagingID: "stage\(number)"))
    }
    try store().addAgent(agent)
    try cut(1)
    try store().pack(agent, VersionNumber(1))
    try cut(2)
    let until = WallTime(seconds: 5_000)
    try store().removeAgent(agent, at: WallTime(seconds: 10), keptUntil: until)
    let removed = try #require(try store().removedAgents().first)
    #expect(removed.keptUntil == until)
    #expect(removed.versions == 2)
    try store().bringBack(removed, holder: "a test")
    try cut(3)
    #expect(try store().versions(of: agent).map(\.version) == [1, 2, 3].map { VersionNumber($0) })
    for number: UInt64 in 1...3 { try store().verify(agent, VersionNumber(number)) }
}
