import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

/// Every byte of a version, flipped, cut off, taken away: found before anything is restored, and nothing else changes.
@Suite struct DamageTests {
    private let damaged = VersionNumber(3)

    /// What was seen of the versions while they were whole.
    private func seen(_ bench: Bench) throws -> VersionMemory {
        var memory = VersionMemory()
        _ = try bench.open().versions(of: agent, remembering: &memory)
        return memory
    }

    private func expectFound(_ bench: Bench, having memory: VersionMemory, _ context: String) throws {
        let store = try bench.open()
        let (stored, worked) = (bench.storeDisk.contents(), bench.workspace.contents())
        let found = try fault { try store.verify(agent, damaged) }
        guard case .broken = found?.kind else {
            Issue.record("not found (\(String(describing: found))): \(context)")
            return
        }
        #expect(try fault { try store.restoreWorkspace(agent, damaged, to: bench.workspace, excluded: []) } != nil, "\(context)")
        let unbroken = try store.versions(of: agent).filter { $0.version != damaged }
        #expect(unbroken.allSatisfy(\.isKnownGood) && unbroken.count == 2, "\(context)")
        var memory = memory
        #expect(try store.versions(of: agent, remembering: &memory) == store.versions(of: agent), "hidden by memory: \(context)")
        #expect(bench.storeDisk.contents() == stored && bench.workspace.contents() == worked, "finding it changed something: \(context)")
    }

    @Test func aFlippedBitAnywhereInAVersionIsFound() throws {
        let base = try Deed.bench()
        let memory = try seen(base)
        var random = SeededRandom(seed: 9)
        for (path, content) in base.files(damaged).sorted(by: { $0.key < $1.key }) {
            for offset in content.indices {
                let bench = base.copy(seed: 1)
                let bit = random.number(below: 8)
                bench.storeDisk.damage(path, offset: offset, bit: bit)
                try expectFound(bench, having: memory, "bit \(bit) of byte \(offset) of '\(path)'")
            }
        }
    }

    @Test func aShortenedLengthenedOrMissingFileIsFound() throws {
        let base = try Deed.bench()
        let memory = try seen(base)
        for (path, content) in base.files(damaged) {
            for size in Set([0, 1, content.count / 2, content.count - 1]) where size >= 0 && size < content.count {
                let bench = base.copy(seed: 1)
                bench.storeDisk.truncate(path, to: size)
                try expectFound(bench, having: memory, "'\(path)' cut off at \(size)")
            }
            for longer in [content + [0], content + content] where longer.count > content.count {
                let bench = base.copy(seed: 1)
                bench.storeDisk.plant(path, longer)
                try expectFound(bench, having: memory, "'\(path)' made longer")
            }
            let bench = base.copy(seed: 1)
            try bench.storeDisk.removeFile(path)
            try expectFound(bench, having: memory, "'\(path)' is missing")
        }
    }

    /// Also when it decays between its verification and its reading.
    @Test func aDecayedStateIsHandedToNobody() throws {
        let bench = try Deed.bench()
        let store = try bench.open()
        let path: DiskPath = "agents/agent-7/versions/2/state"
        let size = try #require(bench.storeDisk.peek(path)).count
        for offset in 0..<size {
            bench.storeDisk.damage(path, offset: offset, bit: offset % 8)
            let kind = try fault { _ = try store.state(agent, VersionNumber(2)) }?.kind
            #expect(kind == .broken(part: "state", how: "its bytes are not what was stored"), "byte \(offset)")
            bench.storeDisk.damage(path, offset: offset, bit: offset % 8)
        }
        #expect(try store.state(agent, VersionNumber(2)).bytes == bench.committed[VersionNumber(2)]?.state)
    }

