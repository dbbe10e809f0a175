/// One thing that is wrong with a set of images.
public struct Finding: Hashable, Sendable, Codable {
    public enum Severity: String, Hashable, Sendable, Codable, CaseIterable, Comparable {
        /// Worth knowing.
        case note
        /// A restore goes on, and what comes of it may not be what was.
        case warning
        /// A restore fails, hangs, or brings something else back.
        case error
        public static func < (a: Severity, b: Severity) -> Bool { rank(a) < rank(b) }
        private static func rank(_ severity: Severity) -> Int { allCases.firstIndex(of: severity) ?? 0 }
    }
    public var severity: Severity
    /// The file it is in, or that is missing; empty: the set as a whole.
    public var file: String
    /// What is wrong, without a full stop.
    public var what: String
    /// What a restore would make of it, without a full stop.
    public var consequence: String

    public init(_ severity: Severity, _ file: String, _ what: String, _ consequence: String) {
        self.severity = severity
        self.file = file
        self.what = what
        self.consequence = consequence
    }
}
