public import AgentModel

/// When the next checkpoint is due: at equal distances, by a cron expression, or never by itself.
///
/// A schedule holds no "last run": the next time follows from the clock alone. Times missed while the runner or the machine was down are
/// therefore not made up for one by one, and a late checkpoint does not shift those after it.
public enum CheckpointSchedule: Hashable, Sendable {
    case never
    /// Greater than zero.
    case every(Duration)
    /// On a clock `utcOffset` ahead of UTC.
    case cron(CronExpression, utcOffset: Duration)

    /// The first due time strictly after `now`.
    /// - Parameter anchor: the time the distances of `.every` are counted from, such as the agent's first launch. It may lie in the future
    ///   (a clock that was set back): the answer is never further away than one distance.
    public func next(after now: WallTime, anchoredAt anchor: WallTime) -> WallTime? {
        switch self {
        case .never: nil
        case .every(let distance): Self.next(every: distance.nanoseconds, after: now, anchoredAt: anchor)
        case .cron(let expression, let utcOffset): expression.next(after: now, utcOffset: utcOffset)
        }
    }

    /// The next `count` due times after `now`, earliest first.
    public func upcoming(_ count: Int, after now: WallTime, anchoredAt anchor: WallTime) -> [WallTime] {
        var times: [WallTime] = []
        var last = now
        while times.count < count, let time = next(after: last, anchoredAt: anchor) {
            times.append(time)
            last = time
        }
        return times
    }

    /// The point `anchor + k * distance` (k any whole number) that follows `now`.
    private static func next(every distance: Int64, after now: WallTime, anchoredAt anchor: WallTime) -> WallTime? {
        guard distance > 0 else { return nil }
        let (elapsed, overflow) = now.nanoseconds.subtractingReportingOverflow(anchor.nanoseconds)
        guard !overflow else { return nil }
        let remainder = elapsed % distance
        let sincePoint = remainder < 0 ? remainder + distance : remainder
        let (next, beyond) = now.nanoseconds.addingReportingOverflow(distance - sincePoint)
        return beyond ? nil : WallTime(nanoseconds: next)
    }
}
