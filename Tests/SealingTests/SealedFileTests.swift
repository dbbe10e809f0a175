import AgentModel
import OutsideWorld
import SimulatedWorld
import Testing

@testable import Sealing

/// A sealed disk over a simulated one, with keys and draws of a seed.
struct Bed {
    let below: SimulatedDisk
    let key: SecretKey
    let disk: SealedDisk

    init(seed: UInt64 = 1) {
        below = SimulatedDisk(seed: seed)
        var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: seed), count: SecretKey.length)
        key = SecretKey(wiping: &bytes)
        disk = Bed.sealed(below, key, seed)
    }

    static func sealed(_ below: any Disk, _ key: SecretKey, _ seed: UInt64) -> SealedDisk {
        let numbers = Numbers(seed)
        return SealedDisk(below, key: key, draw: { numbers.next() }) { size throws(FileFault) in
            SimulatedRoom(SimulatedDisk(seed: seed, rootName: "/room"), size: size)
        }
    }

    func raw(_ path: DiskPath) throws -> [UInt8] { try below.read(path, limit: .mebibytes(64)) }

    /// What a reader of `path` gets when these bytes lie there.
    func reading(_ path: DiskPath, as stored: [UInt8]) -> Result<[UInt8], FileFault> {
        do throws(FileFault) {
            if try below.entry(at: path) != nil { try below.removeFile(path) }
            try below.create(path, with: stored)
            return .success(try disk.read(path, limit: .mebibytes(64)))
        } catch { return .failure(error) }
    }
}

/// From any thread.
final class Numbers: @unchecked Sendable {
    // The tests draw from one thread at a time.
    private var random: SeededRandom
    init(_ seed: UInt64) { random = SeededRandom(seed: seed) }
    func next() -> UInt64 { random.next() }
}

func pattern(_ count: Int, _ salt: UInt8 = 0) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    // Not `map`, of which an unoptimized build makes a few calls a byte.
    for place in bytes.indices { bytes[place] = UInt8(truncatingIfNeeded: place &* 31 &+ place >> 8) &+ salt }
    return bytes
}

extension Result where Success == [UInt8], Failure == FileFault {
    var isDamaged: Bool { if case .failure(let fault) = self, case .damaged = fault.kind { true } else { false } }
}

private let block = SealedForm.blockLength

@Test(arguments: [0, 1, 100, block - 1, block, block + 1, 3 * block, 3 * block + 7])
func whatIsWrittenIsReadAndTellsItsSize(count: Int) throws {
    let bed = Bed()
    let content = pattern(count)
    try bed.disk.create("state", with: content)
    #expect(try bed.disk.read("state", limit: .mebibytes(1)) == content)
    #expect(try bed.disk.entry(at: "state")?.size == UInt64(count))
    #expect(try bed.disk.entries(["state", "none"], in: nil).map { $0?.size } == [UInt64(count), nil])
    let file = try bed.disk.open("state", .read)
    for (offset, length) in [(0, 5), (count / 2, 70), (max(0, count - 3), 10), (count, 1), (block - 2, 4)] {
        let expected = offset < count ? Array(content[offset..<min(count, offset + length)]) : []
        #expect(try file.read(length, at: UInt64(offset)) == expected)
    }
}

@Test func writesOfAnySizesAreOneFile() throws {
    let bed = Bed()
    let content = pattern(5 * block + 321)
    let file = try bed.disk.open("state", .createNew(mode: 0o600))
    var rest = content[...]
    for size in [1, 7, block - 8, block, 3, 2 * block, 100, .max] {
        try file.write(Array(rest.prefix(size)))
        rest = rest.dropFirst(size)
        let written = content.count - rest.count
        #expect(try file.read(10, at: UInt64(written / 2)) == Array(content[..<written].dropFirst(written / 2).prefix(10)))
    }
    try file.skip(30000)
    try file.sync()
    #expect(try bed.disk.read("state", limit: .mebibytes(1)) == content + [UInt8](repeating: 0, count: 30000))
}

