internal import AgentModel
internal import AgentSpecs

/// A time to come, as people say it: in how long (`8h`, `+8h`), when a clock shows it next (`08:00`), or when (`2026-11-22T08:00:00Z`).
enum ComingTime: ArgumentValue, Hashable, Sendable {
    case after(Duration)
    /// Of the day, in minutes.
    case next(minute: Int64)
    case at(WallTime)

    init?(argument: String) {
        let span = argument.hasPrefix("+") ? String(argument.dropFirst()) : argument
        if let duration = try? DurationText.parse(span) {
            self = .after(duration)
        } else if let minute = Self.minute(argument) {
            self = .next(minute: minute)
        } else if let time = WallTime(rfc3339: argument) {
            self = .at(time)
        } else {
            return nil
        }
    }
    static var expected: String { "a time to come (8h, 08:00 or 2026-11-22T08:00:00Z)" }

    /// - Parameter utcOffset: how far ahead of UTC the clock is that `08:00` is read on.
    func time(after now: WallTime, utcOffset: Duration) -> WallTime {
        switch self {
        case .after(let span): return now + span
        case .at(let time): return time
        case .next(let minute):
            let day = Int64(86_400)
            let local = (now + utcOffset).seconds
            let sinceMidnight = (local % day + day) % day
            let today = WallTime(seconds: local - sinceMidnight + minute * 60) + .nanoseconds(-utcOffset.nanoseconds)
            return today > now ? today : today + .seconds(day)
        }
    }

    /// `8:00`, `08:00`. nil: it is no time of day.
    private static func minute(_ text: String) -> Int64? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...2).contains(parts[0].utf8.count), parts[1].utf8.count == 2,
            parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let hour = Int64(parts[0]), let minute = Int64(parts[1]), hour < 24, minute < 60
        else { return nil }
        return hour * 60 + minute
    }
}
