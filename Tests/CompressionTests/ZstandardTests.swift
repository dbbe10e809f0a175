import Compression
import Testing

@Suite struct ZstandardTests {
    private let zstandard = Zstandard()

    private func noise(_ count: Int, seed: UInt32) -> [UInt8] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24)
        }
    }

    @Test(arguments: [0, 1, 4096, 300_000])
    func whatIsExpandedIsWhatWasCompressed(count: Int) throws {
        let bytes = noise(count, seed: 1)
        let frame = zstandard.compress(bytes, level: 3)
        #expect(try zstandard.expand(frame[...], count: count) == bytes)
    }

    @Test func aFrameInTheMiddleOfOthersIsRead() throws {
        let frame = zstandard.compress([1, 2, 3], level: 1)
        let file = [9, 9] + frame + [7]
        #expect(try zstandard.expand(file[2..<(2 + frame.count)], count: 3) == [1, 2, 3])
    }

    @Test func aPrefixMakesWhatResemblesItSmall() throws {
        let before = noise(200_000, seed: 2)
        var after = before
        after[1000] ^= 1
        after.insert(contentsOf: [1, 2, 3], at: 150_000)
        let frame = zstandard.compress(after, level: 3, prefix: before)
        #expect(frame.count < 1000)
        #expect(try zstandard.expand(frame[...], count: after.count, prefix: before) == after)
        #expect(throws: Zstandard.Damage.self) { try zstandard.expand(frame[...], count: after.count) }
        // The next frame knows nothing of it.
        #expect(zstandard.compress(after, level: 3).count > 190_000)
    }

    @Test func aDamagedFrameIsNoMoreThanAWrongAnswer() {
        let bytes = (0..<2000).map { UInt8($0 / 100) }
        let frame = zstandard.compress(bytes, level: 3)
        for index in frame.indices {
            for bit in 0..<8 {
                var damaged = frame
                damaged[index] ^= 1 << bit
                if let found = try? zstandard.expand(damaged[...], count: bytes.count) { #expect(found.count == bytes.count) }
            }
        }
    }

    @Test func noMoreIsWrittenThanWasExpected() {
        let frame = zstandard.compress([UInt8](repeating: 0, count: 1 << 20), level: 1)
        #expect(throws: Zstandard.Damage.self) { try zstandard.expand(frame[...], count: 100) }
        #expect(throws: Zstandard.Damage.self) { try zstandard.expand(frame[...], count: 2 << 20) }
        #expect(throws: Zstandard.Damage.self) { try zstandard.expand(frame.dropLast(), count: 1 << 20) }
        #expect(throws: Zstandard.Damage.self) { try zstandard.expand([], count: 1) }
    }
}
