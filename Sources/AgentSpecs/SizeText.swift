public import AgentModel

/// Sizes as people write them: `512MB` (10^6 bytes each), `1.5GiB` (2^30), `64KiB`, `100B`.
public enum SizeText {
    /// - Throws: `ValueMistake` for a missing or ambiguous unit, a negative or unreadable value, one that no `UInt64` holds.
    public static func parse(_ text: String) throws(ValueMistake) -> ByteCount {
        guard text.first != "-" else { throw ValueMistake(.negative, "is negative", "a size is zero or more") }
        let (digits, after) = Substring(text).splitAfterNumber()
        let word = after.drop { $0 == " " }
        guard let number = DecimalText(digits) else { throw unreadable }
        guard !word.isEmpty else {
            throw ValueMistake(.unit, "has no unit", "did you mean '\(text)MB' or '\(text)MiB'?")
        }
        guard word != "%" else {
            throw ValueMistake(
                .value, "is a share of the machine", "write a size such as '512MB': a share would mean something else on another machine")
        }
        let unit = try unit(word, after: digits)
        guard let bytes = number.times(unit) else { throw ValueMistake(.range, "is more than any machine has", "is the unit right?") }
        return ByteCount(bytes)
    }

    /// The shortest exact way to write it: `512MB`, `10GiB`, `100B`. `parse` gives the same size back.
    public static func text(_ size: ByteCount) -> String {
        let units: [(String, UInt64)] = [
            ("TiB", 1 << 40), ("TB", 1_000_000_000_000), ("GiB", 1 << 30), ("GB", 1_000_000_000), ("MiB", 1 << 20), ("MB", 1_000_000),
            ("KiB", 1 << 10), ("kB", 1000),
        ]
        let whole = units.first { size.bytes >= $0.1 && size.bytes % $0.1 == 0 }
        return whole.map { "\(size.bytes / $0.1)\($0.0)" } ?? "\(size.bytes)B"
    }

    // MARK: Units

    private static func unit(_ word: Substring, after digits: Substring) throws(ValueMistake) -> UInt64 {
        switch word.lowercased() {
        case "b": return 1
        case "kb": return 1000
        case "mb": return 1_000_000
        case "gb": return 1_000_000_000
        case "tb": return 1_000_000_000_000
        case "ki", "kib": return 1 << 10
        case "mi", "mib": return 1 << 20
        case "gi", "gib": return 1 << 30
        case "ti", "tib": return 1 << 40
        case "k", "m", "g", "t":
            let letter = word.uppercased()
            let thousand = letter == "K" ? "kB" : "\(letter)B"
            throw ValueMistake(
                .unit, "has the unit '\(word)', which some read as powers of 1000 and some as powers of 1024",
                "did you mean '\(digits)\(thousand)' or '\(digits)\(letter)iB'?")
        default:
            throw ValueMistake(.unit, "has the unit '\(shown(word))'", "units are B, kB, MB, GB, TB and KiB, MiB, GiB, TiB, as in '512MB'")
        }
    }

    private static let unreadable = ValueMistake(.value, "is not a size", "write one such as '512MB' or '1.5GiB'")
}
