internal import AgentModel

/// What the next start is from.
enum Choice {
    case restore(CheckpointSummary)
    /// Why no version will do.
    case clean(because: String)
}

// Which version is the latest known-good one here and now. Documentation: docs/recovery.md#which-version

extension Draft {
    /// - Parameter doubting: the failure casts doubt on the newest state, so that only proven or rehearsed versions will do, or such from
    ///   before the trouble began.
    /// - Parameter forgetting: what this trouble has tried does not count, for the operator begins anew.
    func choose(doubting: Bool, forgetting: Bool = false) -> Choice {
        let tried = forgetting ? [] : state.tried
        let failed = state.restoreAttempts.count { now - $0 < settings.window }
        if !forgetting, failed >= settings.restoreAttempts {
            return .clean(because: "\(failed) restores failed within \(words(settings.window))")
        }
        let candidates = versions.filter { usable($0) && !tried.contains($0.version) }
        let choice = doubting ? newestTrusted(of: candidates) : newest(of: candidates)
        guard let choice else { return .clean(because: noneLeft(doubting: doubting)) }
        return .restore(choice)
    }

    /// Known-good, and not in a future that was left.
    func usable(_ version: CheckpointSummary) -> Bool {
        version.isKnownGood && !state.passedOver.contains { $0.contains(version.version) }
    }

    /// Whether the trouble so far casts doubt on the newest state: a doubtful failure does, until a later life has made progress.
    func doubts() -> Bool {
        for death in state.deaths.reversed() {
            if death.fault.doubtsState { return true }
            if death.afterProgress { return false }
        }
        return false
    }

    /// A launch from `origin` leaves everything newer behind.
    mutating func passOver(_ origin: Origin, through newest: VersionNumber?) {
        let base: VersionNumber
        switch origin {
        case .clean: base = VersionNumber(0)
        case .version(let version): base = version
        }
        // Spans above the base are part of the new one; the span the base lies in is entered again.
        var spans = state.passedOver.filter { $0.through < base }
        if let newest, newest > base { spans.append(VersionSpan(above: base, through: newest)) }
        while spans.count > Bound.spans {
            // The two lowest become one: a few old versions between them are given up rather than the bound.
            spans.replaceSubrange(0...1, with: [VersionSpan(above: spans[0].above, through: spans[1].through)])
        }
        state.passedOver = spans
    }

    /// The newest known-good version that only the clean starts of the open trouble passed over, with nothing usable since.
    func leftInThisTrouble() -> CheckpointSummary? {
        guard let before = state.passedOverBefore else { return nil }
        return newest(of: versions.filter { version in version.isKnownGood && !before.contains { $0.contains(version.version) } })
    }

    // MARK: Parts

    private func newestTrusted(of candidates: [CheckpointSummary]) -> CheckpointSummary? {
        newest(of: candidates.filter { $0.standing == .proven })
            ?? newest(of: candidates.filter { $0.standing == .rehearsed })
            ?? state.soundUpTo.flatMap { limit in newest(of: candidates.filter { $0.version <= limit }) }
    }

    private func newest(of candidates: [CheckpointSummary]) -> CheckpointSummary? { candidates.max { $0.version < $1.version } }

    /// "no version is left to try (41 suspect, 40 broken)"
    private func noneLeft(doubting: Bool) -> String {
        let checkpoints = versions.filter { $0.kind == .checkpoint }.sorted { $0.version > $1.version }
        guard !checkpoints.isEmpty else { return "there is no version" }
        let shown = checkpoints.prefix(4).map { "\($0.version) \(whyNot($0))" }
        let rest = checkpoints.count - shown.count
        return "no version is left to try (\(shown.joined(separator: ", "))\(rest > 0 ? " and \(rest) more" : ""))"
    }

    private func whyNot(_ version: CheckpointSummary) -> String {
        if version.standing == .broken { return "broken" }
        if version.standing == .suspect || actions.contains(where: { $0.suspects(version.version) }) { return "suspect" }
        if version.lacksMemory != nil { return "without memory" }
        if !version.isKnownGood { return "forced" }
        if state.tried.contains(version.version) { return "tried" }
        if !usable(version) { return "passed over" }
        return "taken after the trouble began"
    }
}

extension AgentAction {
    fileprivate func suspects(_ version: VersionNumber) -> Bool {
        if case .mark(version, .suspect, _) = self { true } else { false }
    }
}
