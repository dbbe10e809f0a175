internal import AgentSpecs

extension CommandFault {
    /// The errors among `notices`, when there is one; the first lends its code.
    init?(_ notices: [SpecNotice], in file: String?) {
        let errors = notices.filter { $0.severity == .error }
        guard let first = errors.first else { return nil }
        let count = errors.count == 1 ? "1 mistake" : "\(errors.count) mistakes"
        let sentence =
            file.map { "could not use '\($0)': it has \(count). Mend it and try 'runner config check \($0)'" }
            ?? "could not use the command line: it has \(count), told above. See 'runner run --help'"
        self.init(.specInvalid, sentence)
        code = first.code.rawValue
    }
}

extension SpecCode {
    /// As the catalogue shows it.
    var entry: ErrorEntry {
        ErrorEntry(
            "in the spec: \(title)", .badConfiguration, explanation,
            remedy: "Mend the file at the place named and try 'runner config check FILE'.")
    }
}

extension SpecCode {
    /// The mistake in a few words.
    private var title: String {
        switch self {
        case .yaml: "it is not YAML"
        case .limit: "it is too large"
        case .alias: "aliases, merge keys and tags"
        case .duplicate: "a key stands twice"
        case .unknown: "no setting has this name"
        case .unsupported: "this version cannot act on it"
        case .type: "the wrong shape of value"
        case .empty: "a key without a value"
        case .missing: "no name or no command"
        case .name: "not an agent's name"
        case .unit: "a unit is missing or has two meanings"
        case .negative: "below zero"
        case .value: "not what the setting takes"
        case .range: "too small or too large"
        case .cron: "not a cron expression"
        case .conflict: "two settings contradict each other"
        case .variable: "not a variable's name"
        case .unset: "a variable without a value"
        case .cycle: "variables refer to each other in a circle"
        case .envFile: "an env file that cannot be read"
        case .path: "a path that cannot be used"
        }
    }
}
