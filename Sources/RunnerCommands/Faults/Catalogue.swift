internal import AgentSpecs

/// All codes with what they mean, sorted by code.
func catalogue() -> [(code: String, entry: ErrorEntry)] {
    let own = ErrorCode.allCases.map { (code: $0.rawValue, entry: $0.entry) }
    let specs = SpecCode.allCases.map { (code: $0.rawValue, entry: $0.entry) }
    let agents = AgentCode.allCases.map { (code: $0.rawValue, entry: $0.entry) }
    return (own + specs + agents).sorted { $0.code < $1.code }
}
