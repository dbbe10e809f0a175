import Testing

@testable import Checkpoints

@Suite struct ChunkTableTests {
    /// Numbers that look alike in the bits that choose a place, so that places are fought for.
    private func id(_ number: Int) -> ChunkID { ChunkID(high: UInt64(number), low: UInt64(number % 37) << 40 | UInt64(number % 5)) }

    @Test(arguments: [0, 1, 700, 5000])
    func whatWasPutInIsFoundInAnyOrder(room: Int) {
        var table = ChunkTable(room: room)
        let count = 3000
        for number in 0..<count { table.insert(id(number), ChunkNumber(number + 1)) }
        // The first number of a chunk stays.
        for number in stride(from: 0, to: count, by: 7) { table.insert(id(number), 999_999) }
        #expect(table.count == count)
        let orders = [Array(0..<count), Array((0..<count).reversed()), (0..<count).map { $0 * 1009 % count }, [5, 5, 6, 7, 2999, 0, 1]]
        for order in orders {
            for number in order {
                let expected = ChunkNumber(number + 1)
                #expect(table[id(number)] == expected)
                #expect(table.find(id(number)) == expected)
            }
        }
        for number in count..<(count + 50) {
            #expect(table[id(number)] == nil)
            #expect(table.find(id(number)) == nil)
        }
        #expect(table.find(id(0)) == 1)
    }

    @Test func anEmptyOneKnowsNothing() {
        var table = ChunkTable(room: 0)
        #expect(table.find(id(1)) == nil && table[id(1)] == nil && table.count == 0)
    }
}
