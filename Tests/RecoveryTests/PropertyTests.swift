import AgentModel
import Recovery
import Testing

/// A random life: mostly news that fits, now and then late, double or senseless news, and an operator who interferes.
private struct RandomLife {
    var chance: Chance
    var scene: Scene
    var oracle = Oracle()
    var journal: [JournalEntry] = []

    init(seed: UInt64) {
        chance = Chance(seed)
        var settings = RecoverySettings()
        settings.restart = chance.pick(RecoverySettings.Restart.allCases)
        settings.probation = .seconds(chance.pick([10, 120]))
        settings.restoreAttempts = chance.below(5)
        settings.flappingDeaths = 1 + chance.below(6)
        settings.coolDownsBeforeEscalation = chance.below(3)
        settings.cleanStartsBeforeEscalation = 1 + chance.below(10)
        settings.backOffInitial = chance.pick([.zero, .seconds(1), .milliseconds(10)])
        settings.escalateAfter = chance.oneIn(2) ? .seconds(60) : nil
        settings.whenExhausted = chance.oneIn(2) ? .park : .retry
        settings.signOfLife = chance.pick(RecoverySettings.SignOfLife.allCases)
        var versions: [CheckpointSummary] = []
        for number in 0..<UInt64(chance.below(8)) { versions.append(randomVersion(number + 1, &chance)) }
        scene = Scene(versions, settings: settings)
    }

    mutating func step() {
        let event = chance.oneIn(6) ? anyEvent() : fittingEvent()
        if case .timerFired = event, case .setTimer(let moment?) = scene.last.actions.last, chance.oneIn(2) {
            scene.now = max(scene.now, moment)
        }
        scene.now = scene.now + .milliseconds(chance.pick([0, 10, 900, 7000, 40_000, 130_000]))
        let before = scene.state
        let draw = chance.next()
        oracle.hear(event, at: scene.now, versions: scene.versions, probation: scene.settings.probation)
        let decision = decide(before, on: event, at: scene.now, versions: scene.versions, settings: scene.settings, chance: draw)
        oracle.see(decision, at: scene.now, versions: scene.versions)
        if decision.doesNothing, decision.state != before { oracle.violations.append("silent, but changes the state") }
        journal.append(
            JournalEntry(
                sequence: UInt64(journal.count), at: scene.now, time: WallTime(seconds: 0),
                content: .decision(
                    before: before, event: event, versions: scene.versions, settings: scene.settings, chance: draw, taken: decision)))
        scene.state = decision.state
        if !decision.doesNothing { scene.last = decision }
        applyMarks(decision)
    }

    /// The last steps, for a failure's text.
    func story() -> String {
        journal.suffix(12).map { entry in
            guard case .decision(_, let event, _, _, _, let decision) = entry.content else { return "" }
            return "\n  \(entry.at.nanoseconds / 1_000_000) \(event) -> \(brief(decision, now: entry.at)): \(decision.reason)"
        }.joined()
    }

    // MARK: Parts

    /// One mark in ten cannot be written: recovery must not rely on it.
    private mutating func applyMarks(_ decision: Decision) {
        for case .mark(let number, let standing, _) in decision.actions where !chance.oneIn(10) {
            for index in scene.versions.indices where scene.versions[index].version == number { scene.versions[index].standing = standing }
        }
    }

    private mutating func fittingEvent() -> AgentEvent {
        switch scene.state.phase {
        case .stopped: return .wantedRunning(from: wish())
        case .launching:
            if chance.oneIn(6), case .launching(.version(let number), _) = scene.state.phase {
                return .launchFailed(.couldNotStart("broken"), version: number)
            }
            return chance.pick([.launched, .launched, .launched, .launchFailed(.couldNotStart("no"), version: nil), .foundLost])
        case .starting: return chance.pick([.signOfLife, .progressed, end(), .timerFired, stored()])
        case .running:
            if chance.oneIn(12), case .stored(let version) = stored() { return .wantedSuspended(in: version, until: time()) }
            return chance.pick([.progressed, stored(), stored(), end(), end(), hang(), .reportedFailure("no"), .timerFired, .timerFired])
        case .ending: return chance.pick([end(), end(), .launched, stored(), .foundLost])
        case .waiting, .coolingDown, .calledForHelp: return .timerFired
        case .suspended: return chance.pick([.resumeDue, .wantedRunning(from: nil), .supervisorEnds])
        }
    }

    private mutating func anyEvent() -> AgentEvent {
        // A false 'gone' of something that runs would be the world lying, not news that is late.
        let living: [AgentEvent] = [
            .wantedRunning(from: wish()), .wantedStopped, .wantedRestart(from: wish()), .launched, .signOfLife, .progressed, hang(),
            .reportedFailure(String(repeating: "x", count: 2000)), .timerFired, .stored(VersionNumber(UInt64(chance.below(12)))),
            .resumeDue, .supervisorEnds, .wantedSuspended(in: VersionNumber(UInt64(1 + chance.below(12))), until: time()),
        ]
        switch scene.state.phase {
        case .launching, .starting, .running, .ending: return chance.pick(living + [.adopted(from: current())])
        case .stopped, .waiting, .coolingDown, .calledForHelp, .suspended:
            return chance.pick(living + [end(), .foundLost, .adopted(from: .clean), .launchFailed(.couldNotStart("late"), version: nil)])
        }
    }

