internal import AgentModel

/// Whether values that are probably secrets may be seen.
public enum SecretValues: Sendable {
    case hidden, shown
}

/// Tells by its name whether a variable probably holds a secret.
public enum SecretName {
    public static func isProbable(_ name: String) -> Bool {
        let upper = Array(name.uppercased().utf8)
        return ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH", "COOKIE"].contains { word in
            let word = Array(word.utf8)
            return upper.count >= word.count && (0...(upper.count - word.count)).contains { upper[$0...].starts(with: word) }
        }
    }
}

/// One setting as it holds, and where it comes from: a row of `runner config show --origin`.
public struct EffectiveSetting: Hashable, Sendable, Encodable {
    /// `checkpoint.every`, `env.PATH`.
    public let path: String
    public let origin: SettingOrigin
    let value: SettingValue

    /// All settings of `spec`, in the order of the documentation.
    /// - Parameter origins: as `SpecReader` gave them; what is not in it is a default.
    public static func all(
        of spec: AgentSpec, origins: [String: SettingOrigin], secrets: SecretValues = .hidden
    ) -> [EffectiveSetting] {
        SettingTable().settings.flatMap { setting -> [EffectiveSetting] in
            guard case .sets(let binding) = setting.role else { return [] }
            let value = binding.read(spec)
            guard case .variables(let variables) = value, !variables.isEmpty else {
                return [EffectiveSetting(path: setting.path, origin: origins[setting.path] ?? .default, value: value)]
            }
            return variables.sorted { $0.key < $1.key }.map { name, text in
                let path = "\(setting.path).\(name)"
                let isHidden = secrets == .hidden && SecretName.isProbable(name)
                return EffectiveSetting(path: path, origin: origins[path] ?? .default, value: .text(isHidden ? "(hidden)" : text))
            }
        }
    }

    // MARK: JSON

    private enum Key: String, CodingKey { case path, value, origin }

    /// `{"path", "value", "origin"}`; durations in seconds, sizes in bytes, shares of processors as a number of processors.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(path, forKey: .path)
        try container.encode(origin.description, forKey: .origin)
        switch value {
        case .none: try container.encodeNil(forKey: .value)
        case .text(let text): try container.encode(text, forKey: .value)
        case .texts(let texts): try container.encode(texts, forKey: .value)
        case .variables(let variables): try container.encode(variables, forKey: .value)
        case .duration(let duration), .offset(let duration): try container.encode(duration.inSeconds, forKey: .value)
        case .size(let size): try container.encode(size.bytes, forKey: .value)
        case .processors(let milli): try container.encode(Double(milli) / 1000, forKey: .value)
        case .count(let count): try container.encode(count, forKey: .value)
        case .number(let number): try container.encode(number, forKey: .value)
        case .flag(let flag): try container.encode(flag, forKey: .value)
        case .signal(let signal): try container.encode(SignalText.text(signal), forKey: .value)
        }
    }
}

/// The effective spec as YAML that `SpecReader` reads back, with the origins as comments.
public enum EffectiveText {
    public enum Origins: Sendable {
        case left, shown
    }

    /// One line a setting or section, without line ends.
    public static func lines(_ settings: [EffectiveSetting], origins: Origins) -> [String] {
        var lines: [(text: String, origin: SettingOrigin?)] = []
        var open: [Substring] = []
        for setting in settings {
            let parts = parts(of: setting.path)
            let sections = Array(parts.dropLast())
            let shared = zip(open, sections).prefix { $0 == $1 }.count
            for depth in shared..<max(shared, sections.count) {
                lines.append((indent(depth) + sections[depth] + ":", nil))
            }
            open = sections
            let key = parts.last.map(String.init) ?? setting.path
            lines.append(("\(indent(sections.count))\(key): \(YAMLText.value(setting.value, of: setting.path))", setting.origin))
        }
        guard case .shown = origins else { return lines.map(\.text) }
        let width = min(48, lines.map { $0.text.unicodeScalars.count }.max() ?? 0)
        return lines.map { text, origin in
            guard let origin else { return text }
            return text + String(repeating: " ", count: max(0, width - text.unicodeScalars.count)) + "  # \(origin)"
        }
    }

    /// A variable's name may not hold a dot, so the path of one has exactly two parts.
    private static func parts(of path: String) -> [Substring] { path.split(separator: ".") }
    private static func indent(_ depth: Int) -> String { String(repeating: "  ", count: depth) }
}

/// Values as YAML of one line.
enum YAMLText {
    static func value(_ value: SettingValue, of path: String) -> String {
        switch value {
        case .none: "null"
        // The file's texts of variables and paths are expanded when read; a dollar must be doubled to stay one.
        case .text(let text): scalar(isExpanded(path) ? Expansion.escaped(text) : text)
        case .texts(let texts): "[" + texts.map { scalar($0) }.joined(separator: ", ") + "]"
        case .variables(let variables): variables.isEmpty ? "{}" : "{…}"
        case .duration(let duration): DurationText.text(duration)
        case .size(let size): SizeText.text(size)
        case .processors(let milli): ShareText.processorsText(milli)
        case .count(let count): String(count)
        case .number(let number): NumberText.text(number)
        case .flag(let flag): flag ? "true" : "false"
        case .signal(let signal): SignalText.text(signal)
        case .offset(let offset): scalar(OffsetText.text(offset))
        }
    }

    private static func isExpanded(_ path: String) -> Bool {
        path.hasPrefix("env.") || path == "workdir" || path == "workspace" || path == "hooks"
    }

    /// Plain where that is safe, else in double quotes.
    static func scalar(_ text: String) -> String {
        let isPlain =
            !text.isEmpty && text.utf8.allSatisfy { isPlainByte($0) } && text.utf8.first != UInt8(ascii: "-")
            && !["null", "~", "true", "false", "yes", "no", "on", "off"].contains(text.lowercased())
        return isPlain ? text : quoted(text)
    }

    private static func isPlainByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "$"): true
        default: false
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            default:
                let needsEscape =
                    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || (0x2028...0x2029).contains(scalar.value)
                    || scalar.value == 0xFEFF
                result += needsEscape ? "\\u" + hex(scalar.value) : String(Character(scalar))
            }
        }
        return result + "\""
    }

    private static func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
