internal import AgentModel

/// An agent was brought back: what was done, and how it is undone.
struct GoneBack: Encodable {
    var agent: AgentName
    var version: VersionNumber
    var outcome: String
    /// The command that brings back what was there. nil: nothing was lost.
    var undo: String?
    private let undoSentence: String?

    private enum CodingKeys: CodingKey { case agent, version, outcome, undo }

    /// Does it.
    /// - Parameters:
    ///   - limit: where nothing had to be kept; else it knows what is left of it.
    ///   - undo: of what was kept before. nil: nothing had to be.
    init(_ restore: Restore, within limit: Duration, _ undo: Undo?) throws(CommandFault) {
        agent = restore.agent
        version = restore.version.version
        outcome = try restore.perform(within: undo?.left ?? limit)
        let way = if let undo { try undo.way() } else { nil as Undo.Way? }
        self.undo = way?.command
        undoSentence = way?.sentence
    }

    func tell(asJSON json: Bool, on bench: Workbench) throws(CommandFault) {
        if json { return try bench.answer(json: self) }
        bench.talk(outcome)
        if let undoSentence { bench.talk(undoSentence) }
    }
}
