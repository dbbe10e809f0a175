public import AgentModel

extension AgentStatus: Listable {
    public static var columns: [Column] {
        [
            Column("NAME", narrow: .cut(to: 12)),
            Column("STATE"),
            Column("UP", alignsRight: true, narrow: .leftOut(order: 1)),
            Column("↺", alignsRight: true),
            Column("MEM/CAP", alignsRight: true, narrow: .leftOut(order: 2)),
            Column("STEP", alignsRight: true, narrow: .leftOut(order: 3)),
            Column("LAST BEAT", alignsRight: true, narrow: .leftOut(order: 4)),
            Column("CKPT", narrow: .cut(to: 9)),
            Column("NEXT", narrow: .cut(to: 8)),
            Column("PID", alignsRight: true, onlyWide: true),
            Column("CPU", alignsRight: true, onlyWide: true),
            Column("DONE", alignsRight: true, onlyWide: true),
            Column("COST", alignsRight: true, onlyWide: true),
            Column("WHY", onlyWide: true),
        ]
    }

    public func row(at now: WallTime) -> [Cell] {
        [
            Cell(agent.text),
            Cell(state.rawValue, state.tint),
            uptime(now),
            Cell(String(restarts), restarts == 0 ? .faint : .attention),
            memoryCell,
            step.map { Cell(String($0)) } ?? .nothing,
            lastBeat.map { Cell((now - $0).brief) } ?? .nothing,
            checkpointCell(now),
            nextCell(now),
            pid.map { Cell(String($0)) } ?? .nothing,
            cpu.map { Cell($0.brief) } ?? .nothing,
            progress.map { Cell(percent($0)) } ?? .nothing,
            costMicroUSD.map { Cell(dollars($0)) } ?? .nothing,
            Cell(reason),
        ]
    }

    public var quietValue: String { agent.text }

    // MARK: Cells

    private func uptime(_ now: WallTime) -> Cell {
        guard let startedAt, state.isAlive else { return .nothing }
        return Cell((now - startedAt).brief)
    }

    private var memoryCell: Cell {
        guard memory != nil || memoryLimit != nil else { return .nothing }
        let used = memory?.brief ?? "-"
        return Cell(memoryLimit.map { "\(used)/\($0.brief)" } ?? used)
    }

    private func checkpointCell(_ now: WallTime) -> Cell {
        guard let latest else { return .nothing }
        return Cell("v\(latest.version) \(latest.standing.rawValue) \((now - latest.takenAt).brief)", latest.standing.tint)
    }

    /// The nearer of the ladder's next action and the next checkpoint.
    private func nextCell(_ now: WallTime) -> Cell {
        let checkpoint = nextCheckpointAt.map { Next(what: "ckpt", at: $0) }
        guard let nearest = [next, checkpoint].compactMap(\.self).min(by: { $0.at < $1.at }) else { return .nothing }
        return Cell("\(nearest.what) \((nearest.at - now).brief)")
    }
}

extension AgentStatus {
    /// The reason where the state stands before it: "stopped: the operator wants it down" then needs no second "stopped".
    var reasonBesideState: String {
        let beginning = state.rawValue + ": "
        return reason.hasPrefix(beginning) ? String(reason.dropFirst(beginning.count)) : reason
    }
}

extension AgentStatus.State {
    /// Whether a process of the agent runs (or did, when the status was written).
    public var isAlive: Bool {
        switch self {
        case .starting, .running, .stopping: true
        case .restoring, .waiting, .stopped, .finished, .suspended, .coolingDown, .needsHelp, .unsupervised: false
        }
    }

    var tint: Cell.Tint {
        switch self {
        case .running, .finished: .good
        case .starting, .restoring, .stopping, .waiting, .coolingDown: .attention
        case .needsHelp, .unsupervised: .bad
        case .stopped, .suspended: .faint
        }
    }
}

extension Standing {
    var tint: Cell.Tint {
        switch self {
        case .stored: .plain
        case .rehearsed, .proven: .good
        case .suspect: .attention
        case .broken: .bad
        }
    }
}

/// `42%` of a share from 0 to 1; what is no share is shown as `?`.
func percent(_ share: Double) -> String {
    (0...1).contains(share) ? "\(Int((share * 100).rounded(.down)))%" : "?"
}

/// `1.90` dollars of millionths.
func dollars(_ microUSD: UInt64) -> String {
    let cents = microUSD / 10_000
    return "\(cents / 100).\(cents % 100 < 10 ? "0" : "")\(cents % 100)"
}
