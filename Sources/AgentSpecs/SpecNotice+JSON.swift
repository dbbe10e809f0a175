// The JSON of a place is flat, as editors and scripts want it: `{"column": 11, "file": "agent.yaml", "line": 5}`, `{"flag": "--every"}` or
// `{"variable": "RUNNER_CHECKPOINT_EVERY"}`.

extension SpecNotice.Place: Codable {
    private enum Key: String, CodingKey { case file, line, column, flag, variable }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        if let file = try container.decodeIfPresent(String.self, forKey: .file) {
            self = .file(file, line: try container.decode(Int.self, forKey: .line), column: try container.decode(Int.self, forKey: .column))
        } else if let flag = try container.decodeIfPresent(String.self, forKey: .flag) {
            self = .flag(flag)
        } else {
            self = .variable(try container.decode(String.self, forKey: .variable))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .file(let file, let line, let column):
            try container.encode(file, forKey: .file)
            try container.encode(line, forKey: .line)
            try container.encode(column, forKey: .column)
        case .flag(let flag): try container.encode(flag, forKey: .flag)
        case .variable(let name): try container.encode(name, forKey: .variable)
        }
    }
}
