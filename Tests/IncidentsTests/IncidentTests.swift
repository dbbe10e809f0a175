import AgentModel
import Incidents
import Recovery
import Testing

/// An agent with two versions that dies a second after every start, until a person is called. Time runs on one clock for both kinds.
private struct Story {
    var incident: Incident?
    var state = RecoveryState()
    var now: Int64 = 1_795_250_280
    var settings = RecoverySettings()
    var standings: [UInt64: Standing] = [40: .stored, 41: .proven]

    mutating func take(_ event: AgentEvent, after seconds: Int64 = 0) {
        now += seconds
        let versions = standings.sorted { $0.key < $1.key }.map { number, standing in
            CheckpointSummary(
                version: VersionNumber(number), parts: VersionParts(workspace: true), standing: standing, reason: .schedule,
                takenAt: WallTime(seconds: 0), size: ByteCount(1))
        }
        let decision = decide(
            state, on: event, at: Moment(nanoseconds: now * 1_000_000_000), versions: versions, settings: settings, chance: 0)
        state = decision.state
        for action in decision.actions {
            if case .mark(let version, let standing, _) = action { standings[version.number] = standing }
            if case .openIncident(let fault) = action { open(fault) }
        }
        incident?.record(event, decision, at: WallTime(seconds: now), nextAt: decision.timer)
    }

    private mutating func open(_ fault: Fault) {
        guard let name = AgentName("agent-7") else { return }
        let time = WallTime(seconds: now)
        var opened = Incident(
            id: Incident.identity(openedAt: time), agent: name, store: "/var/lib/runner",
            command: ["python3", "agent.py", "--goal", "tidy up"],
            openedAt: time, fault: fault, origin: .version(VersionNumber(41)), incarnation: 12)
        opened.keep(logLines: ["loading state", "Traceback (most recent call last):", "\u{1b}[31mValueError: no model\u{1b}[0m"])
        opened.resources.memory = .mebibytes(61)
        opened.resources.memoryLimit = .mebibytes(512)
        opened.resources.uptime = .milliseconds(1200)
        incident = opened
    }

    mutating func fireTimer() {
        guard let next = incident?.nextAt else { return }
        take(.timerFired, after: next.seconds - now)
    }

    mutating func dieUntilHelpIsCalled() {
        take(.wantedRunning(from: nil))
        while true {
            switch state.phase {
            case .launching: take(.launched)
            case .starting, .running: take(.ended(.exited(3), done: false), after: 1)
            case .waiting, .coolingDown: fireTimer()
            case .ending, .stopped, .calledForHelp, .suspended: return
            }
        }
    }
}

extension Decision {
    fileprivate var timer: WallTime? {
        if case .setTimer(let moment?) = actions.last { WallTime(nanoseconds: moment.nanoseconds) } else { nil }
    }
}

@Test func theReportOfAnAgentThatNeedsAPerson() throws {
    var story = Story()
    story.dieUntilHelpIsCalled()
    let incident = try #require(story.incident)
    #expect(incident.report() == golden, "\n\(incident.report())")
}

private let golden = """
    # agent-7 is down and needs a person: it exited with status 3

    - **Began** 2026-11-21T08:38:01.000Z, in a run that was restored from version 41
    - **Cause** exit: it exited with status 3
    - **Failures so far** 6
    - **A person was called** 2026-11-21T08:48:13.000Z
    - **Now** calling a person and leaving it down: it exited with status 3, again after 1 cool-down
    - **Next by itself** nothing, until a person acts
    - **Incident** 20261121T083801.000Z, incarnation 12, command `python3 agent.py --goal 'tidy up'`

    ## What to do

    The agent ended itself with status 3. Its last lines below usually say why.

        RUNNER_STORE=/var/lib/runner; export RUNNER_STORE  # this agent's store
        runner why agent-7                                 # the last decisions, in words
        runner logs agent-7                                # what it wrote since
        runner versions agent-7                            # what can be restored
        runner verify agent-7@40                           # are the bytes of a version that failed whole?
        runner restore agent-7@41                          # once the cause is mended: go on from the newest state
        runner restart agent-7 --from clean                # or begin anew; no version is lost by it

    ## What was tried

    | version | why it did not help |
    |---|---|
    | 41 | died 1 s after a restore: it exited with status 3 |
    | 40 | died 1 s after a restore: it exited with status 3 |

    ## Figures at the first failure

    | what | value |
    |---|---|
    | ran for | 1.2 s |
    | memory | 63.9 MB |
    | memory, limit | 536.8 MB |

    ## Its last lines

        loading state
        Traceback (most recent call last):
        [31mValueError: no model[0m

    ## What happened and what was decided

    - 2026-11-21T08:38:01.000Z it exited with status 3 → restoring version 40 (stored): it exited with status 3
    - 2026-11-21T08:38:01.000Z it was launched → running from version 40: its process is up, and nothing more is asked of it
    - 2026-11-21T08:38:02.000Z it exited with status 3 → starting clean in 1 s: no version is left to try (41 suspect, 40 suspect); it exited with status 3
    - 2026-11-21T08:38:03.000Z the timer fired → starting clean: the wait is over
    - 2026-11-21T08:38:03.000Z it was launched → running clean: its process is up, and nothing more is asked of it
    - 2026-11-21T08:38:04.000Z it exited with status 3 → starting clean in 2 s: no version is left to try (41 suspect, 40 suspect); it exited with status 3
    - 2026-11-21T08:38:06.000Z the timer fired → starting clean: the wait is over
    - 2026-11-21T08:38:06.000Z it was launched → running clean: its process is up, and nothing more is asked of it
    - 2026-11-21T08:38:07.000Z it exited with status 3 → starting clean in 4 s: no version is left to try (41 suspect, 40 suspect); it exited with status 3
    - 2026-11-21T08:38:11.000Z the timer fired → starting clean: the wait is over
    - 2026-11-21T08:38:11.000Z it was launched → running clean: its process is up, and nothing more is asked of it
    - 2026-11-21T08:38:12.000Z it exited with status 3 → cooling down for 10 min: 5 deaths within 5 min without progress; it exited with status 3
    - 2026-11-21T08:48:12.000Z the timer fired → starting clean: the cool-down is over and no version is left to try (41 suspect, 40 suspect)
    - 2026-11-21T08:48:12.000Z it was launched → running clean: its process is up, and nothing more is asked of it
    - 2026-11-21T08:48:13.000Z it exited with status 3 → calling a person and leaving it down: it exited with status 3, again after 1 cool-down

    """

