internal import AgentModel

/// Processor time in JSON is a number of seconds, as every duration a program is given; Swift's own form is a pair of integers.
@propertyWrapper
public struct InSeconds: Hashable, Sendable {
    public var wrappedValue: Duration?
    public init(wrappedValue: Duration?) { self.wrappedValue = wrappedValue }
}

extension InSeconds: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : .fractional(seconds: try container.decode(Double.self))
    }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue.inSeconds) } else { try container.encodeNil() }
    }
}

extension KeyedDecodingContainer {
    /// Lets a missing key be nil, as it is for plain optionals.
    func decode(_ type: InSeconds.Type, forKey key: Key) throws -> InSeconds {
        try decodeIfPresent(type, forKey: key) ?? InSeconds(wrappedValue: nil)
    }
}

extension KeyedEncodingContainer {
    /// Leaves nil out, as it is for plain optionals.
    mutating func encode(_ value: InSeconds, forKey key: Key) throws {
        if let duration = value.wrappedValue { try encode(duration.inSeconds, forKey: key) }
    }
}
