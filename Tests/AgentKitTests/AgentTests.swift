import AgentKit
import AgentModel
import AgentProtocol
import Glibc
import Testing

/// `checkpointPoint` stands still until it is answered, so it runs on a thread of its own, as agents' loops do.
private func onThread(_ body: @escaping @Sendable () -> Void) -> Joinable {
    let box = Unmanaged.passRetained(ThreadBody(body))
    var thread = pthread_t()
    pthread_create(
        &thread, nil,
        {
            guard let own = $0 else { return nil }
            Unmanaged<ThreadBody>.fromOpaque(own).takeRetainedValue().body()
            return nil
        }, box.toOpaque())
    return Joinable(thread: thread)
}

private final class ThreadBody: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private struct Joinable {
    var thread: pthread_t
    func join() { pthread_join(thread, nil) }
}

private let first = ProtocolLimits.firstRunnerRequest

struct AgentTests {
    private func agent(of runner: FakeRunner, _ change: (inout AgentSettings) -> Void = { _ in }) throws -> Agent {
        var settings = AgentSettings(
            stateSchema: "test 1", environment: ["RUNNER_SOCKET": runner.socketPath, "RUNNER_STAGING": runner.folder])
        settings.heartbeats = .fromAgent
        change(&settings)
        return try Agent(settings)
    }

    @Test func withoutARunnerEverythingIsDoneAndNothingIsAsked() throws {
        let agent = try Agent(AgentSettings(environment: [:]))
        agent.beat(step: 1)
        #expect(!agent.isSupervised && !agent.shouldStop && agent.restored == nil && agent.incarnation == nil)
        #expect(try agent.checkpointPoint([1]) == .notAsked)
        #expect(try agent.save([1]) == nil)
        #expect(try agent.effect("k") { [7] } == [7])
        #expect(try agent.effect("k", returning: [Int].self) { [7] } == [7])
        #expect(throws: AgentFault.badKey) { try agent.effect("") { [] } }
        try agent.done()
    }

