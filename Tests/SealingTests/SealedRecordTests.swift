import AgentModel
import OutsideWorld
import SimulatedWorld
import Testing

@testable import Sealing

private let path: DiskPath = "effects/ledger"
private let lines = (1...4).map { Array("line \($0) of what was done\n".utf8) }

private func written(_ bed: Bed, _ lines: [[UInt8]] = lines) throws -> [UInt8] {
    try bed.disk.makeDirectories("effects")
    for line in lines { try bed.disk.open(path, .append(mode: 0o600)).write(line) }
    return try bed.raw(path)
}

@Test func recordsAreReadOneAfterTheOther() throws {
    let bed = Bed()
    _ = try written(bed)
    #expect(try bed.disk.read(path, limit: .mebibytes(1)) == lines.flatMap(\.self))
    #expect(try bed.disk.entry(at: path)?.size == UInt64(lines.flatMap(\.self).count))
    let file = try bed.disk.open(path, .read)
    #expect(try file.read(6, at: UInt64(lines[0].count)) == Array("line 2".utf8))
    // Whoever follows it sees what comes.
    while try !file.read(100).isEmpty {}
    try bed.disk.open(path, .append(mode: 0o600)).write(lines[0])
    #expect(try file.read(100) == lines[0])
    // And so does another process.
    let other = Bed.sealed(bed.below, bed.key, 9)
    try other.open(path, .append(mode: 0o600)).write(lines[1])
    try bed.disk.open(path, .append(mode: 0o600)).write(lines[2])
    #expect(try other.read(path, limit: .mebibytes(1)) == (lines + lines[0...2]).flatMap(\.self))
    #expect(try bed.disk.entry(at: path)?.size == other.entry(at: path)?.size)
}

@Test func aLongWriteIsManyRecords() throws {
    let bed = Bed()
    try bed.disk.makeDirectories("effects")
    let long = pattern(2 * SealedForm.recordLimit + 5)
    try bed.disk.open(path, .append(mode: 0o600)).write(long)
    #expect(try bed.disk.read(path, limit: .mebibytes(4)) == long)
}

/// A crash cuts the last write short at every byte; then it goes on.
@Test func aTornRecordIsPassedOver() throws {
    let bed = Bed()
    let before = try written(bed, Array(lines.prefix(2)))
    let whole = try written(bed, [lines[2]])
    for length in before.count...whole.count {
        guard case .success(let kept) = bed.reading(path, as: Array(whole[..<length])) else {
            Issue.record("cut at \(length)")
            continue
        }
        let isWhole = length == whole.count
        #expect(kept == lines.prefix(isWhole ? 3 : 2).flatMap(\.self), "cut at \(length)")
        // The next process knows nothing of it.
        let next = Bed.sealed(bed.below, bed.key, UInt64(length))
        #expect(try next.entry(at: path)?.size == UInt64(kept.count))
        try next.open(path, .append(mode: 0o600)).write(lines[3])
        #expect(try next.read(path, limit: .mebibytes(1)) == kept + lines[3], "cut at \(length)")
    }
}

@Test func aTornHeaderIsCompleted() throws {
    for length in 0..<SealedForm.headerLength {
        let bed = Bed()
        let whole = try written(bed, [lines[0]])
        #expect(try bed.reading(path, as: Array(whole[..<length])).get() == [])
        try Bed.sealed(bed.below, bed.key, 3).open(path, .append(mode: 0o600)).write(lines[1])
        #expect(try bed.disk.read(path, limit: .mebibytes(1)) == lines[1], "\(length)")
    }
}

@Test func damageBetweenRecordsIsALineOfItsOwn() throws {
    let bed = Bed()
    let one = try written(bed, [lines[0]]).count
    let two = try written(bed, [lines[1]]).count
    let stored = try written(bed, Array(lines[2...]))
    for place in one..<two {
        var changed = stored
        changed[place] ^= 0x41
        #expect(try bed.reading(path, as: changed).get() == lines[0] + RecordFile.damage + lines[2] + lines[3], "byte \(place)")
    }
    for place in 0..<SealedForm.headerLength {
        var changed = stored
        changed[place] ^= 1
        let read = bed.reading(path, as: changed)
        #expect(read.isDamaged || (try? read.get()) == RecordFile.damage, "byte \(place)")
    }
    // Left out, doubled, swapped.
    let parts = [Array(stored[..<one]), Array(stored[one..<two]), Array(stored[two...])]
    for order in [[0, 2], [0, 1, 1, 2], [1, 0, 2], [0, 2, 1]] {
        let read = bed.reading(path, as: order.flatMap { parts[$0] })
        #expect((try? read.get()) != lines.flatMap(\.self))
        #expect(!((try? read.get()) ?? []).starts(with: lines[0] + lines[2]))
    }
}

