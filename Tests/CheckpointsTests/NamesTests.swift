import AgentModel
import Digests
import OutsideWorld
import SimulatedWorld
import Testing

@testable import Checkpoints

/// Files of a workspace with more than one name in it.
@Suite struct NamesTests {
    private let long = String(repeating: "long ", count: 20_000)

    /// 'a', 'd/b' and 'e' are one file; 'f' has the same content.
    private func bench() throws -> Bench {
        let bench = try Bench(seed: 1)
        try bench.workspace.make("a", long, mode: 0o640)
        try bench.workspace.setAttribute("user.note", of: "a", to: bytes("hi"))
        try bench.workspace.makeDirectory("d", mode: 0o700)
        try bench.workspace.makeLink("d/b", to: "a")
        try bench.workspace.makeLink("e", to: "d/b")
        try bench.workspace.make("f", long)
        return bench
    }

    private func told(_ plan: WorkspaceRestorePlan) -> [String] {
        plan.steps.map { "\($0.change) \($0.path)" + ($0.same.map { " = \($0)" } ?? "") }
    }

    private func expectRestored(_ bench: Bench, _ version: VersionNumber, _ context: String = "") throws {
        let wanted = try #require(bench.committed[version]).workspace
        #expect(comparable(bench.workspace.contents()) == comparable(wanted), "\(context)")
        #expect(try bench.open().planRestore(agent, version, to: bench.workspace, excluded: []).steps.isEmpty, "\(context)")
    }

    /// Who knows format 1 alone would look for a file that is stored under another name: it must refuse the store before it looks.
    @Test func aStoreOfTheFirstFormatIsOneNoMoreBeforeAnotherVersionIsIn() throws {
        let bench = try bench()
        _ = try bench.open()
        try bench.storeDisk.replace("format", with: bytes("runner-store 1\n"))
        let store = try bench.open()
        #expect(bench.storeDisk.peek("format") == bytes("runner-store 1\n"))
        let staged = try store.cut(bench.request(1), stagingID: "s")
        #expect(bench.storeDisk.peek("format") == bytes("runner-store 1\n"))
        let done = try bench.storeDisk.trace { _ = try store.commit(staged) }.filter { $0.name == "rename" }.map(\.path)
        #expect(bench.storeDisk.peek("format") == bytes("runner-store 2\n"))
        let raised = try #require(done.firstIndex(of: "format.new"))
        let published = try #require(done.firstIndex { $0.hasPrefix("staging/") })
        #expect(raised < published)
    }

    /// A second name takes no room, a copy in its stead does: told before anything is touched.
    @Test(arguments: [true, false]) func namesThatCannotBeMadeMustHaveRoom(canBeMade: Bool) throws {
        let bench = try bench()
        let version = try bench.take(1)
        let store = try bench.open()
        let place = SimulatedDisk(seed: 2, rootName: "/elsewhere")
        place.setAbilities(attributes: true, links: canBeMade)
        // 'a' and 'f', and one of them beside.
        place.setCapacity(ByteCount(350_000))
        if canBeMade {
            try store.restoreWorkspace(agent, version, to: place, excluded: [])
            #expect(try place.entry(at: "a")?.number == place.entry(at: "e")?.number && place.entry(at: "e") != nil)
            #expect(try place.names(in: nil).sorted() == ["a", "d", "e", "f"])
            return
        }
        let before = place.contents()
        let found = try fault { try store.restoreWorkspace(agent, version, to: place, excluded: []) }
        #expect(found?.kind == .full(needed: ByteCount(500_000), free: ByteCount(350_000)))
        #expect(place.contents() == before)
        #expect(try store.unfinishedRestore(agent) == nil)
        place.setCapacity(ByteCount(550_000))
        try store.restoreWorkspace(agent, version, to: place, excluded: [])
        #expect(try place.read("d/b", limit: .mebibytes(1)) == bytes(long) && place.entry(at: "d/b")?.hasOtherNames == false)
    }