    @Test func anAgentIsWelcomedWithItsState() throws {
        let runner = try FakeRunner(welcome: { _, _ in
            .welcome(
                Welcome(
                    version: 1, agent: "agent-7", incarnation: 4, restoredFrom: VersionNumber(41), state: .inline(Array("[3,4]".utf8)),
                    stateSchema: "test 1", slept: .seconds(90), changed: ["spec"], beatEvery: nil))
        })
        defer { runner.close() }
        let agent = try agent(of: runner)
        #expect(agent.incarnation == 4)
        #expect(agent.restored?.version == VersionNumber(41))
        #expect(agent.restored?.slept == .seconds(90))
        #expect(agent.restored?.changed == ["spec"])
        #expect(try agent.restored(as: [Int].self) == [3, 4])
        agent.beat(step: 7, progress: 3, note: "n")
        agent.turn(waiting: true)
        try agent.failed("gave up")
        runner.wait("the last word") { $0.last == .failed(reason: "gave up") }
        #expect(
            runner.messages == [
                .hello(Hello(sdk: "runner-swift 0.1.0", capabilities: ["prepare", "stop", "pressure"], stateSchema: "test 1")),
                .beat(Beat(step: 7, progress: 1, note: "n")), .turn(waiting: true), .failed(reason: "gave up"),
            ])
    }

    @Test func aThreadBeatsForTheAgentWhenSilenceIsWatched() throws {
        let runner = try FakeRunner(welcome: { _, _ in .welcome(.clean(beatEvery: .milliseconds(60))) })
        defer { runner.close() }
        let agent = try agent(of: runner) { $0.heartbeats = .fromThread }
        agent.beat(step: 5)
        runner.wait("three beats with the step last told") { $0.filter { $0 == .beat(Beat(step: 5)) }.count >= 3 }
    }

    @Test func prepareIsHonouredAtASafePointAndTheAgentStandsStill() throws {
        let runner = try FakeRunner(answer: { message in
            switch message {
            case .turn: .send([.prepare(request: first, deadline: .seconds(60), reason: .schedule)])
            default: .send([])
            }
        })
        defer { runner.close() }
        let agent = try agent(of: runner)
        #expect(try agent.checkpointPoint([1], step: 1) == .notAsked)
        let loop = onThread {
            agent.turn(waiting: false)
            var step: UInt64 = 1
            // An agent's own loop: it passes safe points until one is asked for.
            while (try? agent.checkpointPoint([UInt8(truncatingIfNeeded: step)], step: step)) == .notAsked {
                step += 1
                sched_yield()
            }
            agent.beat(note: "goes on")
        }
        runner.wait("prepared") { if case .prepared(first, _)? = $0.last { true } else { false } }
        runner.send(.resume(request: first))
        runner.wait("goes on") { $0.last == .beat(Beat(note: "goes on")) }
        runner.send(.committed(request: first, version: VersionNumber(1)))
        loop.join()
        #expect(runner.allFaults == [])
    }

    @Test func aPrepareThatIsAbortedOrCutOffLetsTheAgentGoOn() throws {
        for cut in [false, true] {
            let runner = try FakeRunner(answer: { message in
                switch message {
                case .turn: .send([.prepare(request: first, deadline: .seconds(60), reason: .operator)])
                case .prepared: cut ? .hangUp : .send([.aborted(request: first, reason: "the disk is full")])
                default: .send([])
                }
            })
            defer { runner.close() }
            let agent = try agent(of: runner)
            agent.turn(waiting: true)
            var outcome = PointOutcome.notAsked
            while outcome == .notAsked { outcome = try agent.checkpointPoint([1]) }
            #expect(outcome == .notTaken(reason: cut ? "it was withdrawn, or the connection was lost" : "the disk is full"))
        }
    }

    @Test func aStateThatCannotBeWrittenIsARefusal() throws {
        struct Trouble: Error {}
        let runner = try FakeRunner(answer: { message in
            switch message {
            case .turn: .send([.prepare(request: first, deadline: .seconds(60), reason: .operator)])
            case .refused: .send([.aborted(request: first, reason: "refused")])
            default: .send([])
            }
        })
        defer { runner.close() }
        let agent = try agent(of: runner)
        agent.turn(waiting: true)
        #expect(throws: Trouble.self) { while try agent.checkpointPoint(try { throw Trouble() }()) == .notAsked {} }
        runner.wait("refused") { if case .refused(first, _)? = $0.last { true } else { false } }
    }

    @Test func aSaveIsDurableOnReturn() throws {
        let runner = try FakeRunner(answer: { message in
            guard case .save(let request, let point) = message else { return .send([]) }
            return point.step == 2
                ? .send([.aborted(request: request, reason: "the disk is full")])
                : .send([.resume(request: request), .committed(request: request, version: VersionNumber(9))])
        })
        defer { runner.close() }
        let agent = try agent(of: runner)
        #expect(try agent.save([1], step: 1) == VersionNumber(9))
        #expect(throws: AgentFault.notSaved(reason: "the disk is full")) { try agent.save([1], step: 2) }
    }

    @Test func aLargeStateGoesThroughAFileAndComesBack() throws {
        let large = [UInt8](repeating: 7, count: 3 << 20)
        let runner = try FakeRunner(
            welcome: { _, count in
                guard count > 1 else { return .welcome(.clean()) }
                return .welcome(
                    Welcome(
                        version: 1, agent: "a", incarnation: 2, restoredFrom: VersionNumber(1),
                        state: .file(name: "state-9", size: 4, sha256: abcdDigest), stateSchema: nil, slept: nil, changed: [],
                        beatEvery: nil))
            },
            answer: { message in
                guard case .save(let request, _) = message else { return .send([]) }
                return .send([.resume(request: request)])
            })
        defer { runner.close() }
        let saver = try agent(of: runner)
        let loop = onThread { #expect(throws: Never.self) { try saver.save(large) } }
        runner.wait("save") { if case .save? = $0.last { true } else { false } }
        guard case .save(let request, let point)? = runner.messages.last, case .file(let name, let size, _) = point.state else {
            Issue.record("the state is not in a file")
            return
        }
        var facts = stat()
        #expect(stat(runner.folder + "/" + name, &facts) == 0 && facts.st_size == large.count && size == UInt64(large.count))
        runner.send(.committed(request: request, version: VersionNumber(1)))
        loop.join()
        #expect(stat(runner.folder + "/" + name, &facts) != 0, "its own file is gone once it is not needed")
        saver.close()

        let file = fopen(runner.folder + "/state-9", "we")
        fputs("abcd", file)
        fclose(file)
        #expect(try agent(of: runner).restored?.bytes == Array("abcd".utf8))
        truncate(runner.folder + "/state-9", 3)
        #expect(throws: AgentFault.stateUnreadable("file 'state-9' does not have the 4 bytes it should have")) { try agent(of: runner) }
    }

    @Test func anEffectIsAskedForDoneAndRecorded() throws {
        let runner = try FakeRunner(answer: { message in
            switch message {
            case .effectBegin(let request, "new", _, true): .send([.effectResult(request: request, .proceed)])
            case .effectBegin(let request, "done", _, _): .send([.effectResult(request: request, .done(result: [5]))])
            case .effectBegin(let request, "held", _, _): .send([.effectResult(request: request, .unknown)])
            case .effectBegin(let request, _, _, _): .send([.effectResult(request: request, .denied(reason: "the disk is full"))])
            case .effectEnd(let request, _, _): .send([.effectResult(request: request, .recorded)])
            default: .send([])
            }
        })
        defer { runner.close() }
        let agent = try agent(of: runner)
        #expect(try agent.effect("new", description: "d", idempotent: true) { [9] } == [9])
        #expect(try agent.effect("done") { [0] } == [5])
        #expect(throws: AgentFault.effectUnknown(key: "held")) { try agent.effect("held") { [0] } }
        #expect(throws: AgentFault.effectDenied(key: "full", reason: "the disk is full")) { try agent.effect("full") { [0] } }
        #expect(runner.messages.contains(.effectEnd(request: 2, key: "new", result: [9])))
        #expect(!runner.messages.contains { if case .effectEnd(_, "done", _) = $0 { true } else { false } })
    }

    @Test func whatWasNotAnsweredIsAskedAgainOnTheNextConnection() throws {
        // The first time each question comes, the connection breaks; the second time it is answered.
        let asked = Counter()
        let runner = try FakeRunner(
            welcome: { hello, count in .welcome(.clean(incarnation: hello.resumes ?? 3)) },
            answer: { message in
                switch message {
                case .effectBegin(let request, _, _, _):
                    asked.next("begin") == 1 ? .hangUp : .send([.effectResult(request: request, .proceed)])
                case .effectEnd(let request, _, _):
                    asked.next("end") == 1 ? .hangUp : .send([.effectResult(request: request, .recorded)])
                case .save(let request, _):
                    switch asked.next("save") {
                    case 1: .hangUp
                    case 2: .send([.resume(request: request), .committed(request: request, version: VersionNumber(2))])
                    default: .hangUpAfter([.resume(request: request)])
                    }
                default: .send([])
                }
            })
        defer { runner.close() }
        let agent = try agent(of: runner)
        #expect(try agent.effect("k") { [1] } == [1])
        #expect(try agent.save([1]) == VersionNumber(2))
        #expect(throws: AgentFault.notSaved(reason: "the connection was lost after the cut, so it may be stored or not")) {
            try agent.save([2])
        }
        let begins = runner.messages.filter { if case .effectBegin = $0 { true } else { false } }
        #expect(begins.count == 2 && begins[0] == begins[1], "the same question, with the same number")
        try agent.done(note: "end")
        runner.wait("done") { $0.last == .done(note: "end") }
        #expect(runner.connectionCount == 5)
        let resumed = runner.messages.compactMap { if case .hello(let hello) = $0 { hello.resumes } else { nil } }
        #expect(resumed == [3, 3, 3, 3])
        #expect(runner.allFaults == [])
    }

    /// Whichever thread is first to see it: after `resume` the agent has moved on, so an older state is never handed over again.
    @Test func aSaveThatWasResumedIsNotAskedAgainWhenTheConnectionBreaks() throws {
        let runner = try FakeRunner(answer: { message in
            guard case .save(let request, _) = message else { return .send([]) }
            return .hangUpAfter([.resume(request: request)])
        })
        defer { runner.close() }
        let agent = try agent(of: runner)
        let lost = AgentFault.notSaved(reason: "the connection was lost after the cut, so it may be stored or not")
        for step in UInt64(1)...5 { #expect(throws: lost) { try agent.save([1], step: step) } }
        let steps = runner.messages.compactMap { if case .save(_, let point) = $0 { point.step } else { nil } }
        #expect(steps == [1, 2, 3, 4, 5])
    }

    @Test func stopPressureAndPingAreHeard() throws {
        let runner = try FakeRunner(answer: { message in
            message == .turn(waiting: true) ? .send([.stop(deadline: .seconds(9), reason: "asked"), .pressure, .ping(77)]) : .send([])
        })
        defer { runner.close() }
        let agent = try agent(of: runner)
        agent.turn(waiting: true)
        runner.wait("pong") { $0.last == .pong(77) }
        #expect(agent.shouldStop)
        #expect(agent.stopRequest?.within == .seconds(9))
        #expect(agent.stopRequest?.reason == "asked")
        #expect(agent.takePressure())
        #expect(!agent.takePressure())
    }

    @Test func whoIsRefusedIsToldOnceAndDoesNotKnockAgain() throws {
        let runner = try FakeRunner(welcome: { _, _ in .refusal(code: "E-PROTOCOL-OCCUPIED", reason: "taken.") })
        defer { runner.close() }
        #expect(throws: AgentFault.refused(code: "E-PROTOCOL-OCCUPIED", sentence: "taken.")) { try agent(of: runner) }
        #expect(runner.connectionCount == 1)
    }

    @Test func nobodyThereIsSaidAfterTheAgentsPatience() throws {
        var settings = AgentSettings(environment: ["RUNNER_SOCKET": "/nonexistent/agent.sock"])
        settings.patience = .milliseconds(100)
        #expect(throws: AgentFault.noRunner(path: "/nonexistent/agent.sock", why: "No such file or directory")) { try Agent(settings) }
    }

    @Test(arguments: [
        (
            AgentFault.noRunner(path: "/s", why: "No such file or directory"), "E-AGENT-NO-RUNNER",
            "could not reach the runner at '/s': No such file or directory. Start the agent with 'runner run', or unset RUNNER_SOCKET."
        ),
        (.refused(code: "E-X", sentence: "no."), "E-X", "no."),
        (
            .noAnswer(to: "save", seconds: 600), "E-AGENT-NO-ANSWER",
            "could not get an answer to 'save': the runner was silent for 600 s. Look at its log."
        ),
        (
            .notSaved(reason: "the disk is full"), "E-AGENT-NOT-SAVED",
            "could not save a checkpoint: the disk is full. The agent goes on; the version before is as it was."
        ),
        (
            .stateUnreadable("file 'x' is not what was stored"), "E-AGENT-STATE",
            "could not read the state handed back: file 'x' is not what was stored. Start clean with 'runner restart AGENT --from clean'."
        ),
        (
            .stateNotHandedOver("no room"), "E-AGENT-STAGING",
            "could not hand over the state: no room. Nothing was stored; the agent goes on."
        ),
        (
            .badKey, "E-AGENT-KEY",
            "could not begin an effect: its key must have 1 to 512 bytes and no control characters. Name the effect, not the attempt."
        ),
        (
            .effectUnknown(key: "k"), "E-AGENT-EFFECT-UNKNOWN",
            "could not begin effect 'k': it was begun before and nobody knows whether it happened. Settle it with 'runner settle'."
        ),
        (
            .effectDenied(key: "k", reason: "the disk is full"), "E-AGENT-EFFECT-DENIED",
            "could not record effect 'k': the disk is full. Do not do it unrecorded."
        ),
        (
            .resultTooLong(key: "k", bytes: 2, limit: 1), "E-AGENT-RESULT",
            "could not record the result of effect 'k': it has 2 bytes and may have 1. Keep it in the workspace, record its name."
        ),
        (.closed, "E-AGENT-CLOSED", "could not ask the runner: this agent has closed its connection. Ask before 'close'."),
    ]) func aFaultSaysWhatToDo(_ fault: AgentFault, _ code: String, _ sentence: String) {
        #expect(fault.code == code)
        #expect(fault.sentence == sentence)
    }
}

/// SHA-256 of "abcd".
private let abcdDigest: [UInt8] = {
    let hex = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"
    return stride(from: 0, to: 64, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) }
}()

/// Counts from 1, by name. Asked only from the fake runner's one thread.
private final class Counter: @unchecked Sendable {
    private var counts: [String: Int] = [:]
    func next(_ name: String) -> Int {
        counts[name, default: 0] += 1
        return counts[name] ?? 0
    }
}
