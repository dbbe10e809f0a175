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

    static func of(_ bytes: ArraySlice<UInt8>) -> ChunkID { ChunkID(digest: SHA256.digest(of: bytes)) }

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

/// The numbers of chunks by what they are known by: a table without pointers, 24 bytes a place, for millions of them.
struct ChunkTable {
    private var places: [(id: ChunkID, number: ChunkNumber)]
    private(set) var count = 0

    /// - Parameter room: how many it will hold, as far as is known.
    init(room: Int) {
        var size = 1024
        while size < room + room / 2 { size *= 2 }
        places = Array(repeating: Self.nobody, count: size)
    }

    private static let nobody = (id: ChunkID(high: 0, low: 0), number: ChunkNumber(0))

    subscript(id: ChunkID) -> ChunkNumber? {
        let number = places[place(of: id)].number
        return number == 0 ? nil : number
    }

    /// The first number of a chunk stays.
    mutating func insert(_ id: ChunkID, _ number: ChunkNumber) {
        if count >= places.count / 4 * 3 { grow() }
        let place = place(of: id)
        guard places[place].number == 0 else { return }
        places[place] = (id, number)
        count += 1
    }

    /// Where it is, or would be. The digest itself is as good a hash as any.
    private func place(of id: ChunkID) -> Int {
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: id.low) & mask
        while places[place].number != 0, places[place].id != id { place = (place + 1) & mask }
        return place
    }

    private mutating func grow() {
        let old = places
        places = Array(repeating: Self.nobody, count: old.count * 2)
        for entry in old where entry.number != 0 { places[place(of: entry.id)] = entry }
    }
}
