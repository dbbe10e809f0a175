/// What a command line asks for.
enum Invocation {
    /// The command with its values, and the options every command has.
    case command(any Command, CommonOptions)
    /// nil: the whole program's.
    case help((any Command.Type)?)
    /// Of the commands whose names begin with this word: "image decode", "image encode".
    case familyHelp(String)
    case version
}

/// Options every command takes, before or after its name.
struct CommonOptions: Hashable, Sendable {
    /// As written.
    var store: String?
    /// As written.
    var keyFile: String?
    /// Where among the words the command's name stands.
    var commandIndex = 0
}

/// Turns words into a command: `--long value`, `--long=value`, `-s value`, `-svalue`, `-abc`, `--` ends the options.
struct ArgumentParser {
    let commands: [any Command.Type]

    func parse(_ words: [String]) throws(UsageFault) -> Invocation {
        var common = CommonOptions()
        var index = 0
        while index < words.count {
            let word = words[index]
            switch word {
            case "-h", "--help": return .help(nil)
            case "--version": return .version
            case "--store":
                guard index + 1 < words.count else { throw UsageFault("'--store' needs a value DIR", command: nil) }
                common.store = words[index + 1]
                index += 2
            case _ where word.hasPrefix("--store="):
                common.store = String(word.dropFirst("--store=".count))
                index += 1
            case "--key-file":
                guard index + 1 < words.count else { throw UsageFault("'--key-file' needs a value FILE", command: nil) }
                common.keyFile = words[index + 1]
                index += 2
            case _ where word.hasPrefix("--key-file="):
                common.keyFile = String(word.dropFirst("--key-file=".count))
                index += 1
            case _ where word.hasPrefix("-"):
                throw UsageFault.unknown("option", word, near: ["--help", "--version", "--store", "--key-file"], command: nil)
            default:
                common.commandIndex = index
                if commands.contains(where: { $0.manual.name.hasPrefix(word + " ") }) {
                    return try parse(family: word, words[(index + 1)...], common)
                }
                guard let type = commands.first(where: { $0.manual.name == word }) else {
                    let names = commands.map { String($0.manual.name.prefix { $0 != " " }) }
                    throw UsageFault.unknown("command", word, near: names, command: nil)
                }
                return try parse(type, words[(index + 1)...], common)
            }
        }
        return .help(nil)
    }

    /// A command whose name is two words, of which `family` is the first.
    private func parse(family: String, _ words: ArraySlice<String>, _ common: CommonOptions) throws(UsageFault) -> Invocation {
        let members = commands.filter { $0.manual.name.hasPrefix(family + " ") }
        let names = members.map { String($0.manual.name.dropFirst(family.count + 1)) }
        guard let word = words.first else { throw UsageFault("say what to do: \(names.joined(separator: ", "))", command: family) }
        if word == "-h" || word == "--help" { return .familyHelp(family) }
        guard let position = names.firstIndex(of: word) else {
            throw UsageFault.unknown("command", "\(family) \(word)", near: members.map { $0.manual.name }, command: family)
        }
        return try parse(members[position], words.dropFirst(), common)
    }

    private func parse<C: Command>(_ type: C.Type, _ words: ArraySlice<String>, _ common: CommonOptions) throws(UsageFault) -> Invocation {
        var reader = WordReader<C>(words: words, common: common)
        try reader.readAll()
        return reader.wantsHelp ? .help(type) : .command(reader.command, reader.common)
    }
}

/// Reads the words of one command.
private struct WordReader<C: Command> {
    var words: ArraySlice<String>
    var common: CommonOptions
    var command = C()
    var wantsHelp = false
    private var taken = 0
    private let name = C.manual.name
    private let options = C.options
    private let operands = C.operands

    init(words: ArraySlice<String>, common: CommonOptions) {
        self.words = words
        self.common = common
    }

    mutating func readAll() throws(UsageFault) {
        while let word = words.popFirst(), !wantsHelp {
            if word == "--" {
                try readRest()
            } else if word.hasPrefix("--") {
                try readLong(word)
            } else if word.hasPrefix("-"), word.count > 1 {
                try readShorts(word)
            } else {
                try takeOperand(word)
            }
        }
        if !wantsHelp { try checkNothingIsMissing() }
    }

    // MARK: Options

    private mutating func readLong(_ word: String) throws(UsageFault) {
        let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let written = "--" + parts[0]
        let attached = parts.count > 1 ? parts[1] : nil
        switch parts[0] {
        case "help": wantsHelp = true
        case "store": common.store = try value(attached, of: written, "DIR")
        case "key-file": common.keyFile = try value(attached, of: written, "FILE")
        default:
            guard let option = options.first(where: { $0.long == parts[0] }) else {
                let known = options.map { "--" + $0.long } + ["--help", "--store", "--key-file"]
                throw UsageFault.unknown("option", written, near: known, command: name)
            }
            try apply(option, written, attached)
        }
    }

    private mutating func readShorts(_ word: String) throws(UsageFault) {
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
            if letter == "h" {
                wantsHelp = true
                return
            }
            let written = "-\(letter)"
            guard let option = options.first(where: { $0.short == letter }) else {
                let all = options.compactMap { option in option.short.map { "-\($0)" } }
                throw UsageFault(
                    "unknown option '\(written)'" + (all.isEmpty ? "" : "; there are \(all.joined(separator: " "))"), command: name)
            }
            if case .flag = option.effect {
                try apply(option, written, nil)
            } else {
                let attached = letters.first == "=" ? letters.dropFirst() : letters
                try apply(option, written, attached.isEmpty && letters.isEmpty ? nil : String(attached))
                return
            }
        }
    }

    private mutating func apply(_ option: Option<C>, _ written: String, _ attached: String?) throws(UsageFault) {
        switch option.effect {
        case .flag(let effect):
            if attached != nil { throw UsageFault("'\(written)' takes no value", command: name) }
            effect(&command)
        case .value(let placeholder, let effect):
            let text = try value(attached, of: written, placeholder)
            do throws(WordFault) { try effect(&command, text) } catch {
                throw UsageFault("'\(text)' for '\(written)' \(error.what)", command: name)
            }
        }
    }

    /// What stands behind the `=`, else the next word.
    private mutating func value(_ attached: String?, of written: String, _ placeholder: String) throws(UsageFault) -> String {
        if let attached { return attached }
        guard let word = words.popFirst(), word != "--" else {
            throw UsageFault("'\(written)' needs a value \(placeholder)", command: name)
        }
        return word
    }

    // MARK: Operands

    private mutating func takeOperand(_ word: String) throws(UsageFault) {
        let places = operands.filter { $0.count != .rest }
        guard let operand = taken < places.count ? places[taken] : places.last(where: { $0.count == .many || $0.count == .oneOrMore })
        else {
            throw UsageFault("unexpected argument '\(word)'", command: name)
        }
        do throws(WordFault) { try operand.take(&command, word) } catch { throw UsageFault("'\(word)' \(error.what)", command: name) }
        taken += 1
    }

    private mutating func readRest() throws(UsageFault) {
        guard let rest = operands.first(where: { $0.count == .rest }) else {
            while let word = words.popFirst() { try takeOperand(word) }
            return
        }
        while let word = words.popFirst() {
            do throws(WordFault) { try rest.take(&command, word) } catch { throw UsageFault("'\(word)' \(error.what)", command: name) }
        }
    }

    private func checkNothingIsMissing() throws(UsageFault) {
        let needed = operands.filter { $0.count == .one || $0.count == .oneOrMore }
        guard taken < needed.count else { return }
        throw UsageFault("missing \(needed[taken].name)", command: name)
    }
}
