internal import AgentSpecs

extension CommandFault {
    /// The errors among `notices`, when there is one; the first lends its code.
    init?(_ notices: [SpecNotice], in file: String) {
        let errors = notices.filter { $0.severity == .error }
        guard let first = errors.first else { return nil }
        let count = errors.count == 1 ? "1 mistake" : "\(errors.count) mistakes"
        self.init(.specInvalid, "could not use '\(file)': it has \(count). Mend it and try 'runner config check'")
        code = first.code.rawValue
    }
}

extension SpecCode {
    /// As the catalogue shows it.
    var entry: ErrorEntry {
        ErrorEntry(
            "a mistake in a spec: \(rawValue.dropFirst("E-SPEC-".count).lowercased())", .badConfiguration, explanation,
            remedy: "Mend the file at the place named and try 'runner config check FILE'.")
    }
}
