/// Makes paths of a spec absolute: `${VARIABLE}` and a leading `~` are replaced, what is relative counts from `directory`.
struct PathResolver: Sendable {
    /// Absolute.
    let directory: String
    let environment: [String: String]

    /// `value` with its paths made absolute, where `form` says that it holds any.
    func resolved(_ value: SettingValue, _ form: SettingForm) throws(ValueMistake) -> SettingValue {
        switch (form, value) {
        case (.path, .text(let path)): return .text(try absolute(path))
        case (.paths, .texts(let paths)):
            var result: [String] = []
            for path in paths { result.append(try absolute(path)) }
            return .texts(result)
        default: return value
        }
    }

    func absolute(_ written: String) throws(ValueMistake) -> String {
        let path = try Expansion(written).text { name throws(ValueMistake) in environment[name] }
        guard !path.isEmpty else { throw ValueMistake(.path, "is an empty path", "'.' is the directory of the spec") }
        if path == "~" || path.hasPrefix("~/") {
            guard let home = environment["HOME"], home.hasPrefix("/") else {
                throw ValueMistake(.path, "begins with '~', but HOME is not set", "write the path out")
            }
            return Self.normalized(home + "/" + path.dropFirst(2))
        }
        return Self.normalized(path.hasPrefix("/") ? path : directory + "/" + path)
    }

    /// Without `.`, `..` and doubled slashes, as a shell's `cd` would show it.
    static func normalized(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// `path` is `directory` or lies below it. Both absolute.
    static func isInside(_ path: String, _ directory: String) -> Bool {
        let path = normalized(path)
        let directory = normalized(directory)
        return directory == "/" || path == directory || path.hasPrefix(directory + "/")
    }
}
