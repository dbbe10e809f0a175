internal import Compression
internal import Digests
internal import OutsideWorld

/// What a new chunk may resemble: a chunk that is no delta.
struct PackBase {
    var number: ChunkNumber
    /// nil: it is to be read from its pack.
    var content: ArraySlice<UInt8>?
}

/// Writes chunks that are new into packs. A pack is whole, synced and under its name, or it is not there.
struct PackWriter {
    /// Chunks and bytes of a block: large enough to compress well, small enough that one page of it costs little.
    private static let blockChunks = 64
    private static let blockSize = 256 << 10
    /// A pack is closed when it has so many bytes: what must be rewritten to get rid of a little is never much.
    private static let packSize: UInt64 = 64 << 20
    private static let level = 3

    private let shelf: PackShelf
    private var next: ChunkNumber
    private var plain = Draft()
    private var delta = Draft()
    private var file: (any DiskFile)?
    private var index = PackIndex()
    private var identities: [ChunkID] = []
    private var offset: UInt64 = 0
    /// Bytes of all packs written so far.
    private(set) var written: UInt64 = 0
    private(set) var names: [PackName] = []

    /// A block in the making.
    private struct Draft {
        var content: [UInt8] = []
        /// Of a delta: what its bases hold, in their order.
        var prefix: [UInt8] = []
        var chunks: [(number: ChunkNumber, id: ChunkID, length: Int, base: ChunkNumber)] = []
        var isFull: Bool { chunks.count >= PackWriter.blockChunks || content.count >= PackWriter.blockSize }
    }

    init(to shelf: PackShelf) throws(FileFault) {
        self.shelf = shelf
        next = try shelf.firstFree()
    }

    /// Takes a chunk in.
    /// - Parameter base: a chunk that it may resemble, itself no delta; nil: none is known.
    /// - Returns: its number, which is valid once `finish` returned.
    mutating func add(_ bytes: ArraySlice<UInt8>, _ id: ChunkID, base: PackBase?) throws(FileFault) -> ChunkNumber {
        let number = next
        next += 1
        try add(bytes, id, number, base: base)
        return number
    }

    /// As `add`, of a chunk that has its number already.
    mutating func add(_ bytes: ArraySlice<UInt8>, _ id: ChunkID, _ number: ChunkNumber, base: PackBase?) throws(FileFault) {
        if let base, let content = base.content ?? (try? shelf.base(base.number)) {
            delta.content += bytes
            delta.prefix += content
            delta.chunks.append((number, id, bytes.count, base.number))
            if delta.isFull { try flushDelta() }
        } else {
            plain.content += bytes
            plain.chunks.append((number, id, bytes.count, 0))
            if plain.isFull { try flushPlain() }
        }
        if offset >= Self.packSize { try close() }
    }

    /// Takes a block over as it is, with the numbers it has.
    mutating func add(_ block: Int, of pack: OpenedPack, _ identities: [ChunkID]) throws(FileFault) {
        let source = pack.index.blocks[block]
        let chunks = pack.index.chunks[source.chunks]
        try write(try pack.frame(of: block), isDelta: source.isDelta, chunks, identities[source.chunks])
        if offset >= Self.packSize { try close() }
    }

    /// Writes what is left. On return every chunk that was added is on stable storage.
    mutating func finish() throws(FileFault) {
        try close()
    }

    /// Removes what is not under its name yet.
    func abandon() {
        try? shelf.disk.removeTree(temporary)  // the next collection would
    }

    // MARK: Blocks

    private mutating func flushPlain() throws(FileFault) {
        guard !plain.chunks.isEmpty else { return }
        try write(shelf.zstandard.compress(plain.content, level: Self.level), isDelta: false, plain)
        plain = Draft()
    }

    /// As a delta where that is worth it, for a delta needs its bases as long as it lives.
    private mutating func flushDelta() throws(FileFault) {
        guard !delta.chunks.isEmpty else { return }
        let with = shelf.zstandard.compress(delta.content, level: Self.level, prefix: delta.prefix)
        // Hardly anything takes so little by itself that it is worth a look.
        let alone = with.count < delta.content.count / 16 ? nil : shelf.zstandard.compress(delta.content, level: Self.level)
        if let alone, with.count >= alone.count / 4 * 3 {
            for chunk in delta.chunks.indices { delta.chunks[chunk].base = 0 }
            try write(alone, isDelta: false, delta)
        } else {
            try write(with, isDelta: true, delta)
        }
        delta = Draft()
    }

    private static func packed(_ draft: Draft, in block: Int) -> [PackedChunk] {
        var offset = 0
        return draft.chunks.map { chunk in
            defer { offset += chunk.length }
            return PackedChunk(
                number: chunk.number, block: Int32(block), offset: Int32(offset), length: Int32(chunk.length), base: chunk.base)
        }
    }

    private mutating func write(_ frame: [UInt8], isDelta: Bool, _ draft: Draft) throws(FileFault) {
        try write(frame, isDelta: isDelta, Self.packed(draft, in: 0)[...], draft.chunks.map(\.id)[...])
    }

    private mutating func write(
        _ frame: [UInt8], isDelta: Bool, _ chunks: ArraySlice<PackedChunk>, _ ids: ArraySlice<ChunkID>
    ) throws(FileFault) {
        let file = try openedFile()
        try file.write(frame)
        let first = index.chunks.count
        for chunk in chunks {
            var chunk = chunk
            chunk.block = Int32(index.blocks.count)
            index.chunks.append(chunk)
        }
        identities += ids
        index.blocks.append(
            PackBlock(
                offset: offset, length: frame.count, chunks: first..<index.chunks.count, isDelta: isDelta, check: PackBlock.check(frame)))
        offset += UInt64(frame.count)
    }

    // MARK: The file

    private var temporary: DiskPath { shelf.directory / "new" }

    private mutating func openedFile() throws(FileFault) -> any DiskFile {
        if let file { return file }
        try shelf.disk.makeDirectories(shelf.directory)
        try shelf.disk.removeTree(temporary)
        let file = try shelf.disk.open(temporary, .createNew(mode: 0o600))
        try file.write(PackIndex.magic)
        offset = UInt64(PackIndex.magic.count)
        self.file = file
        return file
    }

    private mutating func close() throws(FileFault) {
        try flushPlain()
        try flushDelta()
        guard let file else { return }
        let plain = PackIndex.encode(index)
        let table = shelf.zstandard.compress(plain, level: Self.level)
        var ids: [UInt8] = []
        ids.reserveCapacity(identities.count * 16)
        for id in identities {
            ids.append(fixed: id.high)
            ids.append(fixed: id.low)
        }
        var trailer = PackTrailer(tableOffset: offset, tableLength: table.count, tableSize: plain.count, chunks: identities.count)
        trailer.digest = PackTrailer.digest(of: table, identities: ids, trailer)
        try file.write(table + ids + trailer.encoded)
        try file.sync()
        let numbers = index.chunks.map(\.number)
        let name = PackName(first: numbers.min() ?? 1, last: numbers.max() ?? 1, digest: trailer.digest.text)
        try shelf.markGiven(below: next)
        try shelf.disk.rename(temporary, to: shelf.directory / name.text)
        try shelf.disk.syncDirectory(shelf.directory)
        try shelf.disk.syncDirectory(shelf.directory.parent)
        shelf.forgetOlderMarks()
        written += offset + UInt64(table.count + ids.count + PackIndex.trailerLength)
        names.append(name)
        (self.file, index, identities, offset) = (nil, PackIndex(), [], 0)
    }
}
