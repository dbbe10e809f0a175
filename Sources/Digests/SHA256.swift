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

    public static func digest(of bytes: [UInt8]) -> [UInt8] {
        let running = SHA256()
        running.update(bytes)
        return running.finish()
    }
}

/// Lower-case hexadecimal, two digits a byte.
public func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
