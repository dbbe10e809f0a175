internal import AgentModel
internal import StatusViews

/// A version as a person names it.
enum VersionWord: Hashable, Sendable {
    case number(VersionNumber)
    case latest
    case knownGood

    var text: String {
        switch self {
        case .number(let version): "\(version)"
        case .latest: "latest"
        case .knownGood: "known-good"
        }
    }

    /// The version meant, or nil when there is none.
    func resolve(among versions: [CheckpointSummary]) -> CheckpointSummary? {
        switch self {
        case .number(let number): versions.first { $0.version == number }
        case .latest: versions.last { $0.kind == .checkpoint }
        case .knownGood: versions.last { $0.isKnownGood }
        }
    }
}

extension VersionWord: ArgumentValue {
    init?(argument: String) {
        switch argument {
        case "latest": self = .latest
        case "known-good": self = .knownGood
        default:
            guard let number = UInt64(argument.hasPrefix("v") ? String(argument.dropFirst()) : argument), number > 0 else { return nil }
            self = .number(VersionNumber(number))
        }
    }
    static var expected: String { "a version (a number such as 42, 'latest' or 'known-good')" }
}

/// `agent-7` or `agent-7@42`, `agent-7@latest`, `agent-7@known-good`.
struct AgentReference: Hashable, Sendable, ArgumentValue {
    var agent: AgentName
    var version: VersionWord?

    init?(argument: String) {
        let parts = argument.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let agent = AgentName(parts[0]) else { return nil }
        self.agent = agent
        guard parts.count > 1 else { return }
        guard let version = VersionWord(argument: parts[1]) else { return nil }
        self.version = version
    }
    static var expected: String { "an agent such as 'agent-7', or one of its versions such as 'agent-7@42'" }

    /// All of its versions.
    init(_ agent: AgentName) { self.agent = agent }
}

/// Where a start begins: a version, or `clean`.
enum OriginWord: Hashable, Sendable, ArgumentValue {
    case clean
    case version(VersionWord)

    init?(argument: String) {
        if argument == "clean" {
            self = .clean
        } else if let word = VersionWord(argument: argument) {
            self = .version(word)
        } else {
            return nil
        }
    }
    static var expected: String { "a version such as 42, 'latest', 'known-good', or 'clean'" }
}
