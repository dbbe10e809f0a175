internal import AgentModel

// An agent on disk: how it gets there, how long it stays, and how it comes back. No death, no trouble, no flapping.

extension Draft {
    /// What it is has been stored, and it stands still since: nothing more of it is wanted. One whose processes are stored is gone from one
    /// moment to the next; one that handed its state over is asked to end, as `stop` does.
    mutating func suspend(_ origin: Origin, in version: VersionNumber, until: WallTime?) -> Answer {
        beginAnew(because: "the operator suspended it")
        state.wanted = .suspended
        state.phase = .ending(from: origin, since: now, cause: .operatorSuspend(in: version, until: until))
        if summary(of: version)?.parts.process ?? false {
            actions.append(.kill)
        } else {
            actions.append(.stop(checkpointFirst: false, within: settings.stopWithin))
        }
        return .act("suspending it in version \(version)\(ending(until)): the operator wants it on disk")
    }

    /// Nothing of it is left. What it said of itself after the cut is not forgotten: a task that is done is not done again.
    mutating func suspended(_ end: ProcessEnd?, done: Bool, in version: VersionNumber, until: WallTime?) -> Answer {
        if done, settings.restart != .always {
            state.wanted = .running
            return finish(end ?? .exited(0), because: "its work was done before it could be suspended")
        }
        state.lastEnd = nil
        state.phase = .suspended(in: version, since: now, until: until)
        return .act("\(onDisk(version, until)): the operator wants it on disk")
    }

    mutating func suspendOtherwise(_ version: VersionNumber, since: Moment, until: WallTime?) -> Answer {
        state.phase = .suspended(in: version, since: since, until: until)
        return .act("\(onDisk(version, until)): the operator wants it so")
    }

    // MARK: Back

    mutating func resume(_ version: VersionNumber, from: Origin?) -> Answer {
        beginAnew(because: "the operator started it")
        let why = from == nil ? "the operator wants it up" : "the operator asked for it"
        return .act(launch(from ?? .version(version), because: why))
    }

    mutating func resume(_ version: VersionNumber, at time: WallTime) -> Answer {
        state.wanted = .running
        return .act(launch(.version(version), because: "it was suspended until \(words(time))"))
    }

    /// The journal says that it is on disk, yet it runs: its return was under way, and was not written.
    mutating func adoptResumed(_ origin: Origin) -> Answer {
        state.wanted = .running
        return adopt(origin, as: .running(from: origin, since: now, healthySince: nil))
    }

    // MARK: Meanwhile

    mutating func staySuspended(_ version: VersionNumber, until: WallTime?) -> Answer {
        .act("\(onDisk(version, until)): nothing ran, so nothing is lost")
    }

    mutating func leaveSuspended(_ version: VersionNumber, until: WallTime?) -> Answer {
        actions.append(.finish(.exited(0)))
        return .act("\(onDisk(version, until)): it stays so while it has no supervisor")
    }

    private func onDisk(_ version: VersionNumber, _ until: WallTime?) -> String { "suspended in version \(version)\(ending(until))" }

    private func ending(_ until: WallTime?) -> String { until.map { " until \(words($0))" } ?? "" }
}
