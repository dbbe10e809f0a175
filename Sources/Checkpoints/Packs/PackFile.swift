internal import AgentModel
internal import Compression
internal import Digests
internal import OutsideWorld

/// The name of a pack: the lowest and the highest number of its chunks, and half of what its index is known by, so that two packs of the same name
/// are the same pack. "1-65791-0f3a…".
struct PackName: Hashable, Comparable {
    var first: ChunkNumber
    var last: ChunkNumber
    /// 16 hexadecimal digits.
    var digest: String

    var text: String { "\(first)-\(last)-\(digest)" }

    init(first: ChunkNumber, last: ChunkNumber, digest: String) {
        self.first = first
        self.last = last
        self.digest = digest
    }

    /// nil: it is not the name of a pack.
    init?(_ name: String) {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, let first = StoreLayout.number(parts[0]), let last = StoreLayout.number(parts[1]), first <= last,
            parts[2].utf8.count == 16, parts[2].utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) })
        else { return nil }
        self.init(first: first.number, last: last.number, digest: String(parts[2]))
    }

    static func < (a: PackName, b: PackName) -> Bool { (a.first, a.last, a.digest) < (b.first, b.last, b.digest) }
}

/// Some chunks, compressed together.
struct PackBlock: Hashable {
    /// In the pack.
    var offset: UInt64
    /// Compressed.
    var length: Int
    /// Indices of its chunks, in the order they lie in it.
    var chunks: Range<Int>
    /// Whether it was compressed with the bases of its chunks as prefix.
    var isDelta: Bool
    /// First half of the XXH3 of its bytes in the pack.
    var check: UInt64

    static func check(_ frame: [UInt8]) -> UInt64 { XXH3.digest(of: frame)[..<8].reduce(0) { $0 << 8 | UInt64($1) } }
}

struct PackedChunk: Hashable {
    var number: ChunkNumber
    var block: Int32
    /// In the block, expanded.
    var offset: Int32
    var length: Int32
    /// The chunk it resembles; 0: none.
    var base: ChunkNumber
}

/// What a pack holds. Documentation: docs/store-format.md#packs
struct PackIndex {
    static let magic = Array("runner-pack 1\n".utf8)
    static let trailerLength = 48
    /// Of the index, expanded; two million chunks.
    static let limit = 64 << 20
    /// Of a block, expanded.
    static let blockLimit = 1 << 20

    var blocks: [PackBlock] = []
    /// In the order of blocks, and in the order they lie in them.
    var chunks: [PackedChunk] = []

    // MARK: Writing

    /// - Returns: the table and the identities, as they are written behind the blocks, without the trailer.
    static func encode(_ index: PackIndex) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(compact: UInt64(index.blocks.count))
        var expected: ChunkNumber = 1
        for block in index.blocks {
            bytes.append(compact: UInt64(block.length))
            bytes.append(fixed: block.check)
            bytes.append(compact: UInt64(block.chunks.count) << 1 | (block.isDelta ? 1 : 0))
            for chunk in index.chunks[block.chunks] {
                bytes.append(signed: Int64(bitPattern: chunk.number &- expected))
                expected = chunk.number + 1
                bytes.append(compact: UInt64(chunk.length))
                if block.isDelta { bytes.append(compact: chunk.base == 0 ? 0 : chunk.number - chunk.base) }
            }
        }
        return bytes
    }

    // MARK: Reading

    /// Takes the table of a pack apart. Nothing in it is believed before it fits.
    /// - Parameter end: where the blocks end.
    init(decoding bytes: [UInt8], blocksEnd end: UInt64) throws(Damage) {
        var reader = CompactReader(bytes[...])
        var expected: ChunkNumber = 1
        var offset = UInt64(Self.magic.count)
        for block in 0..<(try reader.number(upTo: bytes.count)) {
            let length = try reader.number(upTo: Self.blockLimit * 2)
            let check = try reader.fixed()
            let header = try reader.number(upTo: bytes.count * 2 + 1)
            let isDelta = header & 1 == 1
            let first = chunks.count
            var inside = 0
            for _ in 0..<(header >> 1) {
                let number = expected &+ UInt64(bitPattern: try reader.signed())
                guard number > 0, number < 1 << 56 else { throw Damage("it has a chunk without a number") }
                expected = number + 1
                let size = try reader.number(upTo: ChunkSize.limit)
                var base: ChunkNumber = 0
                if isDelta, case let distance = try reader.number(), distance > 0 {
                    guard distance < number else { throw Damage("a chunk resembles none") }
                    base = number - distance
                }
                chunks.append(
                    PackedChunk(number: number, block: Int32(block), offset: Int32(inside), length: Int32(size), base: base))
                inside += size
                guard inside <= Self.blockLimit else { throw Damage("it has a block larger than \(Self.blockLimit) bytes") }
            }
            blocks.append(PackBlock(offset: offset, length: length, chunks: first..<chunks.count, isDelta: isDelta, check: check))
            offset += UInt64(length)
            guard offset <= end else { throw Damage("its blocks do not fit") }
        }
        guard reader.isAtEnd, offset == end else { throw Damage("its blocks do not fit") }
    }

    init() {}

    /// Bytes of a block, expanded.
    func size(of block: Int) -> Int {
        guard let last = chunks[blocks[block].chunks].last else { return 0 }
        return Int(last.offset + last.length)
    }
}

/// The last 48 bytes of a pack.
struct PackTrailer: Hashable {
    static let magic = Array("runnerpk".utf8)
    /// Where the table begins: behind the blocks.
    var tableOffset: UInt64
    /// Compressed, and expanded.
    var tableLength: UInt32
    var tableSize: UInt32
    /// 16 bytes for every chunk follow the table.
    var chunks: UInt64
    /// First half of the SHA-256 of compressed table, identities and the three numbers above.
    var digest: ChunkID

    static func digest(of table: [UInt8], identities: [UInt8], _ trailer: PackTrailer) -> ChunkID {
        let sum = SHA256()
        sum.update(table)
        sum.update(identities)
        sum.update(trailer.numbers)
        return ChunkID(digest: sum.finish())
    }

    private var numbers: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(fixed: tableOffset)
        bytes.append(fixed: UInt64(tableLength) | UInt64(tableSize) << 32)
        bytes.append(fixed: chunks)
        return bytes
    }

    var encoded: [UInt8] {
        var bytes = numbers
        bytes.append(fixed: digest.high)
        bytes.append(fixed: digest.low)
        return bytes + Self.magic
    }

    init(tableOffset: UInt64, tableLength: Int, tableSize: Int, chunks: Int) {
        self.tableOffset = tableOffset
        self.tableLength = UInt32(tableLength)
        self.tableSize = UInt32(tableSize)
        self.chunks = UInt64(chunks)
        digest = ChunkID(high: 0, low: 0)
    }

    init(decoding bytes: [UInt8]) throws(Damage) {
        guard bytes.count == PackIndex.trailerLength, bytes.suffix(8).elementsEqual(Self.magic) else {
            throw Damage("it does not end as a pack does")
        }
        var reader = CompactReader(bytes[...])
        tableOffset = try reader.fixed()
        let lengths = try reader.fixed()
        (tableLength, tableSize) = (UInt32(truncatingIfNeeded: lengths), UInt32(truncatingIfNeeded: lengths >> 32))
        chunks = try reader.fixed()
        digest = ChunkID(high: try reader.fixed(), low: try reader.fixed())
        guard tableSize <= PackIndex.limit, tableLength <= PackIndex.limit, chunks <= UInt64(PackIndex.limit / 4) else {
            throw Damage("its index is too large")
        }
    }
}
