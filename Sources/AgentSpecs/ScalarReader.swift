internal import AgentModel
internal import Schedules

/// Reads one written word as what a setting takes. The same for a spec, a flag and a variable of the environment.
enum ScalarReader {
    /// - Parameter quoted: the word stood in quotes.
    static func value(_ text: String, as form: SettingForm) throws(ValueMistake) -> SettingValue {
        guard !text.utf8.contains(0) else { throw ValueMistake(.value, "holds a zero byte") }
        switch form {
        case .text, .path: return .text(try notEmpty(text))
        case .name: return try name(text)
        case .command: return .texts(["/bin/sh", "-c", try notEmpty(text)])
        case .paths, .texts: return .texts([try notEmpty(text)])
        case .duration(let from): return try duration(text, from: from)
        case .size(let from): return try size(text, from: from)
        case .processors: return .processors(try ShareText.parseProcessors(text))
        case .fraction: return .number(try ShareText.parseFraction(text))
        case .number(let range): return try number(text, in: range)
        case .count(let range): return try count(text, in: range)
        case .flag: return try flag(text)
        case .choice(let words): return try choice(text, among: words)
        case .signal: return try signal(text)
        case .cron: return try cron(text)
        case .offset: return .offset(try OffsetText.parse(text))
        case .either(let first, _): return try value(text, as: first)
        case .variables, .entries, .map: throw ValueMistake(.type, "is a single value", "it takes \(form.wanted)")
        }
    }

    // MARK: Each form

    private static func notEmpty(_ text: String) throws(ValueMistake) -> String {
        guard !text.isEmpty else { throw ValueMistake(.empty, "is empty") }
        return text
    }

    private static func name(_ text: String) throws(ValueMistake) -> SettingValue {
        guard AgentName(text) == nil else { return .text(text) }
        let near = NameText.sanitized(text)
        throw ValueMistake(
            .name, "cannot be an agent's name",
            near.map { "names have 1 to 63 of a-z 0-9 . _ - and begin with a letter or digit, as in '\($0)'" })
    }

    private static func duration(_ text: String, from: Duration) throws(ValueMistake) -> SettingValue {
        let duration = try DurationText.parse(text)
        guard duration >= from else {
            throw ValueMistake(.range, "is too short", "the shortest is '\(DurationText.text(from))'")
        }
        return .duration(duration)
    }

    private static func size(_ text: String, from: UInt64) throws(ValueMistake) -> SettingValue {
        let size = try SizeText.parse(text)
        guard size.bytes >= from else {
            throw ValueMistake(.range, "is too small", "the smallest is '\(SizeText.text(ByteCount(from)))'")
        }
        return .size(size)
    }

    private static func number(_ text: String, in range: ClosedRange<Double>) throws(ValueMistake) -> SettingValue {
        let bounds = "it takes a number from \(NumberText.text(range.lowerBound)) to \(NumberText.text(range.upperBound))"
        guard text.first != "-" else { throw ValueMistake(.negative, "is negative", bounds) }
        guard DecimalText(text) != nil, let number = Double(text) else { throw ValueMistake(.value, "is not a number", bounds) }
        guard range.contains(number) else { throw ValueMistake(.range, "is out of range", bounds) }
        return .number(number)
    }

    private static func count(_ text: String, in range: ClosedRange<Int64>) throws(ValueMistake) -> SettingValue {
        let bounds =
            range.upperBound == .max
            ? "it takes a whole number from \(range.lowerBound)" : "it takes a whole number from \(range.lowerBound) to \(range.upperBound)"
        let digits = text.first == "-" ? text.utf8.dropFirst() : text.utf8[...]
        guard !digits.isEmpty, digits.allSatisfy({ (48...57).contains($0) }) else {
            throw ValueMistake(.value, "is not a whole number", bounds)
        }
        guard text.first != "-" || range.lowerBound < 0 else { throw ValueMistake(.negative, "is negative", bounds) }
        guard let count = Int64(text), range.contains(count) else { throw ValueMistake(.range, "is out of range", bounds) }
        return .count(count)
    }

    private static func flag(_ text: String) throws(ValueMistake) -> SettingValue {
        switch text.lowercased() {
        case "true", "yes", "on": return .flag(true)
        case "false", "no", "off": return .flag(false)
        default: throw ValueMistake(.value, "is neither yes nor no", "write 'true' or 'false'")
        }
    }

    private static func choice(_ text: String, among words: [String]) throws(ValueMistake) -> SettingValue {
        if words.contains(text) { return .text(text) }
        let near = nearest(to: text, among: words).map { "did you mean '\($0)'?" }
        throw ValueMistake(.value, "is not one of \(quotedList(words, "and"))", near)
    }

    private static func signal(_ text: String) throws(ValueMistake) -> SettingValue {
        let signal = try SignalText.parse(text)
        // SIGKILL and SIGSTOP: nothing can be asked with what cannot be caught.
        guard signal != 9, signal != 19 else {
            throw ValueMistake(
                .value, "cannot be caught, so it asks nothing", "an agent that does not end within 'stop.deadline' is killed in any case")
        }
        return .signal(signal)
    }

    private static func cron(_ text: String) throws(ValueMistake) -> SettingValue {
        do {
            return .text(try CronExpression(parsing: text).description)
        } catch {
            throw ValueMistake(.cron, error.what, error.suggestion)
        }
    }
}

extension SettingForm {
    /// What it takes, for sentences: "a duration such as '10m'".
    var wanted: String {
        switch self {
        case .text, .path: "a text"
        case .name: "a name"
        case .command: "a list of words or one text for the shell"
        case .paths: "a path or a list of paths"
        case .variables: "a mapping of variables, 'NAME: value'"
        case .texts: "a list of texts"
        case .duration: "a duration such as '10m'"
        case .size: "a size such as '512MB'"
        case .processors: "a share of processors such as '50%'"
        case .fraction: "a part such as '0.1'"
        case .number: "a number"
        case .count: "a whole number"
        case .flag: "'true' or 'false'"
        case .choice(let words): "one of " + quotedList(words, "and")
        case .signal: "a signal such as 'SIGTERM'"
        case .cron: "a cron expression such as '0 3 * * *'"
        case .offset: "a distance to UTC such as '+02:00'"
        case .entries: "a list of mappings"
        case .map: "a mapping"
        case .either(let first, _): first.wanted
        }
    }
}

/// `'a', 'b' and 'c'`.
func quotedList(_ words: [String], _ joint: String) -> String {
    let quoted = words.map { "'\($0)'" }
    guard let last = quoted.last, quoted.count > 1 else { return quoted.first ?? "" }
    return quoted.dropLast().joined(separator: ", ") + " \(joint) " + last
}

/// Plain numbers without a useless `.0`.
enum NumberText {
    static func text(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? String(Int64(number)) : "\(number)"
    }
}
