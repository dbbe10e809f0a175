public import AgentModel

/// Names of agents that were not given one.
public enum NameText {
    /// The name of an agent that is run as `command`, without a spec: the base name of what is run, made fit. Of an interpreter with a
    /// script it is the script: `python3 -u work/agent.py` is `agent.py`, `python3 -m agent` is `agent`.
    public static func derived(from command: [String]) -> AgentName? {
        guard let program = command.first else { return nil }
        let base = baseName(program)
        let subject = isInterpreter(base) ? script(in: command.dropFirst()) ?? base : base
        return sanitized(subject).flatMap { AgentName($0) }
    }

    /// `text` with what may not stand in a name replaced; nil when nothing is left.
    static func sanitized(_ text: String) -> String? {
        var name = ""
        for byte in text.lowercased().utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"):
                name.unicodeScalars.append(Unicode.Scalar(byte))
            default: if name.last != "-" { name += "-" }
            }
        }
        let trimmed = name.drop { !$0.isLetter && !$0.isNumber }.prefix(63)
        let end = trimmed.lastIndex { $0 != "-" && $0 != "." }
        return end.map { String(trimmed[...$0]) }
    }

    private static func baseName(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    /// Two scripts under one interpreter are two agents: they must not share a name and with it a store.
    private static func isInterpreter(_ name: String) -> Bool {
        let plain = name.prefix { $0.isLetter }
        return ["python", "node", "ruby", "perl", "bash", "sh", "zsh", "dash", "deno", "bun", "php", "java", "uv"].contains(String(plain))
    }

    private static func script(in arguments: ArraySlice<String>) -> String? {
        var rest = arguments
        while let argument = rest.popFirst() {
            if argument == "-m" { return rest.first }
            if argument == "-c" || argument == "-e" { return nil }
            if argument == "run" || argument.first == "-" { continue }
            return baseName(argument)
        }
        return nil
    }
}
