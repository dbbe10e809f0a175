import AgentModel
import Digests
import OutsideWorld
import SimulatedWorld
import Testing

@testable import Checkpoints

/// Extended attributes, access lists and capabilities of a workspace.
@Suite struct AttributeTests {
    private static let someone = FileOwner(user: 1000, group: 1001)

    private func attributes(_ bench: Bench, _ path: DiskPath) throws -> [ExtendedAttribute] {
        try bench.workspace.attributes(at: path, limit: .mebibytes(1))
    }

    private func lines(_ bench: Bench) throws -> String {
        String(decoding: try bench.storeDisk.read("agents/agent-7/versions/1/tree", limit: .mebibytes(1)), as: UTF8.self)
    }

    @Test func whatDiffersIsGivenBackAndNothingElse() throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        try bench.workspace.setAttribute("user.note", of: "notes/same", to: bytes("hi"))
        try bench.workspace.setAttribute(ExtendedAttribute.accessList, of: "notes/same", to: [2, 0, 0, 0])
        try bench.workspace.setAttribute(ExtendedAttribute.defaultList, of: "notes", to: [2, 0])
        try bench.workspace.setAttribute("user.empty", of: "result", to: [])
        let version = try bench.take(1)
        let list = try lines(bench)
        #expect(
            list.contains(
                #"{"attributes":[{"name":"security.capability","value":"AQID"},{"name":"system.posix_acl_access","value":"AgAAAA=="},{"name":"user.note","value":"aGk="}]"#
            ))
        let store = try bench.open()
        #expect(try store.manifest(agent, version).workspace?.keeps == ["attributes", "names"])
        #expect(try store.planRestore(agent, version, to: bench.workspace, excluded: []).steps.isEmpty)
        // Another value, one too many, one too few.
        try bench.workspace.setAttribute("user.note", of: "notes/same", to: bytes("ho"))
        try bench.workspace.setAttribute("user.more", of: "result", to: [1])
        try bench.workspace.setAttribute(ExtendedAttribute.defaultList, of: "notes", to: nil)
        let plan = try store.planRestore(agent, version, to: bench.workspace, excluded: [])
        #expect(plan.steps.map { "\($0.change) \($0.path)" } == ["attributes notes", "attributes notes/same", "attributes result"])
        #expect(plan.attributesLost == 0 && plan.spaceNeeded == ByteCount(0))
        let written = try bench.workspace.trace { _ = try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: []) }
        #expect(!written.contains { $0.name == "write" || $0.name == "rename" })
        #expect(comparable(bench.workspace.contents()) == comparable(try #require(bench.committed[version]).workspace))
        #expect(try attributes(bench, "result") == [ExtendedAttribute("user.empty", []), ExtendedAttribute("user.step", [1])])
    }

    /// While the agent stands still no way is walked again to a file that is open: by their path directories alone are asked.
    @Test(arguments: [1, 600]) func aFileThatIsCopiedIsAskedWhereItIsOpen(files: Int) throws {
        let bench = try Bench(seed: 1)
        try bench.workspace.makeDirectory("notes", mode: 0o700)
        for number in 0..<files { try bench.workspace.make(try #require(DiskPath("notes/\(number)")), "x") }
        try bench.workspace.setAttribute("user.note", of: "notes/0", to: bytes("hi"))
        let asked = try bench.workspace.trace { _ = try bench.take(1) }
        #expect(asked.filter { $0.name == "listxattr" }.map(\.path) == ["notes"])
        #expect(asked.count { $0.name == "flistxattr" } == files && asked.count { $0.name == "open" } == files)
        #expect(try lines(bench).contains(#"{"attributes":[{"name":"user.note","value":"aGk="}],"#))
    }

    @Test func aVersionOfATimeWithoutAttributesLeavesThem() throws {
        let bench = try Bench(seed: 1)
        try bench.workspace.make("result", "x")
        let version = try bench.take(1)
        let store = try bench.open()
        try bench.workspace.setAttribute("user.note", of: "result", to: bytes("hi"))
        #expect(try store.planRestore(agent, version, to: bench.workspace, excluded: []).steps.map(\.change) == [.attributes])
        try bench.reseal("agents/agent-7/versions/1") { $0.workspace?.keeps = nil }
        #expect(try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: []).steps.isEmpty)
        #expect(try attributes(bench, "result").count == 1)
        // A list of things that a later release keeps, too, says nothing against these.
        try bench.reseal("agents/agent-7/versions/1") { $0.workspace?.keeps = ["attributes", "dreams"] }
        try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: [])
        #expect(try attributes(bench, "result") == [])
    }

    /// Who gets a file that was another's gets no right of it.
    @Test func capabilitiesComeOnlyWithTheirOwner() throws {
        let bench = try Bench(seed: 1)
        for (name, owner) in [("ours", FileOwner(user: 1000, group: 1000)), ("theirs", Self.someone)] {
            let path = DiskPath(stringLiteral: name)
            try bench.workspace.make(path, "x")
            try bench.workspace.setOwner(path, owner)
            try bench.workspace.setAttribute(ExtendedAttribute.capability, of: path, to: [1, 0, 0, 2])
            try bench.workspace.setAttribute("user.note", of: path, to: bytes("hi"))
        }
        let version = try bench.take(1)
        for root in [true, false] {
            let place = SimulatedDisk(seed: 2, rootName: "/elsewhere")
            if !root { place.become(FileOwner(user: 1000, group: 1000)) }
            let store = try bench.open()
            let plan = try store.planRestore(agent, version, to: place, excluded: [])
            #expect(plan.attributesLost == (root ? 0 : 2) && plan.ownersLost == (root ? 0 : 1))
            try store.restoreWorkspace(agent, version, to: place, excluded: [])
            for path: DiskPath in ["ours", "theirs"] {
                let found = try place.attributes(at: path, limit: .mebibytes(1)).map(\.name)
                #expect(found == (root ? ["security.capability", "user.note"] : ["user.note"]))
            }
            #expect(try store.planRestore(agent, version, to: place, excluded: []).steps.isEmpty)
        }
    }

    @Test func aFileSystemWithoutThemGetsTheFilesAllTheSame() throws {
        let bench = try Bench(seed: 1)
        try bench.work(1)
        try bench.workspace.setAttribute("user.note", of: "notes/same", to: bytes("hi"))
        try bench.workspace.setAttribute("user.note", of: "notes", to: bytes("hi"))
        let version = try bench.take(1)
        let place = SimulatedDisk(seed: 2, rootName: "/elsewhere")
        place.setAbilities(attributes: false, links: true)
        let plan = try bench.open().restoreWorkspace(agent, version, to: place, excluded: [])
        #expect(plan.attributesLost == 3)
        #expect(place.contents().keys.sorted() == bench.workspace.contents().keys.sorted())
        #expect(try bench.open().planRestore(agent, version, to: place, excluded: []).steps.isEmpty)
    }

    @Test func whatIsTooMuchIsLeftOutAndTold() throws {
        let bench = try Bench(seed: 1)
        try bench.workspace.make("much", "x")
        for number in 0..<3 {
            try bench.workspace.setAttribute("user.\(number)", of: "much", to: [UInt8](repeating: 1, count: 60_000))
        }
        try bench.workspace.make("some", "x")
        try bench.workspace.setAttribute("user.a", of: "some", to: [UInt8](repeating: 1, count: 60_000))
        let version = try bench.take(1)
        let store = try bench.open()
        let manifest = try store.manifest(agent, version)
        #expect(manifest.notes == ["'much' has more than 131.0 kB of extended attributes: they are left out"])
        #expect(try store.files(agent, version).map { $0.attributes?.count } == [nil, 1])
        #expect(try store.files(agent, version).map(\.unkept) == [true, nil])
        // What the version does not know it does not take away.
        #expect(try store.planRestore(agent, version, to: bench.workspace, excluded: []).steps.isEmpty)
        try bench.workspace.setMode("much", 0o640)
        #expect(try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: []).steps.map(\.change) == [.mode])
        #expect(try attributes(bench, "much").count == 3)
        // What it does know it brings back, however much is there now.
        for number in 0..<3 {
            try bench.workspace.setAttribute("user.\(number)", of: "some", to: [UInt8](repeating: 1, count: 60_000))
        }
        #expect(try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: []).steps.map(\.change) == [.changed])
        #expect(try attributes(bench, "some").map(\.name) == ["user.a"])
    }

    @Test func whatWasTooMuchStaysSoWhileNothingChanges() throws {
        let bench = try Incremental()
        for path: DiskPath in ["src/deep/f2", "src/deep"] {
            for number in 0..<3 {
                try bench.workspace.setAttribute("user.\(number)", of: path, to: [UInt8](repeating: 1, count: 60_000))
            }
        }
        bench.clock.pass(.seconds(10))
        for _ in 0..<3 {
            let version = try bench.take()
            let store = try bench.store()
            #expect(try store.files(agent, version).filter { $0.unkept == true }.map(\.path) == ["src/deep", "src/deep/f2"])
            #expect(try store.manifest(agent, version).notes.count == 2)
            #expect(try store.planRestore(agent, version, to: bench.workspace, excluded: []).steps.isEmpty)
        }
    }

    /// Those of directories, and those that were taken over.
    @Test func allOfAVersionTogetherHaveALimit() throws {
        let bench = try Incremental()
        for number in 0..<280 {
            let path = DiskPath(stringLiteral: "d\(number)")
            try bench.workspace.makeDirectory(path, mode: 0o700)
            for name in ["user.a", "user.b"] { try bench.workspace.setAttribute(name, of: path, to: [UInt8](repeating: 1, count: 65_000)) }
        }
        bench.clock.pass(.seconds(10))
        func kept() throws -> UInt64 {
            try bench.store().files(agent, try bench.take()).reduce(0) { $0 + ($1.attributes.map(StoredAttribute.size) ?? 0) }
        }
        let limit = StoredAttribute.limitOfVersion.bytes
        #expect(try (limit - 140_000...limit).contains(kept()))
        // Before all others.
        try bench.workspace.makeDirectory("a", mode: 0o700)
        for name in ["user.a", "user.b"] { try bench.workspace.setAttribute(name, of: "a", to: [UInt8](repeating: 1, count: 65_000)) }
        bench.clock.pass(.seconds(10))
        #expect(try (limit - 140_000...limit).contains(kept()))
    }

    /// As an ordinary user, who may give attributes only to what he may write.
    @Test func whatIsReadOnlyGetsItsAttributesToo() throws {
        let bench = try Bench(seed: 1)
        bench.workspace.become(FileOwner(user: 1000, group: 1000))
        try bench.workspace.makeDirectory("d", mode: 0o755)
        try bench.workspace.make("d/f", "x", mode: 0o644)
        func give(_ value: UInt8) throws {
            for (path, bits) in [("d/f", 0o444), ("d", 0o555)] as [(DiskPath, UInt32)] {
                try bench.workspace.setMode(path, bits | 0o200)
                try bench.workspace.setAttribute("user.note", of: path, to: [value])
                try bench.workspace.setAttribute(ExtendedAttribute.accessList, of: path, to: [value])
                try bench.workspace.setMode(path, bits)
            }
        }
        try give(1)
        let version = try bench.take(1)
        try give(2)
        let store = try bench.open()
        let plan = try store.restoreWorkspace(agent, version, to: bench.workspace, excluded: [])
        #expect(plan.steps.map(\.change) == [.attributes, .attributes])
        #expect(comparable(bench.workspace.contents()) == comparable(try #require(bench.committed[version]).workspace))
        #expect(try store.planRestore(agent, version, to: bench.workspace, excluded: []).steps.isEmpty)
    }

    @Test(arguments: [
        #"[{"name":"trusted.overlay.opaque","value":"eQ=="}]"#, #"[{"name":"security.selinux","value":"eQ=="}]"#,
        #"[{"name":"user.","value":"eQ=="}]"#, #"[{"name":"user.a\u0000b","value":"eQ=="}]"#, "[]",
        #"[{"name":"user.b","value":""},{"name":"user.a","value":""}]"#, #"[{"name":"user.a","value":""},{"name":"user.a","value":""}]"#,
        #"[{"name":"user.a","value":"eQ"}]"#, #"[{"name":"user.a","value":"eR=="}]"#, #"[{"name":"user.a","value":"e Q="}]"#,
        #"[],"unkept":true"#, #"[{"name":"user.a","value":"eQ=="}],"unkept":true"#, #"null,"unkept":false"#, #"[{"name":"user.a"}]"#,
        #"{"user.a":"eQ=="}"#,
    ])
    func aHostileListOfAttributesIsRefused(_ attributes: String) throws {
        let bench = try Bench(seed: 1)
        try bench.workspace.make("x", "x")
        let version = try bench.take(1)
        let hash = hexadecimal(SHA256.digest(of: bytes("x")))
        for line in [
            #"{"attributes":\#(attributes),"kind":"file","mode":420,"modified":0,"path":"x","sha256":"\#(hash)","size":1}"#,
            #"{"attributes":\#(attributes),"kind":"directory","mode":420,"modified":0,"path":"x"}"#,
            #"{"attributes":[{"name":"user.a","value":"eQ=="}],"kind":"link","mode":420,"modified":0,"path":"x","target":"y"}"#,
            #"{"attributes":[{"name":"user.a","value":"\#(String(repeating: "AAAA", count: 50_000))"}],"#
                + #""kind":"directory","mode":420,"modified":0,"path":"x"}"#,
            #"{"kind":"directory","mode":420,"modified":0,"other":"\#(String(repeating: "x", count: 1 << 20))","path":"x"}"#,
        ] {
            try bench.reseal("agents/agent-7/versions/1", tree: bytes(line + "\n"))
            let found = try fault { try bench.open().restoreWorkspace(agent, version, to: bench.workspace, excluded: []) }
            guard case .broken("tree", _)? = found?.kind else {
                Issue.record("accepted: \(line.prefix(300))")
                continue
            }
        }
    }

    /// While the agent stands still nothing is asked of what did not change.
    @Test func onlyWhatChangedIsAskedForItsAttributes() throws {
        let bench = try Incremental()
        try bench.workspace.setAttribute("user.note", of: "src/deep/f2", to: bytes("hi"))
        try bench.workspace.setAttribute("user.note", of: "src/deep", to: bytes("hi"))
        bench.clock.pass(.seconds(10))
        func asked(_ body: () throws -> Void) throws -> [String] {
            try bench.workspace.trace { () throws in try body() }.filter { $0.name.hasSuffix("listxattr") }.map(\.path)
        }
        #expect(try asked { try bench.take() }.count == 10)
        #expect(try asked { try bench.take() } == [])
        try bench.workspace.setAttribute("user.note", of: "src/deep/f2", to: bytes("ho"))
        try bench.workspace.setAttribute("user.note", of: "src/deep", to: nil)
        try bench.workspace.setAttribute("user.note", of: "src", to: bytes("new"))
        bench.clock.pass(.seconds(10))
        #expect(try asked { try bench.take() } == ["src", "src/deep", "src/deep/f2"])
        // Files of a directory come and go: it is another then.
        try bench.write("src/other", bytes("more"))
        bench.clock.pass(.seconds(10))
        #expect(try asked { try bench.take() } == ["src", "src/other"])
        try bench.check()
    }

    @Test func base64IsStrict() {
        for (text, expected) in [
            ("", []), ("AA==", [0]), ("AAA=", [0, 0]), ("AAAA", [0, 0, 0]), ("/+8=", [0xFF, 0xEF]), ("aGkhIQ==", bytes("hi!!")),
        ] as [(String, [UInt8])] {
            #expect(Base64.decode(text) == expected && Base64.encode(expected) == text)
        }
        for text in ["A", "AA", "AA=", "AB==", "AAB=", "AA==AA==", "AAAA=", "====", "A A=", "AAA\n", "-_==", "é"] {
            #expect(Base64.decode(text) == nil, "\(text)")
        }
        var dice = Dice(seed: 3)
        for length in 0..<200 {
            let bytes = dice.bytes(length)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }
}
