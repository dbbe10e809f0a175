/// Bytes as people read them: address, sixteen of them in hexadecimal, and as text. Lines that repeat the one before are a `*`.
struct HexDump {
    private var address: UInt64
    private var pending: [UInt8] = []
    private var last: [UInt8]?
    private var repeats = false

    init(from address: UInt64) { self.address = address }

    /// Whole lines of what came so far.
    mutating func lines(_ bytes: [UInt8]) -> String {
        pending += bytes
        var text = ""
        var position = 0
        while pending.count - position >= 16 {
            text += line(Array(pending[position..<position + 16]))
            position += 16
        }
        pending.removeFirst(position)
        return text
    }

    /// The line that is not full, and where the bytes end.
    mutating func rest() -> String {
        let text = pending.isEmpty ? "" : line(pending)
        pending = []
        return text + Self.hexadecimal(address) + "\n"
    }

    private mutating func line(_ bytes: [UInt8]) -> String {
        defer { address &+= UInt64(bytes.count) }
        if last == bytes {
            defer { repeats = true }
            return repeats ? "" : "*\n"
        }
        (last, repeats) = (bytes, false)
        var words = ""
        for index in 0..<16 {
            words += index < bytes.count ? " " + Self.two(bytes[index]) : "   "
            if index == 7 { words += " " }
        }
        let text = String(decoding: bytes.map { $0 >= 0x20 && $0 < 0x7f ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
        return "\(Self.hexadecimal(address)) \(words)  |\(text)|\n"
    }

    private static func two(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
    private static func hexadecimal(_ address: UInt64) -> String {
        let digits = String(address, radix: 16)
        return String(repeating: "0", count: max(0, 16 - digits.count)) + digits
    }
}