    @Test func aFileIsStoredOnceAndComesBackWithAllItsNames() throws {
        let bench = try bench()
        let version = try bench.take(1)
        let store = try bench.open()
        let files = try store.files(agent, version)
        #expect(files.map { "\($0.path) \($0.same?.text ?? "-")" } == ["a -", "d -", "d/b a", "e a", "f -"])
        #expect(try store.manifest(agent, version).workspace?.contentSize == 200_000)
        #expect(bench.files(version).keys.filter { $0.text.contains("/workspace/") }.map(\.name).sorted() == ["a", "f"])
        for (name, isPacked) in [("plain", false), ("packed", true)] {
            if isPacked {
                try store.pack(agent, version)
                try store.verifyPacked(agent, version)
                try store.thin(agent, version)
            }
            try store.verify(agent, version)
            #expect(try store.file(agent, version, "d/b").file.read(5) == bytes("long "))
            for path in ["a", "d", "e", "f"] { try bench.workspace.removeTree(DiskPath(stringLiteral: path)) }
            #expect(
                told(try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: []))
                    == ["added a", "added d", "added d/b = a", "added e = a", "added f"])
            try expectRestored(bench, version, name)
        }
    }

    @Test func whatIsNamedOtherwiseIsNamedAsItWas() throws {
        let bench = try bench()
        let version = try bench.take(1)
        let store = try bench.open()
        let changes: [(String, [String], (SimulatedDisk) throws -> Void)] = [
            (
                "a name is gone", ["time d", "added d/b = a"], { disk in try disk.removeFile("d/b") }
            ),
            (
                "one is a file of its own, with the same content", ["time d", "names d/b = a"],
                { disk in
                    try disk.removeFile("d/b")
                    try disk.make("d/b", long, mode: 0o640)
                }
            ),
            (
                "one is another file", ["changed e = a"],
                { disk in
                    try disk.removeFile("e")
                    try disk.make("e", "other")
                }
            ),
            (
                "the first is another file", ["changed a", "names d/b = a", "names e = a"],
                { disk in
                    try disk.removeFile("a")
                    try disk.make("a", "other")
                }
            ),
            (
                "all of it was written", ["changed a", "changed d/b = a", "changed e = a"],
                { disk in try disk.open("a", .append(mode: 0o600)).write(bytes("more")) }
            ),
            (
                "two that were separate are one", ["changed f"],
                { disk in
                    try disk.removeFile("f")
                    try disk.makeLink("f", to: "e")
                }
            ),
            (
                "its time is another", ["changed a", "names d/b = a", "names e = a"],
                { disk in try disk.setModified("e", WallTime(seconds: 5)) }
            ),
            ("it has a name more", ["removed g"], { disk in try disk.makeLink("g", to: "e") }),
            (
                "a directory is in its place", ["changed e = a"],
                { disk in
                    try disk.removeFile("e")
                    try disk.makeDirectory("e", mode: 0o700)
                }
            ),
            (
                "the names were turned round", ["changed f", "changed a", "names d/b = a"],
                { disk in
                    try disk.rename("f", to: "t")
                    try disk.rename("a", to: "f")
                    try disk.rename("t", to: "a")
                }
            ),
        ]
        for (name, steps, change) in changes {
            try change(bench.workspace)
            let plan = try store.planRestore(agent, version, to: bench.workspace, excluded: [])
            if name == "the names were turned round" {
                #expect(!plan.steps.isEmpty)
            } else {
                #expect(told(plan) == steps, "\(name)")
            }
            #expect(try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: []) == plan)
            try expectRestored(bench, version, name)
        }
    }

    @Test func aNameAloneIsAFileOfItsOwn() throws {
        let bench = try bench()
        let version = try bench.take(1)
        let store = try bench.open()
        for path in ["a", "d", "e"] { try bench.workspace.removeTree(DiskPath(stringLiteral: path)) }
        try store.restorePaths(["e"], agent, version, to: bench.workspace, excluded: [])
        let found = bench.workspace.contents()
        #expect(found.keys.sorted() == ["e", "f"] && found["e"]?.kind == .file(bytes(long)) && found["e"]?.firstName == nil)
        #expect(found["e"]?.mode == 0o640 && found["e"]?.attributes == ["user.note": bytes("hi")])
        // Two of them are one.
        try bench.workspace.removeFile("e")
        try store.restorePaths(["d", "e"], agent, version, to: bench.workspace, excluded: [])
        #expect(bench.workspace.contents()["e"]?.firstName == "d/b")
        // As what is left alone.
        try bench.workspace.removeTree("e")
        try bench.workspace.make("a", "left alone")
        try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: ["a"])
        #expect(bench.workspace.contents()["e"]?.firstName == "d/b" && bench.workspace.contents()["a"]?.kind == .file(bytes("left alone")))
        // The first name was left out of the version.
        let second = try store.commit(try store.cut(bench.request(2, excluded: ["d/"]), stagingID: "s2")).version
        #expect(try store.files(agent, second).map { $0.same?.text } == [nil, nil, nil])
    }

    @Test func aFileSystemThatKnowsOneNameOnlyGetsCopies() throws {
        let bench = try bench()
        let version = try bench.take(1)
        let place = SimulatedDisk(seed: 2, rootName: "/elsewhere")
        place.setAbilities(attributes: true, links: false)
        try bench.open().restoreWorkspace(agent, version, to: place, excluded: [])
        let found = place.contents()
        for path: DiskPath in ["a", "d/b", "e"] {
            #expect(found[path]?.kind == .file(bytes(long)) && found[path]?.firstName == nil && found[path]?.mode == 0o640)
        }
    }

    /// Nobody knows what was one file then.
    @Test func aVersionOfATimeWithoutNamesLeavesThem() throws {
        let bench = try Bench(seed: 1)
        for path: DiskPath in ["a", "b"] {
            try bench.workspace.make(path, "x")
            try bench.workspace.setModified(path, WallTime(seconds: 5))
        }
        let version = try bench.take(1)
        try bench.workspace.removeFile("b")
        try bench.workspace.makeLink("b", to: "a")
        let store = try bench.open()
        #expect(told(try store.planRestore(agent, version, to: bench.workspace, excluded: [])) == ["names b"])
        try bench.reseal("agents/agent-7/versions/1") { $0.workspace?.keeps = ["attributes"] }
        #expect(told(try store.planRestore(agent, version, to: bench.workspace, excluded: [])) == [])
    }

    @Test(arguments: [
        #"{"kind":"file","mode":420,"modified":0,"path":"b","same":"c","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"b","same":"b","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"b","same":"0","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"b","same":"none","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"b","same":"../a","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"b","same":"","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":421,"modified":0,"path":"b","same":"a","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":1,"path":"b","same":"a","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"b","same":"a","sha256":"HASH","size":2}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"b","same":"a","sha256":"00","size":1}"#,
        #"{"group":0,"kind":"file","mode":420,"modified":0,"path":"b","same":"a","sha256":"HASH","size":1,"user":0}"#,
        #"{"attributes":[{"name":"user.a","value":""}],"kind":"file","mode":420,"modified":0,"path":"b","same":"a","sha256":"HASH","size":1}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"b","same":"a"}"#,
        #"{"kind":"directory","mode":420,"modified":0,"path":"b","same":"a"}"#,
        #"{"kind":"link","mode":420,"modified":0,"path":"b","same":"a","target":"x"}"#,
        #"{"kind":"file","mode":420,"modified":0,"path":"b","same":"a","sha256":"HASH","size":1}"# + "\n"
            + #"{"kind":"file","mode":420,"modified":0,"path":"c","same":"b","sha256":"HASH","size":1}"#,
    ])
    func aHostileNameIsRefused(_ lines: String) throws {
        let bench = try Bench(seed: 1)
        try bench.workspace.make("a", "x")
        let version = try bench.take(1)
        let first =
            #"{"kind":"directory","mode":420,"modified":0,"path":"0"}"# + "\n"
            + #"{"kind":"file","mode":420,"modified":0,"path":"a","sha256":"HASH","size":1}"# + "\n"
        let tree = bytes((first + lines + "\n").replacing("HASH", with: hexadecimal(SHA256.digest(of: bytes("x")))))
        try bench.reseal("agents/agent-7/versions/1", tree: tree)
        guard case .broken("tree", _)? = try fault({ try bench.open().verify(agent, version) })?.kind else {
            Issue.record("accepted: \(lines)")
            return
        }
    }

    /// What lies under another name than the first was stored by nobody.
    @Test func aStrangerUnderASecondNameIsFound() throws {
        let bench = try bench()
        let version = try bench.take(1)
        bench.storeDisk.plant("agents/agent-7/versions/1/workspace/e", bytes(long))
        guard case .broken("workspace/e", _)? = try fault({ try bench.open().verify(agent, version) })?.kind else {
            Issue.record("accepted")
            return
        }
    }

    @Test func whatIsHeldOnceIsCountedOnce() throws {
        let bench = try bench()
        let store = try bench.open()
        _ = try store.commit(try store.cut(bench.request(1, limit: ByteCount(200_100)), stagingID: "s"))
        bench.storeDisk.setCapacity(ByteCount(bench.storeDisk.used.bytes + 200_000 + 60_000))
        _ = try store.commit(try store.cut(bench.request(2), stagingID: "t"))
    }

    @Test func aCopyElsewhereHasThemAll() throws {
        let bench = try bench()
        let version = try bench.take(1)
        let store = try bench.open()
        try store.addAgent(named("fork"))
        let forked = try store.fork(agent, version, as: named("fork"), images: false, stagingID: "f").version
        #expect(try store.files(named("fork"), forked).map { $0.same?.text } == [nil, nil, "a", "a", nil])
        let place = SimulatedDisk(seed: 3, rootName: "/elsewhere")
        try store.restoreWorkspace(named("fork"), forked, to: place, excluded: [])
        #expect(comparable(place.contents()) == comparable(bench.workspace.contents()))
    }
}

