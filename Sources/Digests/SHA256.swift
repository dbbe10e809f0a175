// Digests: SHA-256 by libgcrypt (1.5 GB/s where the processor helps). Computes.

internal import CGcrypt

/// A running SHA-256.
public struct SHA256: ~Copyable {
    private let handle: gcry_md_hd_t
    /// libgcrypt wants its version checked before anything else, and two threads that do so at once find it "not operational" (seen with
    /// 1.10). A static constant is made exactly once. See "Initializing the library" in its manual.
    private static let isInitialized = gcry_check_version(nil) != nil

    public init() {
        precondition(Self.isInitialized, "libgcrypt could not be initialized")
        var opened: gcry_md_hd_t?
        let code = gcry_md_open(&opened, Int32(GCRY_MD_SHA256.rawValue), 0)
        guard code == 0, let opened else { preconditionFailure("libgcrypt cannot open SHA-256: error \(code)") }
        handle = opened
    }

    deinit { gcry_md_close(handle) }

    public func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { gcry_md_write(handle, $0.baseAddress, $0.count) }
    }

    /// The 32 bytes of the digest.
    public consuming func finish() -> [UInt8] {
        guard let bytes = gcry_md_read(handle, Int32(GCRY_MD_SHA256.rawValue)) else { preconditionFailure("libgcrypt gave no digest") }
        return Array(UnsafeBufferPointer(start: bytes, count: 32))
    }

    public static func digest(of bytes: [UInt8]) -> [UInt8] { digest(of: bytes[...]) }

    public static func digest(of bytes: ArraySlice<UInt8>) -> [UInt8] {
        precondition(isInitialized, "libgcrypt could not be initialized")
        return [UInt8](unsafeUninitializedCapacity: 32) { digest, count in
            bytes.withUnsafeBytes { gcry_md_hash_buffer(Int32(GCRY_MD_SHA256.rawValue), digest.baseAddress, $0.baseAddress, $0.count) }
            count = 32
        }
    }

    /// The first 16 bytes of the digest, as two numbers. Of many small pieces: nothing is allocated.
    public static func firstHalf(of bytes: ArraySlice<UInt8>) -> (high: UInt64, low: UInt64) {
        precondition(isInitialized, "libgcrypt could not be initialized")
        return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { digest in
            bytes.withUnsafeBytes { gcry_md_hash_buffer(Int32(GCRY_MD_SHA256.rawValue), digest.baseAddress, $0.baseAddress, $0.count) }
            return (UInt64(bigEndian: digest.load(as: UInt64.self)), UInt64(bigEndian: digest.load(fromByteOffset: 8, as: UInt64.self)))
        }
    }
}

/// Lower-case hexadecimal, two digits a byte.
public func hexadecimal(_ bytes: [UInt8]) -> String {
    String(unsafeUninitializedCapacity: 2 * bytes.count) { text in
        for (index, byte) in bytes.enumerated() {
            text[2 * index] = digit(byte >> 4)
            text[2 * index + 1] = digit(byte & 15)
        }
        return 2 * bytes.count
    }
}

private func digit(_ value: UInt8) -> UInt8 { value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10 }
