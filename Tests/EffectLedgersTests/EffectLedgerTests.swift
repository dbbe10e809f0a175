import AgentModel
import EffectLedgers
import FoundationEssentials
import Testing

private let now = WallTime(seconds: 1_800_000_000)

/// A ledger with its file: what is answered has been appended.
private struct Kept {
    var ledger = EffectLedger()
    var file: [UInt8] = []

    @discardableResult
    mutating func keep(_ answer: LedgerAnswer) -> LedgerVerdict {
        if let record = answer.record {
            file += record.encoded()
            ledger.apply(record)
        }
        return answer.verdict
    }

    mutating func begin(_ key: String, idempotent: Bool = false, incarnation: UInt64 = 1, request: UInt64 = 1, rule: UnknownRule = .hold)
        -> LedgerVerdict
    {
        keep(
            ledger.begin(
                EffectRequest(key: key, description: "d", idempotent: idempotent, incarnation: incarnation, request: request), rule: rule,
                at: now))
    }

    mutating func end(_ key: String, _ result: [UInt8] = [1]) -> LedgerVerdict { keep(ledger.end(key: key, result: result, at: now)) }

    mutating func settle(_ key: String, happened: Bool, running: UInt64? = nil) throws {
        keep(LedgerAnswer(.recorded, try ledger.settle(key: key, happened: happened, result: [2], by: "ada", running: running, at: now)))
    }
}

