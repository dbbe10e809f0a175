internal import Digests
internal import OutsideWorld

/// A piece of content, named by its running number within one agent. Documentation: docs/store-format.md#packs
typealias ChunkNumber = UInt64

/// How content is cut: at fixed distances, so that a page that changed is one chunk, and nothing behind it moves.
enum ChunkSize {
    static let page = 4 << 10
    static let other = 16 << 10
    /// Of any chunk, in any pack.
    static let limit = 64 << 10

    static func of(image path: DiskPath) -> Int { FileHash(image: path) == .xxh3 ? page : other }

    /// Chunks of a file of so many bytes.
    static func count(_ size: UInt64, by chunk: Int) -> Int {
        Int(clamping: size / UInt64(chunk) + (size % UInt64(chunk) == 0 ? 0 : 1))
    }
}

/// What a chunk is known by: the first half of its SHA-256.
struct ChunkID: Hashable {
    var high: UInt64
    var low: UInt64

    static func of(_ bytes: ArraySlice<UInt8>) -> ChunkID {
        let half = SHA256.firstHalf(of: bytes)
        return ChunkID(high: half.high, low: half.low)
    }

    init(digest: [UInt8]) {
        high = digest[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = digest[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// From a whole SHA-256 in hexadecimal digits; nil: it is none.
    init?(sha256: String) {
        let digits = Array(sha256.utf8)
        guard digits.count == 64, let high = UInt64(String(decoding: digits[..<16], as: UTF8.self), radix: 16),
            let low = UInt64(String(decoding: digits[16..<32], as: UTF8.self), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}

extension ArraySlice<UInt8> {
    /// Whether it holds zeros alone.
    var isZero: Bool {
        withUnsafeBytes { bytes in
            let words = bytes.count / 8
            for word in 0..<words where bytes.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self) != 0 { return false }
            return bytes[(words * 8)...].allSatisfy { $0 == 0 }
        }
    }
}

/// The numbers of chunks by what they are known by: a table without pointers, 30 to 60 bytes each, for millions of them.
struct ChunkTable {
    private typealias Entry = (id: ChunkID, number: ChunkNumber)
    /// In the order in which they came, which is that of the packs: what lies side by side in a version mostly does so there.
    private var entries: [Entry] = []
    /// 1 + where in `entries`; 0: nowhere. A small table stays in the processor's cache.
    private var places: [UInt32]
    /// Where in `entries` the last one was found.
    private var latest = 0

    /// - Parameter room: how many it will hold, as far as is known.
    init(room: Int) {
        var size = 1024
        while size < room + room / 2 { size *= 2 }
        places = Array(repeating: 0, count: size)
        entries.reserveCapacity(room + room / 8)
    }

    var count: Int { entries.count }

    subscript(id: ChunkID) -> ChunkNumber? {
        let entry = places[place(of: id)]
        return entry == 0 ? nil : entries[Int(entry) - 1].number
    }

    /// As the subscript, sooner for what lies behind the one found last.
    mutating func find(_ id: ChunkID) -> ChunkNumber? {
        if latest + 1 < entries.count, entries[latest + 1].id == id {
            latest += 1
            return entries[latest].number
        }
        let entry = places[place(of: id)]
        guard entry != 0 else { return nil }
        latest = Int(entry) - 1
        return entries[latest].number
    }

    /// The first number of a chunk stays.
    mutating func insert(_ id: ChunkID, _ number: ChunkNumber) {
        if count >= places.count / 4 * 3 { grow() }
        let place = place(of: id)
        guard places[place] == 0 else { return }
        entries.append((id, number))
        places[place] = UInt32(entries.count)
    }

    /// Where it is, or would be. The digest itself is as good a hash as any.
    private func place(of id: ChunkID) -> Int {
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: id.low) & mask
        while case let entry = places[place], entry != 0, entries[Int(entry) - 1].id != id { place = (place + 1) & mask }
        return place
    }

    private mutating func grow() {
        places = Array(repeating: 0, count: places.count * 2)
        for (index, entry) in entries.enumerated() { places[place(of: entry.id)] = UInt32(index + 1) }
    }
}
