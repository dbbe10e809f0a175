internal import AgentModel
internal import CAgentMessages
internal import CProtobufC

// C messages, checked by WireCheck and unpacked by protobuf-c, become values here. What the schema cannot say is checked here.

extension AgentMessage {
    /// The message in one frame; nil: an envelope without a body we know, to be ignored.
    public init?(frame: [UInt8]) throws(ProtocolFault) {
        let arena = Arena(limit: ProtocolLimits.memory)
        let envelope = try unpack(frame, in: arena)
        switch envelope.body_case {
        case RUNNER__AGENT__V1__ENVELOPE__BODY_HELLO: self = .hello(try Hello(reading: try present(envelope.hello)))
        case RUNNER__AGENT__V1__ENVELOPE__BODY_BEAT: self = .beat(try Beat(reading: try present(envelope.beat)))
        case RUNNER__AGENT__V1__ENVELOPE__BODY_PREPARED:
            let message = try present(envelope.prepared)
            self = .prepared(request: message.request, try SafePoint(reading: try present(message.point)))
        case RUNNER__AGENT__V1__ENVELOPE__BODY_REFUSED:
            let message = try present(envelope.refused)
            self = .refused(request: message.request, reason: text(message.reason) ?? "")
        case RUNNER__AGENT__V1__ENVELOPE__BODY_SAVE:
            let message = try present(envelope.save)
            self = .save(request: message.request, try SafePoint(reading: try present(message.point)))
        case RUNNER__AGENT__V1__ENVELOPE__BODY_EFFECT_BEGIN:
            let message = try present(envelope.effect_begin)
            self = .effectBegin(
                request: message.request, key: try key(message.key), description: text(message.description) ?? "",
                idempotent: message.has_idempotent != 0 && message.idempotent != 0)
        case RUNNER__AGENT__V1__ENVELOPE__BODY_EFFECT_END:
            let message = try present(envelope.effect_end)
            let result = message.has_result != 0 ? try bytes(message.result, "result", limit: ProtocolLimits.effectResult) : []
            self = .effectEnd(request: message.request, key: try key(message.key), result: result)
        case RUNNER__AGENT__V1__ENVELOPE__BODY_TURN: self = .turn(waiting: try present(envelope.turn).waiting != 0)
        case RUNNER__AGENT__V1__ENVELOPE__BODY_DONE: self = .done(note: text(try present(envelope.done).note))
        case RUNNER__AGENT__V1__ENVELOPE__BODY_FAILED: self = .failed(reason: text(try present(envelope.failed).reason) ?? "")
        case RUNNER__AGENT__V1__ENVELOPE__BODY_PONG: self = .pong(try present(envelope.pong).number)
        case RUNNER__AGENT__V1__ENVELOPE__BODY__NOT_SET: return nil
        default: throw .wrongDirection(message: bodyName(envelope.body_case))
        }
    }
}

extension RunnerMessage {
    /// The message in one frame; nil: an envelope without a body we know, to be ignored.
    public init?(frame: [UInt8]) throws(ProtocolFault) {
        let arena = Arena(limit: ProtocolLimits.memory)
        let envelope = try unpack(frame, in: arena)
        switch envelope.body_case {
        case RUNNER__AGENT__V1__ENVELOPE__BODY_WELCOME: self = .welcome(try Welcome(reading: try present(envelope.welcome)))
        case RUNNER__AGENT__V1__ENVELOPE__BODY_PREPARE:
            let message = try present(envelope.prepare)
            self = .prepare(
                request: message.request, deadline: .milliseconds(Int64(clamping: message.deadline_ms)),
                reason: try CheckpointReason(reading: message.reason))
        case RUNNER__AGENT__V1__ENVELOPE__BODY_RESUME: self = .resume(request: try present(envelope.resume).request)
        case RUNNER__AGENT__V1__ENVELOPE__BODY_COMMITTED:
            let message = try present(envelope.committed)
            self = .committed(request: message.request, version: VersionNumber(message.version))
        case RUNNER__AGENT__V1__ENVELOPE__BODY_ABORTED:
            let message = try present(envelope.aborted)
            self = .aborted(request: message.request, reason: text(message.reason) ?? "")
        case RUNNER__AGENT__V1__ENVELOPE__BODY_STOP:
            let message = try present(envelope.stop)
            self = .stop(deadline: .milliseconds(Int64(clamping: message.deadline_ms)), reason: text(message.reason) ?? "")
        case RUNNER__AGENT__V1__ENVELOPE__BODY_PRESSURE: self = .pressure
        case RUNNER__AGENT__V1__ENVELOPE__BODY_EFFECT_RESULT:
            let message = try present(envelope.effect_result)
            self = .effectResult(request: message.request, try EffectVerdict(reading: message))
        case RUNNER__AGENT__V1__ENVELOPE__BODY_REFUSAL:
            let message = try present(envelope.refusal)
            self = .refusal(code: text(message.code) ?? "", reason: text(message.reason) ?? "")
        case RUNNER__AGENT__V1__ENVELOPE__BODY_PING: self = .ping(try present(envelope.ping).number)
        case RUNNER__AGENT__V1__ENVELOPE__BODY__NOT_SET: return nil
        default: throw .wrongDirection(message: bodyName(envelope.body_case))
        }
    }
}

