/// What may be written as the value of a setting.
indirect enum SettingForm: Sendable {
    case text
    case name
    /// A list of words, or one text for a shell.
    case command
    case path
    /// One path or a list of them.
    case paths
    /// Variables of the agent's environment.
    case variables
    case texts
    case duration(from: Duration)
    case size(from: UInt64)
    case processors
    case fraction
    case number(ClosedRange<Double>)
    case count(ClosedRange<Int64>)
    case flag
    /// One of these words.
    case choice([String])
    case signal
    case cron
    case offset
    /// A list of mappings with these keys.
    case entries([Setting])
    /// Names chosen by the user, each with a value of this form.
    case map(SettingForm)
    /// Any of these forms: the first that fits the node's shape.
    case either(SettingForm, SettingForm)
}

/// One setting of a spec: its place in the file, what may be written there, and what it sets.
struct Setting: Sendable {
    enum Role: Sendable {
        case sets(Binding)
        /// Used while reading; its outcome stands in other settings (`env_file` in `env`).
        case reads
        /// One value that says all settings of the section of the same name: `keep: 20`. They hold what it says, in its place.
        case saysSection(@Sendable (SettingValue) -> [(key: String, value: SettingValue)])
        /// Part of the spec's shape that this version cannot act on.
        case planned
    }
    struct Binding: Sendable {
        let write: @Sendable (inout AgentSpec, SettingValue) -> Void
        let read: @Sendable (AgentSpec) -> SettingValue
    }
    /// Keys from the top, joined by dots: `checkpoint.every`.
    let path: String
    let form: SettingForm
    var role: Role
    /// `null` is a value: "not watched", "no limit".
    var mayBeNull = false

    /// The last key: what stands in the file before the colon.
    var key: String { String(path.split(separator: ".").last ?? "") }
    var hasNoDefault: Bool { path == "name" || path == "command" }
    var isPlanned: Bool {
        if case .planned = role { true } else { false }
    }

    /// A setting that sets one field.
    static func field<Field: SettingField & SendableMetatype>(
        _ path: String, _ form: SettingForm, _ field: any WritableKeyPath<AgentSpec, Field> & Sendable, mayBeNull: Bool = false
    ) -> Setting {
        let binding = Binding(
            write: { spec, value in
                // The form has read the value, so it fits; a form that does not fit its field fails the table's test.
                if let value = Field(value) { spec[keyPath: field] = value }
            }, read: { $0[keyPath: field].settingValue })
        return Setting(path: path, form: form, role: .sets(binding), mayBeNull: mayBeNull)
    }

    /// A setting that sets a field of few words.
    static func choice<Choice: RawRepresentable & CaseIterable & Sendable>(
        _ path: String, _ field: any WritableKeyPath<AgentSpec, Choice> & Sendable
    ) -> Setting where Choice.RawValue == String {
        let binding = Binding(
            write: { spec, value in
                if case .text(let text) = value, let choice = Choice(rawValue: text) { spec[keyPath: field] = choice }
            }, read: { .text($0[keyPath: field].rawValue) })
        return Setting(path: path, form: .choice(Choice.allCases.map(\.rawValue)), role: .sets(binding))
    }

    static func planned(_ path: String, _ form: SettingForm) -> Setting {
        Setting(path: path, form: form, role: .planned)
    }
}
