import AgentModel
import Schedules
import Testing

@Suite struct CronExpressionTests {
    @Test(arguments: [
        ("* * * * *", "2026-11-21T08:38:00Z", "2026-11-21T08:39:00.000Z"),
        ("* * * * *", "2026-11-21T08:38:59.999Z", "2026-11-21T08:39:00.000Z"),
        ("*/15 * * * *", "2026-11-21T08:45:00Z", "2026-11-21T09:00:00.000Z"),
        ("10-40/10 3 * * *", "2026-11-21T03:40:00Z", "2026-11-22T03:10:00.000Z"),
        ("0 0 1,15 * *", "2026-11-21T00:00:00Z", "2026-12-01T00:00:00.000Z"),
        ("0 9 * * mon-fri", "2026-11-21T08:38:00Z", "2026-11-23T09:00:00.000Z"),
        ("0 9 * * MON-Fri", "2026-11-20T09:00:00Z", "2026-11-23T09:00:00.000Z"),
        ("0 9 * * sat-sun", "2026-11-21T09:00:00Z", "2026-11-22T09:00:00.000Z"),
        ("0 9 * * 7", "2026-11-21T09:00:00Z", "2026-11-22T09:00:00.000Z"),
        ("0 0 29 2 *", "2026-11-21T00:00:00Z", "2028-02-29T00:00:00.000Z"),
        ("0 0 29 2 *", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00.000Z"),
        ("0 0 29 2 */7", "2026-11-21T00:00:00Z", "2032-02-29T00:00:00.000Z"),
        ("0 0 13 * 5", "2026-11-21T00:00:00Z", "2026-11-27T00:00:00.000Z"),
        ("0 0 31 2 5", "2026-11-21T00:00:00Z", "2027-02-05T00:00:00.000Z"),
        ("59 23 31 dec *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00.000Z"),
        ("@hourly", "2026-11-21T08:38:00Z", "2026-11-21T09:00:00.000Z"),
        ("@daily", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00.000Z"),
        ("@midnight", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00.000Z"),
        ("@weekly", "2026-11-21T08:38:00Z", "2026-11-22T00:00:00.000Z"),
        ("@monthly", "2026-11-21T08:38:00Z", "2026-12-01T00:00:00.000Z"),
        ("@yearly", "2026-11-21T08:38:00Z", "2027-01-01T00:00:00.000Z"),
        ("@annually", "2026-11-21T08:38:00Z", "2027-01-01T00:00:00.000Z"),
        ("0 0 1 1 *", "1960-06-01T00:00:00Z", "1961-01-01T00:00:00.000Z"),
    ])
    func theNextTimeIs(_ row: (cron: String, after: String, next: String)) throws {
        let after = try #require(WallTime(rfc3339: row.after))
        #expect(try CronExpression(parsing: row.cron).next(after: after)?.description == row.next)
    }

    @Test(arguments: [
        ("0 3 * * *", 7200, "2026-11-21T01:00:00.000Z"),
        ("0 3 * * *", -18_000, "2026-11-21T08:00:00.000Z"),
        ("30 5 * * *", 19_800, "2026-11-22T00:00:00.000Z"),
    ])
    func aFixedDistanceToUTCIsKept(_ row: (cron: String, offset: Int, next: String)) throws {
        let after = try #require(WallTime(rfc3339: "2026-11-21T00:00:00Z"))
        let next = try CronExpression(parsing: row.cron).next(after: after, utcOffset: .seconds(row.offset))
        #expect(next?.description == row.next)
    }

    @Test(arguments: [
        ("", "has 0 fields; cron takes 5: minute hour day month weekday"),
        ("0 3 *", "has 3 fields; cron takes 5: minute hour day month weekday"),
        ("0 0 3 * * *", "has 6 fields; cron takes 5: minute hour day month weekday (seconds are not among them)"),
        ("60 * * * *", "has minute 60; it goes from 0 to 59"),
        ("* 24 * * *", "has hour 24; it goes from 0 to 23"),
        ("* * 0 * *", "has day 0; it goes from 1 to 31"),
        ("* * * 13 *", "has month 13; it goes from 1 to 12"),
        ("* * * * 8", "has weekday 8; it goes from 0 to 7"),
        ("x * * * *", "has 'x' in the minute field; it takes a number, '*', ranges, steps and lists"),
        ("* * * foo *", "has 'foo' in the month field; it takes a number or a name such as 'feb', '*', ranges, steps and lists"),
        ("-5 * * * *", "has '' in the minute field; it takes a number, '*', ranges, steps and lists"),
        ("1,,2 * * * *", "has an empty place in the minute field; lists are written '1,15,30'"),
        ("5/15 * * * *", "has a step after the single minute '5'; write '5-59/…' or '*/…'"),
        ("*/0 * * * *", "has a minute step '0'; a step is a number from 1"),
        ("*/ * * * *", "has a minute step ''; a step is a number from 1"),
        ("*/90 * * * *", "has a minute step of 90, longer than the 60 values it steps over; write '0' if once is meant"),
        ("40-10 * * * *", "has a minute range that runs backwards: '40-10'; write it as two: '40-59,0-10'"),
        ("0 0 31 2 *", "names a day that never comes; no month it allows has such a day"),
        ("0 0 31 feb,apr,jun *", "names a day that never comes; no month it allows has such a day"),
        ("@reboot", "is tied to a boot, not to a time; known are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually"),
        ("@often", "is not a shorthand known here; known are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually"),
        (
            "9999999999999999999999 * * * *",
            "has '9999999999999999999999' in the minute field; it takes a number, '*', ranges, steps and lists"
        ),
    ])
    func whatHasNoMeaningIsRefused(_ row: (cron: String, sentence: String)) {
        #expect { try CronExpression(parsing: row.cron) } throws: { error in
            guard let fault = error as? CronFault else { return false }
            #expect("\(fault.what); \(fault.suggestion)" == row.sentence)
            return true
        }
    }

    /// The oracle walks minute by minute and reads the expression in its own, simple way.
    @Test(arguments: 0..<60)
    func theNextTimeIsWhatAWalkOverMinutesFinds(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        for _ in 0..<8 {
            let oracle = CronOracle(from: &random)
            let expression = try CronExpression(parsing: oracle.text)
            let start = WallTime(seconds: Int64(random.below(4_000_000_000)))
            let offset = Int64(random.below(97)) * 900 - 43_200
            let next = try #require(expression.next(after: start, utcOffset: .seconds(offset)))
            #expect(next > start, "\(oracle.text) after \(start)")
            #expect(next.nanoseconds % 60_000_000_000 == 0)
            #expect(oracle.fits(minute: (next.seconds + offset) / 60), "\(oracle.text) after \(start) gave \(next)")
            // Nothing earlier fits; walking at most 60 days keeps this short.
            let first = (start.seconds + offset) / 60 + 1
            let earlier = oracle.first(from: first, before: min((next.seconds + offset) / 60, first + 86_400))
            #expect(earlier == nil, "\(oracle.text) after \(start) gave \(next)")
        }
    }

    @Test(arguments: 0..<40)
    func noTextCrashesTheReader(seed: UInt64) {
        var random = SplitMix(state: seed)
        let alphabet = Array("0123456789*/,- @abcdehlmnorstuy\t;é")
        for _ in 0..<200 {
            let text = String((0..<random.below(24)).map { _ in alphabet[random.below(alphabet.count)] })
            guard let expression = try? CronExpression(parsing: text) else { continue }
            #expect(expression.next(after: WallTime(seconds: 1_700_000_000)) != nil, "\(text)")
        }
    }
}

/// An expression made of numbers only, and the same as plain sets.
struct CronOracle {
    let text: String
    let minutes: Set<Int>
    let hours: Set<Int>
    let days: Set<Int>?
    let months: Set<Int>
    let weekdays: Set<Int>?

    init(from random: inout SplitMix) {
        func some(_ range: ClosedRange<Int>, _ random: inout SplitMix) -> (String, Set<Int>) {
            switch random.below(3) {
            case 0: return ("*", Set(range))
            case 1:
                let numbers = (0...random.below(3)).map { _ in range.lowerBound + random.below(range.count) }
                return (numbers.map(String.init).joined(separator: ","), Set(numbers))
            default:
                let low = range.lowerBound + random.below(range.count)
                let high = low + random.below(range.upperBound - low + 1)
                let step = 1 + random.below(high - low + 1)
                return ("\(low)-\(high)/\(step)", Set(stride(from: low, through: high, by: step)))
            }
        }
        let minute = some(0...59, &random)
        let hour = some(0...23, &random)
        let day = some(1...28, &random)
        let month = some(1...12, &random)
        let weekday = some(0...6, &random)
        minutes = minute.1
        hours = hour.1
        days = day.0 == "*" ? nil : day.1
        months = month.1
        weekdays = weekday.0 == "*" ? nil : weekday.1
        text = [minute.0, hour.0, day.0, month.0, weekday.0].joined(separator: " ")
    }

    func fits(minute: Int64) -> Bool {
        fits(day: minute / 1440) && hours.contains(Int(minute % 1440 / 60)) && minutes.contains(Int(minute % 60))
    }

    func first(from: Int64, before end: Int64) -> Int64? {
        var minute = from
        while minute < end {
            if minute == from || minute % 1440 == 0, !fits(day: minute / 1440) {
                minute = (minute / 1440 + 1) * 1440
            } else if hours.contains(Int(minute % 1440 / 60)), minutes.contains(Int(minute % 60)) {
                return minute
            } else {
                minute += 1
            }
        }
        return nil
    }

    private func fits(day: Int64) -> Bool {
        let date = WallTime(seconds: day * 86_400).description
        func part(_ from: Int, _ length: Int) -> Int { Int(date.dropFirst(from).prefix(length)) ?? -1 }
        guard months.contains(part(5, 2)) else { return false }
        let byDay = days.map { $0.contains(part(8, 2)) }
        let byWeekday = weekdays.map { $0.contains(Self.weekday(part(0, 4), part(5, 2), part(8, 2))) }
        switch (byDay, byWeekday) {
        case (nil, nil): return true
        case (let one?, nil), (nil, let one?): return one
        case (let one?, let other?): return one || other
        }
    }

    /// Sakamoto's rule; 0 is Sunday.
    static func weekday(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shift = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4]
        let y = month < 3 ? year - 1 : year
        return (y + y / 4 - y / 100 + y / 400 + shift[month - 1] + day) % 7
    }
}

struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
}