// MARK: Parts

extension Hello {
    fileprivate init(reading message: Runner__Agent__V1__Hello) throws(ProtocolFault) {
        guard message.oldest >= 1, message.oldest <= message.newest else {
            throw .badValue(field: "oldest", rule: "at least 1 and at most 'newest'")
        }
        self.init(
            oldest: message.oldest, newest: message.newest, sdk: text(message.sdk) ?? "",
            capabilities: texts(message.capabilities, message.n_capabilities), stateSchema: text(message.state_schema),
            resumes: message.has_resumes != 0 ? message.resumes : nil)
    }
}

extension Beat {
    fileprivate init(reading message: Runner__Agent__V1__Beat) throws(ProtocolFault) {
        self.init(
            step: message.has_step != 0 ? message.step : nil, progress: message.has_progress != 0 ? message.progress : nil,
            note: text(message.note), tokens: message.has_tokens != 0 ? message.tokens : nil,
            costMicroUSD: message.has_cost_micro_usd != 0 ? message.cost_micro_usd : nil)
        if let progress, !(0...1).contains(progress) { throw .badValue(field: "progress", rule: "from 0 to 1") }
    }
}

extension SafePoint {
    fileprivate init(reading message: Runner__Agent__V1__SafePoint) throws(ProtocolFault) {
        self.init(
            state: try StatePayload(reading: try present(message.state)), schema: text(message.schema),
            step: message.has_step != 0 ? message.step : nil)
    }
}

extension StatePayload {
    fileprivate init(reading message: Runner__Agent__V1__State) throws(ProtocolFault) {
        switch (message.has_inline_ != 0, message.file) {
        case (true, nil): self = .inline(try bytes(message.inline_, "inline", limit: ProtocolLimits.inlineState))
        case (false, let file?):
            let name = text(file.pointee.name) ?? ""
            guard StatePayload.isFileName(name) else {
                throw .badValue(field: "name", rule: "one path component of at most 255 bytes, not starting with a dot")
            }
            let digest = try bytes(file.pointee.sha256, "sha256", limit: 32)
            guard digest.count == 32 else { throw .badValue(field: "sha256", rule: "32 bytes") }
            self = .file(name: name, size: file.pointee.size, sha256: digest)
        default: throw .badValue(field: "state", rule: "either inline or a file")
        }
    }

    /// Whether `name` is safe as one component below the staging directory.
    public static func isFileName(_ name: String) -> Bool {
        (1...ProtocolLimits.fileName).contains(name.utf8.count) && !name.hasPrefix(".") && !name.utf8.contains { $0 == 0 || $0 == 0x2f }
    }
}

extension Welcome {
    fileprivate init(reading message: Runner__Agent__V1__Welcome) throws(ProtocolFault) {
        self.init(
            version: message.version, agent: text(message.agent) ?? "", incarnation: message.incarnation,
            restoredFrom: message.has_restored_from != 0 ? VersionNumber(message.restored_from) : nil,
            state: message.state == nil ? nil : try StatePayload(reading: try present(message.state)),
            stateSchema: text(message.state_schema),
            slept: message.has_slept_ms != 0 ? .milliseconds(Int64(clamping: message.slept_ms)) : nil,
            changed: texts(message.changed, message.n_changed),
            beatEvery: message.has_beat_every_ms != 0 ? .milliseconds(Int64(clamping: message.beat_every_ms)) : nil)
    }
}

