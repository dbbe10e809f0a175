internal import AgentModel
internal import CAgentMessages
internal import CProtobufC

// Values become C messages here, and those become frames. Texts for people are cut to their limit; all else is the caller's to keep.

extension AgentMessage {
    /// One whole frame.
    /// - Precondition: inline state, keys and results are within `ProtocolLimits`.
    public func framed() -> [UInt8] {
        let arena = Arena.forWriting()
        return packed(in: arena) { envelope in
            switch self {
            case .hello(let hello):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_HELLO
                envelope.hello = hello.lowered(in: arena)
            case .beat(let beat):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_BEAT
                envelope.beat = beat.lowered(in: arena)
            case .prepared(let request, let point):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_PREPARED
                envelope.prepared = arena.make(runner__agent__v1__prepared__init) {
                    $0.request = request
                    $0.point = point.lowered(in: arena)
                }
            case .refused(let request, let reason):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_REFUSED
                envelope.refused = arena.make(runner__agent__v1__refused__init) {
                    $0.request = request
                    $0.reason = arena.remark(reason)
                }
            case .save(let request, let point):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_SAVE
                envelope.save = arena.make(runner__agent__v1__save__init) {
                    $0.request = request
                    $0.point = point.lowered(in: arena)
                }
            case .effectBegin(let request, let key, let description, let idempotent):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_EFFECT_BEGIN
                envelope.effect_begin = arena.make(runner__agent__v1__effect_begin__init) {
                    $0.request = request
                    $0.key = arena.text(key)
                    if !description.isEmpty { $0.description = arena.remark(description) }
                    $0.has_idempotent = 1
                    $0.idempotent = idempotent ? 1 : 0
                }
            case .effectEnd(let request, let key, let result):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_EFFECT_END
                envelope.effect_end = arena.make(runner__agent__v1__effect_end__init) {
                    $0.request = request
                    $0.key = arena.text(key)
                    $0.has_result = 1
                    $0.result = arena.data(result)
                }
            case .turn(let waiting):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_TURN
                envelope.turn = arena.make(runner__agent__v1__turn__init) { $0.waiting = waiting ? 1 : 0 }
            case .done(let note):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_DONE
                envelope.done = arena.make(runner__agent__v1__done__init) { if let note { $0.note = arena.remark(note) } }
            case .failed(let reason):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_FAILED
                envelope.failed = arena.make(runner__agent__v1__failed__init) { $0.reason = arena.remark(reason) }
            case .pong(let number):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_PONG
                envelope.pong = arena.make(runner__agent__v1__pong__init) { $0.number = number }
            }
        }
    }
}

extension RunnerMessage {
    /// One whole frame.
    /// - Precondition: inline state and results are within `ProtocolLimits`.
    public func framed() -> [UInt8] {
        let arena = Arena.forWriting()
        return packed(in: arena) { envelope in
            switch self {
            case .welcome(let welcome):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_WELCOME
                envelope.welcome = welcome.lowered(in: arena)
            case .prepare(let request, let deadline, let reason):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_PREPARE
                envelope.prepare = arena.make(runner__agent__v1__prepare__init) {
                    $0.request = request
                    $0.deadline_ms = UInt64(clamping: deadline.milliseconds)
                    $0.reason = reason.lowered
                }
            case .resume(let request):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_RESUME
                envelope.resume = arena.make(runner__agent__v1__resume__init) { $0.request = request }
            case .committed(let request, let version):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_COMMITTED
                envelope.committed = arena.make(runner__agent__v1__committed__init) {
                    $0.request = request
                    $0.version = version.number
                }
            case .aborted(let request, let reason):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_ABORTED
                envelope.aborted = arena.make(runner__agent__v1__aborted__init) {
                    $0.request = request
                    $0.reason = arena.remark(reason)
                }
            case .stop(let deadline, let reason):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_STOP
                envelope.stop = arena.make(runner__agent__v1__stop__init) {
                    $0.deadline_ms = UInt64(clamping: deadline.milliseconds)
                    $0.reason = arena.remark(reason)
                }
            case .pressure:
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_PRESSURE
                envelope.pressure = arena.make(runner__agent__v1__pressure__init) { _ in }
            case .effectResult(let request, let verdict):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_EFFECT_RESULT
                envelope.effect_result = arena.make(runner__agent__v1__effect_result__init) {
                    $0.request = request
                    verdict.lower(to: &$0, in: arena)
                }
            case .refusal(let code, let reason):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_REFUSAL
                envelope.refusal = arena.make(runner__agent__v1__refusal__init) {
                    $0.code = arena.remark(code)
                    $0.reason = arena.remark(reason)
                }
            case .ping(let number):
                envelope.body_case = RUNNER__AGENT__V1__ENVELOPE__BODY_PING
                envelope.ping = arena.make(runner__agent__v1__ping__init) { $0.number = number }
            }
        }
    }
}

