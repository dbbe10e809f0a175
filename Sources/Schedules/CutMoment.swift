public import AgentModel

/// When a cut that is due is taken: at once, or when the agent next waits for its model, and no later than a limit.
public enum CutMoment: Hashable, Sendable {
    case now
    case atTurn(noLaterThan: Moment)

    /// - Parameters:
    ///   - isAtWork: the agent says when it waits for its model, and does not at `now`.
    ///   - patience: how long the cut may be late; zero: it never is.
    ///   - next: when the one after it is due, counted from `now`. A late one comes no nearer to it than half of that.
    public init(at now: Moment, isAtWork: Bool, patience: Duration, next: Duration?) {
        let limit = min(patience, next.map { $0 / 2 } ?? patience)
        self = isAtWork && limit > .zero ? .atTurn(noLaterThan: now + limit) : .now
    }
}