@Test func nothingOfItShows() throws {
    let bed = Bed()
    let secret = Array("a secret that nobody is to see".utf8)
    try bed.disk.makeDirectories("agents/a/effects")
    try bed.disk.create("agents/a/state", with: secret + pattern(20000) + secret)
    try bed.disk.open("agents/a/effects/ledger", .append(mode: 0o600)).write(secret)
    for path: DiskPath in ["agents/a/state", "agents/a/effects/ledger"] {
        let raw = try bed.raw(path)
        #expect(!raw.indices.contains { raw[$0...].starts(with: secret.prefix(8)) })
    }
    // The same again looks different.
    try bed.disk.create("agents/a/tree", with: secret)
    try bed.disk.create("agents/a/images", with: secret)
    #expect(try bed.raw("agents/a/tree")[32...] != bed.raw("agents/a/images")[32...])
}

@Test(arguments: [0, 100, block, block + 50])
func everyFlippedByteIsFound(count: Int) throws {
    let bed = Bed()
    try bed.disk.create("state", with: pattern(count))
    let stored = try bed.raw("state")
    // All of small files; of a large one its header, its ends, and a byte of each kilobyte.
    let places = stored.indices.filter {
        stored.count < 1000 || $0 < 100 || $0 % 997 == 0 || abs($0 - SealedForm.sealedBlockLength) < 100 || stored.count - $0 < 100
    }
    for place in places {
        for flip: UInt8 in [1, 0x80] {
            var changed = stored
            changed[place] ^= flip
            #expect(bed.reading("state", as: changed).isDamaged, "byte \(place)")
        }
    }
    #expect(try bed.reading("state", as: stored).get() == pattern(count))
}

