/// Shares of processors (`50%`, `0.5`, `200%`) and plain fractions (`0.1`, `10%`), in thousandths.
public enum ShareText {
    /// Thousandths of one processor: `50%` and `0.5` are 500, `200%` and `2` are 2000.
    /// - Throws: `ValueMistake`; also for zero and for more than 1,024 processors.
    public static func parseProcessors(_ text: String) throws(ValueMistake) -> UInt32 {
        let example = "write a share of one processor such as '50%' or '0.5'; '200%' is two"
        if text.hasSuffix("m"), let milli = UInt64(text.dropLast()) {
            throw ValueMistake(.unit, "has the unit 'm'", "did you mean '\(milli / 10)%'?")
        }
        let milli = try thousandths(text, example: example)
        guard milli > 0 else { throw ValueMistake(.range, "leaves the agent no time at all", example) }
        guard milli <= 1_024_000 else { throw ValueMistake(.range, "is more than 1024 processors", example) }
        return UInt32(milli)
    }

    /// A part of a whole: 0 to 1, or 0% to 100%.
    public static func parseFraction(_ text: String) throws(ValueMistake) -> Double {
        let example = "write a part from 0 to 1 such as '0.1', or '10%'"
        let milli = try thousandths(text, example: example)
        guard milli <= 1000 else { throw ValueMistake(.range, "is more than the whole", example) }
        return Double(milli) / 1000
    }

    /// `50%`, `12.5%`.
    public static func processorsText(_ milli: UInt32) -> String {
        milli % 10 == 0 ? "\(milli / 10)%" : "\(milli / 10).\(milli % 10)%"
    }

    private static func thousandths(_ text: String, example: String) throws(ValueMistake) -> UInt64 {
        guard text.first != "-" else { throw ValueMistake(.negative, "is negative", example) }
        let isPercent = text.hasSuffix("%")
        guard let number = DecimalText(isPercent ? text.dropLast() : Substring(text)), let milli = number.times(isPercent ? 10 : 1000)
        else { throw ValueMistake(.value, "is not a share", example) }
        return milli
    }
}

/// A fixed distance to UTC: `+02:00`, `-05:30`, `Z`.
public enum OffsetText {
    public static func parse(_ text: String) throws(ValueMistake) -> Duration {
        if text == "Z" || text == "UTC" { return .zero }
        let digits = text.utf8.dropFirst().split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
            $0.count == 2 && $0.allSatisfy { (48...57).contains($0) } ? Int(String(decoding: $0, as: UTF8.self)) : nil
        }
        guard let sign = text.first, sign == "+" || sign == "-", digits.count == 2, let hours = digits[0], let minutes = digits[1],
            hours <= 14, minutes < 60
        else {
            throw ValueMistake(
                .value, "is not a distance to UTC", "write one such as '+02:00', '-05:30' or 'Z'; zones with summer time are not known here"
            )
        }
        let seconds = hours * 3600 + minutes * 60
        return .seconds(sign == "-" ? -seconds : seconds)
    }

    public static func text(_ offset: Duration) -> String {
        let seconds = offset.components.seconds
        guard seconds != 0 else { return "Z" }
        let minutes = abs(seconds) / 60
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(seconds < 0 ? "-" : "+")\(two(minutes / 60)):\(two(minutes % 60))"
    }
}

/// Signals by name (`SIGTERM`, `term`) or number, as Linux numbers them on x86 and Arm.
public enum SignalText {
    private static let numbers: [(name: String, number: Int32)] = [
        ("HUP", 1), ("INT", 2), ("QUIT", 3), ("ILL", 4), ("TRAP", 5), ("ABRT", 6), ("BUS", 7), ("FPE", 8), ("KILL", 9), ("USR1", 10),
        ("SEGV", 11), ("USR2", 12), ("PIPE", 13), ("ALRM", 14), ("TERM", 15), ("STKFLT", 16), ("CHLD", 17), ("CONT", 18), ("STOP", 19),
        ("TSTP", 20), ("TTIN", 21), ("TTOU", 22), ("URG", 23), ("XCPU", 24), ("XFSZ", 25), ("VTALRM", 26), ("PROF", 27), ("WINCH", 28),
        ("IO", 29), ("PWR", 30), ("SYS", 31),
    ]

    /// - Throws: `ValueMistake` for what is no signal.
    public static func parse(_ text: String) throws(ValueMistake) -> Int32 {
        if let number = Int32(text) {
            guard (1...64).contains(number) else { throw ValueMistake(.range, "is not a signal", "signals go from 1 to 64") }
            return number
        }
        let upper = text.uppercased()
        let name = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
        if let known = numbers.first(where: { $0.name == name }) { return known.number }
        let near = nearest(to: name, among: numbers.map(\.name)).map { "did you mean 'SIG\($0)'?" }
        throw ValueMistake(.value, "is not a signal", near ?? "write one such as 'SIGTERM', 'SIGINT' or '15'")
    }

    /// `SIGTERM`; a number where there is no name.
    public static func text(_ signal: Int32) -> String {
        numbers.first { $0.number == signal }.map { "SIG\($0.name)" } ?? String(signal)
    }
}
