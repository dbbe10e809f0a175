// The JSON of what a host allows: `"available"` or `{"missing": "why"}`; `{"controllers": …, "version": 1}`, `{"controllers": …, "root": …,
// "version": 2}` or `{"missing": "why"}`.

private enum Key: String, CodingKey { case missing, version, controllers, root }

extension HostFacts.Availability: Codable {
    public init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Key.self) {
            self = .missing(try container.decode(String.self, forKey: .missing))
        } else {
            self = .available
        }
    }

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .available:
            var container = encoder.singleValueContainer()
            try container.encode("available")
        case .missing(let why):
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(why, forKey: .missing)
        }
    }
}

extension HostFacts.ControlGroups: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        switch try container.decodeIfPresent(Int.self, forKey: .version) {
        case 1?: self = .v1(try container.decode([String: String].self, forKey: .controllers))
        case .some:
            self = .v2(
                root: try container.decode(String.self, forKey: .root),
                controllers: try container.decode([String].self, forKey: .controllers))
        case nil: self = .none(try container.decode(String.self, forKey: .missing))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .v1(let mounts):
            try container.encode(1, forKey: .version)
            try container.encode(mounts, forKey: .controllers)
        case .v2(let root, let controllers):
            try container.encode(2, forKey: .version)
            try container.encode(root, forKey: .root)
            try container.encode(controllers, forKey: .controllers)
        case .none(let why): try container.encode(why, forKey: .missing)
        }
    }
}