@Test(arguments: [0, 60, 2 * block, 2 * block + 60])
func everyCutIsFound(count: Int) throws {
    let bed = Bed()
    try bed.disk.create("state", with: pattern(count))
    let stored = try bed.raw("state")
    let edges = [0, 32, 32 + SealedForm.sealedBlockLength, 32 + 2 * SealedForm.sealedBlockLength, stored.count]
    let lengths = stored.indices.filter { length in count < 100 || edges.contains { abs($0 - length) < 60 } || length % 1009 == 0 }
    for length in lengths { #expect(bed.reading("state", as: Array(stored[..<length])).isDamaged, "\(length) of \(stored.count)") }
    #expect(bed.reading("state", as: stored + [0]).isDamaged)
    #expect(bed.reading("state", as: stored + pattern(60)).isDamaged)
}

@Test func blocksStayWhereTheyAre() throws {
    let bed = Bed()
    try bed.disk.create("state", with: pattern(3 * block))
    try bed.disk.create("tree", with: pattern(3 * block, 9))
    let (one, other) = (try bed.raw("state"), try bed.raw("tree"))
    let (header, length) = (SealedForm.headerLength, SealedForm.sealedBlockLength)
    func part(_ bytes: [UInt8], _ index: Int) -> [UInt8] { Array(bytes[(header + index * length)...].prefix(length)) }
    let head = Array(one[..<header])
    // Swapped, doubled, left out, and another file's.
    for order in [[1, 0, 2, 3], [0, 0, 2, 3], [0, 2, 3], [0, 1, 2], [0, 1, 3]] {
        #expect(bed.reading("state", as: head + order.flatMap { part(one, $0) }).isDamaged)
    }
    #expect(bed.reading("state", as: head + part(one, 0) + part(other, 1) + part(one, 2) + part(one, 3)).isDamaged)
    // A whole file in the place of another.
    #expect(bed.reading("state", as: other).isDamaged)
    #expect(bed.reading("state", as: []).isDamaged)
    #expect(bed.reading("state", as: pattern(block)).isDamaged)
}

@Test func anotherKeyReadsNothing() throws {
    let bed = Bed()
    try bed.disk.create("state", with: pattern(50))
    let other = Bed.sealed(bed.below, SecretKey.random(), 7)
    #expect(throws: FileFault.self) { try other.read("state", limit: .mebibytes(1)) }
}

@Test func aFileKeepsWhatItIsOverItsNames() throws {
    let bed = Bed()
    try bed.disk.makeDirectories("agents/a/packs")
    try bed.disk.makeDirectories("agents/a/log")
    try bed.disk.create("agents/a/packs/new", with: pattern(9))
    try bed.disk.rename("agents/a/packs/new", to: "agents/a/packs/1-2-abc")
    #expect(try bed.disk.read("agents/a/packs/1-2-abc", limit: .mebibytes(1)) == pattern(9))
    try bed.disk.replace("agents/a/spec.json", with: pattern(8))
    #expect(try bed.disk.read("agents/a/spec.json", limit: .mebibytes(1)) == pattern(8))
    try bed.disk.open("agents/a/log/current.log", .append(mode: 0o600)).write(pattern(7))
    try bed.disk.rename("agents/a/log/current.log", to: "agents/a/log/1.log")
    #expect(try bed.disk.read("agents/a/log/1.log", limit: .mebibytes(1)) == pattern(7))
    // What the agent hands over is no spec, whoever renames it.
    try bed.disk.create("agents/a/state", with: pattern(6))
    try bed.below.rename("agents/a/state", to: "agents/a/spec.json")
    #expect(throws: FileFault.self) { try bed.disk.read("agents/a/spec.json", limit: .mebibytes(1)) }
}

/// An agent may be called as the directories are whose files are told apart by it.
@Test(arguments: ["process", "packs", "versions", "journal", "log", "effects", "agents", "staging", "removed", "trash", "content", "lock"])
func anAgentMayHaveAnyName(name: String) throws {
    let bed = Bed()
    let (staged, agent, removed) = (DiskPath("staging/\(name)@new1"), DiskPath("agents/\(name)"), DiskPath("removed/\(name)@1"))
    let (new, old, gone) = (try #require(staged), try #require(agent), try #require(removed))
    for directory: DiskPath in ["agents", "removed"] { try bed.disk.makeDirectories(directory) }
    for part in ["versions/1/process", "packs", "journal", "log", "effects"] { try bed.disk.makeDirectories(new / part) }
    let written = [
        "numbers", "current.log", "x.jsonl", "ledger", "removed", "versions/1/process/pages-1.img", "packs/1-2-abc", "versions/1/state",
    ]
    let appended = ["journal/current.jsonl", "log/current.log", "effects/ledger"]
    for path in written { try bed.disk.create(new / path, with: pattern(9)) }
    for path in appended { try bed.disk.open(new / path, .append(mode: 0o600)).write(pattern(9)) }
    func check(_ directory: DiskPath) throws {
        let fresh = Bed.sealed(bed.below, bed.key, 8)
        for path in written + appended {
            #expect(try fresh.read(directory / path, limit: .mebibytes(1)) == pattern(9), "\(directory / path)")
        }
    }
    for (from, to) in [(new, old), (old, gone), (gone, old)] {
        try bed.disk.rename(from, to: to)
        try check(to)
    }
    // A look at a copy.
    try bed.below.makeDirectories("staging/@1/content/agents")
    try bed.below.rename(old, to: "staging/@1/content/agents" / name)
    try check("staging/@1/content/agents" / name)
}

@Test func aKeyFileIsReadAsItWasWritten() {
    let key = SecretKey.random()
    let content = KeyFile.content(of: key)
    var good = content
    #expect(KeyFile.key(wiping: &good)?.name == key.name)
    #expect(good.isEmpty)
    for wrong in [
        Array(content.dropLast()), content + [10], content.map { $0 == 10 ? 32 : $0 }, Array(content.dropLast(2)) + [120, 10], [],
    ] {
        var wrong = wrong
        #expect(KeyFile.key(wiping: &wrong) == nil)
        #expect(wrong.isEmpty)
    }
}

@Test func aHintThatCannotBeReadIsNone() throws {
    let key = SecretKey.random()
    let sound = StoreEncryption(of: SecretKey.random(), with: key, keyFile: "/keys/one") { 7 }
    #expect(StoreEncryption(decoding: sound.encoded())?.keyFile == "/keys/one")
    for path in ["/keys/o\ne", "/keys/\u{7f}"] {
        let made = StoreEncryption(of: SecretKey.random(), with: key, keyFile: path) { 7 }
        let read = try #require(StoreEncryption(decoding: made.encoded()))
        #expect(read.keyFile == nil)
        _ = try read.open(with: key, from: path)
    }
    let split = sound.encoded() + Array("more\n".utf8)
    #expect(try #require(StoreEncryption(decoding: split)).keyFile == nil)
}

@Test func whatIsNotFinishedIsDamaged() throws {
    let bed = Bed()
    try bed.disk.open("state", .createNew(mode: 0o600)).write(pattern(40000))
    #expect(throws: FileFault.self) { try bed.disk.read("state", limit: .mebibytes(1)) }
    #expect(try bed.disk.entry(at: "state") != nil)
}
