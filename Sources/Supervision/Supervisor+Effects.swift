internal import AgentModel
internal import AgentProtocol
internal import AgentSpecs
internal import Checkpoints
internal import ControlSocket
internal import EffectLedgers
internal import OutsideWorld

/// The effect ledger: outside every version, never rolled back, on stable storage before an answer. Documentation: docs/effects.md
extension Supervisor {
    private var ledgerPath: DiskPath { store.directory(of: agent) / "effects/ledger" }
    private static var ledgerLimit: ByteCount { .mebibytes(256) }

    func readLedger() {
        ledgerIsReadable = true
        do throws(FileFault) {
            guard try world.store.entry(at: ledgerPath) != nil else { return }
            let bytes = try world.store.read(ledgerPath, limit: Self.ledgerLimit)
            let reading = EffectLedger.replay(bytes)
            ledger = reading.ledger
            ledgerLength = reading.validLength
            ledgerEndsTorn = reading.validLength < bytes.count
            for notice in reading.notices { note("effect", notice) }
            clearWarning("ledger")
        } catch {
            ledgerIsReadable = false
            warn("ledger", "could not read the effect ledger: \(error.sentence). Effects are denied until it can be read")
        }
        // An incarnation's number must never come twice, or a lost answer could be taken for another life's.
        incarnations = max(incarnations, ledger.entries.values.map(\.incarnation).max() ?? 0)
    }

    func effectBegins(_ id: ConnectionID, _ request: UInt64, key: String, description: String, idempotent: Bool) {
        guard let life else { return }
        guard mayUseLedger() else { return deny(id, request) }
        let question = EffectRequest(
            key: key, description: description, idempotent: idempotent, incarnation: life.incarnation, request: numbered(request))
        let word = ledger.begin(question, rule: unknownRule, at: world.wallTime())
        if case .proceed = word.verdict, spec.effects.new == .deny {
            let why = "effects of '\(agent)' are fenced ('effects.new: deny'): only what was done already is answered"
            return send(.effectResult(request: request, .denied(reason: why)), to: id)
        }
        answer(word, id, request)
        if ledger.unknownKeys(running: life.incarnation) != toldUnknown { tellUnknown() }
    }

    func effectEnds(_ id: ConnectionID, _ request: UInt64, key: String, result: [UInt8]) {
        guard mayUseLedger() else { return deny(id, request) }
        answer(ledger.end(key: key, result: result, at: world.wallTime()), id, request)
    }

    func settle(_ id: ConnectionID, _ key: String, happened: Bool, result: String?) {
        guard mayUseLedger() else {
            return reply(.failed(code: "E-STORE-IO", sentence: "could not settle effect '\(key)': \(warnings["ledger"] ?? "")"), to: id)
        }
        do throws(LedgerFault) {
            let record = try ledger.settle(
                key: key, happened: happened, result: Array((result ?? "").utf8), by: "operator", running: life?.incarnation,
                at: world.wallTime())
            guard write(record) else {
                let sentence = "could not settle effect '\(key)': the store takes nothing at the moment. 'runner status \(agent)' tells why"
                return reply(.failed(code: "E-STORE-FULL", sentence: sentence), to: id)
            }
        } catch { return reply(.failed(code: error.code, sentence: error.sentence), to: id) }
        tellUnknown()
        reply(.done("effect '\(key)' is settled: it \(happened ? "happened" : "did not happen")"), to: id)
    }

    /// A ledger that could not be read is tried again with every question: what it holds must never be taken for nothing.
    private func mayUseLedger() -> Bool {
        if !ledgerIsReadable { readLedger() }
        return ledgerIsReadable
    }

    private func deny(_ id: ConnectionID, _ request: UInt64) {
        send(.effectResult(request: request, .denied(reason: "the effect ledger cannot be read at the moment")), to: id)
    }

    /// A second program in the same incarnation (a shell that starts it again) counts its requests from 1, too: they are other questions.
    private func numbered(_ request: UInt64) -> UInt64 { speaker << 32 | request }

    /// A program introduced itself that was not welcomed before in this incarnation. There is rarely more than one, so only more than one
    /// are worth a write.
    func newSpeaker() {
        speaker += 1
        if speaker > 1 { writeMemory() }
    }

    /// The program that is resumed after a take-over is the last one that introduced itself, whether it asked for anything yet or not.
    func resumeSpeaker(of incarnation: UInt64) {
        let inLedger = ledger.entries.values.filter { $0.incarnation == incarnation }.map { $0.request >> 32 }.max() ?? 0
        speaker = max(speaker, inLedger, 1)
    }

    private var unknownRule: UnknownRule {
        switch spec.effects.unknown {
        case .hold: .hold
        case .retryIfIdempotent: .retryIfIdempotent
        }
    }

    private func answer(_ answer: LedgerAnswer, _ id: ConnectionID, _ request: UInt64) {
        if let record = answer.record, !write(record) {
            return send(.effectResult(request: request, .denied(reason: "the ledger cannot be written at the moment")), to: id)
        }
        let verdict: EffectVerdict =
            switch answer.verdict {
            case .proceed: .proceed
            case .done(let result): .done(result: result)
            case .unknown: .unknown
            case .recorded: .recorded
            case .denied(let why): .denied(reason: why)
            }
        send(.effectResult(request: request, verdict), to: id)
    }

    /// - Returns: whether the record is durable. Only then is it applied and may be answered for.
    private func write(_ record: LedgerRecord) -> Bool {
        do throws(FileFault) {
            if ledgerEndsTorn { try cutTornEnd() }
            let isNew = try world.store.entry(at: ledgerPath) == nil
            let file = try world.store.open(ledgerPath, .append(mode: 0o600))
            let bytes = record.encoded()
            ledgerEndsTorn = true  // until this write is known to be whole
            try file.write(bytes)
            try file.sync()
            if isNew { try world.store.syncDirectory(ledgerPath.parent) }
            ledgerEndsTorn = false
            ledgerLength += bytes.count
        } catch {
            diskRefused("the effect ledger")
            return false
        }
        ledger.apply(record)
        return true
    }

    /// Takes away the torn end that a refused write left, which needs room for the whole ledger: a disk that takes something small may refuse
    /// this, and no effect can be written before it is done. - Returns: whether there is none.
    func mendLedger() -> Bool {
        guard ledgerEndsTorn else { return true }
        do throws(FileFault) {
            try cutTornEnd()
            ledgerEndsTorn = false
            return true
        } catch { return false }
    }

    /// Removes what was written in part and never answered for; left there it would count as damage.
    private func cutTornEnd() throws(FileFault) {
        guard try world.store.entry(at: ledgerPath) != nil else { return }
        let bytes = try world.store.read(ledgerPath, limit: Self.ledgerLimit)
        try world.store.replace(ledgerPath, with: Array(bytes.prefix(ledgerLength)))
    }

    /// Effects nobody knows the outcome of are told once, when their number changes.
    func tellUnknown() {
        toldUnknown = ledger.unknownKeys(running: life?.incarnation)
        statusChanged = true
        guard let first = toldUnknown.first, spec.effects.unknown == .hold else { return clearWarning("effects") }
        clearWarning("effects")
        warn(
            "effects",
            "nobody knows whether \(toldUnknown.count) effects happened (the first: '\(first)'); they wait for a person: "
                + "'runner settle \(agent) KEY --happened' or '--did-not-happen'")
    }
}
