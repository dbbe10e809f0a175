// RunnerCommands: the front. One file a command; every effect goes through the machine, the store or a control socket.

/// One command: its options as stored properties with defaults, what it is for, and what it does.
protocol Command {
    init()
    static var manual: Manual { get }
    static var options: [Option<Self>] { get }
    static var operands: [Operand<Self>] { get }
    /// Contradictions are told before any work.
    func validate() throws(CommandFault)
    /// Fetches a value and renders it.
    func run(on bench: Workbench) throws(CommandFault) -> Ending
}

extension Command {
    static var options: [Option<Self>] { [] }
    static var operands: [Operand<Self>] { [] }
    func validate() throws(CommandFault) {}
}

/// What a command tells of itself.
struct Manual: Sendable {
    struct Example: Sendable {
        var line: String
        var effect: String
        init(_ line: String, _ effect: String) {
            self.line = line
            self.effect = effect
        }
    }
    enum Group: String, Sendable, CaseIterable {
        case run = "Run agents"
        case look = "See what they do"
        case keep = "Keep and restore versions"
        case explain = "Understand and check"
        case images = "Look into CRIU's images"
    }
    var name: String
    var group: Group
    /// One line, imperative, without a full stop.
    var summary: String
    /// At least two; they stand first.
    var examples: [Example]
    /// What needs more than a line. Paragraphs.
    var notes: [String] = []
    /// What each exit status means here; `-h` prints them last.
    var exits: [(status: ExitStatus, meaning: String)]
}
