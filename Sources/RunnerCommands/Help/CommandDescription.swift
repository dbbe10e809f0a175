/// A command's manual and its options as plain values: help text, manifest and documents are made of it.
struct CommandDescription: Encodable {
    struct Option: Encodable {
        var long: String
        var short: String?
        var value: String?
        var help: String
    }
    struct Argument: Encodable {
        var name: String
        var required: Bool
        var repeats: Bool
        var help: String
    }
    struct Example: Encodable {
        var line: String
        var effect: String
    }
    struct Exit: Encodable {
        var status: Int32
        var meaning: String
    }
    var name: String
    var group: String
    var summary: String
    var usage: String
    var arguments: [Argument]
    var options: [Option]
    var examples: [Example]
    var notes: [String]
    var exits: [Exit]

    init<C: Command>(_ type: C.Type) {
        let manual = type.manual
        name = manual.name
        group = manual.group.rawValue
        summary = manual.summary
        notes = manual.notes
        examples = manual.examples.map { Example(line: $0.line, effect: $0.effect) }
        exits = manual.exits.sorted { $0.status.rawValue < $1.status.rawValue }.map {
            Exit(status: $0.status.rawValue, meaning: $0.meaning)
        }
        arguments = type.operands.map { operand in
            Argument(
                name: operand.name, required: operand.count == .one || operand.count == .oneOrMore,
                repeats: operand.count == .many || operand.count == .oneOrMore || operand.count == .rest, help: operand.help)
        }
        options = type.options.filter { !$0.help.isEmpty }.map { option in
            var value: String?
            if case .value(let placeholder, _) = option.effect { value = placeholder }
            return Option(long: option.long, short: option.short.map { String($0) }, value: value, help: option.help)
        }
        options.append(Option(long: "store", short: nil, value: "DIR", help: "The store, instead of RUNNER_STORE or the default."))
        options.append(
            Option(long: "key-file", short: nil, value: "FILE", help: "The key of an encrypted store, instead of RUNNER_KEY_FILE."))
        options.append(Option(long: "help", short: "h", value: nil, help: "Show this help."))
        usage = "runner \(manual.name) [OPTIONS]" + type.operands.map { " " + Self.usage(of: $0) }.joined()
    }

    private static func usage<C>(of operand: Operand<C>) -> String {
        switch operand.count {
        case .one: operand.name
        case .optional: "[\(operand.name)]"
        case .many: "[\(operand.name) ...]"
        case .oneOrMore: "\(operand.name) ..."
        case .rest: "[-- \(operand.name) ...]"
        }
    }
}

extension CommandDescription {
    /// Of its page and its manual: "image-decode".
    var pageName: String { String(name.map { $0 == " " ? "-" : $0 }) }
}

func describe(_ type: any Command.Type) -> CommandDescription { CommandDescription(type) }
