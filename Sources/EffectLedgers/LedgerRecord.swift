public import AgentModel
internal import Digests

/// One line of the ledger.
///
///     LINE ::= CHECKSUM " " JSON "\n"      CHECKSUM ::= 16 hex digits: the first 8 bytes of the SHA-256 of JSON
public struct LedgerRecord: Hashable, Sendable {
    public enum Event: Hashable, Sendable {
        case begun(description: String, idempotent: Bool, incarnation: UInt64, request: UInt64)
        case ended(result: [UInt8])
        /// A person decided. `by`: who, as far as known.
        case settled(happened: Bool, result: [UInt8], by: String)
        /// The history before was rewritten to one or two records a key; so many records there had been.
        case compacted(position: UInt64)
    }

    /// Empty for `compacted`.
    public var key: String
    public var at: WallTime
    public var event: Event

    public init(key: String, at: WallTime, _ event: Event) {
        self.key = key
        self.at = at
        self.event = event
    }

    /// The line, with its newline.
    public func encoded() -> [UInt8] {
        let json: [UInt8]
        do {
            json = try JSONText.encode(Fields(self))
        } catch {
            preconditionFailure("a ledger record of strings and numbers could not become JSON: \(error)")
        }
        return Self.checksum(json) + [UInt8(ascii: " ")] + json + [UInt8(ascii: "\n")]
    }

    /// A line without its newline; nil when it is not one, or not what was written.
    public init?(line: some Collection<UInt8>) {
        guard line.count > 17, line.dropFirst(16).first == UInt8(ascii: " ") else { return nil }
        let json = Array(line.dropFirst(17))
        guard line.prefix(16).elementsEqual(Self.checksum(json)) else { return nil }
        let fields = FlatObject(json[...]).flatMap(Fields.init) ?? (try? JSONText.decode(Fields.self, from: json))
        guard let record = fields?.record else { return nil }
        self = record
    }

    private static func checksum(_ json: [UInt8]) -> [UInt8] { Array(hexadecimal(Array(SHA256.digest(of: json).prefix(8))).utf8) }

    /// Roughly what it costs in memory and on disk.
    var weight: Int {
        switch event {
        case .begun(let description, _, _, _): 160 + key.utf8.count + description.utf8.count
        case .ended(let result): 100 + key.utf8.count + 2 * result.count
        case .settled(_, let result, let by): 120 + key.utf8.count + 2 * result.count + by.utf8.count
        case .compacted: 80
        }
    }
}

/// The JSON of a record: flat, so that a person can read the file.
private struct Fields: Codable {
    var event: String
    var at: WallTime
    var key: String?
    var description: String?
    var idempotent: Bool?
    var incarnation: UInt64?
    var request: UInt64?
    /// A result that is text …
    var result: String?
    /// … or not.
    var resultHex: String?
    var by: String?
    var position: UInt64?

    init(_ record: LedgerRecord) {
        at = record.at
        key = record.key.isEmpty ? nil : record.key
        switch record.event {
        case .begun(let description, let idempotent, let incarnation, let request):
            event = "begun"
            self.description = description.isEmpty ? nil : description
            (self.idempotent, self.incarnation, self.request) = (idempotent, incarnation, request)
        case .ended(let result):
            event = "ended"
            set(result)
        case .settled(let happened, let result, let by):
            event = happened ? "settled-done" : "settled-undone"
            self.by = by
            set(result)
        case .compacted(let position):
            event = "compacted"
            self.position = position
        }
    }

    /// nil: anything that the reader of JSON is to judge.
    init?(_ object: FlatObject) {
        var (event, at): (String?, WallTime?) = (nil, nil)
        for field in object.fields {
            switch (field.name, field.value) {
            case ("event", .text(let text)): event = text
            case ("at", .text(let text)): at = WallTime(rfc3339: text)
            case ("key", .text(let text)): key = text
            case ("description", .text(let text)): description = text
            case ("idempotent", .truth(let truth)): idempotent = truth
            case ("incarnation", .count(let count)): incarnation = count
            case ("request", .count(let count)): request = count
            case ("result", .text(let text)): result = text
            case ("resultHex", .text(let text)): resultHex = text
            case ("by", .text(let text)): by = text
            case ("position", .count(let count)): position = count
            default: return nil
            }
        }
        guard let event, let at else { return nil }
        (self.event, self.at) = (event, at)
    }

    private mutating func set(_ bytes: [UInt8]) {
        if let text = String(validating: bytes, as: UTF8.self) { result = text } else { resultHex = hexadecimal(bytes) }
    }

    private var bytes: [UInt8]? {
        if let resultHex { return unhexadecimal(resultHex) }
        return Array((result ?? "").utf8)
    }

    var record: LedgerRecord? {
        switch event {
        case "begun":
            guard let key, let incarnation, let request else { return nil }
            return LedgerRecord(
                key: key, at: at,
                .begun(description: description ?? "", idempotent: idempotent ?? false, incarnation: incarnation, request: request))
        case "ended":
            guard let key, let bytes else { return nil }
            return LedgerRecord(key: key, at: at, .ended(result: bytes))
        case "settled-done", "settled-undone":
            guard let key, let bytes else { return nil }
            return LedgerRecord(key: key, at: at, .settled(happened: event == "settled-done", result: bytes, by: by ?? ""))
        case "compacted":
            guard let position else { return nil }
            return LedgerRecord(key: "", at: at, .compacted(position: position))
        default: return nil
        }
    }
}

private func unhexadecimal(_ text: String) -> [UInt8]? {
    let digits = text.utf8.map { byte -> UInt8? in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
    guard digits.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let high = digits[index], let low = digits[index + 1] else { return nil }
        bytes.append(high << 4 | low)
    }
    return bytes
}