extension EffectVerdict {
    fileprivate init(reading message: Runner__Agent__V1__EffectResult) throws(ProtocolFault) {
        switch message.verdict {
        case RUNNER__AGENT__V1__VERDICT__PROCEED: self = .proceed
        case RUNNER__AGENT__V1__VERDICT__EFFECT_DONE:
            self = .done(result: message.has_result != 0 ? try bytes(message.result, "result", limit: ProtocolLimits.effectResult) : [])
        case RUNNER__AGENT__V1__VERDICT__UNKNOWN: self = .unknown
        case RUNNER__AGENT__V1__VERDICT__RECORDED: self = .recorded
        case RUNNER__AGENT__V1__VERDICT__DENIED: self = .denied(reason: text(message.reason) ?? "")
        default: throw .badValue(field: "verdict", rule: "one of proto/agent.proto")
        }
    }
}

extension CheckpointReason {
    fileprivate init(reading reason: Runner__Agent__V1__Reason) throws(ProtocolFault) {
        switch reason {
        case RUNNER__AGENT__V1__REASON__SCHEDULE: self = .schedule
        case RUNNER__AGENT__V1__REASON__SAVE: self = .save
        case RUNNER__AGENT__V1__REASON__STOP: self = .stop
        case RUNNER__AGENT__V1__REASON__OPERATOR: self = .operator
        case RUNNER__AGENT__V1__REASON__ASIDE: self = .aside
        default: throw .badValue(field: "reason", rule: "one of proto/agent.proto")
        }
    }
}

// MARK: Fields

/// The envelope lives in `arena`.
private func unpack(_ frame: [UInt8], in arena: Arena) throws(ProtocolFault) -> Runner__Agent__V1__Envelope {
    guard frame.count <= ProtocolLimits.frame else { throw .frameTooLong(bytes: frame.count) }
    var empty = Runner__Agent__V1__Envelope()
    runner__agent__v1__envelope__init(&empty)
    guard let descriptor = empty.base.descriptor else { preconditionFailure("the generated envelope has no descriptor") }
    return try frame.withUnsafeBufferPointer { buffer throws(ProtocolFault) in
        let bytes = UnsafeRawBufferPointer(buffer)
        try WireCheck.check(bytes, as: descriptor)
        guard bytes.count > 0 else { return empty }
        var allocator = arena.allocator
        guard let envelope = runner__agent__v1__envelope__unpack(&allocator, buffer.count, buffer.baseAddress)
        else { throw .malformed("a field that must be there is missing or not of its type") }
        return envelope.pointee
    }
}

/// What protobuf-c left behind a pointer. Only a schema that changed under us leaves none.
private func present<Message>(_ pointer: UnsafeMutablePointer<Message>?) throws(ProtocolFault) -> Message {
    guard let pointer else { throw .malformed("a part that must be there is missing") }
    return pointer.pointee
}

/// WireCheck has seen that it is UTF-8 without NUL.
private func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String? {
    guard let pointer else { return nil }
    return String(cString: pointer)
}

private func texts(_ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ count: Int) -> [String] {
    guard let list else { return [] }
    return (0..<count).compactMap { text(list[$0]) }
}

private func bytes(_ data: ProtobufCBinaryData, _ field: String, limit: Int) throws(ProtocolFault) -> [UInt8] {
    guard data.len <= limit else { throw .aboveLimit(field: field, count: data.len, limit: limit) }
    return Array(UnsafeBufferPointer(start: data.data, count: data.data == nil ? 0 : data.len))
}

private func key(_ pointer: UnsafeMutablePointer<CChar>?) throws(ProtocolFault) -> String {
    let key = text(pointer) ?? ""
    guard key.utf8.count <= ProtocolLimits.key else { throw .aboveLimit(field: "key", count: key.utf8.count, limit: ProtocolLimits.key) }
    guard !key.isEmpty, key.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
        throw .badValue(field: "key", rule: "1 to 512 bytes without control characters")
    }
    return key
}

private func bodyName(_ body: Runner__Agent__V1__Envelope__BodyCase) -> String {
    var empty = Runner__Agent__V1__Envelope()
    runner__agent__v1__envelope__init(&empty)
    guard let field = protobuf_c_message_descriptor_get_field(empty.base.descriptor, UInt32(body.rawValue)) else { return "?" }
    return String(cString: field.pointee.name)
}
