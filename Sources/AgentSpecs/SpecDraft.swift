/// A spec while it is being read: what each layer said so far, and every mistake.
struct SpecDraft {
    /// Later layers win.
    enum Layer: Int, Comparable {
        case file, environment, flags
        static func < (a: Layer, b: Layer) -> Bool { a.rawValue < b.rawValue }
    }
    struct Assigned {
        var value: SettingValue
        var origin: SettingOrigin
        var place: SpecNotice.Place
        var layer: Layer
    }
    struct Variable {
        var text: String
        /// `${…}` in it is replaced. Not in env files and flags: their text is final.
        var expands: Bool
        var origin: SettingOrigin
        var place: SpecNotice.Place
    }

    /// More than this many notices help nobody.
    static let mostNotices = 100

    let table = SettingTable()
    let environment: [String: String]
    private(set) var assigned: [String: Assigned] = [:]
    /// From `env` and flags.
    private(set) var variables: [String: Variable] = [:]
    /// From env files.
    private(set) var fileVariables: [String: Variable] = [:]
    /// Settings that were written somewhere, also wrongly: they are not missing.
    private(set) var mentioned: Set<String> = []
    private(set) var notices: [SpecNotice] = []
    private(set) var unsaid = 0

    init(environment: [String: String]) {
        self.environment = environment
    }

    /// More is only counted: nothing need be worked out for it.
    var isFull: Bool { notices.count >= Self.mostNotices }

    mutating func note(_ notice: SpecNotice) {
        if !isFull { notices.append(notice) } else { unsaid += 1 }
    }

    mutating func note(_ code: SpecCode, at place: SpecNotice.Place, _ what: String, suggestion: String? = nil) {
        note(SpecNotice(code, at: place, what, suggestion: suggestion))
    }

    mutating func note(_ mistake: ValueMistake, about subject: String, at place: SpecNotice.Place) {
        note(SpecNotice(mistake.code, at: place, "'\(shown(subject))' \(mistake.what)", suggestion: mistake.suggestion))
    }

    mutating func mention(_ path: String) {
        mentioned.insert(path)
    }

    mutating func assign(_ path: String, _ value: SettingValue, from origin: SettingOrigin, at place: SpecNotice.Place, in layer: Layer) {
        mentioned.insert(path)
        if case .saysSection(let parts) = table.setting(path)?.role {
            for (key, value) in parts(value) { assign("\(path).\(key)", value, from: origin, at: place, in: layer) }
            return
        }
        assigned[path] = Assigned(value: value, origin: origin, place: place, layer: layer)
    }

    mutating func assign(_ name: String, _ variable: Variable) {
        if let mistake = VariableName.mistake(in: name) {
            note(mistake, about: name, at: variable.place)
        } else if variable.text.utf8.contains(0) {
            note(.value, at: variable.place, "the value of '\(name)' holds a zero byte")
        } else {
            variables[name] = variable
        }
    }

    mutating func assignFromFile(_ name: String, _ variable: Variable) {
        fileVariables[name] = variable
    }

    var hasErrors: Bool { unsaid > 0 || notices.contains { $0.severity == .error } }
}

/// Names of environment variables.
enum VariableName {
    /// What the runner itself tells the agent. Documentation: docs/agent.yaml.md#env
    static let ofTheRunner: Set<String> = [
        "RUNNER_AGENT", "RUNNER_INCARNATION", "RUNNER_SOCKET", "RUNNER_STAGING", "RUNNER_RESTORED_FROM", "NOTIFY_SOCKET", "WATCHDOG_USEC",
    ]

    static func mistake(in name: String) -> ValueMistake? {
        guard isOne(name) else {
            return ValueMistake(.variable, "is not a variable's name", "names have letters, digits and '_', and do not begin with a digit")
        }
        guard !ofTheRunner.contains(name) else {
            return ValueMistake(.variable, "is set by the runner itself", "choose another name")
        }
        return nil
    }

    static func isOne(_ name: some StringProtocol) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 255, isLetter(first) else { return false }
        return name.utf8.allSatisfy(mayHold)
    }

    static func mayHold(_ byte: UInt8) -> Bool { isLetter(byte) || (48...57).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (65...90).contains(byte) || (97...122).contains(byte) || byte == UInt8(ascii: "_")
    }
}
