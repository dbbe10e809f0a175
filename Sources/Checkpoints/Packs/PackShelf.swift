internal import AgentModel
internal import Compression
internal import OutsideWorld

/// All packs of an agent, each opened when it is first needed. For one thread, and for one operation: what is written meanwhile it does not see.
final class PackShelf {
    let disk: any Disk
    let directory: DiskPath
    let zstandard = Zstandard()
    /// Sorted; the highest `last` up to and including each.
    private(set) var names: [PackName] = []
    private var reach: [ChunkNumber] = []
    private let chosen: Set<PackName>?
    /// Known to be damaged: read by who needs them, and no source for anything new.
    private(set) var doubted: Set<PackName> = []
    private var opened: [PackName: OpenedPack] = [:]
    private var cache = BlockCache()

    convenience init(of agent: AgentName, on disk: any Disk) throws(FileFault) { try self.init(in: StoreLayout.packs(agent), on: disk) }

    /// - Parameter chosen: the only ones that are looked into; nil: all that are there.
    init(in directory: DiskPath, choosing chosen: Set<PackName>? = nil, on disk: any Disk) throws(FileFault) {
        self.disk = disk
        self.directory = directory
        self.chosen = chosen
        try look()
    }

    private func look() throws(FileFault) {
        let found = try disk.entry(at: directory) == nil ? [] : try disk.names(in: directory)
        names = found.compactMap { PackName($0) }.filter { chosen?.contains($0) ?? true }.sorted()
        doubted = Set(found.compactMap { PackName(marked: $0) })
        var highest: ChunkNumber = 0
        reach = names.map { name in
            highest = max(highest, name.last)
            return highest
        }
    }

    /// The numbers that are in packs lie between these two.
    var lowest: ChunkNumber { names.first?.first ?? 1 }
    var highest: ChunkNumber { reach.last ?? 0 }

    func open(_ name: PackName) throws(FileFault) -> OpenedPack {
        if let pack = opened[name] { return pack }
        let pack = try OpenedPack(name, in: directory, of: disk, with: zstandard)
        opened[name] = pack
        return pack
    }

    /// Where the chunk is. Of two packs that have it, either will do: it is the same.
    func locate(_ number: ChunkNumber) throws(FileFault) -> (pack: OpenedPack, chunk: Int) {
        for _ in 1...3 {
            do throws(FileFault) {
                if let found = try find(number) { return found }
                break
            } catch {
                // Whoever collects meanwhile has put what is needed elsewhere.
                guard error.kind == .missing else { throw error }
                try look()
            }
        }
        throw FileFault(.damaged("chunk \(number) is in no pack"), doing: "read", what: directory.text)
    }

    func find(_ number: ChunkNumber, inSound: Bool = false) throws(FileFault) -> (pack: OpenedPack, chunk: Int)? {
        var low = 0
        var high = names.count
        while low < high {
            let middle = (low + high) / 2
            if names[middle].first <= number { low = middle + 1 } else { high = middle }
        }
        var candidate = low - 1
        while candidate >= 0, reach[candidate] >= number {
            if names[candidate].last >= number, !inSound || !doubted.contains(names[candidate]) {
                let pack = try open(names[candidate])
                if let chunk = pack.find(number) { return (pack, chunk) }
            }
            candidate -= 1
        }
        return nil
    }

    /// The chunk that may serve as base for what takes the place of this one: itself, or what it was made of.
    func base(of number: ChunkNumber) throws(FileFault) -> ChunkNumber? {
        let (pack, index) = try locate(number)
        let chunk = pack.index.chunks[index]
        guard pack.index.blocks[Int(chunk.block)].isDelta else { return number }
        return chunk.base == 0 ? nil : chunk.base
    }

    /// The bytes of a chunk, in place of what `bytes` holds beyond its first `offset`.
    func append(_ number: ChunkNumber, to bytes: inout [UInt8]) throws(FileFault) {
        let (pack, index) = try locate(number)
        let chunk = pack.index.chunks[index]
        let block = try block(Int(chunk.block), of: pack, mayBeDelta: true)
        bytes += block[Int(chunk.offset)..<Int(chunk.offset + chunk.length)]
    }

    /// The content of a block. A delta is made of blocks that are none, so this ends.
    func block(_ block: Int, of pack: OpenedPack, mayBeDelta: Bool) throws(FileFault) -> [UInt8] {
        let key = BlockCache.Key(pack: ObjectIdentifier(pack), block: block)
        if let content = cache[key] { return content }
        let isDelta = pack.index.blocks[block].isDelta
        guard mayBeDelta || !isDelta else {
            throw FileFault(.damaged("a delta rests on a delta"), doing: "read", what: "\(directory)/\(pack.name.text)")
        }
        let prefix = isDelta ? try bases(of: pack.index.chunks[pack.index.blocks[block].chunks]) : []
        let content = try pack.expand(block, prefix: prefix)
        cache[key] = content
        return content
    }

