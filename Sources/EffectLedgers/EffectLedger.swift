public import AgentModel

/// All effects of one agent. Decides what may be done; its caller appends records to the file and applies them.
public struct EffectLedger: Hashable, Sendable {
    public private(set) var entries: [String: EffectEntry] = [:]
    /// How many records there have been. A version notes it, so that one can tell which effects came after a cut.
    public private(set) var position: UInt64 = 0
    /// Whole lines that are not what was written. While there are any, a key we do not know may be one we lost.
    public private(set) var damagedLines = 0
    public let limits: LedgerLimits
    private var bytes = 0
    private var openKeys: Set<String> = []

    public init(limits: LedgerLimits = LedgerLimits()) { self.limits = limits }

    // MARK: Questions

    /// An agent wants to begin an effect.
    public func begin(_ request: EffectRequest, rule: UnknownRule, at now: WallTime) -> LedgerAnswer {
        if let wrong = complaint(about: request) { return LedgerAnswer(.denied(wrong)) }
        let begun = LedgerRecord(
            key: request.key, at: now,
            .begun(
                description: request.description, idempotent: request.idempotent, incarnation: request.incarnation,
                request: request.request))
        guard let entry = entries[request.key] else {
            if damagedLines > 0, !(rule == .retryIfIdempotent && request.idempotent) { return LedgerAnswer(.unknown) }
            return room(for: begun)
        }
        switch entry.outcome {
        case .done(let result, _): return LedgerAnswer(.done(result: result))
        case .undone: return room(for: begun)
        case .open where entry.incarnation == request.incarnation && entry.request == request.request:
            // The same question again: our answer was lost with a connection. It cannot have been done yet.
            return LedgerAnswer(.proceed)
        case .open where entry.idempotent && request.idempotent && (rule == .retryIfIdempotent || entry.incarnation == request.incarnation):
            // Within one incarnation the agent itself knows why it asks again; no crash made anything unknown.
            return room(for: begun)
        case .open: return LedgerAnswer(.unknown)
        }
    }

    /// An agent has done an effect.
    public func end(key: String, result: [UInt8], at now: WallTime) -> LedgerAnswer {
        guard result.count <= limits.result else {
            return LedgerAnswer(.denied("the result has \(result.count) bytes and may have \(limits.result)"))
        }
        let ended = LedgerRecord(key: key, at: now, .ended(result: result))
        switch entries[key]?.outcome {
        case nil: return LedgerAnswer(.denied("effect '\(shown(key))' was never begun"))
        case .open, .undone: return LedgerAnswer(.recorded, ended)
        case .done(_, settled: true): return LedgerAnswer(.recorded)
        case .done(let first, settled: false) where first == result: return LedgerAnswer(.recorded)
        case .done: return LedgerAnswer(.denied("effect '\(shown(key))' was recorded before with another result; the first one stands"))
        }
    }

    /// A person decides what nobody knew. `running`: the incarnation that lives now, if any.
    public func settle(key: String, happened: Bool, result: [UInt8] = [], by person: String, running: UInt64?, at now: WallTime)
        throws(LedgerFault) -> LedgerRecord
    {
        guard let entry = entries[key] else { throw .noSuchKey(shown(key)) }
        guard entry.outcome == .open else { throw .notOpen(key) }
        guard entry.incarnation != running else { throw .stillRunning(key) }
        guard result.count <= limits.result else { throw .resultTooLong(key: key, bytes: result.count, limit: limits.result) }
        return LedgerRecord(key: key, at: now, .settled(happened: happened, result: happened ? result : [], by: person))
    }

    /// Effects that were open when their incarnation ended, oldest first. `running`: the incarnation that lives now, if any.
    public func unknown(running: UInt64?) -> [EffectEntry] {
        openKeys.compactMap { entries[$0] }.filter { $0.incarnation != running }.sorted { ($0.begunAt, $0.key) < ($1.begunAt, $1.key) }
    }

    public func unknownKeys(running: UInt64?) -> [String] { unknown(running: running).map(\.key) }

    /// An effect that this incarnation is in the middle of; of several the first by name.
    public func openKey(of incarnation: UInt64) -> String? {
        openKeys.filter { entries[$0]?.incarnation == incarnation }.min()
    }

    /// Effects that are begun and not ended, whoever began them.
    public var openCount: Int { openKeys.count }

