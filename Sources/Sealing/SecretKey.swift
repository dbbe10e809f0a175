// Sealing: encryption at rest. A disk over a disk, and the keys that it needs. Knows no store and no command.

internal import CSodium

/// 32 bytes that nobody is to see: in memory that is never swapped out where the system allows that, is in no core dump, and is wiped when the
/// last reference goes. See sodium_malloc(3).
public final class SecretKey: Sendable {
    public static let length = 32
    // Written once, before anybody else has a reference.
    nonisolated(unsafe) private let memory: UnsafeMutableRawPointer

    /// `bytes`, which are wiped.
    public convenience init(wiping bytes: inout [UInt8]) {
        precondition(bytes.count == Self.length, "a key of \(bytes.count) bytes")
        self.init { target in target.copyMemory(from: bytes, byteCount: Self.length) }
        wipe(&bytes)
    }

    /// A new one, of the system's own randomness: it must be nobody's guess, whichever world asks.
    public static func random() -> SecretKey { SecretKey { randombytes_buf($0, Self.length) } }

    /// From its digits, decoded where it stays. nil: other digits, or another number of them.
    convenience init?(hexadecimal digits: UnsafeBufferPointer<UInt8>) {
        guard digits.count == 2 * Self.length, digits.allSatisfy({ value(of: $0) != nil }) else { return nil }
        self.init { target in
            for index in 0..<Self.length {
                let byte = (value(of: digits[2 * index]) ?? 0) << 4 | (value(of: digits[2 * index + 1]) ?? 0)
                target.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
            }
        }
    }

    private init(_ fill: (UnsafeMutableRawPointer) -> Void) {
        Sodium.begin()
        guard let memory = sodium_malloc(Self.length) else { preconditionFailure("there is no memory left for a key") }
        fill(memory)
        self.memory = memory
    }

    deinit { sodium_free(memory) }

    func withBytes<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result {
        body(UnsafePointer(memory.assumingMemoryBound(to: UInt8.self)))
    }

    /// 16 hexadecimal digits that tell keys apart and nothing of them.
    public var name: String {
        hexadecimal(digest(of: Array("runner: name of a key".utf8))[..<8])
    }

    /// 16 bytes that nobody makes without the key. See crypto_generichash(3).
    func digest(of words: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 16)
        withBytes { key in _ = crypto_generichash(&digest, digest.count, words, UInt64(words.count), key, Self.length) }
        return digest
    }
}

/// Overwrites what was secret.
func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { if let start = $0.baseAddress { sodium_memzero(start, $0.count) } }
    bytes = []
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
}

/// nil: other digits, or an odd number of them.
func bytes(ofHexadecimal text: some Collection<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var high: UInt8?
    for digit in text {
        guard let value = value(of: digit) else { return nil }
        if let first = high {
            bytes.append(first << 4 | value)
            high = nil
        } else {
            high = value
        }
    }
    return high == nil ? bytes : nil
}
