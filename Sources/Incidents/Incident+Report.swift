internal import AgentModel
internal import Recovery

// The post-mortem: read at three in the morning by someone who was asleep. What to do comes right after what happened.

extension Incident {
    /// "agent-7 needs a person: it was killed by signal 9". One line.
    public var title: String { "\(agent) \(condition): \(oneLine(fault.sentence))" }

    /// The incident as Markdown: what happened, what state the agent is in, what to do next, what was tried, the facts.
    public func report() -> String {
        let parts = [heading(), whatToDo(), whatWasTried(), figures(), lastLines(), steps()]
        return parts.compactMap { $0 }.joined(separator: "\n\n") + "\n"
    }

    private var condition: String {
        if closedAt != nil { return "is well again" }
        if parked { return "is down and needs a person" }
        return escalatedAt != nil ? "needs a person" : "is being recovered"
    }

    // MARK: Parts

    private func heading() -> String {
        var lines = ["# \(title)", "", "- **Began** \(openedAt), \(began())", "- **Cause** \(cause.rawValue): \(oneLine(fault.sentence))"]
        lines.append("- **Failures so far** \(deaths)")
        if let escalatedAt { lines.append("- **A person was called** \(escalatedAt)") }
        if let closedAt { lines.append("- **Over** \(closedAt): \(oneLine(closedBecause ?? now))") }
        lines.append("- **Now** \(oneLine(now))")
        if closedAt == nil { lines.append("- **Next by itself** \(next())") }
        lines.append("- **Incident** \(id), incarnation \(incarnation), command \(inCode(command.map(shellWord).joined(separator: " ")))")
        return lines.joined(separator: "\n")
    }

    private func began() -> String {
        switch origin {
        case .clean: "in a run that had started clean"
        case .version(let version): "in a run that was restored from version \(version)"
        }
    }

    private func next() -> String {
        if parked { return "nothing, until a person acts" }
        return nextAt.map { "at \($0)" } ?? "nothing has a time; the agent runs or is being started"
    }

    private func whatWasTried() -> String {
        guard !tried.isEmpty else { return "## What was tried\n\nNo version has failed." }
        let rows = tried.map { "| \($0.version) | \(cell($0.why)) |" }
        return "## What was tried\n\n| version | why it did not help |\n|---|---|\n" + rows.joined(separator: "\n")
    }

    private func figures() -> String? {
        var rows: [String] = []
        func row(_ name: String, _ value: String?) { if let value { rows.append("| \(name) | \(value) |") } }
        row("ran for", resources.uptime.map { words($0) })
        row("step", resources.step.map { String($0) })
        row("memory", resources.memory?.description)
        row("memory, highest", resources.memoryPeak?.description)
        row("memory, limit", resources.memoryLimit?.description)
        row("processor time", resources.cpu.map { words($0) })
        row("processes", resources.processes.map { String($0) })
        row("free for the store", resources.storeFree?.description)
        return rows.isEmpty ? nil : "## Figures at the first failure\n\n| what | value |\n|---|---|\n" + rows.joined(separator: "\n")
    }

    private func lastLines() -> String {
        guard !logLines.isEmpty else { return "## Its last lines\n\nIt wrote nothing." }
        // Indented, not fenced: no line of the agent can end the block.
        return "## Its last lines\n\n" + logLines.map { "    " + oneLine($0) }.joined(separator: "\n")
    }

    private func steps() -> String? {
        guard !timeline.isEmpty else { return nil }
        var lines = timeline.map { "- \($0.time) \(oneLine($0.happened)) → \(oneLine($0.decided))" }
        if omitted > 0 { lines.insert("- … \(omitted) steps left out; 'runner events \(agent)' has them all", at: Limit.firstSteps) }
        return "## What happened and what was decided\n\n" + lines.joined(separator: "\n")
    }
}

// MARK: Text

/// Text of others stays on its line.
func oneLine(_ text: String) -> String { String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 }.filter { !$0.isControl }) }

private func cell(_ text: String) -> String {
    oneLine(text).split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
}

private func inCode(_ text: String) -> String { "`" + oneLine(text).filter { $0 != "`" } + "`" }

/// One word of a POSIX shell, quoted where needed.
func shellWord(_ text: String) -> String {
    let plain = text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: Array("/._-=:@%+,".utf8).contains(byte)
        }
    }
    if plain, !text.isEmpty { return text }
    return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}

extension Character {
    fileprivate var isControl: Bool { unicodeScalars.allSatisfy { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) } }
}
