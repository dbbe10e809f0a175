import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

@testable import RunnerCommands
@testable import Sealing

private func key(_ byte: UInt8) -> SecretKey {
    var bytes = [UInt8](repeating: byte, count: SecretKey.length)
    return SecretKey(wiping: &bytes)
}

/// Encrypted stores whose key is changed, and their copies.
@Suite struct SealedCopyTests {
    let machine = FakeMachine()
    let store = SimulatedDisk(seed: 7, rootName: "/store")
    let agent = named("agent-7")

    init() throws {
        machine.userID = 0
        let keys = SimulatedDisk(seed: 1, rootName: "/keys")
        for byte: UInt8 in [1, 2] { keys.plant(DiskPath(stringLiteral: "\(byte)"), KeyFile.content(of: key(byte))) }
        machine.disks = ["/keys": keys, "/store": store]
        store.plant(StoreEncryption.path, StoreEncryption(of: key(9), with: key(1), keyFile: "/keys/1") { 7 }.encoded())
        let numbers = SeededNumbers()
        let sealed = SealedDisk(store, key: key(9), draw: { numbers.next() }) { size throws(FileFault) in
            SimulatedRoom(SimulatedDisk(seed: 1, rootName: "/room"), size: size)
        }
        let made = try CheckpointStore.open(sealed, create: true, identity: { "0123456789abcdef" })
        try made.addAgent(agent)
        let workspace = SimulatedDisk(seed: 8, rootName: "/work")
        workspace.plant("count", Array("1\n".utf8))
        let request = CutRequest(
            agent: agent, kind: .checkpoint, reason: .schedule, takenAt: machine.wallTime(), step: 1,
            cooperative: CooperativePart(state: .bytes([1, 2, 3]), schema: "v1"), workspace: workspace, incarnation: 1)
        _ = try made.commit(made.cut(request, stagingID: "stage"))
    }

    private func run(_ words: String...) -> Int32 {
        machine.arguments = words
        return RunnerCommands.main(machine, supervise: { (_, _) in .exited(0) })
    }

    private func keyName(at place: String) throws -> String? {
        try machine.disks[place].flatMap { try StoreEncryption.read(from: $0) }?.keyName
    }

    // MARK: Memory

    private static let limited = MemoryBound.controlGroup("/sys/fs/cgroup/memory/agents")