/// Names that come and go between cuts which read only what changed.
@Suite struct IncrementalNamesTests {
    @Test func namesComeAndGo() throws {
        let bench = try Incremental()
        try bench.workspace.makeLink("src/deep/one", to: "src/deep/f4")
        bench.clock.pass(.seconds(10))
        try bench.take()
        #expect(try bench.read { try bench.take() } == [])
        // A new name is a change of the file.
        try bench.workspace.makeLink("src/first", to: "src/deep/f4")
        try bench.workspace.makeLink("another", to: "src/deep/f2")
        bench.clock.pass(.seconds(10))
        #expect(try bench.read { try bench.take() } == ["another", "src/deep/f4"])
        try bench.workspace.removeFile("src/deep/f4")
        bench.clock.pass(.seconds(10))
        #expect(try bench.read { try bench.take() } == ["src/deep/one"])
        #expect(try bench.read { try bench.take(packs: false) } == [])
        try bench.write("src/deep/one", bytes("a file of its own"))
        bench.clock.pass(.seconds(10))
        try bench.take(packs: false)
        try bench.check()
        for version in bench.held.keys {
            try bench.store().pack(agent, version)
            try bench.store().verifyPacked(agent, version)
            try bench.store().thin(agent, version)
        }
        try bench.check("thinned")
    }
}