private func packed(in arena: Arena, _ fill: (inout Runner__Agent__V1__Envelope) -> Void) -> [UInt8] {
    let envelope = arena.make(runner__agent__v1__envelope__init, fill)
    let count = runner__agent__v1__envelope__get_packed_size(envelope)
    precondition(count <= ProtocolLimits.frame, "a message of \(count) bytes does not fit into a frame of \(ProtocolLimits.frame)")
    return framed(count) { _ = runner__agent__v1__envelope__pack(envelope, $0) }
}

// MARK: Parts

extension Hello {
    fileprivate func lowered(in arena: Arena) -> UnsafeMutablePointer<Runner__Agent__V1__Hello> {
        arena.make(runner__agent__v1__hello__init) {
            $0.oldest = oldest
            $0.newest = newest
            $0.sdk = arena.remark(sdk)
            $0.n_capabilities = min(capabilities.count, ProtocolLimits.capabilities)
            $0.capabilities = arena.texts(Array(capabilities.prefix(ProtocolLimits.capabilities)))
            if let stateSchema { $0.state_schema = arena.text(stateSchema) }
            if let resumes {
                $0.has_resumes = 1
                $0.resumes = resumes
            }
        }
    }
}

extension Beat {
    fileprivate func lowered(in arena: Arena) -> UnsafeMutablePointer<Runner__Agent__V1__Beat> {
        arena.make(runner__agent__v1__beat__init) {
            if let step { ($0.has_step, $0.step) = (1, step) }
            if let progress { ($0.has_progress, $0.progress) = (1, progress) }
            if let note { $0.note = arena.remark(note) }
            if let tokens { ($0.has_tokens, $0.tokens) = (1, tokens) }
            if let costMicroUSD { ($0.has_cost_micro_usd, $0.cost_micro_usd) = (1, costMicroUSD) }
        }
    }
}

extension SafePoint {
    fileprivate func lowered(in arena: Arena) -> UnsafeMutablePointer<Runner__Agent__V1__SafePoint> {
        arena.make(runner__agent__v1__safe_point__init) {
            $0.state = state.lowered(in: arena)
            if let schema { $0.schema = arena.text(schema) }
            if let step { ($0.has_step, $0.step) = (1, step) }
        }
    }
}

extension StatePayload {
    fileprivate func lowered(in arena: Arena) -> UnsafeMutablePointer<Runner__Agent__V1__State> {
        arena.make(runner__agent__v1__state__init) { state in
            switch self {
            case .inline(let bytes):
                state.has_inline_ = 1
                state.inline_ = arena.data(bytes)
            case .file(let name, let size, let sha256):
                state.file = arena.make(runner__agent__v1__state_file__init) {
                    $0.name = arena.text(name)
                    $0.size = size
                    $0.sha256 = arena.data(sha256)
                }
            }
        }
    }
}

extension Welcome {
    fileprivate func lowered(in arena: Arena) -> UnsafeMutablePointer<Runner__Agent__V1__Welcome> {
        arena.make(runner__agent__v1__welcome__init) {
            $0.version = version
            $0.agent = arena.text(agent)
            $0.incarnation = incarnation
            if let restoredFrom { ($0.has_restored_from, $0.restored_from) = (1, restoredFrom.number) }
            if let state { $0.state = state.lowered(in: arena) }
            if let stateSchema { $0.state_schema = arena.text(stateSchema) }
            if let slept { ($0.has_slept_ms, $0.slept_ms) = (1, UInt64(clamping: slept.milliseconds)) }
            $0.n_changed = min(changed.count, ProtocolLimits.capabilities)
            $0.changed = arena.texts(Array(changed.prefix(ProtocolLimits.capabilities)))
            if let beatEvery { ($0.has_beat_every_ms, $0.beat_every_ms) = (1, UInt64(clamping: beatEvery.milliseconds)) }
        }
    }
}

extension EffectVerdict {
    fileprivate func lower(to message: inout Runner__Agent__V1__EffectResult, in arena: Arena) {
        switch self {
        case .proceed: message.verdict = RUNNER__AGENT__V1__VERDICT__PROCEED
        case .done(let result):
            message.verdict = RUNNER__AGENT__V1__VERDICT__EFFECT_DONE
            message.has_result = 1
            message.result = arena.data(result)
        case .unknown: message.verdict = RUNNER__AGENT__V1__VERDICT__UNKNOWN
        case .recorded: message.verdict = RUNNER__AGENT__V1__VERDICT__RECORDED
        case .denied(let reason):
            message.verdict = RUNNER__AGENT__V1__VERDICT__DENIED
            message.reason = arena.remark(reason)
        }
    }
}

extension CheckpointReason {
    fileprivate var lowered: Runner__Agent__V1__Reason {
        switch self {
        case .schedule: RUNNER__AGENT__V1__REASON__SCHEDULE
        case .save: RUNNER__AGENT__V1__REASON__SAVE
        case .stop: RUNNER__AGENT__V1__REASON__STOP
        case .operator: RUNNER__AGENT__V1__REASON__OPERATOR
        case .aside: RUNNER__AGENT__V1__REASON__ASIDE
        case .import: RUNNER__AGENT__V1__REASON__OPERATOR  // never sent: no agent is asked for what comes from elsewhere
        }
    }
}
