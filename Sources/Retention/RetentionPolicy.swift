public import AgentModel

/// How many checkpoints are kept, and how they thin out with age. Each rule keeps what it keeps whatever the others do; only `quota` takes away.
/// Documentation: docs/agent.yaml.md#keep
public struct RetentionPolicy: Hashable, Sendable {
    /// The newest so many.
    public var last: Int
    /// The newest one of an hour, for the last so many hours that have one; likewise of days, weeks and months.
    public var hourly: Int
    public var daily: Int
    /// Weeks of ISO 8601: they begin on Monday.
    public var weekly: Int
    public var monthly: Int
    /// All that are at most so much older than the newest.
    public var within: Duration?
    /// What all versions of the agent may take, asides and failed ones too.
    public var quota: ByteCount?

    public init(
        last: Int = 10, hourly: Int = 24, daily: Int = 7, weekly: Int = 4, monthly: Int = 0, within: Duration? = nil,
        quota: ByteCount? = nil
    ) {
        self.last = last
        self.hourly = hourly
        self.daily = daily
        self.weekly = weekly
        self.monthly = monthly
        self.within = within
        self.quota = quota
    }

    /// What `keep: 20` means: the newest 20, and nothing because of its age.
    public static func onlyLast(_ count: Int) -> RetentionPolicy {
        RetentionPolicy(last: count, hourly: 0, daily: 0, weekly: 0, monthly: 0)
    }

    /// How many versions its rules keep at most; nil: `within` has no such bound.
    public var bound: Int? {
        guard within == nil else { return nil }
        return [last, hourly, daily, weekly, monthly].reduce(0) { sum, count in
            let (more, overflow) = sum.addingReportingOverflow(max(0, count))
            return overflow ? .max : more
        }
    }
}

extension RetentionPolicy: Codable {
    private enum Key: CodingKey { case last, hourly, daily, weekly, monthly, within, quota }

    /// A mapping, or the plain number that specs were stored with before there were rules. A rule that is not named keeps nothing.
    public init(from decoder: any Decoder) throws {
        if let number = try? decoder.singleValueContainer().decode(Int.self) {
            self = .onlyLast(number)
            return
        }
        let container = try decoder.container(keyedBy: Key.self)
        self.init(
            last: try container.decodeIfPresent(Int.self, forKey: .last) ?? 0,
            hourly: try container.decodeIfPresent(Int.self, forKey: .hourly) ?? 0,
            daily: try container.decodeIfPresent(Int.self, forKey: .daily) ?? 0,
            weekly: try container.decodeIfPresent(Int.self, forKey: .weekly) ?? 0,
            monthly: try container.decodeIfPresent(Int.self, forKey: .monthly) ?? 0,
            within: try container.decodeIfPresent(Duration.self, forKey: .within),
            quota: try container.decodeIfPresent(ByteCount.self, forKey: .quota))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(last, forKey: .last)
        try container.encode(hourly, forKey: .hourly)
        try container.encode(daily, forKey: .daily)
        try container.encode(weekly, forKey: .weekly)
        try container.encode(monthly, forKey: .monthly)
        try container.encodeIfPresent(within, forKey: .within)
        try container.encodeIfPresent(quota, forKey: .quota)
    }
}
