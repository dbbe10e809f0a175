internal import CYAML

/// Bounds of what is read, so that no file can take more than a little time and memory.
struct NodeLimits: Sendable {
    var bytes = 1 << 20
    var depth = 32
    var nodes = 20_000
}

/// A mistake in the YAML itself.
struct NodeMistake: Error, Sendable {
    var code: SpecCode
    var mark: Mark
    var what: String
    var suggestion: String?
}

/// Turns the bytes of one YAML document into a `Node`, from libyaml's events. Aliases, merge keys, tags and second documents are refused:
/// a spec holds exactly what stands in it.
///
/// The parser lives on the heap because libyaml keeps a pointer to it inside itself.
struct NodeReader: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let limits: NodeLimits
    private var count = 0
    /// Mistakes that did not keep the rest from being read.
    private(set) var mistakes: [NodeMistake] = []

    private init(limits: NodeLimits) throws(NodeMistake) {
        self.limits = limits
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else {
            throw NodeMistake(code: .limit, mark: Mark(line: 1, column: 1), what: "there is no memory to read it")
        }
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    /// - Returns: the document, nil when the text is empty; and what is wrong in it.
    /// - Throws: the first mistake after which nothing can be said of the rest.
    static func read(_ text: [UInt8], limits: NodeLimits = NodeLimits()) throws(NodeMistake) -> (node: Node?, mistakes: [NodeMistake]) {
        let start = Mark(line: 1, column: 1)
        guard text.count <= limits.bytes else {
            throw NodeMistake(
                code: .limit, mark: start, what: "the file has \(text.count) bytes; a spec has at most \(limits.bytes)")
        }
        let body = text.starts(with: [0xEF, 0xBB, 0xBF]) ? text[3...] : text[...]
        if let mistake = mistakeInBytes(body) { throw mistake }
        var reader = try NodeReader(limits: limits)
        let result: Result<Node?, NodeMistake> = body.withUnsafeBufferPointer { bytes in
            yaml_parser_set_encoding(reader.parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(reader.parser, bytes.baseAddress, bytes.count)
            do throws(NodeMistake) { return .success(try reader.document()) } catch { return .failure(error) }
        }
        return (try result.get(), reader.mistakes)
    }

    // MARK: Documents

    private mutating func document() throws(NodeMistake) -> Node? {
        var root: Node?
        var documents = 0
        while true {
            let event = try next()
            switch event {
            case .streamEnd: return root
            case .documentStart(let mark):
                documents += 1
                guard documents == 1 else {
                    throw NodeMistake(
                        code: .yaml, mark: mark, what: "the file holds more than one document ('---')",
                        suggestion: "one file describes one agent")
                }
            case .other: continue
            default: root = try node(event, depth: 1)
            }
        }
    }

    private mutating func node(_ event: Event, depth: Int) throws(NodeMistake) -> Node {
        count += 1
        guard count <= limits.nodes else {
            throw NodeMistake(code: .limit, mark: event.mark, what: "the file holds more than \(limits.nodes) values")
        }
        guard depth <= limits.depth else {
            throw NodeMistake(code: .limit, mark: event.mark, what: "values are nested more than \(limits.depth) levels deep")
        }
        switch event {
        case .scalar(let text, let quoted, let mark): return Node(content: .scalar(text, quoted: quoted), mark: mark)
        case .listStart(let mark): return Node(content: .list(try list(depth: depth)), mark: mark)
        case .mappingStart(let mark): return Node(content: .mapping(try mapping(depth: depth)), mark: mark)
        case .alias(let name, let mark):
            mistakes.append(
                NodeMistake(code: .alias, mark: mark, what: "the alias '*\(shown(name))' is not read", suggestion: "write the value out"))
            return Node(content: .refused, mark: mark)
        case .documentStart, .listEnd, .mappingEnd, .streamEnd, .other:
            throw NodeMistake(code: .yaml, mark: event.mark, what: "the text ends in the middle of a value")
        }
    }

    private mutating func list(depth: Int) throws(NodeMistake) -> [Node] {
        var items: [Node] = []
        while true {
            let event = try next()
            if case .listEnd = event { return items }
            items.append(try node(event, depth: depth + 1))
        }
    }

    private mutating func mapping(depth: Int) throws(NodeMistake) -> [Node.Entry] {
        var entries: [Node.Entry] = []
        var seen: [String: Mark] = [:]
        while true {
            let event = try next()
            if case .mappingEnd = event { return entries }
            let key = try node(event, depth: depth + 1)
            let value = try node(try next(), depth: depth + 1)
            guard case .scalar(let name, _) = key.content else {
                mistakes.append(NodeMistake(code: .yaml, mark: key.mark, what: "a key is \(key.shape), not a word"))
                continue
            }
            if let first = seen[name] {
                mistakes.append(
                    NodeMistake(
                        code: .duplicate, mark: key.mark,
                        what: "'\(shown(name))' stands here for the second time (first on line \(first.line))",
                        suggestion: "remove one of the two"))
                continue
            }
            seen[name] = key.mark
            entries.append(Node.Entry(key: name, keyMark: key.mark, value: value))
        }
    }

    // MARK: Events

    /// libyaml's event as a Swift value; the C memory is already freed.
    private enum Event {
        case scalar(String, quoted: Bool, Mark)
        case listStart(Mark), listEnd(Mark), mappingStart(Mark), mappingEnd(Mark), alias(String, Mark), documentStart(Mark)
        case streamEnd(Mark), other(Mark)

        var mark: Mark {
            switch self {
            case .scalar(_, _, let mark), .alias(_, let mark): mark
            case .listStart(let mark), .listEnd(let mark), .mappingStart(let mark), .mappingEnd(let mark), .documentStart(let mark),
                .streamEnd(let mark), .other(let mark):
                mark
            }
        }
    }

    private mutating func next() throws(NodeMistake) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxMistake() }
        defer { yaml_event_delete(&event) }
        let mark = Mark(line: event.start_mark.line + 1, column: event.start_mark.column + 1)
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            noteTag(scalar.tag, at: mark)
            let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            return .scalar(text, quoted: scalar.style != YAML_PLAIN_SCALAR_STYLE, mark)
        case YAML_SEQUENCE_START_EVENT:
            noteTag(event.data.sequence_start.tag, at: mark)
            return .listStart(mark)
        case YAML_MAPPING_START_EVENT:
            noteTag(event.data.mapping_start.tag, at: mark)
            return .mappingStart(mark)
        case YAML_SEQUENCE_END_EVENT: return .listEnd(mark)
        case YAML_MAPPING_END_EVENT: return .mappingEnd(mark)
        case YAML_ALIAS_EVENT: return .alias(Self.text(event.data.alias.anchor), mark)
        case YAML_DOCUMENT_START_EVENT: return .documentStart(mark)
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT: return .streamEnd(mark)
        default: return .other(mark)
        }
    }

    private mutating func noteTag(_ tag: UnsafePointer<UInt8>?, at mark: Mark) {
        guard let tag else { return }
        mistakes.append(
            NodeMistake(code: .alias, mark: mark, what: "the tag '\(shown(Self.text(tag)))' is not read", suggestion: "remove it"))
    }

    private static func text(_ pointer: UnsafePointer<UInt8>?) -> String {
        pointer.map { String(cString: $0) } ?? ""
    }

    // MARK: Mistakes

    private func syntaxMistake() -> NodeMistake {
        let mark = Mark(line: parser.pointee.problem_mark.line + 1, column: parser.pointee.problem_mark.column + 1)
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "something is wrong here"
        let context = parser.pointee.context.map { String(cString: $0) }
        return NodeMistake(
            code: .yaml, mark: mark, what: "this is not YAML: \(problem)" + (context.map { " (\($0))" } ?? ""),
            suggestion: Self.hint(problem))
    }

    /// libyaml has no error numbers below "scanner" and "parser"; these are its fixed texts, with what people usually did.
    private static func hint(_ problem: String) -> String? {
        switch problem {
        case "found character that cannot start any token": "put the value in quotes, and indent with spaces, not tabs"
        case "mapping values are not allowed in this context": "a text that holds ': ' needs quotes; else check the indentation"
        case "could not find expected ':'": "a key is followed by ': '; check the indentation of the line before"
        case "found unexpected end of stream": "a quote or bracket is never closed"
        default: nil
        }
    }

    /// What libyaml would answer without a line: bytes that are not UTF-8, characters that YAML does not allow (YAML 1.2, section 5.1).
    private static func mistakeInBytes(_ text: ArraySlice<UInt8>) -> NodeMistake? {
        var mark = Mark(line: 1, column: 1)
        var decoder = UTF8()
        var bytes = text.makeIterator()
        while true {
            let what: String
            switch decoder.decode(&bytes) {
            case .emptyInput: return nil
            case .error: what = "the file is not UTF-8 text"
            case .scalarValue("\n"):
                mark = Mark(line: mark.line + 1, column: 1)
                continue
            case .scalarValue(let scalar) where isAllowed(scalar):
                mark.column += 1
                continue
            case .scalarValue("\0"): what = "the file holds a zero byte"
            case .scalarValue(let scalar): what = "the file holds the control character U+\(String(scalar.value, radix: 16).uppercased())"
            }
            return NodeMistake(code: .yaml, mark: mark, what: what, suggestion: "a spec is text; was another file meant?")
        }
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x85, 0xA0...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }
}
