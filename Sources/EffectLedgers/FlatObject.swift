/// A JSON object of plain strings, counts and truths, as nearly every line of a ledger is one: read in one pass, for with every start of a
/// supervisor all of them are. What is not as plain as that is left to the real reader of JSON.
///
///     OBJECT ::= "{" FIELD { "," FIELD } "}"     FIELD ::= STRING ":" ( STRING | DIGITS | "true" | "false" )
struct FlatObject {
    enum Value: Hashable {
        case text(String)
        case count(UInt64)
        case truth(Bool)
    }
    private(set) var fields: [(name: String, value: Value)] = []

    /// nil: it is not as plain as that, which says nothing against it.
    init?(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        guard Self.take("{", from: &rest) else { return nil }
        while true {
            guard let name = Self.string(&rest), Self.take(":", from: &rest), let value = Self.value(&rest) else { return nil }
            fields.append((name, value))
            if Self.take(",", from: &rest) { continue }
            guard Self.take("}", from: &rest), rest.isEmpty else { return nil }
            return
        }
    }

    // MARK: Parts

    private static func take(_ character: Unicode.Scalar, from rest: inout ArraySlice<UInt8>) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    /// Of ASCII, without escapes.
    private static func string(_ rest: inout ArraySlice<UInt8>) -> String? {
        guard take("\"", from: &rest) else { return nil }
        let text = rest.prefix { (0x20..<0x80).contains($0) && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "\"") }
        rest = rest[text.endIndex...]
        return take("\"", from: &rest) ? String(decoding: text, as: UTF8.self) : nil
    }

    private static func value(_ rest: inout ArraySlice<UInt8>) -> Value? {
        switch rest.first {
        case UInt8(ascii: "\""): return string(&rest).map(Value.text)
        case UInt8(ascii: "t"): return word("true", &rest) ? .truth(true) : nil
        case UInt8(ascii: "f"): return word("false", &rest) ? .truth(false) : nil
        default: return count(&rest).map(Value.count)
        }
    }

    private static func word(_ word: StaticString, _ rest: inout ArraySlice<UInt8>) -> Bool {
        let bytes = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard rest.starts(with: bytes) else { return false }
        rest = rest.dropFirst(bytes.count)
        return true
    }

    private static func count(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        let digits = rest.prefix { (48...57).contains($0) }
        guard let first = digits.first, digits.count <= 18, first != UInt8(ascii: "0") || digits.count == 1 else { return nil }
        rest = rest[digits.endIndex...]
        return digits.reduce(0) { $0 * 10 + UInt64($1 - 48) }
    }
}
