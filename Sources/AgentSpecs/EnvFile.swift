/// Reads an env file: `NAME=value` a line, with comments and quotes. Nothing in it is expanded, so that a secret may hold any character.
///
///     line  = [ "export " ] NAME "=" value [ " #" comment ] / "#" comment / ""
///     value = "'" text "'"          ; as it stands
///           / '"' text '"'          ; \n \t \r \" \\ \$ are escapes
///           / text                  ; up to " #", without blanks around
struct EnvFile {
    struct Line {
        var number: Int
        var name: String
        var value: String
    }
    struct Mistake {
        var line: Int
        var mistake: ValueMistake
        /// nil when the line has none; what else stands there may be a secret and is not shown.
        var name: String?
    }
    private(set) var lines: [Line] = []
    private(set) var mistakes: [Mistake] = []

    init(_ bytes: [UInt8]) {
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        for (index, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            read(Self.trimmed(line), number: index + 1)
        }
    }

    private mutating func read(_ line: ArraySlice<UInt8>, number: Int) {
        guard let first = line.first, first != UInt8(ascii: "#") else { return }
        let pair = line.starts(with: "export ".utf8) ? Self.trimmed(line.dropFirst(7)) : line
        let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(decoding: Self.trimmed(parts[0]), as: UTF8.self)
        do throws(ValueMistake) {
            guard parts.count == 2 else {
                throw ValueMistake(.envFile, "is not 'NAME=value'", "write one variable a line; comments begin with '#'")
            }
            if let mistake = VariableName.mistake(in: name) { throw mistake }
            lines.append(Line(number: number, name: name, value: try Self.value(Self.trimmed(parts[1]))))
        } catch {
            mistakes.append(Mistake(line: number, mistake: error, name: parts.count == 2 ? name : nil))
        }
    }

    // MARK: Values

    private static func value(_ bytes: ArraySlice<UInt8>) throws(ValueMistake) -> String {
        let value: [UInt8]
        switch bytes.first {
        case UInt8(ascii: "'"): value = try quoted(bytes, by: UInt8(ascii: "'"))
        case UInt8(ascii: "\""): value = try quoted(bytes, by: UInt8(ascii: "\""))
        default: value = Array(trimmed(withoutComment(bytes)))
        }
        guard !value.contains(0), let text = String(validating: value, as: UTF8.self) else {
            throw ValueMistake(.envFile, "has a value that is not UTF-8 text")
        }
        guard value.count <= Expansion.longest else { throw ValueMistake(.limit, "has a value of more than 128 KiB") }
        return text
    }

    private static func quoted(_ bytes: ArraySlice<UInt8>, by quote: UInt8) throws(ValueMistake) -> [UInt8] {
        var value: [UInt8] = []
        var rest = bytes.dropFirst()
        while let byte = rest.popFirst() {
            if byte == quote {
                let after = trimmed(rest)
                guard after.isEmpty || after.first == UInt8(ascii: "#") else {
                    throw ValueMistake(.envFile, "has text after its closing quote", "put the whole value in quotes")
                }
                return value
            }
            guard byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\""), let next = rest.popFirst() else {
                value.append(byte)
                continue
            }
            value += escape(next)
        }
        throw ValueMistake(
            .envFile, "has a quote that is never closed", "a value ends on its line; write '\\n' in double quotes for a line break")
    }

    private static func escape(_ letter: UInt8) -> [UInt8] {
        switch letter {
        case UInt8(ascii: "n"): [10]
        case UInt8(ascii: "t"): [9]
        case UInt8(ascii: "r"): [13]
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "$"): [letter]
        default: [UInt8(ascii: "\\"), letter]
        }
    }

    private static func withoutComment(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let start = bytes.indices.first { index in
            bytes[index] == UInt8(ascii: "#") && (index == bytes.startIndex || isBlank(bytes[index - 1]))
        }
        return start.map { bytes[..<$0] } ?? bytes
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes.drop(while: isBlank)
        while let last = bytes.last, isBlank(last) { bytes = bytes.dropLast() }
        return bytes
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }
}