    private func current() -> Origin {
        switch scene.state.phase {
        case .launching(let from, _), .starting(let from, _), .running(let from, _, _), .ending(let from, _, _): from
        case .stopped, .waiting, .coolingDown, .calledForHelp, .suspended: .clean
        }
    }

    private mutating func time() -> WallTime? { chance.oneIn(2) ? nil : WallTime(seconds: Int64(chance.below(1000))) }

    private mutating func wish() -> Origin? {
        guard chance.oneIn(3) else { return nil }
        return scene.versions.isEmpty || chance.oneIn(3) ? .clean : .version(chance.pick(scene.versions).version)
    }

    private mutating func end() -> AgentEvent {
        .ended(chance.pick([.exited(0), .exited(1), .signaled(9, outOfMemory: chance.oneIn(2)), .unknown]), done: chance.oneIn(12))
    }

    private mutating func hang() -> AgentEvent { .missedHeartbeat(silentFor: .seconds(chance.pick([1, 30, 400]))) }

    private mutating func stored() -> AgentEvent {
        let number = (scene.versions.last?.version ?? VersionNumber(0)).next
        scene.versions.append(
            version(number.number, cooperative: !chance.oneIn(4), forced: chance.oneIn(5), reason: chance.pick([.schedule, .stop])))
        return .stored(number)
    }
}

private func randomVersion(_ number: UInt64, _ chance: inout Chance) -> CheckpointSummary {
    version(
        number, chance.pick([.stored, .stored, .rehearsed, .proven, .suspect, .broken]), kind: chance.oneIn(5) ? .aside : .checkpoint,
        cooperative: !chance.oneIn(4))
}

@Test(arguments: 0..<8) func noRandomLifeBreaksTheRules(_ part: UInt64) throws {
    for seed in (part * 300)..<(part * 300 + 300) {
        var life = RandomLife(seed: seed)
        for step in 0..<70 {
            life.step()
            try #require(life.oracle.violations.isEmpty, "seed \(seed) step \(step): \(life.story())")
        }
        if seed % 50 == 0 { try survivesTheJournal(life, seed: seed) }
    }
}

/// Round trip through JSON, and the same decisions again from what was read back.
private func survivesTheJournal(_ life: RandomLife, seed: UInt64) throws {
    let bytes = try JSONText.encode(life.journal)
    let read = try JSONText.decode([JournalEntry].self, from: bytes)
    #expect(read == life.journal && replay(read).isEmpty, "seed \(seed)")
    #expect(try JSONText.encode(life.scene.state).count < 40_000)
}

@Test func replayFindsTheOneDecisionThatWasChanged() throws {
    var life = RandomLife(seed: 7)
    for _ in 0..<40 { life.step() }
    guard case .decision(let before, let event, let versions, let settings, let chance, var decision) = life.journal[20].content else {
        return
    }
    decision.reason += "!"
    life.journal[20].content = .decision(
        before: before, event: event, versions: versions, settings: settings, chance: chance, taken: decision)
    life.journal.append(JournalEntry(sequence: 99, at: at(0), time: WallTime(seconds: 0), content: .note(kind: "hook", text: "ran")))
    let mismatches = replay(life.journal)
    #expect(mismatches.map(\.sequence) == [20] && mismatches.first?.recorded == decision)
}

/// Nothing but deaths, hangs and failed launches, none after progress, none after a survived probation: it always comes to rest.
@Test func everySequenceOfDeathsEnds() throws {
    for seed in 0..<2000 as Range<UInt64> {
        var chance = Chance(seed)
        var scene = RandomLife(seed: seed).scene
        scene.settings.probation = .seconds(120)
        var restores: Set<VersionNumber> = []
        scene.take(.wantedRunning(from: nil))
        var steps = 0
        while steps < 400 {
            steps += 1
            switch scene.state.phase {
            case .launching(let from, _):
                if case .version(let number) = from { restores.insert(number) }
                if chance.oneIn(5) { scene.take(.launchFailed(.couldNotStart("no"), version: nil)) } else { scene.take(.launched) }
            case .starting, .running:
                let hang = AgentEvent.missedHeartbeat(silentFor: .seconds(1))
                scene.take(
                    chance.pick([killed, .ended(.exited(0), done: false), hang, .reportedFailure("no")]), after: Double(chance.below(119)))
            case .ending: scene.take(killed, after: 1)
            case .waiting, .coolingDown: _ = scene.fireTimer()
            case .stopped, .calledForHelp, .suspended: steps = 1000
            }
        }
        #expect(steps == 1000, "seed \(seed) goes on for ever: \(scene.last.reason)")
        #expect(restores.allSatisfy { number in scene.versions.contains { $0.version == number && $0.kind == .checkpoint } })
    }
}