/// Any tree, through whatever happens to a version.
@Suite struct TreeStoryTests {
    @Test(arguments: 0..<UInt64(12)) func whatWasThereComesBack(block: UInt64) throws {
        for seed in block * 3..<block * 3 + 3 { try live(seed) }
    }

    private func live(_ seed: UInt64) throws {
        let bench = try Incremental(seed: seed, files: 2)
        var dice = Dice(seed: seed + 1)
        for step in 0..<6 {
            for _ in 0..<1 + dice.number(below: 12) { change(bench.workspace, &dice) }
            // At times within the tick of the clock of files.
            if dice.says(80) { bench.clock.pass(.seconds(10)) }
            let version = try bench.take(packs: dice.says(50))
            if dice.says(30) { bench.index.forget() }
            let store = try bench.store()
            if dice.says(50) {
                try store.pack(agent, version)
                try store.verifyPacked(agent, version)
                try store.thin(agent, version)
            }
            if dice.says(30), let old = bench.held.keys.randomElement(using: &dice), bench.held.count > 2 {
                try store.remove(agent, old)
                bench.held[old] = nil
                try store.collect(agent)
            }
            try bench.check("seed \(seed), step \(step)")
            try backwards(bench, &dice, "seed \(seed), step \(step)")
        }
    }

