/// The errors in one of CRIU's logs.
///
///     LINE ::= "(" SECONDS ")" BLANK* { "pie: " | NUMBER ": " } "Error (" FILE ":" LINE "): " TEXT
public struct CriuLog: Hashable, Sendable {
    public struct Failure: Hashable, Sendable {
        /// The process that said it, where it is one of the restored ones; inside numbers.
        public var process: Int32?
        /// Such as "criu/sockets.c".
        public var source: String
        public var text: String
        public init(process: Int32? = nil, source: String, text: String) {
            self.process = process
            self.source = source
            self.text = text
        }
    }
    /// In the order they were written; the harmless ones left out.
    public var failures: [Failure]

    public init(_ text: String) {
        // Logs of large trees have many lines and few errors: the cheap test first.
        failures = text.split(separator: "\n").compactMap { $0.contains("Error (") ? Self.failure(in: $0) : nil }
            .filter { !Self.isHarmless($0.text) }
    }

    private static func failure(in line: Substring) -> Failure? {
        guard let mark = line.firstRange(of: "Error ("), let end = line[mark.upperBound...].firstRange(of: "): ") else { return nil }
        let place = line[mark.upperBound..<end.lowerBound]
        // What stands before may hold "pie:", a process and, where a library was asked, nothing we know.
        let process = line[..<mark.lowerBound].split(separator: " ").compactMap { $0.hasSuffix(":") ? Int32($0.dropLast()) : nil }.first
        return Failure(
            process: process, source: String(place.prefix { $0 != ":" }),
            text: String(line[end.upperBound...].drop { $0 == " " }))
    }

    /// Said in every run without the right to raise limits, which changes nothing up to 20,000 descriptors; by the CUDA plugin of every process
    /// that does not use CUDA; and the last line of every failure.
    private static func isHarmless(_ text: String) -> Bool {
        text.contains("Can't setup RLIMIT_NOFILE for self") || text.contains("to retrieve restore tid") || text.hasPrefix("Dumping FAILED")
            || text.hasPrefix("Restoring FAILED")
    }

    /// Why it failed: the first line that says a reason we know, else the first line. nil: it says nothing.
    public var cause: CriuCause? {
        for failure in failures { if let cause = CriuCause(failure) { return cause } }
        return failures.first.map { .other($0.text) }
    }
}
