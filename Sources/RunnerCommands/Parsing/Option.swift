/// One option of a command: how it is written, what it does to the command's values.
struct Option<Owner> {
    enum Effect {
        case flag((inout Owner) -> Void)
        case value(placeholder: String, (inout Owner, String) throws(WordFault) -> Void)
    }
    let long: String
    let short: Character?
    /// Empty: not shown, for the runner's own use.
    let help: String
    let effect: Effect
}

/// One word of a command that is not an option.
struct Operand<Owner> {
    enum Count { case one, optional, many, oneOrMore, rest }
    let name: String
    let help: String
    /// `rest`: everything after `--`, untouched.
    let count: Count
    let take: (inout Owner, String) throws(WordFault) -> Void
}

// MARK: Making them

extension Option {
    static func flag(_ long: String, _ short: Character? = nil, _ path: WritableKeyPath<Owner, Bool>, _ help: String) -> Option {
        Option(long: long, short: short, help: help, effect: .flag { $0[keyPath: path] = true })
    }

    static func set<Value>(
        _ long: String, _ short: Character? = nil, _ path: WritableKeyPath<Owner, Value>, to value: Value, _ help: String
    ) -> Option {
        Option(long: long, short: short, help: help, effect: .flag { $0[keyPath: path] = value })
    }

    static func value<Value: ArgumentValue>(
        _ long: String, _ short: Character? = nil, _ path: WritableKeyPath<Owner, Value>, as placeholder: String, _ help: String
    ) -> Option {
        Option(
            long: long, short: short, help: help,
            effect: .value(placeholder: placeholder) { (owner, word) throws(WordFault) in owner[keyPath: path] = try Value.read(word) })
    }

    static func optional<Value: ArgumentValue>(
        _ long: String, _ short: Character? = nil, _ path: WritableKeyPath<Owner, Value?>, as placeholder: String, _ help: String
    ) -> Option {
        Option(
            long: long, short: short, help: help,
            effect: .value(placeholder: placeholder) { (owner, word) throws(WordFault) in owner[keyPath: path] = try Value.read(word) })
    }

    static func each<Value: ArgumentValue>(
        _ long: String, _ short: Character? = nil, _ path: WritableKeyPath<Owner, [Value]>, as placeholder: String, _ help: String
    ) -> Option {
        Option(
            long: long, short: short, help: help + " May be repeated.",
            effect: .value(placeholder: placeholder) { (owner, word) throws(WordFault) in
                owner[keyPath: path].append(try Value.read(word))
            })
    }
}

extension Operand {
    static func one<Value: ArgumentValue>(_ name: String, _ path: WritableKeyPath<Owner, Value?>, _ help: String) -> Operand {
        Operand(name: name, help: help, count: .one) { (owner, word) throws(WordFault) in owner[keyPath: path] = try Value.read(word) }
    }

    static func optional<Value: ArgumentValue>(_ name: String, _ path: WritableKeyPath<Owner, Value?>, _ help: String) -> Operand {
        Operand(name: name, help: help, count: .optional, take: one(name, path, help).take)
    }

    static func many<Value: ArgumentValue>(
        _ name: String, _ path: WritableKeyPath<Owner, [Value]>, atLeastOne: Bool = false, _ help: String
    ) -> Operand {
        Operand(name: name, help: help, count: atLeastOne ? .oneOrMore : .many) { (owner, word) throws(WordFault) in
            owner[keyPath: path].append(try Value.read(word))
        }
    }

    static func rest(_ name: String, _ path: WritableKeyPath<Owner, [String]>, _ help: String) -> Operand {
        Operand(name: name, help: help, count: .rest) { (owner, word) throws(WordFault) in owner[keyPath: path].append(word) }
    }
}
