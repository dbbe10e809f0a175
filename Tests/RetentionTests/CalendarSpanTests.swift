import AgentModel
import Foundation
import Testing

@testable import Retention

@Suite struct CalendarSpanTests {
    /// Foundation's calendar knows nothing of ours.
    @Test func spansAreThoseOfTheCalendar() throws {
        for seed in UInt64(1)...3000 {
            var random = Lehmer(state: seed)
            let seconds = Int64(random.below(16_000_000_000)) - 8_000_000_000
            let (time, offset) = (WallTime(seconds: seconds), random.offset())
            var calendar = Calendar(identifier: .iso8601)
            calendar.timeZone = try #require(TimeZone(secondsFromGMT: Int(offset.components.seconds)))
            let parts = calendar.dateComponents(
                [.year, .month, .day, .hour, .weekOfYear, .yearForWeekOfYear], from: Date(timeIntervalSince1970: Double(seconds)))
            func padded(_ number: Int?, _ width: Int = 2) -> String {
                let digits = String(number ?? -1)
                return String(repeating: "0", count: max(0, width - digits.count)) + digits
            }
            let month = "\(padded(parts.year, 4))-\(padded(parts.month))"
            let day = "\(month)-\(padded(parts.day))"
            #expect(CalendarSpan.hour.name(of: time, utcOffset: offset) == "\(day) \(padded(parts.hour)):00", "seed \(seed)")
            #expect(CalendarSpan.day.name(of: time, utcOffset: offset) == day, "seed \(seed)")
            #expect(
                CalendarSpan.week.name(of: time, utcOffset: offset)
                    == "\(padded(parts.yearForWeekOfYear, 4))-W\(padded(parts.weekOfYear))", "seed \(seed)")
            #expect(CalendarSpan.month.name(of: time, utcOffset: offset) == month, "seed \(seed)")
        }
    }

    @Test func equalNumbersAreEqualNames() {
        for seed in UInt64(1)...3000 {
            var random = Lehmer(state: seed)
            let time = WallTime(seconds: Int64(random.below(4_000_000_000)) - 2_000_000_000)
            let later = time + .seconds(random.below([7200, 200_000, 1_000_000, 5_000_000][random.below(4)]))
            let offset = random.offset()
            for span in CalendarSpan.allCases {
                let numbers = (span.number(of: time, utcOffset: offset), span.number(of: later, utcOffset: offset))
                let names = (span.name(of: time, utcOffset: offset), span.name(of: later, utcOffset: offset))
                #expect((numbers.0 == numbers.1) == (names.0 == names.1), "seed \(seed): \(span)")
                #expect(numbers.0 <= numbers.1, "seed \(seed): \(span)")
            }
        }
    }

    @Test(arguments: [
        ("2024-12-30T00:00:00Z", "2025-W01"), ("2027-01-03T23:59:59Z", "2026-W53"), ("2027-01-04T00:00:00Z", "2027-W01"),
        ("1969-12-31T12:00:00Z", "1970-W01"),
    ])
    func weeksAtTheTurnOfTheYear(text: String, week: String) throws {
        #expect(CalendarSpan.week.name(of: try #require(WallTime(rfc3339: text)), utcOffset: .zero) == week)
    }

    /// The ends of what a time can hold.
    @Test func everyTimeHasAName() {
        for time in [WallTime(seconds: -9_223_372_035), WallTime(nanoseconds: .max)] {
            for span in CalendarSpan.allCases {
                for hours in [-14, 0, 14] { #expect(!span.name(of: time, utcOffset: .seconds(3600 * hours)).isEmpty) }
            }
        }
    }
}