    @Test func aStrangerOrAChangedKindIsFound() throws {
        let base = try Deed.bench()
        let version: DiskPath = "agents/agent-7/versions/3"
        let changes: [(String, (SimulatedDisk) throws -> Void)] = [
            ("a stranger beside the manifest", { try $0.make(version / "more", "") }),
            ("a stranger in the workspace", { try $0.make(version / "workspace/notes/more", "") }),
            ("a stray directory", { try $0.makeDirectory(version / "workspace/more", mode: 0o700) }),
            ("a pipe", { $0.plantOther(version / "workspace/pipe") }),
            (
                "a link that leads elsewhere",
                {
                    try $0.removeFile(version / "workspace/notes/newest")
                    try $0.makeSymbolicLink(version / "workspace/notes/newest", to: "/etc/passwd")
                }
            ),
            (
                "a file that became a link",
                {
                    try $0.removeFile(version / "workspace/result")
                    try $0.makeSymbolicLink(version / "workspace/result", to: "notes/same")
                }
            ),
            (
                "a state that became a directory",
                {
                    try $0.removeFile(version / "state")
                    try $0.makeDirectory(version / "state", mode: 0o700)
                }
            ),
            ("a lost workspace", { try $0.removeTree(version / "workspace") }),
            (
                "another version under its number",
                {
                    try $0.removeTree(version)
                    try $0.rename("agents/agent-7/versions/1", to: version)
                    try $0.makeDirectory("agents/agent-7/versions/1", mode: 0o700)
                }
            ),
        ]
        for (name, change) in changes {
            let bench = base.copy(seed: 1)
            try change(bench.storeDisk)
            let found = try fault { try bench.open().verify(agent, damaged) }
            guard case .broken = found?.kind else {
                Issue.record("not found: \(name)")
                continue
            }
        }
    }

    /// What lies beside the versions is a hint or can be lost: no version suffers, and no number comes back.
    @Test(arguments: ["numbers", "latest", "known-good", "lock", "restoring"])
    func damageBesideTheVersionsIsHealed(_ name: String) throws {
        let base = try Deed.bench()
        let path = "agents/agent-7" / name
        try base.open().remove(agent, VersionNumber(3))  // its number is told by 'numbers' alone
        base.committed[VersionNumber(3)] = nil
        for size in 0..<(base.files(path)?.count ?? 1) {
            for flips in [true, false] {
                let bench = base.copy(seed: 1)
                if flips { bench.storeDisk.damage(path, offset: size, bit: size) } else { bench.storeDisk.truncate(path, to: size) }
                if base.files(path) == nil { bench.storeDisk.plant(path, bytes("x")) }
                try bench.check("'\(name)' damaged at \(size)")
                try bench.take(9)
                try bench.check("'\(name)' damaged at \(size), and a new version")
            }
        }
    }

    @Test func aDamagedFormatOrIdentityOpensNothingAndChangesNothing() throws {
        let base = try Deed.bench()
        for (path, size) in [("format", 15), ("id", 17)] as [(DiskPath, Int)] {
            for offset in 0..<size {
                for bit in 0..<8 {
                    let bench = base.copy(seed: 1)
                    bench.storeDisk.damage(path, offset: offset, bit: bit)
                    let before = bench.storeDisk.contents()
                    let found = try fault { _ = try bench.open() }
                    // A flipped digit of the identity is another identity: the store's sockets are then looked for elsewhere.
                    guard path != "id" || found != nil else { continue }
                    guard case .format = found?.kind else {
                        Issue.record("'\(path)' byte \(offset) bit \(bit): \(String(describing: found))")
                        continue
                    }
                    #expect(bench.storeDisk.contents() == before)
                }
            }
        }
    }

    @Test func aVersionMarkedBrokenComesBackOnlyWhenItVerifies() throws {
        let bench = try Deed.bench()
        let store = try bench.open()
        bench.storeDisk.damage("agents/agent-7/versions/3/state", offset: 2, bit: 2)
        try store.mark(agent, damaged, .broken, because: "'state': its bytes are not what was stored")
        #expect(try store.versions(of: agent).last?.standing == .broken)
        #expect(bench.link(bench.storeDisk.contents(), "known-good") == VersionNumber(2))
        #expect(bench.link(bench.storeDisk.contents(), "latest") == damaged)
        guard case .broken(let part, _)? = try fault({ try store.mark(agent, damaged, .stored, because: "") })?.kind else {
            Issue.record("a broken version was called stored")
            return
        }
        #expect(part == "state")
        bench.storeDisk.damage("agents/agent-7/versions/3/state", offset: 2, bit: 2)
        try store.mark(agent, damaged, .stored, because: "")
        #expect(try store.versions(of: agent).last?.standing == .stored)
        // A lost standing hides whether it was pinned.
        bench.storeDisk.truncate("agents/agent-7/versions/3/standing", to: 3)
        let lost = try #require(try store.versions(of: agent).last)
        #expect(lost.standing == .broken && lost.pinned && lost.note == "'standing': it does not match its checksum" && lost.step == 3)
        try store.mark(agent, damaged, .proven, because: "verified")
        let healed = try #require(try store.versions(of: agent).last)
        #expect(healed.standing == .proven && healed.pinned)
    }
}

extension Bench {
    /// A file of the store, raw.
    fileprivate func files(_ path: DiskPath) -> [UInt8]? {
        guard case .file(let content)? = storeDisk.contents()[path]?.kind else { return nil }
        return content
    }
}
