public import AgentModel

/// What a list of things is shown as.
public enum ListFormat: String, Hashable, Sendable, CaseIterable {
    case table, wide, json, ndjson, name
}

/// One cell of a table: its text, and how it should strike the eye where colour is to be had.
public struct Cell: Hashable, Sendable, ExpressibleByStringLiteral {
    public enum Tint: Hashable, Sendable { case plain, good, attention, bad, faint }
    public var text: String
    public var tint: Tint
    public init(_ text: String, _ tint: Tint = .plain) {
        self.text = printable(text)
        self.tint = tint
    }
    public init(stringLiteral text: String) { self.init(text) }
    /// What a column shows when there is nothing to show.
    public static var nothing: Cell { Cell("-", .faint) }
}

/// One column of a table, and what it does where the terminal is narrow.
public struct Column: Hashable, Sendable {
    public enum Narrow: Hashable, Sendable {
        /// Shown whole, always.
        case kept
        /// Cut to no fewer than so many characters.
        case cut(to: Int)
        /// Left out; the highest number goes first.
        case leftOut(order: Int)
    }
    public var title: String
    public var alignsRight: Bool
    /// Shown only when a wide table is asked for.
    public var onlyWide: Bool
    public var narrow: Narrow
    public init(_ title: String, alignsRight: Bool = false, onlyWide: Bool = false, narrow: Narrow = .kept) {
        self.title = title
        self.alignsRight = alignsRight
        self.onlyWide = onlyWide
        self.narrow = narrow
    }
}

/// A thing that lists show: agents, versions, events. Its JSON is its `Encodable` form.
public protocol Listable: Encodable {
    static var columns: [Column] { get }
    /// One cell a column, in the order of `columns`.
    func row(at now: WallTime) -> [Cell]
    /// All that is printed of it where only names are wanted.
    var quietValue: String { get }
}

/// Where something is shown, and when.
public struct Paper: Hashable, Sendable {
    public var now: WallTime
    /// Columns of the terminal; nil: nothing is cut.
    public var width: Int?
    public var colour: Bool
    public init(now: WallTime, width: Int? = nil, colour: Bool = false) {
        self.now = now
        self.width = width
        self.colour = colour
    }
}

/// A value that has no JSON form: a number that is none, for example.
public struct ViewFault: Error, Hashable, Sendable {
    /// A sentence without a subject.
    public var why: String
    public init(_ why: String) { self.why = why }
}

/// The single place where the formats are told apart. Ends with a newline; empty when there is nothing to say.
public func render<Item: Listable>(_ items: [Item], as format: ListFormat, on paper: Paper) throws(ViewFault) -> String {
    switch format {
    case .table: table(items, wide: false, on: paper)
    case .wide: table(items, wide: true, on: paper)
    case .json: try json(items, pretty: true)
    case .ndjson: try ndjson(items)
    case .name: items.map { $0.quietValue + "\n" }.joined()
    }
}

/// Any value as one JSON document with sorted keys and a newline at its end.
public func json(_ value: some Encodable, pretty: Bool) throws(ViewFault) -> String {
    do { return String(decoding: try JSONText.encode(value, pretty: pretty), as: UTF8.self) + "\n" } catch {
        throw ViewFault("it has no JSON form: \(error)")
    }
}

private func ndjson(_ items: [some Encodable]) throws(ViewFault) -> String {
    var lines = ""
    for item in items { lines += try json(item, pretty: false) }
    return lines
}
