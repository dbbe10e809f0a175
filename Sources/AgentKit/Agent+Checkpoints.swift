public import AgentModel
internal import AgentProtocol

/// What came of a safe point.
public enum PointOutcome: Hashable, Sendable {
    /// No checkpoint was wanted.
    case notAsked
    /// The cut is taken; it becomes durable while the agent goes on.
    case taken
    case notTaken(reason: String)
}

extension Agent {
    /// From `prepared` or `save` to `resume`. A workspace of many gigabytes takes a while; a runner that is gone breaks the connection.
    private static let standStillLimit = Duration.seconds(600)

    /// A safe point: state and workspace belong together here and no effect is open. Returns at once when no checkpoint is wanted, and
    /// does not even compute `state`. Otherwise hands it over and stands still until the cut is taken.
    /// - Throws: what `state` throws; the runner is then told that the agent cannot be cut now.
    @discardableResult
    public func checkpointPoint(_ state: @autoclosure () throws -> [UInt8], step: UInt64? = nil) throws -> PointOutcome {
        guard let link, let request = link.prepareWanted else { return .notAsked }
        let message: AgentMessage
        var file: String?
        do {
            let payload = try StagingFolder.handOver(try state(), as: fileName(request), in: link.folder)
            if case .file(let name, _, _) = payload { file = name }
            message = .prepared(request: request, SafePoint(state: payload, schema: settings.stateSchema, step: step))
        } catch {
            let reason = (error as? AgentFault)?.sentence ?? "the agent could not write its state: \(error)"
            _ = try link.answerPrepare(request, .refused(request: request, reason: reason), within: Self.standStillLimit)
            throw error
        }
        switch try link.answerPrepare(request, message, file: file, within: Self.standStillLimit) {
        case .resumed?, .committed?: return .taken
        case .aborted(let reason)?: return .notTaken(reason: reason)
        case .verdict?, nil: return .notTaken(reason: "it was withdrawn, or the connection was lost")
        }
    }

    /// Takes a checkpoint now, at the agent's own safe point; durable on return. nil without a runner.
    /// - Throws: `notSaved`; the version before is then as it was.
    @discardableResult
    public func save(_ state: [UInt8], step: UInt64? = nil) throws(AgentFault) -> VersionNumber? {
        guard let link else { return nil }
        let request = link.newRequest()
        let payload = try StagingFolder.handOver(state, as: fileName(request), in: link.folder)
        var file: String?
        if case .file(let name, _, _) = payload { file = name }
        let message = AgentMessage.save(request: request, SafePoint(state: payload, schema: settings.stateSchema, step: step))
        var reply = try link.ask(request, message, file: file, within: Self.standStillLimit)
        if case .resumed? = reply { reply = try link.wait(request, message.name, within: Self.standStillLimit) }
        switch reply {
        case .committed(let version)?: return version
        case .aborted(let reason)?: throw .notSaved(reason: reason)
        case .resumed?, .verdict?, nil: throw .notSaved(reason: "the connection was lost after the cut, so it may be stored or not")
        }
    }

    private func fileName(_ request: UInt64) -> String { "state-\(incarnation ?? 0)-\(request)" }

    // MARK: Values as JSON

    /// The restored state as a value that was handed over with `encoding:`; nil after a clean start.
    /// - Throws: when it is not such a value.
    public func restored<Value: Decodable>(as type: Value.Type) throws -> Value? {
        try restored.map { try JSONText.decode(type, from: $0.bytes) }
    }

    @discardableResult
    public func checkpointPoint<Value: Encodable>(encoding value: @autoclosure () throws -> Value, step: UInt64? = nil) throws
        -> PointOutcome
    {
        try checkpointPoint(try JSONText.encode(try value()), step: step)
    }

    @discardableResult
    public func save<Value: Encodable>(encoding value: Value, step: UInt64? = nil) throws -> VersionNumber? {
        try save(try JSONText.encode(value), step: step)
    }
}
