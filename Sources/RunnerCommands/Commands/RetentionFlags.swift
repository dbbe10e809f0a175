internal import AgentModel
internal import AgentSpecs
internal import Retention

/// What `runner prune` was told to keep instead of what the agent's spec says. The names are restic's.
struct RetentionFlags {
    var keep: Int?
    var last: Int?
    var hourly: Int?
    var daily: Int?
    var weekly: Int?
    var monthly: Int?
    var within: Duration?
    var quota: ByteCount?
    var asides: Int?

    static func options<Owner>(_ path: WritableKeyPath<Owner, RetentionFlags>) -> [Option<Owner>] {
        [
            .optional("keep", nil, path.appending(path: \.keep), as: "COUNT", "Keep the newest so many, and by no rule of the spec more."),
            .optional("keep-last", nil, path.appending(path: \.last), as: "COUNT", "Keep the newest so many."),
            .optional("keep-hourly", nil, path.appending(path: \.hourly), as: "COUNT", "Keep one of each of so many hours."),
            .optional("keep-daily", nil, path.appending(path: \.daily), as: "COUNT", "Keep one of each of so many days."),
            .optional("keep-weekly", nil, path.appending(path: \.weekly), as: "COUNT", "Keep one of each of so many weeks."),
            .optional("keep-monthly", nil, path.appending(path: \.monthly), as: "COUNT", "Keep one of each of so many months."),
            .optional("keep-within", nil, path.appending(path: \.within), as: "TIME", "Keep all of so long before the newest, such as 2d."),
            .optional("keep-asides", nil, path.appending(path: \.asides), as: "COUNT", "Keep the newest so many asides."),
            .optional(
                "quota", nil, path.appending(path: \.quota), as: "SIZE", "Then remove the oldest until the SIZEs of all come to no more."),
        ]
    }

    func apply(to settings: inout AgentSpec.Checkpoint) {
        if let keep { settings.keep = .onlyLast(keep) }
        if let last { settings.keep.last = last }
        if let hourly { settings.keep.hourly = hourly }
        if let daily { settings.keep.daily = daily }
        if let weekly { settings.keep.weekly = weekly }
        if let monthly { settings.keep.monthly = monthly }
        if let within { settings.keep.within = within }
        if let quota { settings.keep.quota = quota }
        if let asides { settings.keepAsides = asides }
    }
}
