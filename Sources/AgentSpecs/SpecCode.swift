/// The stable code of one kind of mistake in a spec. `runner explain CODE` shows its explanation.
public enum SpecCode: String, Hashable, Sendable, Codable, CaseIterable {
    case yaml = "E-SPEC-YAML"
    case limit = "E-SPEC-LIMIT"
    case alias = "E-SPEC-ALIAS"
    case duplicate = "E-SPEC-DUPLICATE"
    case unknown = "E-SPEC-UNKNOWN"
    case unsupported = "E-SPEC-UNSUPPORTED"
    case type = "E-SPEC-TYPE"
    case empty = "E-SPEC-EMPTY"
    case missing = "E-SPEC-MISSING"
    case name = "E-SPEC-NAME"
    case unit = "E-SPEC-UNIT"
    case negative = "E-SPEC-NEGATIVE"
    case value = "E-SPEC-VALUE"
    case range = "E-SPEC-RANGE"
    case cron = "E-SPEC-CRON"
    case conflict = "E-SPEC-CONFLICT"
    case variable = "E-SPEC-VARIABLE"
    case unset = "E-SPEC-UNSET"
    case cycle = "E-SPEC-CYCLE"
    case envFile = "E-SPEC-ENV-FILE"
    case path = "E-SPEC-PATH"

    /// What the code means and what to do, in a few sentences.
    public var explanation: String {
        switch self {
        case .yaml:
            "The file is not YAML that can be read (JSON is YAML too). The place named is where reading stopped; the cause is "
                + "there or just before: a missing quote, bracket or colon, or a tab used to indent."
        case .limit:
            "The file is larger or more deeply nested than a spec may be: 1 MiB, 32 levels, 20,000 values. Put data into files "
                + "of its own and name them in the spec."
        case .alias:
            "YAML aliases (*name), merge keys (<<) and tags (!name) are not read: a few lines of them can grow to gigabytes. "
                + "Write the value out, or use env_file."
        case .duplicate: "The same key stands twice in one mapping, so one of the two would silently win. Remove one."
        case .unknown:
            "No setting has this name. Unknown keys are refused because a misspelt limit would otherwise limit nothing. "
                + "docs/agent.yaml.md lists all settings."
        case .unsupported:
            "The setting is part of the spec's shape, but this version of runner cannot act on it yet, and it does not pretend "
                + "to. Remove it, or use a version that can."
        case .type: "The value has the wrong shape: a mapping where a text is wanted, a text where a list is wanted, and so on."
        case .empty: "The key has no value. Leave the line out to get the default."
        case .missing: "Something that has no default was not said: the agent's name or its command."
        case .name:
            "An agent's name has 1 to 63 characters of a-z 0-9 . _ - and begins with a letter or digit: it is also a directory "
                + "name in the store."
        case .unit:
            "A duration or a size needs its unit, and the unit must have one meaning: 10s, 10m, 512MB (10^6), 512MiB (2^20)."
        case .negative: "The value is below zero, where it can only be zero or more."
        case .value: "The value cannot be read as what the setting takes. The message says what it takes, with an example."
        case .range: "The value can be read, but is smaller or larger than the setting allows. The message names the bounds."
        case .cron:
            "The cron expression has no meaning: five fields 'minute hour day month weekday' as in crontab(5), or @hourly, "
                + "@daily, @weekly, @monthly, @yearly."
        case .conflict: "Two settings contradict each other. Keep one."
        case .variable:
            "The name of an environment variable is not one (letters, digits and _, not beginning with a digit), or it belongs "
                + "to the runner."
        case .unset:
            "A ${VARIABLE} in the spec has no value, neither in env, nor in env_file, nor in the environment the runner was "
                + "called with. Set it, or give a default: ${VARIABLE:-default}."
        case .cycle: "Environment variables in the spec refer to each other in a circle, so none of them has a value."
        case .envFile: "An env_file could not be read, or a line of it is not KEY=VALUE."
        case .path: "A path cannot be used: it is empty, or '~' stands for a home directory that is not known."
        }
    }
}
