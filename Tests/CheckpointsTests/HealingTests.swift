import AgentModel
import Checkpoints
import Digests
import OutsideWorld
import SimulatedWorld
import Testing

/// Damage that another copy heals, and what a copy may not do to a store.
@Suite struct HealingTests {
    private let directory: DiskPath = "agents/agent-7"

    /// Versions 1 to 4, the last with images; all in packs and thinned out, and a whole copy of them.
    private func bench() throws -> (bench: Bench, remote: SimulatedDisk) {
        let bench = try Deed.bench()
        try bench.takeWithImages(4)
        let store = try bench.open()
        for version in bench.seen.sorted() {
            try store.pack(agent, version)
            try store.thin(agent, version)
        }
        let remote = SimulatedDisk(seed: 5, rootName: "/remote")
        let look = try store.openLook(for: "sync") { "look" }
        let copy = CopyOut(of: store, by: DirectoryCarrier(remote))
        try copy.open(in: look)
        #expect(try copy.send(agent, in: look).sent == bench.seen.sorted())
        store.close(look)
        bench.storeDisk.syncAll()
        remote.syncAll()
        return (bench, remote)
    }

    private func heal(_ bench: Bench, from remote: SimulatedDisk) throws -> (packs: [String: Healing.Outcome], versions: [Healing.Outcome])
    {
        let store = try bench.open()
        let healing = try Healing(agent, of: store, from: DirectoryCarrier(remote), stagingID: "heal")
        defer { healing.close() }
        let packs = try healing.healPacks()
        return (packs, try bench.seen.sorted().map { version in try healing.heal(version) })
    }

    private func isWhole(_ bench: Bench) throws -> Bool {
        let store = try bench.open()
        for version in bench.seen {
            if try fault({ try store.verify(agent, version) }) != nil { return false }
            if try fault({ try store.verifyPacked(agent, version) }) != nil { return false }
        }
        return try store.verifyPacks(agent).allSatisfy { $0.damage == nil }
    }

    /// What a version gives is what was stored.
    private func holds(_ bench: Bench, _ context: String) throws {
        let store = try bench.open()
        for (version, content) in bench.committed {
            #expect(try store.state(agent, version).bytes == content.state, "\(context)")
            let place = SimulatedDisk(seed: 7, rootName: "/elsewhere")
            try store.restoreWorkspace(agent, version, to: place, excluded: [])
            #expect(Set(place.contents().keys) == Set(content.workspace.keys), "\(context)")
        }
        #expect(try store.versions(of: agent).allSatisfy { $0.standing.isKnownGood }, "\(context)")
    }

    private func storedFiles(_ bench: Bench) -> [DiskPath] {
        bench.storeDisk.contents().compactMap { path, content in
            guard case .file(let bytes) = content.kind, !bytes.isEmpty else { return nil }
            return path.isBelow(directory / "versions") || path.isBelow(directory / "packs") ? path : nil
        }.sorted()
    }

    @Test func aChangedByteAnywhereIsFoundAndHealed() throws {
        let (whole, remote) = try bench()
        #expect(try isWhole(whole))
        for path in storedFiles(whole) {
            let size = try #require(whole.storeDisk.peek(path)).count
            for offset in Set([0, 1, size / 3, size / 2, size - 1]).sorted() where offset < size {
                let bench = whole.copy(seed: 1)
                _ = bench.storeDisk.damage(path, offset: offset, bit: offset % 8)
                let found = try !isWhole(bench)
                #expect(found, "\(path) at \(offset) is not found")
                let outcomes = try heal(bench, from: remote)
                #expect(outcomes.versions.allSatisfy { $0 == .healed }, "\(path) at \(offset): \(outcomes)")
                #expect(outcomes.packs.values.allSatisfy { $0 == .healed }, "\(path) at \(offset): \(outcomes)")
                #expect(try isWhole(bench), "\(path) at \(offset) is not healed")
                try holds(bench, "\(path) at \(offset)")
            }
        }
    }

