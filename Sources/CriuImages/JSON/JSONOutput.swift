/// Writes JSON piece by piece, as Python's `json` does, so that what comes of it can be compared byte by byte.
struct JSONOutput {
    /// In one line, or with one value a line and so many blanks a level.
    enum Style: Hashable, Sendable { case line, lines(indent: Int) }

    private let style: Style
    private let sink: ([UInt8]) throws(ImageFault) -> Void
    private var buffer: [UInt8] = []
    /// Of each open object or array: whether it has a value already.
    private var open: [Bool] = []

    init(_ style: Style, sink: @escaping ([UInt8]) throws(ImageFault) -> Void) {
        self.style = style
        self.sink = sink
        buffer.reserveCapacity(ImageLimits.chunk + 4096)
    }

    // MARK: Structure

    mutating func begin(_ bracket: Bracket) {
        buffer.append(bracket.opening)
        open.append(false)
    }

    mutating func end(_ bracket: Bracket) {
        if open.removeLast() { breakLine() }
        buffer.append(bracket.closing)
    }

    enum Bracket {
        case object, array
        var opening: UInt8 { self == .object ? UInt8(ascii: "{") : UInt8(ascii: "[") }
        var closing: UInt8 { self == .object ? UInt8(ascii: "}") : UInt8(ascii: "]") }
    }

    mutating func key(_ name: String) {
        element()
        text(name.utf8)
        buffer += [UInt8(ascii: ":"), UInt8(ascii: " ")]
    }

    /// Before each value of an array.
    mutating func element() {
        if open[open.count - 1] {
            buffer.append(UInt8(ascii: ","))
            if style == .line { buffer.append(UInt8(ascii: " ")) }
        }
        open[open.count - 1] = true
        breakLine()
    }

    private mutating func breakLine() {
        guard case .lines(let indent) = style else { return }
        buffer.append(UInt8(ascii: "\n"))
        for _ in 0..<indent * open.count { buffer.append(UInt8(ascii: " ")) }
    }

    // MARK: Values

    /// A number, true or false.
    mutating func word(_ word: String) { buffer += word.utf8 }

    /// A string of these bytes, taken as UTF-8. A byte that is none becomes the lone surrogate U+DC00 + byte, as Python has it, so that
    /// it can be turned back.
    mutating func text(_ bytes: some Collection<UInt8>) {
        buffer.append(UInt8(ascii: "\""))
        if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            buffer += bytes
        } else {
            escape(bytes)
        }
        buffer.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ bytes: some Collection<UInt8>) {
        var rest = Array(bytes)[...]
        while let first = rest.first {
            if first < 0x80 {
                escape(ascii: first)
                rest = rest.dropFirst()
                continue
            }
            let length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
            let piece = rest.prefix(length)
            if let scalar = String(validating: piece, as: UTF8.self)?.unicodeScalars.first, piece.count == length {
                for unit in String(scalar).utf16 { unicode(unit) }
                rest = rest.dropFirst(length)
            } else {
                unicode(0xdc00 + UInt16(first))
                rest = rest.dropFirst()
            }
        }
    }

    private mutating func escape(ascii byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): buffer += [UInt8(ascii: "\\"), byte]
        case UInt8(ascii: "\n"): buffer += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
        case UInt8(ascii: "\r"): buffer += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
        case UInt8(ascii: "\t"): buffer += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
        case 0x08: buffer += [UInt8(ascii: "\\"), UInt8(ascii: "b")]
        case 0x0c: buffer += [UInt8(ascii: "\\"), UInt8(ascii: "f")]
        case 0x20...0x7e: buffer.append(byte)
        default: unicode(UInt16(byte))
        }
    }

    private mutating func unicode(_ unit: UInt16) {
        let digits = String(unit, radix: 16)
        buffer += [UInt8(ascii: "\\"), UInt8(ascii: "u")]
        buffer += Array(repeating: UInt8(ascii: "0"), count: 4 - digits.count) + Array(digits.utf8)
    }

    /// A string that is written in pieces which need no escapes: between `openText` and `closeText`.
    mutating func openText() { buffer.append(UInt8(ascii: "\"")) }
    mutating func piece(_ bytes: [UInt8]) { buffer += bytes }
    mutating func closeText() { buffer.append(UInt8(ascii: "\"")) }

    // MARK: Handing on

    /// Hands on what has gathered, once it is worth it.
    mutating func pour() throws(ImageFault) {
        if buffer.count >= ImageLimits.chunk { try flush() }
    }

    mutating func flush() throws(ImageFault) {
        guard !buffer.isEmpty else { return }
        try sink(buffer)
        buffer.removeAll(keepingCapacity: true)
    }
}
