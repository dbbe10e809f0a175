internal import AgentModel
internal import AgentSpecs
internal import StatusViews

/// Why a word is not the value it should be. Follows the quoted word: "is not a number", "has no unit; did you mean '10s'?".
struct WordFault: Error, Hashable, Sendable {
    var what: String
    init(_ what: String) { self.what = what }
}

/// A value that can be written as one word of a command line.
protocol ArgumentValue {
    init?(argument: String)
    /// What a good word looks like, with its article: `a number`, `a duration such as 10m`.
    static var expected: String { get }
    static func read(_ word: String) throws(WordFault) -> Self
}

extension ArgumentValue {
    static func read(_ word: String) throws(WordFault) -> Self {
        guard let value = Self(argument: word) else { throw WordFault("is not \(expected)") }
        return value
    }
}

extension String: ArgumentValue {
    init?(argument: String) { self = argument }
    static var expected: String { "a text" }
}

extension Int: ArgumentValue {
    init?(argument: String) {
        guard let number = Int(argument), number >= 0 else { return nil }
        self = number
    }
    static var expected: String { "a number from 0 up" }
}

extension AgentName: ArgumentValue {
    init?(argument: String) { self.init(argument) }
    static var expected: String { "an agent's name (a-z, 0-9, '.', '_', '-', at most 63, a letter or digit first)" }
}

extension Duration: ArgumentValue {
    init?(argument: String) {
        guard let duration = try? DurationText.parse(argument) else { return nil }
        self = duration
    }
    static var expected: String { "a duration such as 10m or 1h30m" }
    static func read(_ word: String) throws(WordFault) -> Duration {
        do { return try DurationText.parse(word) } catch { throw WordFault(error) }
    }
}

extension WordFault {
    init(_ mistake: ValueMistake) { what = mistake.what + (mistake.suggestion.map { "; \($0)" } ?? "") }
}

extension CheckpointMode: ArgumentValue {
    init?(argument: String) { self.init(rawValue: argument) }
    static var expected: String { "'auto', 'cooperative' or 'process'" }
}

extension ListFormat: ArgumentValue {
    init?(argument: String) { self.init(rawValue: argument) }
    static var expected: String { "one of " + allCases.map(\.rawValue).joined(separator: ", ") }
}

/// A variable for the agent's environment: `NAME=VALUE`.
struct Assignment: ArgumentValue, Hashable, Sendable {
    var name: String
    var value: String
    init?(argument: String) {
        guard let sign = argument.firstIndex(of: "="), sign != argument.startIndex else { return nil }
        name = String(argument[..<sign])
        value = String(argument[argument.index(after: sign)...])
    }
    static var expected: String { "NAME=VALUE" }
}

/// A time as people say it: how long ago (`2h`), or when (`2026-11-21T08:38:00Z`, `2026-11-21`).
enum TimeWord: ArgumentValue, Hashable, Sendable {
    case ago(Duration)
    case at(WallTime)

    init?(argument: String) {
        let word = argument.hasSuffix(" ago") ? String(argument.dropLast(4)) : argument
        if let span = try? DurationText.parse(word) {
            self = .ago(span)
        } else if let time = Self.endings.lazy.compactMap({ WallTime(rfc3339: word + $0) }).first {
            self = .at(time)
        } else {
            return nil
        }
    }
    /// What people leave out. Without a zone it is UTC, as all times are that the runner prints.
    private static var endings: [String] { ["", "Z", ":00Z", "T00:00:00Z"] }

    static var expected: String { "a time (how long ago, such as 2h, or when, such as 2026-11-21T08:38:00Z)" }

    func time(now: WallTime) -> WallTime {
        switch self {
        case .ago(let span): WallTime(nanoseconds: (Moment(nanoseconds: now.nanoseconds) - span).nanoseconds)
        case .at(let time): time
        }
    }
}
