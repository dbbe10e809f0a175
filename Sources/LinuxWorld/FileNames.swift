internal import Glibc

/// File names are bytes to Linux and text to us. Names that are not UTF-8 are kept exactly: each stray byte becomes one private-use character,
/// U+10FE00 plus the byte, and turns back into that byte on the way out.
enum FileNames {
    private static let base: UInt32 = 0x10FE00

    /// The text for a name as the kernel gave it. A name that really holds one of our private-use characters is escaped byte by byte, so that
    /// no two names have the same text.
    static func text(of bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self), !text.unicodeScalars.contains(where: isEscape) { return text }
        var scalars = String.UnicodeScalarView()
        var rest = bytes[...]
        while let first = rest.first {
            if let scalar = leadingScalar(of: rest) {
                scalars.append(scalar)
                rest = rest.dropFirst(UTF8.width(scalar))
            } else {
                if let escape = Unicode.Scalar(base + UInt32(first)) { scalars.append(escape) }
                rest = rest.dropFirst()
            }
        }
        return String(scalars)
    }

    /// Calls `body` with the name as the kernel knows it.
    static func withBytes<Result>(of text: String, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        // Every escape begins with 0xF4 in UTF-8, which ordinary names never hold.
        guard text.utf8.contains(0xF4) else { return text.withCString(body) }
        var bytes: [CChar] = []
        for scalar in text.unicodeScalars {
            if isEscape(scalar) {
                bytes.append(CChar(truncatingIfNeeded: scalar.value - base))
            } else {
                bytes += scalar.utf8Bytes.map { CChar(bitPattern: $0) }
            }
        }
        bytes.append(0)
        return bytes.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { preconditionFailure("a buffer with a NUL in it has a start") }
            return body(start)
        }
    }

    /// The name as the kernel knows it.
    static func bytes(of text: String) -> [UInt8] {
        withBytes(of: text) { start in Array(UnsafeRawBufferPointer(start: start, count: strlen(start))) }
    }

    private static func isEscape(_ scalar: Unicode.Scalar) -> Bool { (base + 0x80...base + 0xFF).contains(scalar.value) }

    /// The character `bytes` begin with, unless they are no UTF-8 or it is one of ours.
    private static func leadingScalar(of bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
        for length in 1...4 {
            if let scalar = String(validating: bytes.prefix(length), as: UTF8.self)?.unicodeScalars.first {
                return isEscape(scalar) ? nil : scalar
            }
        }
        return nil
    }
}

extension Unicode.Scalar {
    fileprivate var utf8Bytes: [UInt8] { Array(String(self).utf8) }
}
