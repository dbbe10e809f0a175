/// Gives every variable of the agent's environment its final text: references among them are followed, circles are found.
///
/// A reference means, in this order: another variable of `env` or a flag, one of an env file, one of the runner's own environment. A
/// variable that refers to itself means the one underneath: `PATH: /opt/bin:${PATH}`.
struct VariableExpander {
    /// References through more variables than this are refused; the stack must not grow with the file.
    static let deepest = 64
    /// Bytes of all variables together: half of what a program usually can be started with.
    static let largest = 1 << 20

    private enum State {
        case inProgress
        case done(String)
        /// Said once; those that depend on it stay silent.
        case failed
    }

    private var draft: SpecDraft
    private var states: [String: State] = [:]
    private var chain: [String] = []
    private var total = 0

    /// - Returns: the final variables; mistakes are noted in `draft`.
    static func variables(of draft: inout SpecDraft) -> [String: String] {
        var expander = VariableExpander(draft: draft)
        var result = draft.fileVariables.mapValues(\.text)
        for name in draft.variables.keys.sorted() {
            if let text = expander.text(of: name) { result[name] = text }
        }
        draft = expander.draft
        return result
    }

    private init(draft: SpecDraft) {
        self.draft = draft
    }

    /// The final text of a variable of `env` or a flag; nil when it has none, which then is noted.
    private mutating func text(of name: String) -> String? {
        switch states[name] {
        case .done(let text): return text
        case .failed, .inProgress: return nil
        case nil: break
        }
        guard let variable = draft.variables[name] else { return nil }
        states[name] = .inProgress
        chain.append(name)
        let text = variable.expands ? expanded(variable, of: name) : variable.text
        chain.removeLast()
        states[name] = text.map { .done($0) } ?? .failed
        return text
    }

    private mutating func expanded(_ variable: SpecDraft.Variable, of name: String) -> String? {
        do throws(ValueMistake) {
            let expansion = try Expansion(variable.text)
            for word in expansion.keptWords { noteKept(word, in: name, at: variable.place) }
            let text = try expansion.text { reference throws(ValueMistake) in try self.value(of: reference, for: name) }
            total += name.utf8.count + text.utf8.count
            guard total <= Self.largest else {
                throw ValueMistake(.limit, "makes the environment larger than 1 MiB", "hand data over in files")
            }
            return text
        } catch {
            // A reference to what failed already has no words of its own.
            if !error.what.isEmpty {
                draft.note(SpecNotice(error.code, at: variable.place, "the variable '\(name)' \(error.what)", suggestion: error.suggestion))
            }
            return nil
        }
    }

    private mutating func value(of reference: String, for name: String) throws(ValueMistake) -> String? {
        if reference != name, draft.variables[reference] != nil {
            if case .inProgress = states[reference] {
                let circle = chain.drop { $0 != reference } + [reference]
                throw ValueMistake(
                    .cycle, "refers to itself: " + circle.joined(separator: " → "), "give one of them a text of its own")
            }
            guard chain.count < Self.deepest else {
                throw ValueMistake(.limit, "refers to others through more than \(Self.deepest) steps")
            }
            guard let text = text(of: reference) else { throw ValueMistake(.unset, "") }
            return text
        }
        return draft.fileVariables[reference]?.text ?? draft.environment[reference]
    }

    private mutating func noteKept(_ word: String, in name: String, at place: SpecNotice.Place) {
        draft.note(
            SpecNotice(
                .value, .warning, at: place, "the variable '\(name)' keeps '$\(word)' as it is written",
                suggestion: "write '${\(word)}' to have it replaced, or '$$\(word)' to say so"))
    }
}
