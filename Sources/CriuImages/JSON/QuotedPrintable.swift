/// Quoted-printable (RFC 2045), as Python's `quopri` writes it: bytes beyond printable ASCII are `=XX`, lines end at 76 characters with a `=`.
enum QuotedPrintable {
    private static let lineLimit = 76

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        let text = encode(bytes, quotingAll: false)
        // Line ends of both kinds in one name do not survive `quopri`; then nothing is left as it is.
        return decode(text) == bytes ? text : encode(bytes, quotingAll: true)
    }

    private static func encode(_ bytes: [UInt8], quotingAll: Bool) -> [UInt8] {
        let breaks: [UInt8] = usesCarriageReturns(bytes) ? [13, 10] : [10]
        var text: [UInt8] = []
        var inLine = 0
        var position = 0
        func next(_ distance: Int) -> UInt8? { position + distance < bytes.count ? bytes[position + distance] : nil }
        while position < bytes.count {
            let byte = bytes[position]
            if quotingAll ? !(33...60).contains(byte) && !(62...126).contains(byte) : mustQuote(byte, inLine, next(1)) {
                if inLine + 3 >= lineLimit {
                    text += [UInt8(ascii: "=")] + breaks
                    inLine = 0
                }
                text += quoted(byte)
                inLine += 3
                position += 1
            } else if byte == 10 || byte == 13 && next(1) == 10 {
                inLine = 0
                // A blank before the end of a line would be lost on the way.
                if let last = text.last, last == 32 || last == 9 {
                    text.removeLast()
                    text += quoted(last)
                }
                text += breaks
                position += byte == 13 ? 2 : 1
            } else {
                if next(1) != nil, next(1) != 10, inLine + 1 >= lineLimit {
                    text += [UInt8(ascii: "=")] + breaks
                    inLine = 0
                }
                text.append(byte)
                inLine += 1
                position += 1
            }
        }
        return text
    }

    private static func usesCarriageReturns(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.firstIndex(of: 10), first > 0 else { return false }
        return bytes[first - 1] == 13
    }

    private static func mustQuote(_ byte: UInt8, _ inLine: Int, _ next: UInt8?) -> Bool {
        switch byte {
        case 127..., UInt8(ascii: "="): true
        case UInt8(ascii: "."): inLine == 0 && (next == nil || next == 10 || next == 13 || next == 0)
        case 9, 32: next == nil
        case 10, 13: false
        default: byte < 33
        }
    }

    private static func quoted(_ byte: UInt8) -> [UInt8] {
        let digits = String(byte, radix: 16, uppercase: true)
        return [UInt8(ascii: "=")] + (byte < 16 ? [UInt8(ascii: "0")] : []) + Array(digits.utf8)
    }

    /// What is no quotation stays as it is.
    static func decode(_ text: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        var position = 0
        while position < text.count {
            guard text[position] == UInt8(ascii: "=") else {
                bytes.append(text[position])
                position += 1
                continue
            }
            let rest = text[(position + 1)...]
            if rest.first == 10 {
                position += 2
            } else if rest.prefix(2).elementsEqual([13, 10]) {
                position += 3
            } else if rest.count >= 2, let byte = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16),
                rest.first != UInt8(ascii: "+")
            {
                bytes.append(byte)
                position += 3
            } else {
                bytes.append(text[position])
                position += 1
            }
        }
        return bytes
    }
}
