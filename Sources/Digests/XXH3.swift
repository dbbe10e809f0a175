internal import CXxhash

/// A running XXH3 of 128 bits, by libxxhash: ten times as fast as SHA-256. It finds what decayed, not what somebody made to look the same.
public struct XXH3: ~Copyable {
    private let state: UnsafeMutableRawPointer

    public init() {
        guard let state = runner_xxh3_begin() else { preconditionFailure("no memory for a hash") }
        self.state = state
    }

    deinit { runner_xxh3_end(state) }

    public func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { runner_xxh3_update(state, $0.baseAddress, $0.count) } }

    /// The 16 bytes of the digest, as xxhsum prints them: the most significant first.
    public consuming func finish() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { bytes, count in
            runner_xxh3_finish(state, bytes.baseAddress)
            count = 16
        }
    }

    public static func digest(of bytes: [UInt8]) -> [UInt8] {
        let hash = XXH3()
        hash.update(bytes)
        return hash.finish()
    }
}

/// What tells pages of memory from each other, 16 bytes a page. Whoever does not know the secret cannot make two pages that look the same by it.
public enum PageSum {
    /// Bytes of a secret.
    public static let secretSize = 192

    /// Appends the sums of all pages in `bytes`, two words each; the last page may be shorter.
    public static func append(of bytes: [UInt8], page: Int, secret: [UInt8], to sums: inout [UInt64]) {
        precondition(secret.count == secretSize, "a secret has \(secretSize) bytes")
        guard !bytes.isEmpty else { return }
        let pages = (bytes.count + page - 1) / page
        sums += [UInt64](unsafeUninitializedCapacity: 2 * pages) { words, count in
            bytes.withUnsafeBytes { runner_xxh3_pages($0.baseAddress, $0.count, page, secret, words.baseAddress) }
            count = 2 * pages
        }
    }
}
