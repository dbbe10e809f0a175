internal import AgentModel

/// Which hour, day, week or month a version was taken in, on a clock a fixed distance ahead of UTC.
enum CalendarSpan: CaseIterable, Sendable {
    case hour, day, week, month

    /// Equal for two times exactly when they lie in the same span; ascending.
    func number(of time: WallTime, utcOffset: Duration) -> Int64 {
        let local = Self.localSeconds(time, utcOffset)
        let day = floor(local, 86_400)
        switch self {
        case .hour: return floor(local, 3600)
        case .day: return day
        // 1970-01-01, day 0, was a Thursday; the Monday before it was day -3.
        case .week: return floor(day + 3, 7)
        case .month:
            let date = WallTime.civil(fromDays: day)
            return date.year * 12 + date.month - 1
        }
    }

    /// `2026-11-21 14:00`, `2026-11-21`, `2026-W47`, `2026-11`.
    func name(of time: WallTime, utcOffset: Duration) -> String {
        let local = Self.localSeconds(time, utcOffset)
        let day = floor(local, 86_400)
        let date = WallTime.civil(fromDays: day)
        switch self {
        case .hour: return "\(Self.text(date)) \(padded(floor(local, 3600) - day * 24, 2)):00"
        case .day: return Self.text(date)
        case .week:
            // A week belongs to the year its Thursday lies in.
            let thursday = number(of: time, utcOffset: utcOffset) * 7
            let year = WallTime.civil(fromDays: thursday).year
            let week = (thursday - WallTime.days(fromCivil: (year, 1, 1))) / 7 + 1
            return "\(padded(year, 4))-W\(padded(week, 2))"
        case .month: return "\(padded(date.year, 4))-\(padded(date.month, 2))"
        }
    }

    private static func localSeconds(_ time: WallTime, _ utcOffset: Duration) -> Int64 {
        // Neither is more than 292 years of seconds.
        time.seconds + utcOffset.nanoseconds / 1_000_000_000
    }

    private static func text(_ date: (year: Int64, month: Int64, day: Int64)) -> String {
        "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
    }
}

private func floor(_ number: Int64, _ divisor: Int64) -> Int64 {
    let quotient = number / divisor
    return number % divisor < 0 ? quotient - 1 : quotient
}

private func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
