/// Numbers as words and back.
extension Presentation {
    /// nil: the number is shown as a number.
    func text(of number: UInt64) -> String? {
        switch self {
        case .plain, .quoted, .address: return nil
        case .hexadecimal: return CriuImages.hexadecimal(number)
        case .device: return "\(number >> 20):\(number & 0xfffff)"
        case .packedDevice:
            let major = number >> 8 & 0xfff | number >> 32 & 0xffff_f000
            return "\(major):\(number & 0xff | number >> 12 & 0xffff_ff00)"
        case .flags(let flags):
            var words = flags.filter { number & $0.bits != 0 }.map(\.name)
            let rest = flags.reduce(number) { $0 & ~$1.bits }
            if rest != 0 { words.append(CriuImages.hexadecimal(rest)) }
            return words.joined(separator: " | ")
        case .names(let names): return names[number]
        }
    }

    /// What `text` gave, or any number as Python writes it. nil: not a word of this field's.
    func number(of text: String) -> UInt64? {
        switch self {
        case .device, .packedDevice:
            let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { UInt64($0) }
            guard parts.count == 2, let major = parts[0], let minor = parts[1], major <= .max >> 20, minor <= 0xffff_ffff else {
                return Self.number(text)
            }
            if self == .device { return minor <= 0xfffff ? major << 20 | minor : nil }
            return (major & 0xfff) << 8 | (major & 0xffff_f000) << 32 | minor & 0xff | (minor & 0xffff_ff00) << 12
        case .flags(let flags):
            if text.isEmpty { return 0 }
            var number: UInt64 = 0
            for part in text.split(separator: "|") {
                let word = part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
                guard let bits = flags.first(where: { $0.name == String(word) })?.bits ?? Self.number(String(word)) else { return nil }
                number |= bits
            }
            return number
        case .names(let names): return names.first { $0.value == text }?.key ?? Self.number(text)
        case .plain, .hexadecimal, .quoted, .address: return Self.number(text)
        }
    }

    /// `12`, `0x1f`, `-0x1`, `0o17`, sign-extended.
    private static func number(_ text: String) -> UInt64? {
        let isNegative = text.hasPrefix("-")
        let digits = isNegative ? text.dropFirst() : text[...]
        guard let first = digits.first, first.isHexDigit else { return nil }
        let magnitude: UInt64? =
            if digits.hasPrefix("0x") { UInt64(digits.dropFirst(2), radix: 16) } else if digits.hasPrefix("0o") {
                UInt64(digits.dropFirst(2), radix: 8)
            } else { UInt64(digits) }
        guard let magnitude else { return nil }
        if !isNegative { return magnitude }
        return magnitude <= 1 << 63 ? 0 &- magnitude : nil
    }
}
