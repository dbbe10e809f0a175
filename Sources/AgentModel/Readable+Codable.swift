// JSON that people and other programs read: "clean" or a version number; how a process ended by one `kind`.

extension Origin {
    /// `"clean"`, or the version's number.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(UInt64.self) {
            self = .version(VersionNumber(number))
        } else if try container.decode(String.self) == "clean" {
            self = .clean
        } else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "an origin is \"clean\" or a version's number")
        }
    }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .clean: try container.encode("clean")
        case .version(let version): try container.encode(version)
        }
    }
}

extension ProcessEnd {
    private enum Kind: String, Codable { case exited, signaled, unknown }
    private enum Key: CodingKey { case kind, status, signal, outOfMemory }

    /// `{"kind":"exited","status":3}`, `{"kind":"signaled","outOfMemory":false,"signal":9}` or `{"kind":"unknown"}`.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        switch try container.decode(Kind.self, forKey: .kind) {
        case .exited: self = .exited(try container.decode(Int32.self, forKey: .status))
        case .signaled:
            self = .signaled(
                try container.decode(Int32.self, forKey: .signal), outOfMemory: try container.decode(Bool.self, forKey: .outOfMemory))
        case .unknown: self = .unknown
        }
    }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .exited(let status):
            try container.encode(Kind.exited, forKey: .kind)
            try container.encode(status, forKey: .status)
        case .signaled(let signal, let outOfMemory):
            try container.encode(Kind.signaled, forKey: .kind)
            try container.encode(signal, forKey: .signal)
            try container.encode(outOfMemory, forKey: .outOfMemory)
        case .unknown: try container.encode(Kind.unknown, forKey: .kind)
        }
    }
}
