// Compression: Zstandard by libzstd. Computes.

internal import CZstd

/// Zstandard frames (RFC 8878), made and taken apart whole. Keeps its working memory from one frame to the next, so one value serves one thread.
public final class Zstandard {
    /// What a frame's bytes are not: a frame, or one of what was expected of it.
    public struct Damage: Error, Hashable, Sendable {
        /// In libzstd's words, or ours where it saw nothing.
        public var how: String
    }

    private let compressor: OpaquePointer
    private let decompressor: OpaquePointer

    public init() {
        guard let compressor = ZSTD_createCCtx(), let decompressor = ZSTD_createDCtx() else { preconditionFailure("libzstd cannot begin") }
        self.compressor = compressor
        self.decompressor = decompressor
    }

    deinit {
        ZSTD_freeCCtx(compressor)
        ZSTD_freeDCtx(decompressor)
    }

    /// One frame. Who keeps it keeps a checksum of it, too.
    /// - Parameters:
    ///   - level: 1 (fast) to 19 (small).
    ///   - prefix: bytes that `bytes` may resemble, in whole or in part; the same must be given to `expand`.
    public func compress(_ bytes: [UInt8], level: Int, prefix: [UInt8] = []) -> [UInt8] {
        set(ZSTD_c_compressionLevel, Int32(level))
        // The window must reach back over all of the prefix.
        set(ZSTD_c_windowLog, prefix.isEmpty ? 0 : Self.windowLog(for: bytes.count + prefix.count))
        return [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(bytes.count)) { frame, count in
            let written = prefix.withUnsafeBytes { prefix in
                _ = checked(ZSTD_CCtx_refPrefix(compressor, prefix.baseAddress, prefix.count))
                return bytes.withUnsafeBytes { bytes in
                    checked(ZSTD_compress2(compressor, frame.baseAddress, frame.count, bytes.baseAddress, bytes.count))
                }
            }
            count = written
        }
    }

    /// The content of one frame.
    /// - Parameter count: bytes it must have; no more are ever written.
    public func expand(_ frame: ArraySlice<UInt8>, count: Int, prefix: [UInt8] = []) throws(Damage) -> [UInt8] {
        var code = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { bytes, written in
            prefix.withUnsafeBytes { prefix in
                _ = ZSTD_DCtx_refPrefix(decompressor, prefix.baseAddress, prefix.count)
                frame.withUnsafeBytes { frame in
                    code = ZSTD_decompressDCtx(decompressor, bytes.baseAddress, bytes.count, frame.baseAddress, frame.count)
                }
            }
            written = ZSTD_isError(code) == 0 ? code : 0
        }
        guard ZSTD_isError(code) == 0 else { throw Damage(how: String(cString: ZSTD_getErrorName(code))) }
        guard bytes.count == count else { throw Damage(how: "it holds \(bytes.count) bytes in place of \(count)") }
        return bytes
    }

    private func set(_ parameter: ZSTD_cParameter, _ value: Int32) {
        _ = checked(ZSTD_CCtx_setParameter(compressor, parameter, value))
    }

    /// Only a mistake of ours, or no memory, makes compressing fail.
    private func checked(_ code: Int) -> Int {
        precondition(ZSTD_isError(code) == 0, "libzstd: \(String(cString: ZSTD_getErrorName(code)))")
        return code
    }

    /// The power of two that is no smaller, in the bounds that every decoder takes.
    private static func windowLog(for count: Int) -> Int32 {
        Int32(clamping: min(27, max(10, Int.bitWidth - (max(1, count) - 1).leadingZeroBitCount)))
    }
}