    @Test func whatIsMissingIsHealed() throws {
        let (whole, remote) = try bench()
        for path in storedFiles(whole) {
            let bench = whole.copy(seed: 1)
            try bench.storeDisk.removeFile(path)
            _ = try heal(bench, from: remote)
            let store = try bench.open()
            for version in bench.seen { try store.verify(agent, version) }
            try holds(bench, "\(path) was missing")
        }
    }

    @Test func whatBothLostIsNamedAndLeftAlone() throws {
        let (bench, remote) = try bench()
        for disk in [bench.storeDisk, remote] {
            for name in disk.peekNames(directory / "packs") { _ = disk.damage(directory / "packs" / name, offset: 30, bit: 2) }
        }
        let outcomes = try heal(bench, from: remote)
        for outcome in outcomes.packs.values { #expect(outcome != .healed) }
        #expect(outcomes.versions.contains { if case .beyond(let why) = $0 { !why.isEmpty } else { false } })
    }

    @Test func aCopyOfAnotherVersionHealsNothing() throws {
        let (bench, _) = try bench()
        let (stranger, remote) = try self.bench()
        for name in ["seal", "manifest.json"] {
            let path: DiskPath = directory / "versions/1" / name
            bench.storeDisk.plant(path, try #require(bench.storeDisk.peek(directory / "versions/2" / name)))
        }
        #expect(try heal(bench, from: remote).versions.first == .beyond("the other copy has another version of that number"))
        #expect(!stranger.seen.isEmpty)
    }

    // MARK: Mending a remote

    private func sync(_ bench: Bench, to remote: SimulatedDisk) throws -> CopyOutReport {
        let store = try bench.open()
        let look = try store.openLook(for: "sync") { "look" }
        defer { store.close(look) }
        let copy = CopyOut(of: store, by: DirectoryCarrier(remote))
        try copy.open(in: look)
        return try copy.send(agent, in: look)
    }

    /// What 'store check' advises: remove it there, and sync again.
    @Test func whatWasRemovedThereIsSentAgain() throws {
        let (bench, whole) = try bench()
        let versions = bench.seen.sorted()
        #expect(try sync(bench, to: whole.copy(seed: 1)).present == versions)
        for (path, content) in whole.contents() {
            guard case .file(let bytes) = content.kind, path.isBelow(directory) else { continue }
            let remote = whole.copy(seed: 1)
            try remote.removeFile(path)
            let report = try sync(bench, to: remote)
            #expect(report.sent.count + report.present.count == versions.count, "\(path)")
            #expect(remote.peek(path) == bytes, "\(path) is not there again")
            #expect(try take(from: remote, versions, context: "\(path) was sent again") == nil)
            guard path.isBelow(directory / "packs") else { continue }
            #expect(!report.sent.isEmpty && report.bytes >= UInt64(bytes.count), "\(path)")
            // Nor is one there that is shorter.
            _ = remote.truncate(path, to: bytes.count / 2)
            #expect(try !sync(bench, to: remote).sent.isEmpty, "\(path), cut off")
            #expect(remote.peek(path) == bytes, "\(path), cut off")
            #expect(try sync(bench, to: remote).present == versions)
        }
    }

    // MARK: A remote that means harm

    /// Takes all of it into a new store. - Returns: what it was refused with; the store must be as it was.
    private func take(from remote: SimulatedDisk, _ versions: [VersionNumber], context: String) throws -> CopyFault? {
        let disk = SimulatedDisk(seed: 9, rootName: "/other")
        let store = try CheckpointStore.open(disk, create: true) { "fedcba9876543210" }
        try store.addAgent(agent)
        var refusal: CopyFault?
        do { try CopyIn(of: store, by: DirectoryCarrier(remote)).take(agent, versions, as: nil, stagingID: "in") { _ in } } catch {
            refusal = error
        }
        for summary in try store.versions(of: agent) { try store.verify(agent, summary.version) }
        #expect(disk.peekNames("staging").isEmpty, "\(context) leaves something behind")
        return refusal
    }

    @Test func whatIsNotWholeThereIsNotTakenIn() throws {
        let (bench, whole) = try bench()
        let last = try #require(bench.seen.max())
        for (path, content) in whole.contents() {
            guard case .file(let bytes) = content.kind, path.isBelow(directory) else { continue }
            let isNeeded = path.isBelow(directory / "versions/\(last)") || path.isBelow(directory / "packs")
            for change in 0..<3 {
                let remote = whole.copy(seed: 1)
                switch change {
                case 0: _ = remote.truncate(path, to: bytes.count / 2)
                case 1: _ = remote.damage(path, offset: bytes.count / 2, bit: 3)
                default: remote.plant(path, bytes + bytes)
                }
                let refusal = try take(from: remote, bench.seen.sorted(), context: "\(path), change \(change)")
                if isNeeded, !path.name.hasPrefix("standing-") { #expect(refusal != nil, "\(path), change \(change)") }
            }
        }
        #expect(try take(from: whole, bench.seen.sorted(), context: "all of it") == nil)
    }

    @Test func aHugeManifestIsNotFetched() throws {
        let (_, remote) = try bench()
        let path: DiskPath = directory / "versions/1/manifest.json"
        remote.plant(path, [UInt8](repeating: 32, count: 3 << 20))
        let refusal = try take(from: remote, [VersionNumber(1)], context: "a huge manifest")
        guard case .remote(_, let how)? = refusal else { return #expect(Bool(false), "\(String(describing: refusal))") }
        #expect(how.contains("more than the 1.0 MB"))
    }

    /// Whole by its seal, and with a map that goes on for ever.
    @Test(arguments: [UInt64.max, 1 << 60, 1 << 49])
    func aVersionThatFitsNowhereIsNotFetched(size: UInt64) throws {
        let (_, remote) = try bench()
        let version = directory / "versions/1"
        let manifest = String(decoding: try #require(remote.peek(version / "manifest.json")), as: UTF8.self)
        let parts = manifest.split(separator: "\"contentSize\":", maxSplits: 1)
        try #require(parts.count == 2)
        let huge = bytes("\(parts[0])\"contentSize\":\(size)\(parts[1].drop { $0.isNumber })")
        remote.plant(version / "manifest.json", huge)
        remote.plant(version / "seal", bytes(hexadecimal(SHA256.digest(of: huge)) + "\n"))
        for name in remote.peekNames(version) where name.hasPrefix("packs-") { try remote.removeFile(version / name) }
        switch try take(from: remote, [VersionNumber(1)], context: "a version of \(size) bytes") {
        case .remote(_, let how): #expect(how.contains("more than") && size > 1 << 50)
        case .store(let fault):
            guard case .full = fault.kind else { return #expect(Bool(false), "\(fault)") }
            #expect(size < 1 << 50)
        case let other: #expect(Bool(false), "\(String(describing: other))")
        }
    }

    @Test func aNumberThatIsTakenHereIsRefused() throws {
        let (bench, remote) = try bench()
        let other = try Bench(seed: 1)
        try other.work(9)
        try other.take(9)
        let store = try other.open()
        let copy = CopyIn(of: store, by: DirectoryCarrier(remote))
        #expect(throws: CopyFault.other(version: "agent-7@1", there: "this store")) {
            try copy.take(agent, bench.seen.sorted(), as: nil, stagingID: "in") { _ in }
        }
        try other.check("after a refusal")
        // Under another name it is no trouble.
        try store.addAgent(named("twin"))
        try copy.take(agent, [VersionNumber(2)], as: named("twin"), stagingID: "as") { taken in
            #expect(taken.agent == named("twin") && taken.number == VersionNumber(1))
        }
        try store.verify(named("twin"), VersionNumber(1))
    }
}
