import AgentModel
import AgentProtocol

/// A runner that answers `hello` with `welcome` at once and nothing else, and writes down what it saw in words.
struct Conversation {
    var session = AgentSession(connectedAt: .start)
    var seen: [String] = []
    /// All that the session wanted sent.
    var sent: [UInt8] = []

    mutating func hear(_ bytes: [UInt8], at now: Moment = .start) {
        for event in session.receive(bytes, at: now) {
            switch event {
            case .hello(_, let version):
                seen.append("hello")
                sent += session.encoded(.welcome(.plain(version: version)))
            case .message(let message): seen.append(message.name)
            case .send(let bytes): sent += bytes
            case .close(let fault): seen.append("close:\(fault.code)")
            case .ignored: seen.append("ignored")
            }
        }
    }

    mutating func hangUp() {
        if let fault = session.finish() { seen.append("end:\(fault.code)") }
    }

    /// Beats arrive merged or not, depending on how the bytes were cut.
    var seenMergingBeats: [String] {
        seen.reduce(into: []) { merged, next in if !(next == "beat" && merged.last == "beat") { merged.append(next) } }
    }
}

extension Moment {
    static let start = Moment(nanoseconds: 1_000_000_000_000)
}

extension Welcome {
    static func plain(version: UInt32 = 1) -> Welcome {
        Welcome(
            version: version, agent: "agent-7", incarnation: 3, restoredFrom: nil, state: nil, stateSchema: nil, slept: nil, changed: [],
            beatEvery: nil)
    }
}

/// SplitMix64: small, and the same numbers for ever.
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