@Test func theReportOfAnAgentThatIsWellAgain() throws {
    var story = Story()
    story.take(.wantedRunning(from: nil))
    story.take(.launched)
    story.take(.ended(.signaled(9, outOfMemory: true), done: false), after: 1)
    story.take(.launched)
    #expect(story.incident?.title == "agent-7 is being recovered: it was killed for memory (signal 9)")
    story.take(.timerFired, after: 120)
    let incident = try #require(story.incident)
    #expect(incident.title == "agent-7 is well again: it was killed for memory (signal 9)")
    #expect(incident.closedBecause == "it stayed healthy for 2 min after a restore of version 40")
    #expect(incident.report().contains("it reached its memory limit of 536.8 MB. Raise 'limits.memory'"))
    #expect(!incident.report().contains("runner restore"))
}

@Test(arguments: [
    (Fault.ended(.exited(1)), Cause.exit), (.ended(.exited(127)), .exit), (.ended(.signaled(11, outOfMemory: false)), .signal),
    (.ended(.signaled(15, outOfMemory: false)), .signal), (.ended(.signaled(25, outOfMemory: false)), .signal),
    (.ended(.signaled(40, outOfMemory: false)), .signal), (.ended(.signaled(9, outOfMemory: true)), .outOfMemory),
    (.ended(.unknown), .vanished),
    (.missedHeartbeat(silentFor: .seconds(30)), .heartbeat), (.noSignOfLife(after: .seconds(60)), .noSignOfLife),
    (.couldNotStart("no such file"), .startFailure), (.reportedFailure("a|b\n# no heading"), .reportedFailure), (.lost, .lost),
]) func everyCauseIsToldApartAndAdvisedOn(_ fault: Fault, _ cause: Cause) throws {
    let name = try #require(AgentName("a"))
    var incident = Incident(
        id: "1", agent: name, store: "/s t", command: ["sh", "-c", "it's"], openedAt: WallTime(seconds: 0), fault: fault, origin: .clean,
        incarnation: 1)
    incident.escalatedAt = WallTime(seconds: 1)
    #expect(Cause(fault) == cause && incident.cause == cause)
    let report = incident.report()
    #expect(report.contains("RUNNER_STORE='/s t'; export RUNNER_STORE") && report.contains(#"`sh -c 'it'\''s'`"#))
    #expect(report.split(separator: "\n").filter { $0.hasPrefix("# ") }.count == 1)
    #expect(try JSONText.decode(Incident.self, from: JSONText.encode(incident)) == incident)
    let notice = IncidentNotice(.escalated, incident, reportPath: "/s t/report.md").environment
    #expect(
        notice["RUNNER_CAUSE"] == cause.rawValue && notice["RUNNER_MOMENT"] == "escalated" && notice["RUNNER_INCIDENT"] == "/s t/report.md")
    #expect(notice.values.allSatisfy { !$0.contains("\n") })
}

@Test func anIncidentOfWeeksStaysSmall() throws {
    var story = Story()
    story.settings.backOffMaximum = .seconds(1)
    story.settings.flappingDeaths = 900
    story.settings.cleanStartsBeforeEscalation = 1000
    story.take(.wantedRunning(from: nil))
    for _ in 0..<1500 {
        switch story.state.phase {
        case .launching: story.take(.launched)
        case .starting, .running:
            story.take(.reportedFailure(String(repeating: "long ", count: 1000)), after: 1)
        case .ending: story.take(.ended(.unknown, done: false))
        case .waiting, .coolingDown: story.fireTimer()
        case .stopped, .calledForHelp, .suspended: break
        }
    }
    var incident = try #require(story.incident)
    incident.keep(logLines: (0..<1000).map { "\($0) " + String(repeating: "x", count: 10_000) })
    #expect(incident.logLines.count == 50 && incident.logLines.last?.hasPrefix("999 ") == true)
    #expect(incident.timeline.count == 100 && incident.omitted > 1000)
    #expect(incident.deaths > 300)
    #expect(incident.report().utf8.count < 200_000)
}