    /// Reads the pack whole and compares every chunk with what it is known by.
    /// - Parameter mixed: several stores may have put packs here, and given one number to several chunks, or left out what their versions need no more.
    ///   Then a delta is whole when its bytes are what was stored: that of which it is made may be another's, or not here.
    func verify(_ name: PackName, mixed: Bool = false) throws(FileFault) {
        let pack = try open(name)
        let identities = try pack.identities()
        for block in pack.index.blocks.indices {
            do throws(FileFault) { try verify(block, of: pack, identities) } catch {
                guard mixed, case .damaged = error.kind, pack.index.blocks[block].isDelta else { throw error }
                _ = try pack.frame(of: block)
            }
        }
    }

    func verify(_ block: Int, of pack: OpenedPack, _ identities: [ChunkID]) throws(FileFault) {
        let content = try self.block(block, of: pack, mayBeDelta: true)
        for index in pack.index.blocks[block].chunks {
            let chunk = pack.index.chunks[index]
            let bytes = content[Int(chunk.offset)..<Int(chunk.offset + chunk.length)]
            guard ChunkID.of(bytes) == identities[index] else {
                throw FileFault(
                    .damaged("chunk \(chunk.number) is not what was stored"), doing: "read", what: "\(directory)/\(pack.name.text)")
            }
        }
    }

    /// Compares every block that these chunks need with its checksum.
    /// - Throws: `damaged` with the pack.
    func check(_ map: ChunkMap, _ checked: inout CheckedBlocks) throws(FileFault) {
        for run in map.runs {
            guard case .chunk(let first) = run.first else { continue }
            var number = first
            while number < first + ChunkNumber(run.count) { number += try check(number, &checked, mayBeDelta: true) }
        }
    }

    /// - Returns: for how many numbers that was, this one and those behind it.
    private func check(_ number: ChunkNumber, _ checked: inout CheckedBlocks, mayBeDelta: Bool) throws(FileFault) -> ChunkNumber {
        let (pack, index) = try locate(number)
        let block = Int(pack.index.chunks[index].block)
        let chunks = pack.index.blocks[block].chunks
        var next = index
        while next < chunks.endIndex, pack.index.chunks[next].number == number + ChunkNumber(next - index) { next += 1 }
        guard !checked.has(block, of: pack.name) || doubted.contains(pack.name) else { return ChunkNumber(next - index) }
        _ = try pack.frame(of: block)
        if pack.index.blocks[block].isDelta {
            guard mayBeDelta else {
                throw FileFault(.damaged("a delta rests on a delta"), doing: "read", what: "\(directory)/\(pack.name.text)")
            }
            for chunk in pack.index.chunks[chunks] where chunk.base != 0 { _ = try check(chunk.base, &checked, mayBeDelta: false) }
        }
        checked.insert(block, of: pack.name)
        return ChunkNumber(next - index)
    }

    /// What a delta was compressed with: the bases of its chunks, in their order.
    func bases(of chunks: ArraySlice<PackedChunk>) throws(FileFault) -> [UInt8] {
        var prefix: [UInt8] = []
        for chunk in chunks where chunk.base != 0 { prefix += try base(chunk.base) }
        return prefix
    }

    /// What a base holds.
    func base(_ number: ChunkNumber) throws(FileFault) -> ArraySlice<UInt8> {
        let (pack, index) = try locate(number)
        let chunk = pack.index.chunks[index]
        return try block(Int(chunk.block), of: pack, mayBeDelta: false)[Int(chunk.offset)..<Int(chunk.offset + chunk.length)]
    }
}

/// Blocks that were expanded not long ago.
private struct BlockCache {
    fileprivate struct Key: Hashable {
        var pack: ObjectIdentifier
        var block: Int
    }
    private static let limit = 24 << 20
    private var blocks: [Key: (content: [UInt8], used: Int)] = [:]
    private var size = 0
    private var clock = 0

    subscript(key: Key) -> [UInt8]? {
        mutating get {
            guard let content = blocks[key]?.content else { return nil }
            clock += 1
            blocks[key]?.used = clock
            return content
        }
        set {
            guard let newValue else { return }
            clock += 1
            blocks[key] = (newValue, clock)
            size += newValue.count
            while size > Self.limit, let oldest = blocks.min(by: { $0.value.used < $1.value.used }) {
                size -= oldest.value.content.count
                blocks[oldest.key] = nil
            }
        }
    }
}

/// Blocks that were read and compared with their checksums. Whoever keeps it does not read them again: what decays later is for `verify` to find.
struct CheckedBlocks {
    /// What is kept at most: a few bytes each.
    private static let limit = 1 << 17
    private var blocks: [PackName: Set<Int32>] = [:]
    private var count = 0

    func has(_ block: Int, of pack: PackName) -> Bool { blocks[pack]?.contains(Int32(block)) ?? false }

    mutating func insert(_ block: Int, of pack: PackName) {
        if count >= Self.limit { self = CheckedBlocks() }
        if blocks[pack, default: []].insert(Int32(block)).inserted { count += 1 }
    }
}