struct EffectLedgerTests {
    @Test func anEffectIsDoneOnceAndItsResultComesBackForEver() {
        var kept = Kept()
        #expect(kept.begin("mail") == .proceed)
        #expect(kept.end("mail", [7]) == .recorded)
        for incarnation in UInt64(1)...3 { #expect(kept.begin("mail", incarnation: incarnation, request: 9) == .done(result: [7])) }
        #expect(kept.end("mail", [7]) == .recorded, "an answer that was lost is given again")
        #expect(kept.end("mail", [8]) == .denied("effect 'mail' was recorded before with another result; the first one stands"))
        #expect(kept.end("post") == .denied("effect 'post' was never begun"))
        #expect(kept.ledger.position == 2)
    }

    /// The first begin is by incarnation 1, request 1. idempotent then and now, who asks, by which rule, and the verdict.
    @Test(arguments: [
        (false, false, UInt64(1), UInt64(1), UnknownRule.hold, LedgerVerdict.proceed),
        (false, false, 1, 2, .hold, .unknown),
        (true, true, 1, 2, .hold, .proceed),
        (true, false, 1, 2, .retryIfIdempotent, .unknown),
        (false, false, 2, 1, .hold, .unknown),
        (true, true, 2, 1, .hold, .unknown),
        (true, true, 2, 1, .retryIfIdempotent, .proceed),
        (false, true, 2, 1, .retryIfIdempotent, .unknown),
        (true, false, 2, 1, .retryIfIdempotent, .unknown),
    ])
    func anOpenEffectIsHeldUnlessItIsHarmless(
        _ then: Bool, _ now: Bool, _ incarnation: UInt64, _ request: UInt64, _ rule: UnknownRule, _ verdict: LedgerVerdict
    ) {
        var kept = Kept()
        #expect(kept.begin("pay", idempotent: then) == .proceed)
        #expect(kept.begin("pay", idempotent: now, incarnation: incarnation, request: request, rule: rule) == verdict)
        #expect(kept.ledger.unknownKeys(running: 1) == (kept.ledger.entries["pay"]?.incarnation == 1 ? [] : ["pay"]))
    }

    @Test func aPersonSettlesWhatNobodyKnows() throws {
        var kept = Kept()
        for key in ["paid", "unpaid", "lost"] { #expect(kept.begin(key) == .proceed) }
        #expect(throws: LedgerFault.stillRunning("paid")) { try kept.settle("paid", happened: true, running: 1) }
        try kept.settle("paid", happened: true)
        try kept.settle("unpaid", happened: false)
        #expect(kept.begin("paid", incarnation: 2) == .done(result: [2]))
        #expect(kept.begin("unpaid", incarnation: 2) == .proceed)
        #expect(kept.begin("lost", incarnation: 2) == .unknown)
        #expect(kept.ledger.unknownKeys(running: 2) == ["lost"])
        #expect(throws: LedgerFault.notOpen("paid")) { try kept.settle("paid", happened: false) }
        #expect(throws: LedgerFault.noSuchKey("other")) { try kept.settle("other", happened: false) }
        #expect(kept.end("paid", [9]) == .recorded, "the agent came late; the person's word stands")
        #expect(kept.begin("paid", incarnation: 2) == .done(result: [2]))
    }

    @Test(arguments: [
        (
            LedgerFault.noSuchKey("k"), "E-EFFECT-NO-KEY",
            "could not settle effect 'k': the ledger has no such key. Look at the open ones in the agent's status."
        ),
        (.notOpen("k"), "E-EFFECT-NOT-OPEN", "could not settle effect 'k': its outcome is known already. Nothing needs to be done."),
        (
            .stillRunning("k"), "E-EFFECT-RUNNING",
            "could not settle effect 'k': the agent that began it is still running. Wait for it, or stop the agent first."
        ),
        (
            .resultTooLong(key: "k", bytes: 2, limit: 1), "E-EFFECT-RESULT",
            "could not settle effect 'k': its result has 2 bytes and may have 1. Give a shorter one."
        ),
    ]) func aFaultSaysWhatToDo(_ fault: LedgerFault, _ code: String, _ sentence: String) {
        #expect(fault.code == code)
        #expect(fault.sentence == sentence)
    }

    @Test func aHostileAgentCannotFillTheRunner() {
        var limits = LedgerLimits()
        (limits.keys, limits.open, limits.bytes, limits.result) = (8, 3, 4_000, 100)
        var kept = Kept(ledger: EffectLedger(limits: limits))
        for key in ["", String(repeating: "k", count: 513), "a\nb", "a\u{7f}"] {
            #expect(kept.begin(key) == .denied("an effect's key has 1 to 512 bytes and no control characters"))
        }
        for key in ["a", "b", "c"] { #expect(kept.begin(key) == .proceed) }
        #expect(kept.begin("d") == .denied("3 effects are open at once; end some first"))
        #expect(kept.end("a", [UInt8](repeating: 0, count: 101)) == .denied("the result has 101 bytes and may have 100"))
        var refused: LedgerVerdict?
        for number in 0..<20 {
            _ = kept.end("a")
            _ = kept.end("b")
            _ = kept.end("c")
            let verdict = kept.begin("n\(number)")
            if verdict != .proceed { refused = refused ?? verdict } else { _ = kept.end("n\(number)") }
        }
        #expect(refused == .denied("the effect ledger is full (8 keys). Compact it and forget old effects"))
        #expect(kept.ledger.entries.count == 8)
        #expect(kept.end("n0", [1]) == .recorded, "what is known stays known")
    }
}

struct LedgerReplayTests {
    private func written() throws -> Kept {
        var kept = Kept()
        for key in ["text", "bytes", "open", "undone"] { _ = kept.begin(key, idempotent: key == "open") }
        _ = kept.end("text", Array("sent ünïcode \"quoted\"\n".utf8))
        _ = kept.end("bytes", [0, 255, 10])
        try kept.settle("undone", happened: false)
        return kept
    }

    @Test func whatWasWrittenIsReadBack() throws {
        let kept = try written()
        #expect(EffectLedger.replay(kept.file) == LedgerReplay.clean(kept.ledger, kept.file.count))
        #expect(EffectLedger.replay([]) == LedgerReplay.clean(EffectLedger(), 0))
    }

    /// Plain lines are read in one pass, others by the reader of JSON: what is in them decides nothing.
    @Test(
        arguments: [
            "plain", "a \"quote\"", "back\\slash", "tab\tand\u{1}", "ünïcode", "🙂", "\u{7f}", "{\"event\":\"ended\"}", "a/b", "1", "",
        ])
    func everyLineIsReadBackAsItWasWritten(_ text: String) throws {
        let events: [LedgerRecord.Event] = [
            .begun(description: text, idempotent: true, incarnation: 7, request: 1 << 33),
            .begun(description: text, idempotent: false, incarnation: .max, request: 0),
            .ended(result: Array(text.utf8)), .settled(happened: true, result: Array(text.utf8), by: text),
            .settled(happened: false, result: [], by: text),
        ]
        for event in events {
            let record = LedgerRecord(key: "k" + text, at: now, event)
            #expect(LedgerRecord(line: record.encoded().dropLast()) == record)
        }
    }

    /// Written by another program from docs/effects.md: the format is what the page says, and stays so.
    @Test func theKeptFileIsReadAndWrittenByteForByte() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Corpora/effects/whole.ledger")
        let bytes = [UInt8](try Data(contentsOf: path))
        let replay = EffectLedger.replay(bytes)
        #expect(replay.notices == [])
        #expect(
            replay.ledger.entries.mapValues(\.outcome) == [
                "mail-7": .done(result: Array("sent ü \"1/2\"".utf8), settled: false), "pay": .undone,
                "raw": .done(result: [0, 255], settled: false), "open": .open,
            ])
        let records = bytes.split(separator: 10).compactMap { LedgerRecord(line: $0) }
        #expect(records.flatMap { $0.encoded() } == bytes)
    }

    @Test func aFileCutAtAnyByteLosesOnlyItsTornLine() throws {
        let file = try written().file
        for length in 0...file.count {
            let replay = EffectLedger.replay(Array(file.prefix(length)))
            let whole = file.prefix(length).lastIndex(of: 10).map { $0 + 1 } ?? 0
            #expect(replay.validLength == whole)
            #expect(replay.ledger.damagedLines == 0)
            #expect(replay.notices.isEmpty == (whole == length))
            #expect(replay.ledger.position == UInt64(file.prefix(length).count { $0 == 10 }))
        }
    }

    /// A disk that checks what it reads says so, and what it says is no torn line, not at the end either.
    @Test func damageThatWasToldIsNoTornLine() throws {
        let told = Array("(damaged)\n".utf8)
        for file in [told, try written().file + told] {
            let replay = EffectLedger.replay(file)
            #expect(replay.ledger.damagedLines == 1)
            #expect(replay.validLength == file.count)
            var damaged = Kept(ledger: replay.ledger)
            #expect(damaged.begin("another", incarnation: 2) == .unknown)
        }
    }

    @Test func aFlippedByteAnywhereNeverMakesAnEffectHappenTwice() throws {
        let kept = try written()
        let last = kept.file.dropLast().lastIndex(of: 10).map { $0 + 1 } ?? 0
        for index in 0..<last {
            var file = kept.file
            file[index] ^= 0x04
            var damaged = Kept(ledger: EffectLedger.replay(file).ledger)
            #expect(damaged.ledger.damagedLines >= 1)
            for key in ["text", "bytes"] {
                let verdict = damaged.begin(key, incarnation: 2)
                #expect(
                    verdict
                        == kept.ledger.begin(EffectRequest(key: key, idempotent: false, incarnation: 2, request: 1), rule: .hold, at: now)
                        .verdict || verdict == .unknown)
            }
            #expect(damaged.begin("open", incarnation: 2) == .unknown)
            #expect(damaged.begin("new", idempotent: true, incarnation: 2, rule: .retryIfIdempotent) == .proceed)
        }
    }

