internal import AgentModel
internal import AgentProtocol

extension Agent {
    /// Does `body` unless it was done before; then gives what it gave. Documentation: docs/effects.md
    ///
    /// `key` names the effect, not the attempt: after a restore to before it, it must be the same again. When `body` throws, nobody knows
    /// whether it happened: a repeat is allowed when `idempotent` says that doing it twice is harmless, else it is held. Put retries
    /// inside `body`.
    /// - Returns: what `body` gave, now or then; at most 64 KiB.
    /// - Throws: what `body` throws, `effectUnknown`, `effectDenied`, `badKey`, `resultTooLong` (the effect then stays open).
    @discardableResult
    public func effect(_ key: String, description: String = "", idempotent: Bool = false, _ body: () throws -> [UInt8]) throws -> [UInt8] {
        guard (1...ProtocolLimits.key).contains(key.utf8.count), key.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw AgentFault.badKey
        }
        guard let link else { return try body() }
        let begin = AgentMessage.effectBegin(request: link.newRequest(), key: key, description: description, idempotent: idempotent)
        switch try verdict(on: begin, link) {
        case .proceed: break
        case .done(let result): return result
        case .unknown: throw AgentFault.effectUnknown(key: key)
        case .denied(let reason): throw AgentFault.effectDenied(key: key, reason: reason)
        case .recorded: throw AgentFault.effectDenied(key: key, reason: "the runner answered a question that was not asked")
        }
        let result = try body()
        guard result.count <= ProtocolLimits.effectResult else {
            throw AgentFault.resultTooLong(key: key, bytes: result.count, limit: ProtocolLimits.effectResult)
        }
        if case .denied(let reason) = try verdict(on: .effectEnd(request: link.newRequest(), key: key, result: result), link) {
            throw AgentFault.effectDenied(key: key, reason: reason)
        }
        return result
    }

    /// The same for a value that becomes JSON.
    @discardableResult
    public func effect<Value: Codable>(
        _ key: String, description: String = "", idempotent: Bool = false, returning type: Value.Type, _ body: () throws -> Value
    ) throws -> Value {
        let bytes = try effect(key, description: description, idempotent: idempotent) { try JSONText.encode(try body()) }
        return try JSONText.decode(type, from: bytes)
    }

    private func verdict(on message: AgentMessage, _ link: Link) throws(AgentFault) -> EffectVerdict {
        switch message {
        case .effectBegin(let request, _, _, _), .effectEnd(let request, _, _):
            guard case .verdict(let verdict)? = try link.ask(request, message, within: settings.patience) else {
                throw .noAnswer(to: message.name, seconds: settings.patience.components.seconds)
            }
            return verdict
        case .hello, .beat, .prepared, .refused, .save, .turn, .done, .failed, .pong:
            preconditionFailure("'\(message.name)' is no question about an effect")
        }
    }
}
