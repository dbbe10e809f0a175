internal import AgentModel
internal import OutsideWorld

/// One entry of a list of files as JSON. A list may have a million lines, so what is as plain as nearly all of them is written and read directly;
/// everything else goes the way of all JSON, which gives the same.
enum TreeLine {
    static func append(_ entry: TreeEntry, to bytes: inout [UInt8]) {
        guard isPlain(entry.path.text), entry.target.map(isPlain) ?? true, entry.sha256.map(isPlain) ?? true,
            entry.same.map({ isPlain($0.text) }) ?? true,
            entry.attributes?.allSatisfy({ isPlain($0.name) && isPlain($0.value) }) ?? true, entry.xxh3.map(isPlain) ?? true
        else {
            bytes += encoded(entry)
            return
        }
        bytes.append(UInt8(ascii: "{"))
        // In the order of their names, as `encoded` has them.
        if let attributes = entry.attributes { add(attributes, to: &bytes) }
        if let group = entry.group { add("group", group, to: &bytes) }
        add("kind", entry.kind.rawValue, to: &bytes)
        add("mode", entry.mode, to: &bytes)
        add("modified", entry.modified, to: &bytes)
        add("path", entry.path.text, to: &bytes)
        if let same = entry.same { add("same", same.text, to: &bytes) }
        if let digest = entry.sha256 { add("sha256", digest, to: &bytes) }
        if let size = entry.size { add("size", size, to: &bytes) }
        if let target = entry.target { add("target", target, to: &bytes) }
        if let unkept = entry.unkept { add("unkept", unkept, to: &bytes) }
        if let user = entry.user { add("user", user, to: &bytes) }
        if let digest = entry.xxh3 { add("xxh3", digest, to: &bytes) }
        bytes[bytes.count - 1] = UInt8(ascii: "}")
    }

    /// nil: it is no entry.
    static func read(_ line: ArraySlice<UInt8>) -> TreeEntry? {
        let plain = line.withUnsafeBufferPointer { bytes in
            var line = PlainLine(bytes)
            return line.entry()
        }
        if let plain { return plain }
        return try? JSONText.decode(TreeEntry.self, from: Array(line))
    }

    /// Whether it is between its quotes what it is.
    private static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    }

    private static func add(_ attributes: [StoredAttribute], to bytes: inout [UInt8]) {
        add("attributes", to: &bytes)
        bytes.append(UInt8(ascii: "["))
        for attribute in attributes {
            bytes.append(UInt8(ascii: "{"))
            add("name", attribute.name, to: &bytes)
            add("value", attribute.value, to: &bytes)
            bytes[bytes.count - 1] = UInt8(ascii: "}")
            bytes.append(UInt8(ascii: ","))
        }
        if !attributes.isEmpty { bytes.removeLast() }
        bytes += [UInt8(ascii: "]"), UInt8(ascii: ",")]
    }

    private static func add(_ name: StaticString, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private static func add(_ name: StaticString, _ text: String, to bytes: inout [UInt8]) {
        add(name, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ","))
    }

    private static func add(_ name: StaticString, _ truth: Bool, to bytes: inout [UInt8]) {
        add(name, to: &bytes)
        bytes.append(contentsOf: (truth ? "true," : "false,").utf8)
    }

    private static func add(_ name: StaticString, _ number: some BinaryInteger, to bytes: inout [UInt8]) {
        add(name, to: &bytes)
        bytes.append(contentsOf: String(number).utf8)
        bytes.append(UInt8(ascii: ","))
    }
}

/// Reads a line that looks as `TreeLine` writes it. What looks different in anything is not read at all.
private struct PlainLine {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    /// Some value could not be read.
    private var isStrange = false

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    mutating func entry() -> TreeEntry? {
        guard take("{") else { return nil }
        let attributes = take("\"attributes\":[") ? self.attributes() : nil
        let group: UInt32? = take("\"group\":") ? number() : nil
        guard take("\"kind\":\""), let kind = kind(), take("\"mode\":"), let mode: UInt32 = number(), take("\"modified\":"),
            let modified: Int64 = number(), take("\"path\":"), let path = text().flatMap({ DiskPath($0) })
        else { return nil }
        var entry = TreeEntry(path: path, kind: kind, mode: mode, modified: modified)
        entry.attributes = attributes
        entry.group = group
        if take("\"same\":") {
            entry.same = text().flatMap { DiskPath($0) }
            if entry.same == nil { isStrange = true }
        }
        if take("\"sha256\":") { entry.sha256 = text() }
        if take("\"size\":") { entry.size = number() }
        if take("\"target\":") { entry.target = text() }
        if take("\"unkept\":true") {
            entry.unkept = true
            if !endValue() { isStrange = true }
        }
        if take("\"user\":") { entry.user = number() }
        if take("\"xxh3\":") { entry.xxh3 = text() }
        guard !isStrange else { return nil }
        return position == bytes.count && bytes[position - 1] == UInt8(ascii: "}") ? entry : nil
    }

    private mutating func attributes() -> [StoredAttribute]? {
        var found: [StoredAttribute] = []
        repeat {
            guard take("{\"name\":"), let name = bare(), take(",\"value\":"), let value = bare(), take("}") else {
                isStrange = true
                return nil
            }
            found.append(StoredAttribute(name: name, value: value))
        } while take(",")
        if !take("],") { isStrange = true }
        return found
    }

    private mutating func take(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard bytes.count - position >= count else { return false }
        let isHere = word.withUTF8Buffer { word in
            for index in 0..<count where bytes[position + index] != word[index] { return false }
            return true
        }
        if isHere { position += count }
        return isHere
    }

    /// The comma behind a value, or the end of the line in its place.
    private mutating func endValue() -> Bool { take(",") || position == bytes.count - 1 && take("}") }

    private mutating func kind() -> TreeEntry.Kind? {
        if take("file\",") { return .file }
        if take("directory\",") { return .directory }
        return take("link\",") ? .link : nil
    }

    private mutating func number<Number: FixedWidthInteger>() -> Number? {
        let number: Number? = digits()
        if number == nil { isStrange = true }
        return number
    }

    private mutating func digits<Number: FixedWidthInteger>() -> Number? {
        let isNegative = Number.isSigned && take("-")
        let start = position
        var number: Number = 0
        while position < bytes.count, (48...57).contains(bytes[position]) {
            let (tens, tooLarge) = number.multipliedReportingOverflow(by: 10)
            let digit = Number(truncatingIfNeeded: bytes[position] - 48)
            let (next, tooLargeNow) = isNegative ? tens.subtractingReportingOverflow(digit) : tens.addingReportingOverflow(digit)
            if tooLarge || tooLargeNow { return nil }
            number = next
            position += 1
        }
        let digits = position - start
        guard digits == 1 || digits > 1 && bytes[start] != 48, endValue() else { return nil }
        return number
    }

    private mutating func text() -> String? {
        let text = quoted()
        if text == nil { isStrange = true }
        return text
    }

    private mutating func quoted() -> String? {
        let text = bare()
        return endValue() ? text : nil
    }

    /// What is between quotes, and those.
    private mutating func bare() -> String? {
        guard take("\"") else { return nil }
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            if bytes[position] < 0x20 || bytes[position] == UInt8(ascii: "\\") { return nil }
            position += 1
        }
        let text = String(validating: bytes[start..<position], as: UTF8.self)
        return take("\"") ? text : nil
    }
}
