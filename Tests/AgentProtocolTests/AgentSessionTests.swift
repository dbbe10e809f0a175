import AgentModel
import AgentProtocol
import Testing

struct AgentSessionTests {
    private static let point = SafePoint(state: .inline([1]))
    private static let first = ProtocolLimits.firstRunnerRequest

    private func welcomed() -> Conversation {
        var conversation = Conversation()
        conversation.hear(AgentMessage.hello(Hello(sdk: "t")).framed())
        return conversation
    }

    @Test func whoSaysNothingIsClosedWhenTheTimeIsOver() {
        var session = AgentSession(connectedAt: .start)
        #expect(session.deadline == .start + .seconds(5))
        #expect(session.tick(at: .start + .seconds(4)) == [])
        let events = session.tick(at: .start + .seconds(5))
        #expect(events.last == .close(.helloLate(after: .seconds(5))))
        #expect(session.deadline == nil)
        #expect(session.receive(AgentMessage.hello(Hello(sdk: "t")).framed(), at: .start) == [])
        #expect(welcomed().session.deadline == nil)
    }

    @Test(arguments: [
        (UInt32(1), UInt32(1), UInt32(1)), (1, 4, 2), (2, 9, 2), (3, 4, nil),
    ]) func theNewestCommonVersionIsTaken(_ oldest: UInt32, _ newest: UInt32, _ agreed: UInt32?) {
        var session = AgentSession(connectedAt: .start, versions: 1...2)
        let hello = Hello(oldest: oldest, newest: newest, sdk: "t")
        let events = session.receive(AgentMessage.hello(hello).framed(), at: .start)
        if let agreed {
            #expect(events == [.hello(hello, version: agreed)])
        } else {
            #expect(events.last == .close(.noCommonVersion(agent: oldest...newest, runner: 1...2)))
        }
    }

    @Test func aFaultIsToldToThePeerInOneSentence() throws {
        var conversation = Conversation()
        conversation.hear(AgentMessage.pong(1).framed())
        var reader = FrameReader()
        reader.push(conversation.sent)
        let frame = try #require(try reader.next())
        #expect(
            try RunnerMessage(frame: frame)
                == .refusal(
                    code: "E-PROTOCOL-HELLO-FIRST",
                    reason: "could not accept 'pong': the first message must be 'hello'. Say it at once after connecting."))
    }

    /// What the runner sent, what the agent then says, and what comes of the last message.
    @Test(
        arguments: [
            ([], [AgentMessage.prepared(request: first, point)], "close:E-PROTOCOL-NOT-ASKED"),
            ([RunnerMessage.prepare(request: first, deadline: .zero, reason: .schedule)], [.prepared(request: first, point)], "prepared"),
            ([.prepare(request: first, deadline: .zero, reason: .schedule)], [.refused(request: first, reason: "no")], "refused"),
            (
                [.prepare(request: first, deadline: .zero, reason: .schedule)], [.prepared(request: first + 1, point)],
                "close:E-PROTOCOL-NOT-ASKED"
            ),
            (
                [.prepare(request: first, deadline: .zero, reason: .schedule), .resume(request: first)], [.prepared(request: first, point)],
                "ignored"
            ),
            (
                [.prepare(request: first, deadline: .zero, reason: .stop), .aborted(request: first, reason: "")],
                [.refused(request: first, reason: "no")], "ignored"
            ),
            (
                [.prepare(request: first, deadline: .zero, reason: .stop)],
                [.prepared(request: first, point), .prepared(request: first, point)], "ignored"
            ),
            ([], [.save(request: 1, point), .beat(Beat()), .save(request: 2, point)], "close:E-PROTOCOL-FLOOD"),
            ([], [.effectEnd(request: 1, key: "k", result: [])], "effect_end"),
        ] as [([RunnerMessage], [AgentMessage], String)]) func answersMustHaveBeenAskedFor(
            _ sent: [RunnerMessage], _ said: [AgentMessage], _ result: String
        )
    {
        var conversation = welcomed()
        for message in sent { _ = conversation.session.encoded(message) }
        for message in said { conversation.hear(message.framed()) }
        #expect(conversation.seen.last == result)
    }

    @Test func anAnsweredRequestMakesRoomForTheNext() {
        var conversation = welcomed()
        for round in UInt64(1)...200 {
            conversation.hear(AgentMessage.effectBegin(request: round, key: "k", description: "", idempotent: false).framed())
            #expect(!conversation.session.encoded(.effectResult(request: round, .proceed)).isEmpty)
            #expect(conversation.session.encoded(.effectResult(request: round, .proceed)).isEmpty, "nobody asked twice")
        }
        conversation.hear(AgentMessage.save(request: 300, Self.point).framed())
        _ = conversation.session.encoded(.resume(request: 300))
        _ = conversation.session.encoded(.committed(request: 300, version: VersionNumber(1)))
        conversation.hear(AgentMessage.save(request: 301, Self.point).framed())
        #expect(conversation.seen.last == "save")
        #expect(conversation.session.isOpen)
    }

    @Test func beatsThatComeTogetherKeepTheNewestOfEachField() {
        var session = welcomed().session
        let beats = [Beat(step: 1, note: "a"), Beat(progress: 0.5), Beat(step: 2, tokens: 9)]
        let events = session.receive(beats.flatMap { AgentMessage.beat($0).framed() }, at: .start)
        #expect(events == [.message(.beat(Beat(step: 2, progress: 0.5, note: "a", tokens: 9)))])
    }

    @Test func onlyHarmlessMessagesMayComeBeforeWelcome() {
        for (message, code) in [
            (AgentMessage.beat(Beat()), nil), (.turn(waiting: true), nil), (.done(note: nil), "E-PROTOCOL-BEFORE-WELCOME"),
        ] as [(AgentMessage, String?)] {
            var session = AgentSession(connectedAt: .start)
            let events = session.receive(AgentMessage.hello(Hello(sdk: "t")).framed() + message.framed(), at: .start)
            if case .close(let fault)? = events.last { #expect(fault.code == code) } else { #expect(code == nil) }
        }
    }

    @Test func nothingIsSentOnceClosed() {
        var session = welcomed().session
        #expect(session.refuse(.occupied).last == .close(.occupied))
        #expect(session.isClosed)
        #expect(session.encoded(.ping(1)) == [])
    }
}

struct CurrentConnectionTests {
    @Test func oneConnectionCountsAndOnlyItsOwnSuccessorTakesOver() {
        var door = CurrentConnection<Int>()
        #expect(door.admit(1, Hello(sdk: "t"), incarnation: 5) == .admitted)
        #expect(door.admit(2, Hello(sdk: "t"), incarnation: 5) == .refused(.occupied))
        #expect(door.admit(3, Hello(sdk: "t", resumes: 4), incarnation: 5) == .refused(.occupied))
        #expect(door.current == 1)
        #expect(door.admit(4, Hello(sdk: "t", resumes: 5), incarnation: 5) == .takesOver(from: 1))
        door.closed(1)
        #expect(door.current == 4)
        door.closed(4)
        #expect(door.admit(5, Hello(sdk: "t", resumes: 4), incarnation: 5) == .admitted, "restored from an image of incarnation 4")
        #expect(CurrentConnection<Int>.refusal(isInside: false) == .stranger)
        #expect(CurrentConnection<Int>.refusal(isInside: true) == nil)
        #expect(CurrentConnection<Int>.refusal(isInside: nil) == nil)
    }
}
