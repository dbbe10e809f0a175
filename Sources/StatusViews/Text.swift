/// `text` without anything a terminal would obey: control characters become blanks. What agents say of themselves passes here.
public func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var clean = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { clean.append(isControl(scalar) ? " " : scalar) }
    return String(clean)
}

private func isControl(_ scalar: Unicode.Scalar) -> Bool {
    // C0, DEL, C1 (0x9b begins a sequence too), and the marks that turn the direction of writing.
    switch scalar.value {
    case 0..<0x20, 0x7f..<0xa0, 0x202a...0x202e, 0x2066...0x2069: true
    default: false
    }
}

/// Columns `text` takes on a terminal: one a character, two for the wide scripts of East Asia and pictures.
func displayWidth(_ text: String) -> Int {
    text.reduce(0) { total, character in
        switch character.unicodeScalars.first?.value ?? 0 {
        case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0x1f300...0x1faff:
            total + 2
        default: total + 1
        }
    }
}

/// At most `width` columns of `text`; an ellipsis tells that something is missing.
func cut(_ text: String, to width: Int) -> String {
    guard displayWidth(text) > width else { return text }
    var short = text
    while !short.isEmpty, displayWidth(short) > max(0, width - 1) { short.removeLast() }
    return short + "…"
}

/// `text` in lines of at most `width` columns, each but the first begun by `indent` blanks; the first is taken to begin at column `indent`.
public func wrapped(_ text: String, width: Int?, indent: Int) -> String {
    guard let width, width > indent + 20 else { return text }
    var lines = [""]
    for word in text.split(separator: " ") {
        let line = lines[lines.count - 1]
        if line.isEmpty {
            lines[lines.count - 1] = String(word)
        } else if indent + displayWidth(line) + 1 + displayWidth(String(word)) <= width {
            lines[lines.count - 1] += " " + word
        } else {
            lines.append(String(word))
        }
    }
    return lines.joined(separator: "\n" + String(repeating: " ", count: indent))
}

/// `text` in the tint's colour. Only the sixteen colours every terminal has.
public func paint(_ text: String, _ tint: Cell.Tint) -> String {
    let code: String? =
        switch tint {
        case .plain: nil
        case .good: "32"
        case .attention: "33"
        case .bad: "31"
        case .faint: "2"
        }
    guard let code, !text.isEmpty else { return text }
    return "\u{1b}[\(code)m\(text)\u{1b}[0m"
}
