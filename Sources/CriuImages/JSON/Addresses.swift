/// Internet addresses as CRIU stores them, words in network byte order, and as people write them.
enum Addresses {
    /// nil: not one word and not four.
    static func text(of values: [ImageValue]) -> String? {
        let words = values.compactMap { value -> UInt32? in
            guard case .number(let number) = value else { return nil }
            return UInt32(truncatingIfNeeded: number).byteSwapped
        }
        guard words.count == values.count else { return nil }
        switch words.count {
        case 1: return [24, 16, 8, 0].map { (shift: UInt32) in String(words[0] >> shift & 0xff) }.joined(separator: ".")
        case 4: return compressed(words.flatMap { [UInt16(truncatingIfNeeded: $0 >> 16), UInt16(truncatingIfNeeded: $0)] })
        default: return nil
        }
    }

    /// The longest run of zeros, the first of equals, becomes `::` (RFC 5952).
    private static func compressed(_ groups: [UInt16]) -> String {
        var best = 0..<0
        var start: Int?
        for index in 0...groups.count {
            if index < groups.count, groups[index] == 0 {
                start = start ?? index
            } else if let first = start {
                if index - first > best.count, index - first > 1 { best = first..<index }
                start = nil
            }
        }
        let words = groups.map { String($0, radix: 16) }
        guard !best.isEmpty else { return words.joined(separator: ":") }
        return words[..<best.lowerBound].joined(separator: ":") + "::" + words[best.upperBound...].joined(separator: ":")
    }

    /// Words in network byte order; nil: no address.
    static func words(of text: String) -> [UInt32]? {
        text.contains(":") ? version6(text) : version4(text).map { [$0.byteSwapped] }
    }

    private static func version4(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var word: UInt32 = 0
        for part in parts {
            guard let number = UInt8(part) else { return nil }
            word = word << 8 | UInt32(number)
        }
        return word
    }

    private static func version6(_ text: String) -> [UInt32]? {
        guard let double = text.indices.first(where: { text[$0...].hasPrefix("::") }) else {
            return groups(of: text[...]).flatMap { $0.count == 8 ? words(of: $0) : nil }
        }
        let after = text.index(double, offsetBy: 2)
        guard let head = groups(of: text[..<double]), let tail = groups(of: text[after...]), head.count + tail.count < 8 else { return nil }
        return words(of: head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail)
    }

    private static func groups(of text: Substring) -> [UInt16]? {
        if text.isEmpty { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains("."), let word = version4(part) {
                groups += [UInt16(truncatingIfNeeded: word >> 16), UInt16(truncatingIfNeeded: word)]
            } else if let group = UInt16(part, radix: 16) {
                groups.append(group)
            } else {
                return nil
            }
        }
        return groups
    }

    private static func words(of groups: [UInt16]) -> [UInt32] {
        stride(from: 0, to: 8, by: 2).map { (UInt32(groups[$0]) << 16 | UInt32(groups[$0 + 1])).byteSwapped }
    }
}
