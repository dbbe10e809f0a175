internal import CSodium

/// XChaCha20-Poly1305 by libsodium: a nonce of 24 bytes is drawn, never counted, and the processor needs no instructions of its own.
enum Sodium {
    static let nonceLength = 24
    static let tagLength = 16
    /// What a sealed piece takes beyond its content: nonce in front, tag behind.
    static let overhead = nonceLength + tagLength

    /// See sodium_init(3): any number of times, from any thread.
    static func begin() {
        guard sodium_init() >= 0 else { preconditionFailure("libsodium cannot begin") }
    }

    /// Nonce, content, tag.
    static func seal(_ content: ArraySlice<UInt8>, context: [UInt8], nonce: [UInt8], _ key: SecretKey) -> [UInt8] {
        precondition(nonce.count == nonceLength, "a nonce of \(nonce.count) bytes")
        let count = content.count + overhead
        return [UInt8](unsafeUninitializedCapacity: count) { target, filled in
            filled = count
            guard let start = target.baseAddress else { return }
            start.update(from: nonce, count: nonceLength)
            content.withUnsafeBufferPointer { content in
                key.withBytes { key in
                    _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
                        start + nonceLength, nil, content.baseAddress, UInt64(content.count), context, UInt64(context.count), nil, nonce,
                        key)
                }
            }
        }
    }

    /// nil: it is not what was sealed in this context with this key.
    static func open(_ sealed: ArraySlice<UInt8>, context: [UInt8], _ key: SecretKey) -> [UInt8]? {
        guard sealed.count >= overhead else { return nil }
        var isSound = false
        let content = [UInt8](unsafeUninitializedCapacity: sealed.count - overhead) { target, filled in
            sealed.withUnsafeBufferPointer { sealed in
                guard let start = sealed.baseAddress else { return }
                key.withBytes { key in
                    isSound =
                        crypto_aead_xchacha20poly1305_ietf_decrypt(
                            target.baseAddress, nil, nil, start + nonceLength, UInt64(sealed.count - nonceLength), context,
                            UInt64(context.count), start, key) == 0
                }
            }
            filled = isSound ? sealed.count - overhead : 0
        }
        return isSound ? content : nil
    }
}

/// Nonces that are never the same: what was drawn once for a file that is being written, and a count.
struct Nonces {
    private let drawn: [UInt8]
    private var count: UInt64 = 0

    init(_ draw: () -> UInt64) {
        drawn = littleEndian(draw()) + littleEndian(draw())
    }

    mutating func next() -> [UInt8] {
        defer { count += 1 }
        return drawn + littleEndian(count)
    }
}

func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: number.littleEndian) { Array($0) } }
