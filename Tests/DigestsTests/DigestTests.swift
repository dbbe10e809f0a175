import Digests
import Testing

/// Bytes, their SHA-256 and their XXH3 of 128 bits, as sha256sum and xxhsum -H2 print them.
private let known: [(bytes: [UInt8], sha256: String, xxh3: String)] = [
    ([], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "99aa06d3014798d86001c324468d497f"),
    (Array("abc".utf8), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "06b05ab6733a618578af5f94892f3950"),
    (
        (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7) }, "931030b89f42c06dcdda12a43dfcd601d745d11bbb5fcd1a00fea442e8405157",
        "4fb78cd2670dad5801271d2740e5fca3"
    ),
]

struct DigestTests {
    @Test(arguments: known.indices)
    func agreesWithTheTools(index: Int) {
        let (bytes, sha256, xxh3) = known[index]
        #expect(hexadecimal(SHA256.digest(of: bytes)) == sha256)
        let half = SHA256.firstHalf(of: bytes[...])
        #expect([half.high, half.low] == [sha256.prefix(16), sha256.dropFirst(16).prefix(16)].map { UInt64($0, radix: 16) })
        let hash = XXH3()
        hash.update(bytes)
        #expect(hexadecimal(hash.finish()) == xxh3)
    }

    @Test(arguments: [1, 16, 239, 240, 241, 1023, 1024, 4096])
    func piecesMakeTheSameWhole(pieceSize: Int) {
        let (bytes, sha256, xxh3) = known[2]
        let full = SHA256()
        let quick = XXH3()
        for start in stride(from: 0, to: bytes.count, by: pieceSize) {
            let piece = Array(bytes[start..<min(start + pieceSize, bytes.count)])
            full.update(piece)
            quick.update(piece)
        }
        #expect(hexadecimal(full.finish()) == sha256)
        #expect(hexadecimal(quick.finish()) == xxh3)
    }
}
