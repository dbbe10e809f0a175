/// One of the five fields of a cron expression: which numbers it may hold, their names, and how it is read.
struct CronField: Sendable {
    let title: String
    let range: ClosedRange<Int>
    /// Three-letter names, the first standing for the lowest number.
    let names: [String]

    /// Numbers a field lets through, as bits. `isStar`: it begins with '*', so it does not restrict the day on its own.
    struct Set: Hashable, Sendable {
        var bits: UInt64 = 0
        var isStar = false
        func contains(_ number: Int) -> Bool { bits & (1 << UInt64(number)) != 0 }
        func first(from number: Int, through last: Int) -> Int? {
            number <= last ? (number...last).first(where: contains) : nil
        }
    }

    func read(_ text: Substring) throws(CronFault) -> Set {
        var set = Set()
        set.isStar = text.first == "*"
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            set.bits |= try bits(of: part)
        }
        return set
    }

    // MARK: One part of a list

    /// `*`, `N`, `N-M`, `*/S` or `N-M/S`.
    private func bits(of part: Substring) throws(CronFault) -> UInt64 {
        guard !part.isEmpty else { throw CronFault("has an empty place in the \(title) field", "lists are written '1,15,30'") }
        let pieces = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let span = try span(of: pieces[0], hasStep: pieces.count == 2)
        let step = pieces.count == 2 ? try step(pieces[1], over: span) : 1
        return stride(from: span.lowerBound, through: span.upperBound, by: step).reduce(0) { $0 | (1 << UInt64(wrapped($1))) }
    }

    private func span(of text: Substring, hasStep: Bool) throws(CronFault) -> ClosedRange<Int> {
        if text == "*" { return range.lowerBound...(isWeekday ? 6 : range.upperBound) }
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let low = try number(ends[0])
        guard ends.count == 2 else {
            guard !hasStep else {
                throw CronFault("has a step after the single \(title) '\(text)'", "write '\(text)-\(range.upperBound)/…' or '*/…'")
            }
            return low...low
        }
        var high = try number(ends[1])
        // A week may be said to end with Sunday: 'sat-sun', '5-0'.
        if isWeekday, high == 0, low > 0 { high = 7 }
        guard low <= high else {
            throw CronFault(
                "has a \(title) range that runs backwards: '\(text)'",
                "write it as two: '\(low)-\(range.upperBound),\(range.lowerBound)-\(high)'")
        }
        return low...high
    }

    private func step(_ text: Substring, over span: ClosedRange<Int>) throws(CronFault) -> Int {
        guard let step = Self.digits(text), step > 0 else {
            throw CronFault("has a \(title) step '\(text)'", "a step is a number from 1")
        }
        guard step <= span.count else {
            throw CronFault(
                "has a \(title) step of \(step), longer than the \(span.count) values it steps over",
                "write '\(span.lowerBound)' if once is meant")
        }
        return step
    }

    private func number(_ text: Substring) throws(CronFault) -> Int {
        if let index = names.firstIndex(of: text.lowercased()) { return index + range.lowerBound }
        guard let number = Self.digits(text) else {
            let wanted = names.isEmpty ? "a number" : "a number or a name such as '\(names[1])'"
            throw CronFault("has '\(text)' in the \(title) field", "it takes \(wanted), '*', ranges, steps and lists")
        }
        guard range.contains(number) else {
            throw CronFault("has \(title) \(number)", "it goes from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    // MARK: Small things

    private var isWeekday: Bool { range.upperBound == 7 }
    /// Weekday 7 is Sunday, like 0.
    private func wrapped(_ number: Int) -> Int { isWeekday ? number % 7 : number }

    private static func digits(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.count <= 4, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int(text)
    }
}
