internal import StatusViews

struct ExplainCommand: Command {
    var code: String?
    var json = false

    static var manual: Manual {
        Manual(
            name: "explain", group: .explain, summary: "tell what an error code means and what to do",
            examples: [
                .init("runner explain E-STORE-FULL", "why it happens, what to do, and the exit status that goes with it"),
                .init("runner explain", "all codes, a line each"),
            ],
            exits: [(.ok, "explained"), (.noInput, "there is no such code"), (.usage, "the command line is wrong")])
    }
    static var options: [Option<Self>] { [.json(\.json)] }
    static var operands: [Operand<Self>] { [.optional("CODE", \.code, "Which; a list of all when none is named.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let all = catalogue()
        guard let code else {
            if json {
                try bench.answer(json: all.map { Explanation($0.code, $0.entry) })
            } else {
                bench.answer(twoColumns(all.map { ($0.code, $0.entry.title) }))
            }
            return .ok
        }
        guard let found = all.first(where: { $0.code == code.uppercased() }) else {
            let guess = didYouMean(code.uppercased(), among: all.map(\.code))
            throw CommandFault(.codeUnknown, "unknown error code '\(code)'" + (guess.isEmpty ? ". 'runner explain' lists them all" : guess))
        }
        if json { try bench.answer(json: Explanation(found.code, found.entry)) } else { bench.answer(text(found.code, found.entry)) }
        return .ok
    }

    private func text(_ code: String, _ entry: ErrorEntry) -> String {
        """
        \(code): \(entry.title) (exit status \(entry.status.rawValue))

        \(wrapped(entry.explanation, width: 78, indent: 0))

        \(wrapped(entry.remedy, width: 78, indent: 0))

        """
    }
}

private struct Explanation: Encodable {
    var code: String
    var title: String
    var explanation: String
    var remedy: String
    var status: Int32
    init(_ code: String, _ entry: ErrorEntry) {
        self.code = code
        title = entry.title
        explanation = entry.explanation
        remedy = entry.remedy
        status = entry.status.rawValue
    }
}
