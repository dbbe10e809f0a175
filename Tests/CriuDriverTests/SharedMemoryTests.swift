import AgentModel
import OutsideWorld
import SimulatedWorld
import Testing

@testable import CriuDriver

private func disk(_ name: String) -> SimulatedDisk { SimulatedDisk(seed: 7, rootName: name) }

/// A piece is 256 KiB: holes at the start, in the middle and at the end, and files smaller and larger than a piece.
private let contents: [(zeros: Int, text: String, more: Int)] = [
    (0, "", 0), (0, "a", 0), (10, "b", 10), (1 << 20, "c", 0), (0, "d", 1 << 20), (1 << 19, "e", (1 << 19) + 1), (1 << 19, "", 0),
]

@Test func whatLiesInSharedMemoryComesBack() throws {
    let (memory, images, after) = (disk("/dev/shm"), disk("/images"), disk("/dev/shm"))
    try memory.makeDirectory("folder", mode: 0o700)
    try memory.makeSymbolicLink("folder/link", to: "../0")
    memory.plantOther("folder/socket")
    var wanted: [[UInt8]] = []
    for (index, content) in contents.enumerated() {
        let zeros = { [UInt8](repeating: 0, count: $0) }
        wanted.append(zeros(content.zeros) + Array(content.text.utf8) + zeros(content.more))
        try memory.open(try #require(DiskPath("\(index)")), .createNew(mode: 0o640)).write(wanted[index])
    }
    let shared = try SharedMemory(memory)
    #expect(shared.size.bytes == wanted.reduce(0) { $0 + UInt64($1.count) })
    try shared.save(beside: images)
    // The holes are not in it.
    #expect(try #require(images.peek(SharedMemory.file)).count < 1 << 20)

    try SharedMemory.restore(from: images, to: after)
    #expect(after.peekNames("folder") == ["link"])
    #expect(try after.entry(at: "folder/link")?.kind == .symbolicLink(target: "../0"))
    for (index, bytes) in wanted.enumerated() {
        let path = try #require(DiskPath("\(index)"))
        #expect(after.peek(path) == bytes)
        #expect(try after.entry(at: path)?.mode == 0o640)
    }
}

@Test func nothingIsWrittenOfNothing() throws {
    let images = disk("/images")
    try SharedMemory(disk("/dev/shm")).save(beside: images)
    #expect(try images.names(in: nil) == [])
    try SharedMemory.restore(from: images, to: disk("/dev/shm"))
}

/// Cut off anywhere, or with numbers that are too large, it is refused.
@Test func aDamagedFileIsRefused() throws {
    let (memory, images) = (disk("/dev/shm"), disk("/images"))
    try memory.open("a", .createNew(mode: 0o600)).write([1, 2, 3])
    try SharedMemory(memory).save(beside: images)
    let whole = try #require(images.peek(SharedMemory.file))
    let head = Array(whole.dropLast(19))  // what comes before HOLE
    let (ones, zeros) = ([UInt8](repeating: 255, count: 8), [UInt8](repeating: 0, count: 8))
    let content: [UInt8] = [1, 2, 3]
    let four: [UInt8] = [4, 0, 0, 0, 0, 0, 0, 0]
    var damaged: [[UInt8]] = (0..<whole.count).map { Array(whole.prefix($0)) }
    damaged.append(ones + Array(whole.dropFirst(8)))
    damaged.append(head + ones + ones + content)
    damaged.append(head + zeros + zeros + content)
    damaged.append(head + zeros + four + content + [4])
    for bytes in damaged {
        let images = disk("/images")
        images.plant(SharedMemory.file, bytes)
        #expect(throws: FileFault(.system(74), doing: "read", what: "shared-memory")) {
            try SharedMemory.restore(from: images, to: disk("/dev/shm"))
        }
    }
}