    /// The records of a ledger that says the same in fewer lines. Write them to a new file, then rename it over the old one. Damaged lines
    /// are gone after that, and with them the caution they cause. `forgettingDoneBefore`: effects done earlier are forgotten, and a repeat
    /// of them would be done again.
    public func compacted(forgettingDoneBefore limit: WallTime? = nil, at now: WallTime) -> [LedgerRecord] {
        var records: [LedgerRecord] = []
        for entry in entries.values.sorted(by: { ($0.begunAt, $0.key) < ($1.begunAt, $1.key) }) {
            if let limit, let ended = entry.endedAt, ended < limit { continue }
            records.append(
                LedgerRecord(
                    key: entry.key, at: entry.begunAt,
                    .begun(
                        description: entry.description, idempotent: entry.idempotent, incarnation: entry.incarnation,
                        request: entry.request)))
            switch entry.outcome {
            case .open: break
            case .done(let result, settled: false):
                records.append(LedgerRecord(key: entry.key, at: entry.endedAt ?? entry.begunAt, .ended(result: result)))
            case .done(let result, settled: true):
                records.append(
                    LedgerRecord(key: entry.key, at: entry.endedAt ?? entry.begunAt, .settled(happened: true, result: result, by: "")))
            case .undone:
                records.append(
                    LedgerRecord(key: entry.key, at: entry.endedAt ?? entry.begunAt, .settled(happened: false, result: [], by: "")))
            }
        }
        return records + [LedgerRecord(key: "", at: now, .compacted(position: position + 1))]
    }

    // MARK: Change

    /// Takes in a record that is durable now.
    public mutating func apply(_ record: LedgerRecord) {
        position += 1
        bytes += record.weight
        switch record.event {
        case .begun(let description, let idempotent, let incarnation, let request):
            entries[record.key] = EffectEntry(
                key: record.key, description: description, idempotent: idempotent, begunAt: record.at, incarnation: incarnation,
                request: request, attempts: (entries[record.key]?.attempts ?? 0) + 1, outcome: .open, endedAt: nil)
            openKeys.insert(record.key)
        case .ended(let result): close(record, .done(result: result, settled: false))
        case .settled(true, let result, _): close(record, .done(result: result, settled: true))
        case .settled(false, _, _): close(record, .undone)
        case .compacted(let position): self.position = position
        }
    }

    private mutating func close(_ record: LedgerRecord, _ outcome: EffectEntry.Outcome) {
        openKeys.remove(record.key)
        if entries[record.key] == nil {
            // Its begin was lost with a damaged line; the outcome still counts.
            entries[record.key] = EffectEntry(
                key: record.key, description: "", idempotent: false, begunAt: record.at, incarnation: 0, request: 0, attempts: 1,
                outcome: outcome, endedAt: record.at)
        }
        entries[record.key]?.outcome = outcome
        entries[record.key]?.endedAt = record.at
    }

    mutating func noteDamage(lines: Int) { damagedLines += lines }

    // MARK: Limits

    private func complaint(about request: EffectRequest) -> String? {
        if request.key.isEmpty || request.key.utf8.count > limits.key || request.key.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
            return "an effect's key has 1 to \(limits.key) bytes and no control characters"
        }
        if request.description.utf8.count > limits.description {
            return "the description has \(request.description.utf8.count) bytes and may have \(limits.description)"
        }
        return nil
    }

    /// `proceed` with the record, when it and the result that will follow still fit.
    private func room(for begun: LedgerRecord) -> LedgerAnswer {
        let isNew = entries[begun.key] == nil
        guard !isNew || entries.count < limits.keys else {
            return LedgerAnswer(.denied("the effect ledger is full (\(limits.keys) keys). Compact it and forget old effects"))
        }
        guard openKeys.count < limits.open || openKeys.contains(begun.key) else {
            return LedgerAnswer(.denied("\(limits.open) effects are open at once; end some first"))
        }
        guard bytes + begun.weight + (openKeys.count + 1) * 2 * limits.result <= limits.bytes else {
            return LedgerAnswer(
                .denied("the effect ledger is full (\(ByteCount(UInt64(limits.bytes)))). Compact it and forget old effects"))
        }
        return LedgerAnswer(.proceed, begun)
    }

    private func shown(_ key: String) -> String { key.count > 80 ? key.prefix(77) + "…" : key }
}
