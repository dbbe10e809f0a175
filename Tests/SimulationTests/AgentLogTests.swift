import AgentModel
import OutsideWorld
import Testing

@testable import SimulatedWorld
@testable import Supervision

/// The agent's log, written at once in more than one of its files holds.
@Suite struct AgentLogTests {
    @Test(arguments: [1, 60, 700, 5000])
    func noFileOfALogIsLargerThanItMayBe(linesAtOnce: Int) throws {
        let disk = SimulatedDisk(seed: 3)
        let folder: DiskPath = "log"
        try disk.makeDirectory(folder, mode: 0o700)
        let size = ByteCount(8000)
        let log = AgentLog(disk: disk, directory: folder, turnOverSize: size, kept: 3)
        var said = 0
        while said < 5000 {
            let burst = (said..<said + linesAtOnce).map { "step \($0)\n" }.joined()
            #expect(log.take(Array(burst.utf8), from: .standardOutput, at: WallTime(seconds: 1_795_000_000)))
            said += linesAtOnce
        }
        let names = ["3.log", "2.log", "1.log", "current.log"]
        #expect(try Set(disk.names(in: folder)) == Set(names))
        let files = try names.map { try disk.read(folder / $0, limit: .mebibytes(1)) }
        #expect(files.allSatisfy { UInt64($0.count) <= size.bytes })
        let numbers = files.flatMap { String(decoding: $0, as: UTF8.self).split(separator: "\n") }.compactMap {
            Int($0.split(separator: " ")[3])
        }
        let first = try #require(numbers.first)
        #expect(numbers == Array(first..<said))
        #expect(log.lostLines == 0)
    }

    @Test func aLineLongerThanAFileStandsByItself() throws {
        let disk = SimulatedDisk(seed: 4)
        let folder: DiskPath = "log"
        try disk.makeDirectory(folder, mode: 0o700)
        let log = AgentLog(disk: disk, directory: folder, turnOverSize: ByteCount(100), kept: 2)
        let long = String(repeating: "x", count: 300)
        #expect(log.take(Array("one\n\(long)\ntwo\n".utf8), from: .standardOutput, at: WallTime(seconds: 1_795_000_000)))
        let texts = try ["2.log", "1.log", "current.log"].map {
            String(decoding: try disk.read(folder / $0, limit: .mebibytes(1)), as: UTF8.self)
        }
        #expect(texts.map { String($0.split(separator: " ")[2]) } == ["one\n", "\(long)\n", "two\n"])
    }
}
