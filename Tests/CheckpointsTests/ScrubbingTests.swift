import AgentModel
import OutsideWorld
import Testing

@testable import Checkpoints

/// Reading a version a little at a time finds what reading it at once finds.
@Suite struct ScrubbingTests {
    private func outcome(_ scrubbing: Scrubbing, _ version: VersionNumber) -> Scrubbing.Outcome {
        // Stopped after every piece.
        for _ in 0..<10_000 {
            var pieces = 0
            let outcome = scrubbing.work(version) {
                pieces += 1
                return pieces < 2
            }
            if outcome != .goesOn { return outcome }
        }
        return .goesOn
    }

    @Test func aWholeVersionIsWhole() throws {
        let bench = try Bench(seed: 3)
        let scrubbing = Scrubbing(of: agent, in: try bench.open())
        for step in UInt64(1)...3 {
            let version = try bench.take(step)
            #expect(outcome(scrubbing, version) == .whole)
        }
        let gone = VersionNumber(99)
        guard case .unknown = outcome(scrubbing, gone) else {
            Issue.record("a version that is not there")
            return
        }
    }

    /// Any byte of any file.
    @Test func everyFlippedByteIsFound() throws {
        let bench = try Bench(seed: 4)
        let version = try bench.take(1)
        let store = try bench.open()
        let root = try #require(DiskPath("agents/agent-7/versions/\(version)"))
        var found = 0
        for (path, content) in bench.files(version) where !content.isEmpty {
            for position in Set([0, content.count / 2, content.count - 1]) {
                var changed = content
                changed[position] ^= 0x10
                try bench.storeDisk.replace(path, with: changed)
                let outcome = outcome(Scrubbing(of: agent, in: store), version)
                if case .damaged = outcome { found += 1 } else { Issue.record("\(path) at \(position): \(outcome)") }
                #expect(throws: StoreFault.self) { try store.verify(agent, version) }
                try bench.storeDisk.replace(path, with: content)
            }
        }
        #expect(found > 8 && outcome(Scrubbing(of: agent, in: store), version) == .whole && root.text.isEmpty == false)
    }

    @Test func packsAreRead() throws {
        let bench = try Bench(seed: 5)
        let store = try bench.open()
        let version = try bench.take(1)
        _ = try store.pack(agent, version)
        let scrubbing = Scrubbing(of: agent, in: store)
        let pack = try #require(scrubbing.packs().first)
        #expect(scrubbing.work(pack: pack) == .whole && scrubbing.work(pack: "of nobody") == .whole)
        let path = try #require(DiskPath("agents/agent-7/packs/\(pack)"))
        var bytes = try bench.storeDisk.read(path, limit: .mebibytes(64))
        bytes[bytes.count / 3] ^= 1
        try bench.storeDisk.replace(path, with: bytes)
        guard case .damaged = scrubbing.work(pack: pack) else {
            Issue.record("a damaged pack was not found")
            return
        }
    }
}