    /// Images of a directory, which are copied one after the other, and a limit that has no name here.
    @Test func aRoomThatIsFullIsNoFullDisk() throws {
        machine.disks["/dump"] = try imageDisk("older")
        machine.memory = (ByteCount(3000), .groupAbove("/sys/fs/cgroup/memory"))
        #expect(run("import", "/dump", "--as", "web") == 73)
        #expect(
            machine.errors == """
                runner: could not import '/dump': the store is encrypted, so it lies in memory until it is stored, and the memory limit of a control group above '/sys/fs/cgroup/memory', in which the runner is, leaves 3.0 kB for it, which is too little. Raise that limit; nothing was imported

                """)
    }

    /// The limit that is meant is named, and it is another's affair than the host's.
    @Test(arguments: [
        (
            ["export", "agent-7@1", "--output", "/out/x.tar"], MemoryBound.host,
            "could not export versions of '/store': the store is encrypted, so they lie in memory while they are read, which takes 8.1 kB, and the host has 3.0 kB left for it. Free memory; nothing was changed"
        ),
        (
            ["export", "agent-7@1", "--output", "/out/x.tar"], limited,
            "could not export versions of '/store': the store is encrypted, so they lie in memory while they are read, which takes 8.1 kB, and the memory limit of the control group '/sys/fs/cgroup/memory/agents', in which the runner is, leaves 3.0 kB for it. Raise that limit; nothing was changed"
        ),
        (
            ["import", "/out/y.tar", "--as", "web"], .host,
            "could not import '/out/y.tar': the store is encrypted, so it lies in memory until it is stored, and the host has 3.0 kB left for it, which is too little. Free memory; nothing was imported"
        ),
        (
            ["import", "/out/y.tar", "--as", "web"], limited,
            "could not import '/out/y.tar': the store is encrypted, so it lies in memory until it is stored, and the memory limit of the control group '/sys/fs/cgroup/memory/agents', in which the runner is, leaves 3.0 kB for it, which is too little. Raise that limit; nothing was imported"
        ),
    ]) func whoHasNoMoreMemoryIsNamed(words: [String], bound: MemoryBound, sentence: String) {
        let out = SimulatedDisk(seed: 4, rootName: "/out")
        out.plant("y.tar", [1])
        machine.disks["/out"] = out
        machine.diskFaults["/out/y.tar"] = .notDirectory
        machine.memory = (ByteCount(3000), bound)
        machine.archiveFault = ArchiveFault(.full)
        machine.arguments = words
        #expect(RunnerCommands.main(machine, supervise: { (_, _) in .exited(0) }) == 73)
        #expect(machine.errors == "runner: \(sentence)\n")
    }

    @Test func aCopyTakesTheNewKeyWithTheNextSync() throws {
        #expect(run("store", "sync", "/copy") == 0, "\(machine.errors)")
        #expect(run("store", "check", "/copy") == 0, "\(machine.errors)")
        #expect(run("store", "key", "change", "/keys/2") == 0, "\(machine.errors)")
        #expect(machine.errors.contains("until 'runner store sync' was run to each of them"))
        // Until then the copy is no way back with the new key, and that is told.
        #expect(run("store", "check", "/copy") == 65)
        #expect(machine.errors.contains("it opens with the former key \(key(1).name), and this store with \(key(2).name)"))
        #expect(run("store", "sync", "/copy") == 0, "\(machine.errors)")
        #expect(try keyName(at: "/copy") == key(2).name)
        #expect(run("store", "check", "/copy") == 0, "\(machine.errors)")
        // The store is lost, and so is the former key.
        let copy = try #require(machine.disks["/copy"])
        let anew = SimulatedDisk(seed: 11, rootName: "/store")
        anew.plant(StoreEncryption.path, try copy.read(StoreEncryption.path, limit: .kibibytes(8)))
        machine.disks["/store"] = anew
        try #require(machine.disks["/keys"]).removeFile("1")
        #expect(run("--key-file", "/keys/2", "store", "pull", "/copy", "agent-7") == 0, "\(machine.errors)")
        #expect(run("verify", "agent-7", "--deep") == 0, "\(machine.errors)")
    }

    @Test func aDamagedKeyOfACopyIsFoundAndMended() throws {
        #expect(run("store", "sync", "/copy") == 0, "\(machine.errors)")
        let copy = try #require(machine.disks["/copy"])
        let sound = try copy.read(StoreEncryption.path, limit: .kibibytes(8))
        var text = String(decoding: sound, as: UTF8.self)
        let digit = try #require(text.firstRange(of: "sealed ")).upperBound
        text.replaceSubrange(digit...digit, with: text[digit] == "0" ? "1" : "0")
        copy.plant(StoreEncryption.path, Array(text.utf8))
        #expect(run("store", "check", "/copy") == 65)
        #expect(machine.errors.contains("'encryption' there is not what was stored: its key was changed"), "\(machine.errors)")
        #expect(run("store", "sync", "/copy") == 0, "\(machine.errors)")
        #expect(try copy.read(StoreEncryption.path, limit: .kibibytes(8)) == sound)
    }

    /// Another command wrote its key between this one's look and its write, and sealed something with it.
    @Test func twoFirstCommandsHaveOneKey() throws {
        let empty = SimulatedDisk(seed: 12, rootName: "/store")
        machine.disks["/store"] = empty
        let others = StoreEncryption(of: key(8), with: key(1), keyFile: "/keys/1") { 7 }
        machine.onRandomNumber = { [machine] in
            machine.onRandomNumber = nil
            empty.plant(StoreEncryption.path, others.encoded())
        }
        let bench = Workbench(machine, CommonOptions(store: "/store", keyFile: "/keys/1")) { (_, _) in .exited(0) }
        let disk = try #require(try bench.disk(over: empty, create: true) as? SealedDisk)
        try disk.create("state", with: [1, 2, 3])
        #expect(try empty.read(StoreEncryption.path, limit: .kibibytes(8)) == others.encoded())
        #expect(try empty.names(in: nil).sorted() == ["encryption", "state"])
        let same = SealedDisk(empty, key: key(8), draw: { 1 }) { size throws(FileFault) in
            SimulatedRoom(SimulatedDisk(seed: 1, rootName: "/room"), size: size)
        }
        #expect(try same.read("state", limit: .kibibytes(1)) == [1, 2, 3])
    }
}

private final class SeededNumbers: @unchecked Sendable {
    // One thread draws at a time.
    private var random = SeededRandom(seed: 5)
    func next() -> UInt64 { random.next() }
}
