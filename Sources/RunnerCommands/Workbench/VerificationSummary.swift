internal import AgentModel

/// What a verification found of one agent, in one sentence, and what to do next.
struct VerificationSummary {
    let agent: AgentName
    private var versions: [VerificationRow] = []
    private var packs: [VerificationRow] = []

    /// One for each agent, in the order of the rows.
    static func all(of rows: [VerificationRow]) -> [VerificationSummary] {
        var found: [VerificationSummary] = []
        for row in rows {
            let index = found.firstIndex { $0.agent == row.agent } ?? found.endIndex
            if index == found.endIndex { found.append(VerificationSummary(agent: row.agent)) }
            if row.version == nil { found[index].packs.append(row) } else { found[index].versions.append(row) }
        }
        return found
    }

    private init(agent: AgentName) { self.agent = agent }

    /// - Parameter copyWasRead: it was tried already to put back what is damaged from a copy.
    func sentence(copyWasRead: Bool) -> String {
        let troubles = [
            Self.share(of: versions, .broken, "version"), Self.share(of: versions, .damaged, "version"),
            Self.share(of: packs, .damaged, "pack"),
        ].compactMap(\.self)
        let healed = (versions + packs).count { $0.result == .healed }
        let put = healed == 0 ? "" : "; \(healed) of them healed"
        guard !troubles.isEmpty else { return "'\(agent)': \(count) \(isOne ? "is" : "are") whole\(put)" }
        return "'\(agent)': \(troubles.joined(separator: ", ")); \(whole). \(next(copyWasRead: copyWasRead))"
    }

    // MARK: Parts

    private var isOne: Bool { versions.count + packs.count == 1 }

    /// "13 versions and 4 packs".
    private var count: String {
        [(versions.count, "version"), (packs.count, "pack")].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
            .joined(separator: " and ")
    }

    private static func share(of rows: [VerificationRow], _ result: VerificationRow.Result, _ noun: String) -> String? {
        let found = rows.count { $0.result == result }
        guard found > 0 else { return nil }
        return "\(found) of \(rows.count) \(noun)\(rows.count == 1 ? "" : "s") \(found == 1 ? "is" : "are") \(result.rawValue)"
    }

    /// What can be restored as it is.
    private var whole: String {
        let runs = Self.runs(versions.filter { [.whole, .healed].contains($0.result) }.compactMap { $0.version?.number })
        guard !runs.isEmpty else { return versions.isEmpty ? "no version was looked at" : "none of the versions is whole" }
        let shown = runs.suffix(6)
        let damaged = versions.contains { $0.result == .damaged } ? ", and what is damaged has a second copy that is" : ""
        return "whole: \(shown.count < runs.count ? "some before and " : "")\(shown.joined(separator: ", "))\(damaged)"
    }

    private func next(copyWasRead: Bool) -> String {
        let command = "'runner verify \(agent) --from STORE'"
        if copyWasRead { return "That copy did not help with these; with another: \(command)" }
        return "\(command) puts back what a copy of the store has whole"
    }

    /// "1-3", "5": of numbers that grow.
    static func runs(_ numbers: [UInt64]) -> [String] {
        var runs: [ClosedRange<UInt64>] = []
        for number in numbers {
            if let last = runs.last, last.upperBound + 1 == number {
                runs[runs.count - 1] = last.lowerBound...number
            } else {
                runs.append(number...number)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
    }
}
