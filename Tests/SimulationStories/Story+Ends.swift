import AgentModel
import AgentSpecs
import SimulatedWorld

// What must have come of a story, beside what must come of all.

extension Story {
    static let calledOnce: @Sendable (Simulation) -> String? = { simulation in
        let calls = simulation.machine.hookRuns.count { $0.value("RUNNER_MOMENT") == "escalated" }
        return calls == 1 ? nil : "a person was called \(calls) times"
    }

    /// Every roll-back that takes steps away sets the workspace aside before, with those steps in it.
    static let setAside: @Sendable (Simulation) -> String? = { simulation in
        let lives = simulation.machine.lives
        var asides = simulation.oracle.asides
        for (before, next) in zip(lives, lives.dropFirst()) {
            guard next.from != nil, let reached = before.reached, reached > next.began ?? 0 else { continue }
            guard let found = asides.firstIndex(of: reached) else {
                return "a roll-back took the steps up to \(reached) away, and no workspace with them was set aside"
            }
            asides.remove(at: found)
        }
        return nil
    }

    /// A checkpoint an hour, four steps an hour: whatever comes together, a day's work is never begun anew.
    static let losesLittle: @Sendable (Simulation) -> String? = { simulation in
        simulation.mostLost < 96 ? nil : "\(simulation.mostLost) steps were lost at once"
    }

    /// Whoever stops an agent, and waits for it, finds every step again.
    static let keepsEveryStep: @Sendable (Simulation) -> String? = { simulation in
        let lives = simulation.machine.lives
        if lives.count < 3 { return "only \(lives.count) lives were begun" }
        for (before, next) in zip(lives, lives.dropFirst()) where before.reached ?? before.began ?? 0 > next.began ?? 0 {
            return "incarnation \(before.incarnation) was stopped at step \(before.reached ?? 0), and the next began at \(next.began ?? 0)"
        }
        return nil
    }

    /// Whoever was left standing by its last cut goes on with the very memory it had, and no step is lost. Nor is one of an agent that comes
    /// to a safe point and stays there; any other works on between its cut and its end.
    static let comesBackAsItWas: @Sendable (Simulation) -> String? = { simulation in
        let lives = simulation.machine.lives
        var stood = 0
        for (before, next) in zip(lives, lives.dropFirst()) {
            switch simulation.machine.cameBackAsItWas(before, next) {
            case false?: return "incarnation \(next.incarnation) does not go on with the memory that \(before.incarnation) had"
            case true?: stood += 1
            case nil: break
            }
        }
        if stood == 0 { return "nobody came back from standing" }
        let spec = simulation.spec
        let stays = simulation.machine.script.cooperative && spec.checkpoint.mode == .auto && spec.restore.memory == .eager
        return stays ? keepsEveryStep(simulation) : nil
    }

    static let warnedOnce: @Sendable (Simulation) -> String? = { simulation in
        let warnings = simulation.machine.trace.count { $0.contains("warning: the store at") }
        return warnings == 1 ? nil : "\(warnings) warnings of one full disk"
    }

    static let neverFromForced: @Sendable (Simulation) -> String? = { simulation in
        let forced = simulation.machine.lives.compactMap(\.from).first { simulation.oracle.wasForced($0) }
        return forced.map { "the agent was started from version \($0), which is a forced cut" }
    }
}