    /// From what is there now to what was there in any version, by the plan and nothing else.
    private func backwards(_ bench: Incremental, _ dice: inout Dice, _ context: String) throws {
        let store = try bench.store()
        let place = bench.workspace.copy(seed: dice.next())
        for _ in 0..<dice.number(below: 6) { change(place, &dice) }
        for version in bench.held.keys.sorted() {
            let plan = try store.restoreWorkspace(agent, version, to: place, excluded: [])
            #expect(plan.attributesLost == 0 && plan.ownersLost == 0)
            #expect(comparable(place.contents()) == comparable(try #require(bench.held[version])), "to \(version): \(context)")
            #expect(try store.planRestore(agent, version, to: place, excluded: []).steps.isEmpty, "to \(version): \(context)")
        }
    }

    private func path(_ dice: inout Dice) -> DiskPath {
        let names = ["a", "b", "c", "d"]
        var text = names[dice.number(below: 4)]
        for _ in 0..<dice.number(below: 3) { text += "/" + names[dice.number(below: 4)] }
        return DiskPath(stringLiteral: text)
    }

    /// What does not fit where something else is already is not done.
    private func change(_ disk: SimulatedDisk, _ dice: inout Dice) {
        let path = path(&dice)
        let zeros = { [UInt8](repeating: 0, count: $0) }
        switch dice.number(below: 14) {
        case 0, 1: try? disk.makeDirectory(path, mode: [0o700, 0o550, 0o1777][dice.number(below: 3)])
        case 2: try? disk.makeSymbolicLink(path, to: ["x", "/etc", "../.."][dice.number(below: 3)])
        case 3: try? disk.removeTree(path)
        case 4: try? disk.rename(path, to: self.path(&dice))
        case 5, 6, 7: try? disk.makeLink(path, to: self.path(&dice))
        case 8: try? disk.open(path, .append(mode: 0o600)).write(dice.bytes(dice.number(below: 9000)))
        case 9:
            // With holes at the beginning, in the middle and at the end.
            let content =
                zeros(dice.number(below: 3) * 20_000) + dice.bytes(dice.number(below: 20_000)) + zeros(dice.number(below: 2) * 70_000)
            try? disk.open(path, .createNew(mode: 0o4750)).write(content + dice.bytes(dice.number(below: 3)) + zeros(dice.number(below: 9)))
        case 10: try? disk.setOwner(path, FileOwner(user: UInt32(dice.number(below: 2)) * 1000, group: 0))
        case 11: try? disk.setMode(path, [0o600, 0o644, 0o4755][dice.number(below: 3)])
        default:
            let name = ["user.a", "user.b", ExtendedAttribute.accessList, ExtendedAttribute.capability][dice.number(below: 4)]
            try? disk.setAttribute(name, of: path, to: dice.says(20) ? nil : dice.bytes(dice.number(below: 40)))
        }
    }
}
