/// A point on the clock that decides. Nanoseconds; only differences and order mean anything, and it never goes back, not even over a
/// restart of the supervisor or of the machine (see `Clock.now`). Never shown to a person.
public struct Moment: Hashable, Sendable, Comparable, Codable {
    public var nanoseconds: Int64
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static func < (a: Moment, b: Moment) -> Bool { a.nanoseconds < b.nanoseconds }
    /// Saturates instead of trapping: a huge duration from a spec is "never".
    public static func + (moment: Moment, duration: Duration) -> Moment {
        let (sum, overflow) = moment.nanoseconds.addingReportingOverflow(duration.nanoseconds)
        return Moment(nanoseconds: overflow ? (duration.nanoseconds > 0 ? .max : .min) : sum)
    }
    public static func - (moment: Moment, duration: Duration) -> Moment { moment + Duration.nanoseconds(-duration.nanoseconds) }
    public static func - (later: Moment, earlier: Moment) -> Duration {
        let (difference, overflow) = later.nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        return .nanoseconds(overflow ? (later > earlier ? Int64.max : Int64.min) : difference)
    }
    public init(from decoder: any Decoder) throws { self.init(nanoseconds: try decoder.singleValueContainer().decode(Int64.self)) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(nanoseconds)
    }
}

extension Duration {
    /// Whole nanoseconds, saturated to what an `Int64` holds (292 years).
    public var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds > 0 ? .max : .min }
        let (sum, overflowing) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowing ? (seconds > 0 ? .max : .min) : sum
    }
    public var milliseconds: Int64 { nanoseconds / 1_000_000 }
    /// Seconds with a fraction, for JSON and arithmetic that rounds.
    public var inSeconds: Double { Double(nanoseconds) / 1e9 }
    /// `seconds` with a fraction. Values no clock can hold are saturated; not-a-number is zero.
    public static func fractional(seconds: Double) -> Duration {
        guard !seconds.isNaN else { return .zero }
        let nanoseconds = seconds * 1e9
        if nanoseconds >= Double(Int64.max) { return .nanoseconds(Int64.max) }
        if nanoseconds <= Double(Int64.min) { return .nanoseconds(Int64.min) }
        return .nanoseconds(Int64(nanoseconds))
    }
}

/// A point on the calendar: shown and stored, never used to decide how long something took. Nanoseconds since 1970-01-01 UTC.
public struct WallTime: Hashable, Sendable, Comparable {
    public var nanoseconds: Int64
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    public init(seconds: Int64) { self.nanoseconds = seconds * 1_000_000_000 }
    public var seconds: Int64 { nanoseconds >= 0 ? nanoseconds / 1_000_000_000 : (nanoseconds - 999_999_999) / 1_000_000_000 }
    public static func < (a: WallTime, b: WallTime) -> Bool { a.nanoseconds < b.nanoseconds }
    public static func + (time: WallTime, duration: Duration) -> WallTime {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(duration.nanoseconds)
        return WallTime(nanoseconds: overflow ? (duration.nanoseconds > 0 ? .max : .min) : sum)
    }
    public static func - (later: WallTime, earlier: WallTime) -> Duration {
        let (difference, overflow) = later.nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        return .nanoseconds(overflow ? (later > earlier ? Int64.max : Int64.min) : difference)
    }
}

// MARK: RFC 3339, UTC

extension WallTime: CustomStringConvertible {
    /// `2026-11-21T08:38:00.123Z`: RFC 3339, UTC, milliseconds.
    public var description: String {
        let (year, month, day) = Self.civil(fromDays: seconds.dividedRoundingDown(by: 86_400))
        let secondOfDay = seconds - seconds.dividedRoundingDown(by: 86_400) * 86_400
        let milliseconds = (nanoseconds - seconds * 1_000_000_000) / 1_000_000
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
            + "\(padded(secondOfDay / 3600, 2)):\(padded(secondOfDay / 60 % 60, 2)):\(padded(secondOfDay % 60, 2)).\(padded(milliseconds, 3))Z"
    }

    /// Reads RFC 3339 with `Z` or a numeric offset; the fraction is optional. nil when it is anything else.
    public init?(rfc3339 text: String) {
        var text = text
        guard let nanoseconds = text.withUTF8({ Self.nanoseconds(rfc3339: $0) }) else { return nil }
        self.init(nanoseconds: nanoseconds)
    }

    /// By bytes, for a ledger of ten thousand lines is read with every start.
    private static func nanoseconds(rfc3339 text: UnsafeBufferPointer<UInt8>) -> Int64? {
        var rest = TimeText(rest: text[...])
        guard let year = rest.number(4), rest.take("-"), let month = rest.number(2), rest.take("-"), let day = rest.number(2),
            rest.take("T") || rest.take("t") || rest.take(" "),
            let hour = rest.number(2), rest.take(":"), let minute = rest.number(2), rest.take(":"), let second = rest.number(2),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        var fraction: Int64 = 0
        if rest.take(".") {
            guard let read = rest.fraction() else { return nil }
            fraction = read
        }
        var offset: Int64 = 0
        if !rest.take("Z"), !rest.take("z") {
            let isWest = rest.take("-")
            guard isWest || rest.take("+"), let hours = rest.number(2), rest.take(":"), let minutes = rest.number(2) else { return nil }
            offset = (isWest ? -1 : 1) * (hours * 3600 + minutes * 60)
        }
        guard rest.isEmpty else { return nil }
        let days = Self.days(fromCivil: (year, month, day))
        guard Self.civil(fromDays: days) == (year, month, day) else { return nil }
        let (whole, overflow) = (days * 86_400 + hour * 3600 + minute * 60 + second - offset).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowing) = whole.addingReportingOverflow(fraction)
        return overflow || overflowing ? nil : sum
    }

    /// Days since 1970-01-01 to a date of the proleptic Gregorian calendar. Source: Howard Hinnant, "chrono-compatible low-level date algorithms".
    public static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = shifted.dividedRoundingDown(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    /// The inverse of `civil(fromDays:)`.
    public static func days(fromCivil date: (year: Int64, month: Int64, day: Int64)) -> Int64 {
        let year = date.month <= 2 ? date.year - 1 : date.year
        let era = year.dividedRoundingDown(by: 400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1
        return era * 146_097 + (yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear) - 719_468
    }
}

extension WallTime: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let time = WallTime(rfc3339: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not an RFC 3339 time")
        }
        self = time
    }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Int64 {
    fileprivate func dividedRoundingDown(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}

/// What is still to be read of a time.
private struct TimeText {
    var rest: Slice<UnsafeBufferPointer<UInt8>>
    var isEmpty: Bool { rest.isEmpty }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    mutating func number(_ digits: Int) -> Int64? {
        guard rest.count >= digits else { return nil }
        var value: Int64 = 0
        for byte in rest.prefix(digits) {
            guard (48...57).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - 48)
        }
        rest = rest.dropFirst(digits)
        return value
    }

    /// 1 to 18 digits, in nanoseconds: what is finer is dropped.
    mutating func fraction() -> Int64? {
        let digits = rest.prefix { (48...57).contains($0) }.count
        guard (1...18).contains(digits), let value = number(min(digits, 9)) else { return nil }
        rest = rest.dropFirst(max(0, digits - 9))
        return (min(digits, 9)..<9).reduce(value) { value, _ in value * 10 }
    }
}

private func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
