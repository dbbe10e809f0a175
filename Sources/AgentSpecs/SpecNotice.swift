/// One thing to say about a spec: what is wrong or doubtful, where, and what was probably meant.
public struct SpecNotice: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    public enum Severity: String, Hashable, Sendable, Codable {
        /// The spec cannot be used.
        case error
        /// It can, but probably says something else than was meant.
        case warning
    }
    /// Where the words came from.
    public enum Place: Hashable, Sendable {
        /// Line and column from 1; the column counts characters.
        case file(String, line: Int, column: Int)
        /// A command-line flag, as typed: `--memory-limit`.
        case flag(String)
        /// A variable of the runner's own environment: `RUNNER_CHECKPOINT_EVERY`.
        case variable(String)
    }
    public var code: SpecCode
    public var severity: Severity
    public var place: Place
    /// What is wrong: one line, lower case, names in single quotes.
    public var what: String
    /// What to do, or what was probably meant; nil when `what` says it.
    public var suggestion: String?

    public init(_ code: SpecCode, _ severity: Severity = .error, at place: Place, _ what: String, suggestion: String? = nil) {
        self.code = code
        self.severity = severity
        self.place = place
        self.what = what
        self.suggestion = suggestion
    }

    public var line: Int? {
        if case .file(_, let line, _) = place { line } else { nil }
    }
    public var column: Int? {
        if case .file(_, _, let column) = place { column } else { nil }
    }

    /// One line: `agent.yaml:7:12: error: 'every: 10' has no unit; did you mean '10s' or '10m'? [E-SPEC-UNIT]`
    public var description: String {
        "\(place): \(severity.rawValue): \(sentence) [\(code.rawValue)]"
    }

    /// Without place and code.
    public var sentence: String { suggestion.map { "\(what); \($0)" } ?? what }
}

extension SpecNotice.Place: CustomStringConvertible {
    public var description: String {
        switch self {
        case .file(let file, let line, let column): "\(file):\(line):\(column)"
        case .flag(let flag): flag
        case .variable(let name): name
        }
    }
}

/// Where the value of a setting comes from.
public enum SettingOrigin: Hashable, Sendable, Codable, CustomStringConvertible {
    case `default`
    case file(String, line: Int)
    case flag(String)
    /// A variable of the runner's environment.
    case variable(String)
    /// From something else the person said: "from the command's name".
    case derived(String)

    public var description: String {
        switch self {
        case .default: "default"
        case .file(let file, let line): "\(file):\(line)"
        case .flag(let flag): flag
        case .variable(let name): name
        case .derived(let from): from
        }
    }
}

/// Why one written value cannot be taken. Independent of where it was written, so that specs and command-line flags say the same.
public struct ValueMistake: Error, Hashable, Sendable {
    public let code: SpecCode
    /// Follows the quoted words: "has no unit".
    public let what: String
    public let suggestion: String?
    init(_ code: SpecCode, _ what: String, _ suggestion: String? = nil) {
        self.code = code
        self.what = what
        self.suggestion = suggestion
    }

    /// `subject` is what was written, with its key or flag: `--every 10`.
    public func sentence(about subject: String) -> String {
        "'\(subject)' \(what)" + (suggestion.map { "; \($0)" } ?? "")
    }
}
