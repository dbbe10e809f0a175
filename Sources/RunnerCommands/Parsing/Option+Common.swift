internal import StatusViews

extension Option {
    static func json(_ path: WritableKeyPath<Owner, Bool>) -> Option { .flag("json", "j", path, "Print JSON.") }

    static func at(_ path: WritableKeyPath<Owner, TimeWord?>) -> Option {
        .optional(
            "at", nil, path, as: "TIME",
            "The newest version from then or before: 2h, 1d, '2026-11-20 03:00' (UTC); a day alone is its first moment.")
    }

    static func timeout(_ path: WritableKeyPath<Owner, Duration>) -> Option {
        .value("timeout", nil, path, as: "TIME", "Give up waiting after this long; 10m unless said otherwise.")
    }
}

extension Operand {
    static func images(_ path: WritableKeyPath<Owner, String?>) -> Operand {
        .one("DIR", path, "The directory CRIU dumped into, or a version: agent-7@41.")
    }
}

extension Array {
    /// What every list takes: `-o FORMAT`, and its two short forms.
    static func list<Owner>(_ path: WritableKeyPath<Owner, ListFormat>) -> [Element] where Element == Option<Owner> {
        [
            .value("output", "o", path, as: "FORMAT", "One of table, wide, json, ndjson, name."),
            .set("json", "j", path, to: .json, "As '-o json'."),
            .set("quiet", "q", path, to: .name, "As '-o name'."),
        ]
    }
}