    @Test func compactingKeepsEveryOutcomeAndThePosition() throws {
        var kept = try written()
        for round in UInt64(2)...5 { _ = kept.begin("open", idempotent: true, incarnation: round, rule: .retryIfIdempotent) }
        let file = kept.ledger.compacted(at: now).flatMap { $0.encoded() }
        let replay = EffectLedger.replay(file)
        #expect(replay.notices == [])
        #expect(replay.ledger.position == kept.ledger.position + 1)
        #expect(replay.ledger.entries.mapValues(\.outcome) == kept.ledger.entries.mapValues(\.outcome))
        #expect(replay.ledger.unknownKeys(running: nil) == ["open"])
        #expect(file.count < kept.file.count)
        let forgetful = kept.ledger.compacted(forgettingDoneBefore: now + .seconds(1), at: now).flatMap { $0.encoded() }
        #expect(EffectLedger.replay(forgetful).ledger.entries.keys.sorted() == ["open"])
    }

    @Test func damageIsToldAndCompactingEndsTheCaution() throws {
        var file = try written().file
        file[20] ^= 1
        let replay = EffectLedger.replay(file + Array("0123".utf8))
        #expect(
            replay.notices == [
                "the effect ledger ended in a torn line of 4 bytes; it was never answered for and is dropped",
                "the effect ledger is damaged in 1 of its lines, the first is line 1. Effects it does not know are held until it is compacted",
            ])
        let compacted = EffectLedger.replay(replay.ledger.compacted(at: now).flatMap { $0.encoded() })
        #expect(compacted.ledger.damagedLines == 0)
    }
}

extension LedgerReplay {
    fileprivate static func clean(_ ledger: EffectLedger, _ length: Int) -> LedgerReplay {
        LedgerReplay(ledger: ledger, validLength: length, notices: [])
    }
}
