import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

/// Every byte of packs and of lists of chunks, changed, cut off and taken away.
@Suite struct PackDamageTests {
    private let directory: DiskPath = "agents/agent-7"

    /// Versions 1 to 4, the last with images; all of them in packs.
    private func bench(thinned: Bool = true) throws -> Bench {
        let bench = try Deed.bench()
        try bench.takeWithImages(4)
        let store = try bench.open()
        for version in bench.seen.sorted() {
            try store.pack(agent, version)
            if thinned { try store.thin(agent, version) }
        }
        bench.storeDisk.syncAll()
        return bench
    }

    private func packs(_ bench: Bench) -> [DiskPath] {
        bench.storeDisk.peekNames(directory / "packs").sorted().map { directory / "packs" / $0 }
    }

    private func isBroken(_ bench: Bench, _ version: VersionNumber) throws -> Bool {
        guard case .broken? = try fault({ try bench.open().verify(agent, version) })?.kind else { return false }
        return true
    }

    /// What a version gives is what was stored, or a refusal.
    private func givesNothingElse(_ bench: Bench, _ context: String) throws {
        let store = try bench.open()
        for (version, content) in bench.committed {
            var given: [UInt8]?
            let refusal = try fault { given = try store.state(agent, version).bytes }
            if let refusal, case .broken = refusal.kind { continue }
            #expect(given == content.state, "\(context)")
        }
    }

    @Test func whatIsWholeIsWhole() throws {
        let bench = try bench()
        let store = try bench.open()
        for version in bench.seen {
            try store.verify(agent, version)
            try store.verifyPacked(agent, version)
            #expect(bench.files(version).keys.map(\.name).sorted() == ["chunks", "manifest.json", "seal", "standing"])
        }
        #expect(try store.verifyPacks(agent).allSatisfy { $0.damage == nil } && !packs(bench).isEmpty)
    }

    @Test func everyChangedByteOfAPackIsFound() throws {
        let whole = try bench()
        for path in packs(whole) {
            let size = try #require(whole.storeDisk.peek(path)).count
            for offset in 0..<size {
                let bench = whole.copy(seed: 1)
                #expect(bench.storeDisk.damage(path, offset: offset, bit: offset % 8))
                let context = "byte \(offset) of \(path)"
                #expect(try bench.open().verifyPacks(agent).contains { $0.damage != nil }, "\(context)")
                #expect(try bench.seen.contains { try isBroken(bench, $0) }, "\(context)")
                if offset % 7 == 0 { try givesNothingElse(bench, context) }
            }
        }
    }

    @Test func aPackThatIsGoneOrCutOffIsFound() throws {
        let whole = try bench()
        for path in packs(whole) {
            for length in [0, 1, 14, 62, 100] + [try #require(whole.storeDisk.peek(path)).count - 1] {
                let bench = whole.copy(seed: 1)
                let rest = Array(try #require(bench.storeDisk.peek(path)).prefix(length))
                try bench.storeDisk.removeFile(path)
                if length > 0 { bench.storeDisk.plant(path, rest) }
                #expect(try bench.seen.contains { try isBroken(bench, $0) }, "\(path), \(length) bytes")
                try givesNothingElse(bench, "\(path), \(length) bytes")
            }
        }
    }

    @Test func everyChangedByteOfAListOfChunksIsFound() throws {
        let whole = try bench()
        for version in whole.seen {
            let path = directory / "versions" / "\(version)" / "chunks"
            let size = try #require(whole.storeDisk.peek(path)).count
            for offset in 0..<size {
                let bench = whole.copy(seed: 1)
                #expect(bench.storeDisk.damage(path, offset: offset, bit: offset % 8))
                #expect(try isBroken(bench, version), "byte \(offset) of \(path)")
            }
        }
    }

    /// The only whole copy is not thrown away for a damaged one.
    @Test func plainFilesOutliveADamagedPack() throws {
        let bench = try bench(thinned: false)
        for path in packs(bench) { #expect(bench.storeDisk.damage(path, offset: 20, bit: 0)) }
        for version in bench.seen {
            guard case .damagedPack? = try fault({ try bench.open().thin(agent, version) })?.kind else {
                Issue.record("version \(version) was thinned out")
                continue
            }
            try bench.open().verify(agent, version)
            guard case .broken? = try fault({ try bench.open().verifyPacked(agent, version) })?.kind else {
                Issue.record("what is in packs of version \(version) is taken for whole")
                continue
            }
        }
    }

    @Test func aVersionThatWasNeverPackedHasNothingInPacks() throws {
        let bench = try Deed.bench()
        #expect(try fault { try bench.open().verifyPacked(agent, VersionNumber(1)) }?.kind == .noSuchPart("chunks"))
        try bench.open().thin(agent, VersionNumber(1))
        try bench.open().verify(agent, VersionNumber(1))
    }
}
