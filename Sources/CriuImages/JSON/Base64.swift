/// Base64 as MIME has it (RFC 2045): a line break behind every 76 characters and at the end, which is how crit writes bytes.
enum Base64 {
    /// Bytes that make one whole line.
    static let lineBytes = 57
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// - Parameter lineBreak: what ends a line; within JSON it is the two characters of its escape.
    static func encode(_ bytes: some Collection<UInt8>, lineBreak: [UInt8] = [UInt8(ascii: "\n")]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count / lineBytes * (76 + lineBreak.count) + 80)
        var word: UInt32 = 0
        var count = 0
        var inLine = 0
        for byte in bytes {
            word = word << 8 | UInt32(byte)
            count += 1
            inLine += 1
            if count == 3 {
                for shift: UInt32 in [18, 12, 6, 0] { text.append(digits[Int(word >> shift & 63)]) }
                (word, count) = (0, 0)
            }
            if inLine == lineBytes {
                text += lineBreak
                inLine = 0
            }
        }
        if count > 0 {
            word <<= UInt32(3 - count) * 8
            for position in 0...count { text.append(digits[Int(word >> UInt32(18 - 6 * position) & 63)]) }
            for _ in count..<3 { text.append(UInt8(ascii: "=")) }
        }
        if inLine > 0 { text += lineBreak }
        return text
    }

    /// Blanks and line breaks are passed over. nil: another character, or an end in the middle.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var word: UInt32 = 0
        var count = 0
        var padding = 0
        for character in text {
            if character == UInt8(ascii: "\n") || character == UInt8(ascii: "\r") || character == UInt8(ascii: " ") { continue }
            if character == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0, let value = value(of: character) else { return nil }
            word = word << 6 | value
            count += 1
            if count == 4 {
                for shift: UInt32 in [16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
                (word, count) = (0, 0)
            }
        }
        guard count != 1, padding == (4 - count) % 4 else { return nil }
        word <<= UInt32(4 - count) * 6
        if count >= 2 { bytes.append(UInt8(truncatingIfNeeded: word >> 16)) }
        if count == 3 { bytes.append(UInt8(truncatingIfNeeded: word >> 8)) }
        return bytes
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
