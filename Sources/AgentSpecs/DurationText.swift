/// Durations as people write them: `500ms`, `10s`, `10m`, `1h30m`, `2d`, `1.5h`.
public enum DurationText {
    /// The longest duration a spec may hold; more is a mistake in the unit.
    public static let longest = Duration.seconds(100 * 365 * 86_400)

    /// - Throws: `ValueMistake` for a missing unit, a negative or unreadable value, one longer than 100 years.
    public static func parse(_ text: String) throws(ValueMistake) -> Duration {
        guard text.first != "-" else {
            throw ValueMistake(.negative, "is negative", "a duration is zero or longer")
        }
        var rest = Substring(text)
        var total: UInt64 = 0
        var smallest = UInt64.max
        repeat {
            let (digits, after) = rest.splitAfterNumber()
            guard let number = DecimalText(digits) else { throw unreadable(text) }
            let word = after.prefix { $0.isASCII && $0.isLetter }
            guard !word.isEmpty else {
                guard after.isEmpty, smallest == .max else { throw unreadable(text) }
                throw ValueMistake(.unit, "has no unit", "did you mean '\(text)s' or '\(text)m'?")
            }
            let unit = try unit(word, after: digits)
            guard unit < smallest else {
                throw ValueMistake(.value, "repeats a unit or has them out of order", "write the larger unit first, as in '1h30m'")
            }
            smallest = unit
            guard let part = number.times(unit), let sum = total.adding(part), sum <= UInt64(longest.components.seconds) * 1_000_000_000
            else { throw ValueMistake(.range, "is longer than 100 years", "is the unit right?") }
            total = sum
            rest = after.dropFirst(word.count)
        } while !rest.isEmpty
        return .nanoseconds(Int64(total))
    }

    /// The shortest exact way to write it: `1h30m`, `500ms`, `0s`. `parse` gives the same duration back.
    public static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, attoseconds >= 0 else { return "-" + text(.zero - duration) }
        var result = ""
        var rest = seconds
        for (name, size) in [("d", Int64(86_400)), ("h", 3600), ("m", 60), ("s", 1)] where rest >= size {
            result += "\(rest / size)\(name)"
            rest %= size
        }
        var small = attoseconds / 1_000_000_000
        for (name, size) in [("ms", Int64(1_000_000)), ("us", 1000), ("ns", 1)] where small >= size {
            result += "\(small / size)\(name)"
            small %= size
        }
        return result.isEmpty ? "0s" : result
    }

    // MARK: Units

    private static func unit(_ word: Substring, after digits: Substring) throws(ValueMistake) -> UInt64 {
        switch word {
        case "ns": return 1
        case "us": return 1_000
        case "ms": return 1_000_000
        case "s": return 1_000_000_000
        case "m": return 60_000_000_000
        case "h": return 3_600_000_000_000
        case "d": return 86_400_000_000_000
        default:
            let meant = meantUnit(word.lowercased()).map { "did you mean '\(digits)\($0)'?" }
            throw ValueMistake(.unit, "has the unit '\(shown(word))'", meant ?? "units are ms, s, m, h and d, as in '10m' or '1h30m'")
        }
    }

    private static func meantUnit(_ word: String) -> String? {
        switch word {
        case "s", "sec", "secs", "second", "seconds": "s"
        case "m", "min", "mins", "minute", "minutes": "m"
        case "h", "hr", "hrs", "hour", "hours": "h"
        case "d", "day", "days": "d"
        case "ms", "msec", "millis", "milliseconds": "ms"
        default: nil
        }
    }

    private static func unreadable(_ text: String) -> ValueMistake {
        if text.contains(":") {
            return ValueMistake(.value, "is not a duration", "write hours, minutes and seconds with their units, as in '1h30m'")
        }
        return ValueMistake(.value, "is not a duration", "write one such as '500ms', '10s', '10m', '1h30m' or '2d'")
    }
}

extension UInt64 {
    func adding(_ other: UInt64) -> UInt64? {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? nil : sum
    }
}
