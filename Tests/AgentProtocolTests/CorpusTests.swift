import AgentModel
import AgentProtocol
import Testing

/// A peer may send anything. Nothing crashes, every fault has a name, and memory stays bounded.
struct CorpusTests {
    @Test func theCorpusIsThere() {
        #expect(CorpusFile.all.count >= 50)
    }

    @Test(arguments: CorpusFile.all) func whatComesOfItIsWhatTheFileSays(_ file: CorpusFile) {
        var conversation = Conversation()
        for piece in file.pieces { conversation.hear(piece) }
        conversation.hangUp()
        #expect(conversation.seen == file.expected)
    }

    @Test(arguments: CorpusFile.all) func oneByteAtATimeComesToTheSame(_ file: CorpusFile) {
        var conversation = Conversation()
        for byte in file.bytes { conversation.hear([byte]) }
        conversation.hangUp()
        #expect(conversation.seenMergingBeats == file.expected)
    }

    @Test(arguments: CorpusFile.all) func cutAtAnyByteItIsABeginningOfTheSame(_ file: CorpusFile) {
        let expected = file.expected.filter { !$0.hasPrefix("end:") }
        var whole = Conversation()
        for (length, byte) in file.bytes.enumerated() {
            // A session is a value: this one hangs up here, the other goes on.
            var cut = whole
            #expect(expected.starts(with: cut.seenMergingBeats), "cut at \(length)")
            cut.hangUp()
            if cut.seen.count > whole.seen.count { #expect(cut.seen.last == "end:E-PROTOCOL-TRUNCATED") }
            whole.hear([byte])
        }
    }

    @Test func connectionsInterleavedDoNotTouchEachOther() {
        var numbers = SeededNumbers(state: 7)
        var conversations = CorpusFile.all.map { _ in Conversation() }
        var rest = CorpusFile.all.map { ArraySlice($0.bytes) }
        while let index = rest.indices.filter({ !rest[$0].isEmpty }).randomElement(using: &numbers) {
            let count = Int.random(in: 1...40, using: &numbers)
            // A welcome must be able to come between; so pieces end where hello ends.
            let upToHello = conversations[index].seen.isEmpty ? 1 : count
            conversations[index].hear(Array(rest[index].prefix(upToHello)))
            rest[index] = rest[index].dropFirst(upToHello)
        }
        for (file, conversation) in zip(CorpusFile.all, conversations) {
            let expected = file.expected.filter { !$0.hasPrefix("end:") }
            #expect(conversation.seenMergingBeats == expected, "\(file.name)")
        }
    }

    /// 10,000 frames of noise, of mutated good frames and of good frames with wrong lengths, over 500 seeds.
    @Test func randomFramesAreHarmless() {
        let frames = CorpusFile.all.flatMap(\.pieces)
        var codes: Set<String> = []
        for seed in 0..<500 {
            var numbers = SeededNumbers(state: UInt64(seed))
            var conversation = Conversation()
            conversation.hear(AgentMessage.hello(Hello(sdk: "noise")).framed())
            for _ in 0..<20 { conversation.hear(noise(like: frames, &numbers)) }
            conversation.hangUp()
            for word in conversation.seen where word.hasPrefix("close:") || word.hasPrefix("end:") {
                #expect(word.contains(":E-PROTOCOL-"))
                codes.insert(word)
            }
            #expect(conversation.seen.filter { $0.hasPrefix("close:") }.count <= 1)
        }
        #expect(codes.count >= 6, "noise that finds only \(codes) is not noise")
    }

    private func noise(like frames: [[UInt8]], _ numbers: inout SeededNumbers) -> [UInt8] {
        switch Int.random(in: 0..<4, using: &numbers) {
        case 0:
            let body = (0..<Int.random(in: 0...200, using: &numbers)).map { _ in UInt8.random(in: 0...255, using: &numbers) }
            return [UInt8(body.count), 0, 0, 0] + body
        case 1: return (0..<Int.random(in: 1...50, using: &numbers)).map { _ in UInt8.random(in: 0...255, using: &numbers) }
        case 2:
            var frame = frames.randomElement(using: &numbers) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &numbers) {
                if let index = frame.indices.dropFirst(4).randomElement(using: &numbers) {
                    frame[index] ^= 1 << UInt8.random(in: 0..<8, using: &numbers)
                }
            }
            return frame
        default:
            return (AgentMessage.beat(Beat(step: numbers.next(), note: "n")).framed())
        }
    }

    @Test func aLongFrameIsHeldOnceAndALongerOneNotAtAll() throws {
        var reader = FrameReader()
        reader.push([0, 0, 17, 0])
        #expect(try reader.next() == nil)
        for _ in 0..<17 {
            #expect(try reader.next() == nil)
            reader.push([UInt8](repeating: 0, count: 64 << 10))
            #expect(reader.pending <= ProtocolLimits.frame + 4)
        }
        #expect(try reader.next()?.count == ProtocolLimits.frame)
        #expect(reader.pending == 0)
        reader.push([1, 0, 17, 0])
        #expect(throws: ProtocolFault.frameTooLong(bytes: ProtocolLimits.frame + 1)) { try reader.next() }
    }
}