/// What was whole once is no torn record: it is told, and what is written next does not hide it.
@Test func damageAtTheEndIsTold() throws {
    let bed = Bed()
    let one = try written(bed, [lines[0]]).count
    let stored = try written(bed, [lines[1], lines[2]])
    let two = (stored.count - one) / 2 + one
    func damaged(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var changed = stored
        change(&changed)
        return changed
    }
    var cases = (two..<stored.count).map { place in damaged { $0[place] ^= 0x10 } }
    // A page of zeros in the place of two records, and a longer one behind them.
    cases.append(damaged { for place in one..<stored.count { $0[place] = 0 } })
    cases.append(stored[..<two] + [UInt8](repeating: 0, count: 4096))
    for (index, bytes) in cases.enumerated() {
        let kept = bytes[..<two] == stored[..<two] ? lines[0] + lines[1] : lines[0]
        #expect(try bed.reading(path, as: bytes).get() == kept + RecordFile.damage, "\(index)")
        let next = Bed.sealed(bed.below, bed.key, UInt64(1000 + index))
        let follower = try next.open(path, .read)
        while try !follower.read(100).isEmpty {}
        try next.open(path, .append(mode: 0o600)).write(lines[3])
        let after = kept + RecordFile.damage + lines[3]
        #expect(try next.read(path, limit: .mebibytes(1)) == after, "\(index)")
        #expect(try next.entry(at: path)?.size == UInt64(after.count))
        #expect(try Bed.sealed(bed.below, bed.key, 3).entry(at: path)?.size == UInt64(after.count))
        #expect(try follower.read(100) == lines[3], "it is told once")
    }
}

/// A bit of what ties the records to their file.
@Test func aLedgerOfAnotherIdentityIsNotEmpty() throws {
    let bed = Bed()
    var stored = try written(bed)
    stored[20] ^= 4
    #expect(try bed.reading(path, as: stored).get() == RecordFile.damage)
    try Bed.sealed(bed.below, bed.key, 3).open(path, .append(mode: 0o600)).write(lines[0])
    #expect(try bed.disk.read(path, limit: .mebibytes(1)) == RecordFile.damage + lines[0])
}

@Test(arguments: ["agents/a/journal/current.jsonl", "agents/a/log/current.log"] as [DiskPath])
func aJournalOrLogWithADamagedHeadIsSetAside(path: DiskPath) throws {
    let bed = Bed()
    try bed.disk.makeDirectories(try #require(path.parent))
    for round in 1...2 {
        try bed.disk.open(path, .append(mode: 0o600)).write(lines[0])
        var stored = try bed.raw(path)
        stored[3] ^= 1
        #expect(try bed.reading(path, as: stored).get() == RecordFile.damage)
        let next = Bed.sealed(bed.below, bed.key, UInt64(50 + round))
        try next.open(path, .append(mode: 0o600)).write(lines[1])
        #expect(try next.read(path, limit: .mebibytes(1)) == RecordFile.damage + lines[1])
        #expect(try bed.raw(try #require(DiskPath("\(path).\(round).damaged"))) == stored)
    }
}

@Test func aLedgerWithADamagedHeadIsRefused() throws {
    let bed = Bed()
    var stored = try written(bed)
    stored[3] ^= 1
    #expect(bed.reading(path, as: stored).isDamaged)
    #expect(throws: FileFault.self) { try bed.disk.open(path, .append(mode: 0o600)) }
    #expect(try bed.raw(path) == stored)
}

@Test func aWriteThatFailedIsFollowedByAWholeOne() throws {
    let bed = Bed()
    try bed.disk.makeDirectories("effects")
    let file = try bed.disk.open(path, .append(mode: 0o600))
    try file.write(lines[0])
    let full = SimulatedDisk(seed: 3, capacity: .kibibytes(20))
    let small = Bed.sealed(full, bed.key, 5)
    try small.makeDirectories("effects")
    let log = try small.open(path, .append(mode: 0o600))
    try log.write(lines[0])
    var failed = false
    do { try log.write(pattern(30000)) } catch { failed = true }
    #expect(failed)
    try? log.write(lines[1])
    let read = try small.read(path, limit: .mebibytes(1))
    #expect(read == lines[0] || read == lines[0] + lines[1])
}
