public import AgentModel
internal import Recovery

/// Everything `runner status` tells of one agent: its state, why, what comes next and when, and the last lines of its log.
public struct StatusPage: Sendable {
    public var status: AgentStatus
    /// As they stand in the log, oldest first.
    public var lastLogLines: [String]
    /// What the store's disk has of the agent, and whether it may share some of that, so that it is less; nil: not known.
    public var disk: (space: ByteCount, isShared: Bool)?
    public init(_ status: AgentStatus, lastLogLines: [String] = [], disk: (space: ByteCount, isShared: Bool)? = nil) {
        self.status = status
        self.disk = disk
        self.lastLogLines = lastLogLines
    }

    public func text(on paper: Paper) -> String {
        var text = headline(on: paper) + "\n"
        for (label, content) in lines(now: paper.now) {
            let padding = String(repeating: " ", count: max(1, 12 - label.count))
            let sentence = wrapped(printable(content), width: paper.width, indent: 14)
            text += "  " + (paper.colour ? paint(label, .faint) : label) + padding + sentence + "\n"
        }
        guard !lastLogLines.isEmpty else { return text }
        text += "\nlast log lines\n"
        for line in lastLogLines {
            let clean = printable(line)
            text += "  " + (paper.width.map { cut(clean, to: max(20, $0 - 2)) } ?? clean) + "\n"
        }
        return text
    }

    // MARK: Parts

    private func headline(on paper: Paper) -> String {
        let state = paper.colour ? paint(status.state.rawValue, status.state.tint) : status.state.rawValue
        var text = "\(status.agent)  \(state)"
        if let startedAt = status.startedAt, status.state.isAlive { text += " for \(words(paper.now - startedAt))" }
        guard status.incarnation > 0 else { return text }
        text += " (incarnation \(status.incarnation)"
        if let origin = status.origin { text += origin == .clean ? ", started clean" : ", from \(origin.words)" }
        if status.beganAnew == true { text += AgentStatus.anewWords }
        return text + ")"
    }

    private func lines(now: WallTime) -> [(String, String)] {
        var lines = [("why", status.reasonBesideState)]
        if let next = status.next { lines.append(("next", "\(next.what) \(next.at.distance(from: now)) (\(next.at.clock(now: now)) UTC)")) }
        // Said once when it is what comes next.
        if let at = status.nextCheckpointAt, status.next?.at != at { lines.append(("checkpoint", "next one \(at.distance(from: now))")) }
        lines += [("process", process), ("work", work(now: now)), ("versions", versions(now: now))].filter { !$0.1.isEmpty }
        if let ended = status.lastEnd {
            lines.append(("last end", ended.sentence + "; \(status.restarts) \(plural(status.restarts, "restart"))"))
        }
        if let rehearsal = status.rehearsal { lines.append(("rehearsal", rehearsal.text(at: now))) }
        if let scrub = status.scrub { lines.append(("scrub", scrub.text(at: now))) }
        if !status.unknownEffects.isEmpty { lines.append(("effects", effects)) }
        if let incident = status.incident { lines.append(("incident", "'\(incident)' is open")) }
        lines += status.warnings.map { ("warning", $0) }
        if !status.command.isEmpty { lines.append(("command", status.command.joined(separator: " "))) }
        lines.append(("store", status.store + (disk.map { ", which has \($0.isShared ? "up to " : "")\($0.space) of it on disk" } ?? "")))
        lines.append(("as of", status.updatedAt.distance(from: now)))
        return lines
    }

    private var process: String {
        var parts: [String] = []
        if let pid = status.pid, status.state.isAlive { parts.append("pid \(pid)") }
        if let memory = status.memory { parts.append("\(memory)" + (status.memoryLimit.map { " of \($0)" } ?? "") + " of memory") }
        if let cpu = status.cpu { parts.append("\(words(cpu)) of processor time") }
        return parts.joined(separator: ", ")
    }

    private func work(now: WallTime) -> String {
        var parts: [String] = []
        if let step = status.step { parts.append("step \(step)") }
        if let progress = status.progress { parts.append(percent(progress)) }
        if let note = status.note, !note.isEmpty { parts.append("'\(note)'") }
        if let tokens = status.tokens { parts.append("\(tokens) tokens") }
        if let cost = status.costMicroUSD { parts.append("\(dollars(cost)) USD") }
        if let beat = status.lastBeat { parts.append("last beat \(beat.distance(from: now))") }
        return parts.joined(separator: ", ")
    }

    private func versions(now: WallTime) -> String {
        var parts: [String] = []
        if let latest = status.latest {
            parts.append("latest \(latest.version) (\(latest.standing.rawValue), \(latest.takenAt.distance(from: now)), \(latest.size))")
        }
        if let at = status.nothingNewAt { parts.append("nothing new \(at.distance(from: now))") }
        if let knownGood = status.knownGood { parts.append("known-good \(knownGood)") }
        return parts.joined(separator: ", ")
    }

    private var effects: String {
        let keys = status.unknownEffects.prefix(3).map { "'\($0)'" }.joined(separator: ", ")
        let rest = status.unknownEffects.count > 3 ? " and \(status.unknownEffects.count - 3) more" : ""
        return "nobody knows whether \(keys)\(rest) happened; decide with 'runner settle \(status.agent) KEY'"
    }
}

func plural(_ count: UInt64, _ noun: String) -> String { count == 1 ? noun : noun + "s" }
