// Schedules: when something is due next. Decides. The time is always handed in; there is no time zone but UTC and fixed distances to it.

public import AgentModel

/// Why a cron expression was refused.
public struct CronFault: Error, Hashable, Sendable {
    /// What is wrong, to follow the quoted expression: "has minute 60".
    public let what: String
    /// What to write instead.
    public let suggestion: String
    init(_ what: String, _ suggestion: String) {
        self.what = what
        self.suggestion = suggestion
    }
}

/// Five fields as in crontab(5), `minute hour day-of-month month day-of-week`, or one of `@hourly @daily @midnight @weekly @monthly
/// @yearly @annually`.
///
/// Each field is `*`, a number, a range `1-5`, a step `*/15` or `10-40/10`, a name (`jan`, `mon`), or a list of those. Weekday 0 and 7 are
/// Sunday. When both day fields are restricted (neither begins with `*`), a day that fits either is taken, as crontab(5) does.
public struct CronExpression: Hashable, Sendable, CustomStringConvertible {
    /// As written.
    public let description: String
    private let minutes: CronField.Set
    private let hours: CronField.Set
    private let days: CronField.Set
    private let months: CronField.Set
    private let weekdays: CronField.Set

    /// - Throws: `CronFault` for anything crontab(5) has no meaning for, and for a date that never comes (`0 0 31 2 *`).
    public init(parsing text: String) throws(CronFault) {
        description = text
        let fields = try Self.fields(of: text)
        minutes = try CronField(title: "minute", range: 0...59, names: []).read(fields[0])
        hours = try CronField(title: "hour", range: 0...23, names: []).read(fields[1])
        days = try CronField(title: "day", range: 1...31, names: []).read(fields[2])
        months = try CronField(
            title: "month", range: 1...12,
            names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
        ).read(fields[3])
        weekdays = try CronField(
            title: "weekday", range: 0...7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
        ).read(fields[4])
        guard canHappen else { throw CronFault("names a day that never comes", "no month it allows has such a day") }
    }

    /// The first whole minute strictly after `time` that fits, on a clock `utcOffset` ahead of UTC.
    /// - Returns: nil only when that minute lies beyond what `WallTime` can hold (the year 2262).
    public func next(after time: WallTime, utcOffset: Duration = .zero) -> WallTime? {
        let offset = utcOffset.nanoseconds / 1_000_000_000
        let (localSeconds, overflow) = time.seconds.addingReportingOverflow(offset)
        guard !overflow else { return nil }
        let minute = Self.floor(localSeconds, 60) + 1
        var day = Self.floor(minute, 1440)
        var from = Int(minute - day * 1440)
        // Feb 29 on a given weekday is at most 40 years away; the calendar repeats after 400.
        let horizon = day + 146_097
        while day <= horizon {
            let date = WallTime.civil(fromDays: day)
            if !months.contains(Int(date.month)) {
                day =
                    date.month == 12
                    ? WallTime.days(fromCivil: (date.year + 1, 1, 1)) : WallTime.days(fromCivil: (date.year, date.month + 1, 1))
                from = 0
                continue
            }
            if fits(day: day, dayOfMonth: Int(date.day)), let found = firstMinute(from: from) {
                return Self.wallTime(seconds: day * 86_400 + Int64(found) * 60, minus: offset)
            }
            day += 1
            from = 0
        }
        return nil
    }

    // MARK: Reading

    private static func fields(of text: String) throws(CronFault) -> [Substring] {
        let trimmed = text.split(whereSeparator: { $0 == " " || $0 == "\t" })
        if let first = trimmed.first, first.hasPrefix("@") {
            guard trimmed.count == 1, let meaning = shorthand(first) else {
                let why = first == "@reboot" ? "is tied to a boot, not to a time" : "is not a shorthand known here"
                throw CronFault(why, "known are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually")
            }
            return meaning.split(separator: " ")
        }
        guard trimmed.count == 5 else {
            let count = trimmed.count == 1 ? "1 field" : "\(trimmed.count) fields"
            let seconds = trimmed.count == 6 ? " (seconds are not among them)" : ""
            throw CronFault("has \(count)", "cron takes 5: minute hour day month weekday\(seconds)")
        }
        return trimmed
    }

    private static func shorthand(_ word: Substring) -> String? {
        switch word.lowercased() {
        case "@hourly": "0 * * * *"
        case "@daily", "@midnight": "0 0 * * *"
        case "@weekly": "0 0 * * 0"
        case "@monthly": "0 0 1 * *"
        case "@yearly", "@annually": "0 0 1 1 *"
        default: nil
        }
    }

    /// A day by weekday always comes when it alone decides; otherwise some allowed month must be long enough. Over 400 years every date,
    /// also Feb 29, falls on every weekday, so weekdays never make a possible date impossible.
    private var canHappen: Bool {
        if !days.isStar, !weekdays.isStar { return true }
        let longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return (1...12).contains { months.contains($0) && days.first(from: 1, through: longest[$0 - 1]) != nil }
    }

    // MARK: Searching

    private func fits(day: Int64, dayOfMonth: Int) -> Bool {
        // 1970-01-01 was a Thursday (4).
        let weekday = Int((day + 4) - Self.floor(day + 4, 7) * 7)
        let byDay = days.contains(dayOfMonth)
        let byWeekday = weekdays.contains(weekday)
        return days.isStar || weekdays.isStar ? byDay && byWeekday : byDay || byWeekday
    }

    /// The first minute of a day, counted from its midnight, that is not before `from`.
    private func firstMinute(from: Int) -> Int? {
        var hour = from / 60
        var minute = from % 60
        while let foundHour = hours.first(from: hour, through: 23) {
            if foundHour > hour { minute = 0 }
            if let foundMinute = minutes.first(from: minute, through: 59) { return foundHour * 60 + foundMinute }
            hour = foundHour + 1
            minute = 0
        }
        return nil
    }

    private static func wallTime(seconds: Int64, minus offset: Int64) -> WallTime? {
        let (nanoseconds, overflow) = (seconds - offset).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? nil : WallTime(nanoseconds: nanoseconds)
    }

    private static func floor(_ number: Int64, _ divisor: Int64) -> Int64 {
        let quotient = number / divisor
        return number % divisor < 0 ? quotient - 1 : quotient
    }
}
