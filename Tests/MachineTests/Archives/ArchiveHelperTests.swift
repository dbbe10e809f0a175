import AgentModel
import Glibc
import OutsideWorld
import Testing

@testable import LinuxWorld

/// `runner-archive`, as it is built, with archives of friends and strangers.
@Suite struct ArchiveHelperTests {
    private let scratch: ScratchDirectory
    private let helper = ArchiveHelper(path: SandboxFixture.buildDirectory + "/runner-archive")
    private static let wanted = ["checkpoint/", "config.dump", "runner/", "ü"]
    private static let limits = ArchiveLimits(bytes: .mebibytes(4), members: 200)

    init() throws { scratch = try ScratchDirectory(isQuick: true) }

    private func disk(_ name: String) throws -> LinuxDisk { try LinuxDisk(at: scratch.path + "/" + name, create: true) }

    /// What lies in the directory then, with sizes.
    private func unpack(_ bytes: [UInt8], _ limits: ArchiveLimits = Self.limits) throws -> [String: UInt64] {
        let disk = try disk("in")
        try disk.replace("archive", with: bytes)
        _ = try self.disk("out")
        try helper.unpack(scratch.path + "/in/archive", into: scratch.path + "/out", wanted: Self.wanted, limits: limits)
        return try files()
    }

    private func files() throws -> [String: UInt64] {
        let out = try disk("out")
        var found: [String: UInt64] = [:]
        var open: [DiskPath?] = [nil]
        while let next = open.popLast() {
            for name in try out.names(in: next) {
                let path = try #require(next.map { $0.appending(untrusted: name) } ?? DiskPath(name))
                let entry = try #require(try out.entry(at: path))
                if entry.kind == .directory { open.append(path) } else { found[path.text] = entry.size }
                #expect(entry.mode == (entry.kind == .directory ? 0o700 : 0o600), "\(path)")
            }
        }
        return found
    }

    // MARK: Friends

    @Test(arguments: ArchiveCompression.allCases) func whatWasPackedComesBack(compression: ArchiveCompression) throws {
        let source = try disk("source")
        try source.makeDirectories("versions/1/process")
        // Odd names and sizes: a name that is no UTF-8, one of 300 bytes in two components, nothing, one byte over a block.
        let stray = FileNames.text(of: Array("runner/workspace/a\u{1}b".utf8) + [0xFF])
        let contents: [(name: String, bytes: [UInt8])] = [
            ("checkpoint/pages-1.img", (0..<70_001).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }),
            ("checkpoint/core-1000.img", [UInt8](repeating: 7, count: 512)), ("runner/state", []), (stray, [1, 2, 3]),
            ("runner/workspace/\(String(repeating: "n", count: 200))/\(String(repeating: "ü", count: 100))", [9]),
        ]
        var members: [ArchiveMember] = [ArchiveMember("checkpoint", .directory, mode: 0o700, modifiedAt: WallTime(seconds: 1_795_000_000))]
        for (number, content) in contents.enumerated() {
            let path: DiskPath = "versions/1/process" / "\(number)"
            try source.replace(path, with: content.bytes)
            members.append(ArchiveMember(try #require(DiskPath(content.name)), .file(path), modifiedAt: WallTime(seconds: 1)))
        }
        members.append(ArchiveMember("config.dump", .bytes(Array("{}".utf8)), modifiedAt: WallTime(seconds: 2)))
        let archives = try disk("in")
        for name in ["archive", "again"] {
            try helper.pack(members, below: scratch.path + "/source", to: scratch.path + "/in/" + name, compression)
        }
        #expect(try archives.entry(at: "archive")?.mode == 0o600)
        // The same version gives the same bytes, whenever it is packed.
        #expect(try archives.read("archive", limit: .mebibytes(1)) == archives.read("again", limit: .mebibytes(1)))

        let out = try disk("out")
        try helper.unpack(scratch.path + "/in/archive", into: scratch.path + "/out", wanted: Self.wanted, limits: Self.limits)
        for content in contents {
            #expect(try out.read(try #require(DiskPath(content.name)), limit: .mebibytes(1)) == content.bytes, "\(content.name.suffix(20))")
        }
        #expect(try files().count == contents.count + 1)
        #expect(throws: ArchiveFault(.system, member: scratch.path + "/in/archive", detail: "file exists")) {
            try helper.pack(members, below: scratch.path + "/source", to: scratch.path + "/in/archive", compression)
        }
    }

    @Test func whatNobodyWantsIsPassedOver() throws {
        let strange = TarBytes.member("volumes/data.tar", "x") + .member("checkpoints/pages", "y") + .member("ü", "z") + .end
        #expect(
            try unpack((plainArchive + strange).bytes) == [
                "checkpoint/inventory.img": 9, "checkpoint/pages-1.img": 5, "config.dump": 2, "ü": 1,
            ])
    }

    @Test func aMissingSourceLeavesNoArchive() throws {
        _ = try disk("source")
        let member = ArchiveMember("config.dump", .file("gone"), modifiedAt: WallTime(seconds: 1))
        #expect(throws: ArchiveFault(.system, member: "config.dump", detail: "No such file or directory")) {
            try helper.pack([member], below: scratch.path + "/source", to: scratch.path + "/archive", .zstd)
        }
        #expect(access(scratch.path + "/archive", F_OK) != 0)
    }

    /// What would be refused when it comes back is not packed.
    @Test(arguments: [127, 128]) func aNameThatNobodyTakesIsNotPacked(directories: Int) throws {
        _ = try disk("source")
        let name = "checkpoint/" + Array(repeating: "d", count: directories).joined(separator: "/") + "/file"
        let member = ArchiveMember(try #require(DiskPath(name)), .bytes([1]), modifiedAt: WallTime(seconds: 1))
        let archive = scratch.path + "/archive"
        if directories == 127 {
            try helper.pack([member], below: scratch.path + "/source", to: archive, .none)
            _ = try disk("out")
            try helper.unpack(archive, into: scratch.path + "/out", wanted: Self.wanted, limits: Self.limits)
            #expect(try files() == [name: 1])
        } else {
            #expect(throws: ArchiveFault(.name, member: name)) {
                try helper.pack([member], below: scratch.path + "/source", to: archive, .none)
            }
            #expect(access(archive, F_OK) != 0)
        }
    }

    @Test func aLinkIsNotPacked() throws {
        let source = try disk("source")
        try source.makeSymbolicLink("link", to: "/etc")
        for path in ["link", "link/passwd"] as [DiskPath] {
            let member = ArchiveMember("config.dump", .file(path), modifiedAt: WallTime(seconds: 1))
            #expect(throws: ArchiveFault.self) {
                try helper.pack([member], below: scratch.path + "/source", to: scratch.path + "/archive", .none)
            }
        }
    }

    // MARK: Strangers

    /// What is added to a good archive, and how it is refused.
    struct Hostile: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var added: TarBytes
        var kind: ArchiveFault.Kind
        init(_ name: String, _ kind: ArchiveFault.Kind, _ added: TarBytes) {
            (testDescription, self.kind, self.added) = (name, kind, added)
        }
    }

    static let hostile: [Hostile] = [
        Hostile("absolute", .absolute, .member("/etc/cron.d/x", "x")),
        Hostile("absolute, not wanted", .absolute, .member("/volumes/x", "x")),
        Hostile("absolute by pax", .absolute, .pax([("path", "/etc/x")]) + .member("checkpoint/x", "x")),
        Hostile("absolute directory", .absolute, .member("/checkpoint/", kind: "5")),
        Hostile("only a slash", .absolute, .member("/", kind: "5")),
        Hostile("above", .above, .member("checkpoint/../../x", "x")), Hostile("above at once", .above, .member("../x", "x")),
        Hostile("above and back", .above, .member("checkpoint/../checkpoint/x", "x")),
        Hostile("above at the end", .above, .member("checkpoint/..", "x")), Hostile("two dots alone", .above, .member("..", kind: "5")),
        Hostile("above by pax", .above, .pax([("path", "checkpoint/../../../etc/x")]) + .member("checkpoint/x", "x")),
        Hostile("above by GNU's long name", .above, .member("././@LongLink", "checkpoint/../../x\u{0}", kind: "L") + .member("y", "x")),
        Hostile("above, not wanted", .above, .member("volumes/../../x", "x")),
        Hostile("no name", .name, .member("", "x")),
        Hostile("a component of 256 bytes", .name, longName(String(repeating: "n", count: 256))),
        Hostile("a name of 5000 bytes", .name, longName(Array(repeating: "nnnnnnnnn", count: 500).joined(separator: "/"))),
        Hostile("200 directories deep", .name, longName(Array(repeating: "d", count: 200).joined(separator: "/"))),
        Hostile("a link out", .link, .member("checkpoint/x", kind: "2", link: "/etc/passwd")),
        Hostile("a link within", .link, .member("checkpoint/x", kind: "2", link: "pages-1.img")),
        Hostile("a link not wanted", .link, .member("volumes/x", kind: "2", link: "/etc")),
        Hostile("through a link", .link, .member("checkpoint/d", kind: "2", link: "/tmp") + .member("checkpoint/d/x", "x")),
        Hostile("a link in place of the directory", .link, .member("runner", kind: "2", link: "/tmp") + .member("runner/x", "x")),
        Hostile("a hard link out", .link, .member("checkpoint/x", kind: "1", link: "/etc/passwd")),
        Hostile("a hard link within", .link, .member("checkpoint/x", kind: "1", link: "config.dump")),
        Hostile("the link to older images", .link, .member("checkpoint/parent", kind: "2", link: "../pre-checkpoint")),
        Hostile("a character device", .special, .member("checkpoint/x", kind: "3")),
        Hostile("a block device", .special, .member("checkpoint/x", kind: "4")),
        Hostile("a pipe", .special, .member("checkpoint/x", kind: "6")),
        Hostile("a device not wanted", .special, .member("dev/x", kind: "3")),
        Hostile("the same file twice", .twice, .member("checkpoint/pages-1.img", "other")),
        Hostile("twice with dots", .twice, .member("./checkpoint/./pages-1.img", "other")),
        Hostile("twice with slashes", .twice, .member("checkpoint//pages-1.img", "other")),
        Hostile("a file where a directory is", .twice, .member("checkpoint", "x")),
        Hostile("a directory where a file is", .twice, .member("checkpoint/pages-1.img/", kind: "5")),
        Hostile("below a file", .twice, .member("checkpoint/pages-1.img/x", "x")),
        Hostile("far below a file", .twice, .member("checkpoint/pages-1.img/x/y", "x")),
        Hostile("over the limit", .size, .member("checkpoint/x", size: 5 << 20)),
        Hostile("a terabyte", .size, .member("checkpoint/x", size: 1 << 40)),
        Hostile("a terabyte not wanted", .size, .member("volumes/x", size: 1 << 40)),
        Hostile("an exbibyte", .size, .member("checkpoint/x", size: 1 << 60)),
        Hostile("a terabyte by pax", .size, .pax([("size", "1099511627776")]) + .member("checkpoint/x", "x")),
        Hostile("more than there is", .damaged, .member("checkpoint/x", size: 3 << 20)),
        Hostile(
            "a sparse terabyte", .size,
            .pax([
                ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "checkpoint/x"),
                ("GNU.sparse.realsize", "1099511627776"),
            ])
                + .member("GNUSparseFile.0/x", "1\n0\n0\n" + String(repeating: "\u{0}", count: 506))),
        Hostile(
            "a sparse map over the end", .damaged,
            .pax([("GNU.sparse.major", "0"), ("GNU.sparse.minor", "1"), ("GNU.sparse.size", "5000000"), ("GNU.sparse.map", "4999999,4")])
                + .member("checkpoint/x", "abcd")),
        Hostile("a wrong checksum", .damaged, .member("checkpoint/x", "x", checksum: 1)),
        Hostile("200 members more", .many, (0..<200).reduce(TarBytes()) { tar, number in tar + .member("x\(number)") }),
        Hostile(
            "200 directories more", .many, (0..<200).reduce(TarBytes()) { tar, number in tar + .member("checkpoint/\(number)/", kind: "5") }
        ),
    ]

    /// Directories that nobody names are made too, and take their place on the disk.
    @Test func directoriesThatAreOnlyImpliedCount() throws {
        func deep(_ members: Int) -> TarBytes {
            (0..<members).reduce(plainArchive) { tar, number in
                tar + Self.longName("\(number)/" + Array(repeating: "d", count: 100).joined(separator: "/"))
            } + .end
        }
        for (members, limits, kind) in [
            (1, ArchiveLimits(bytes: .mebibytes(4), members: 200), nil), (3, ArchiveLimits(bytes: .mebibytes(4), members: 200), .many),
            (1, ArchiveLimits(bytes: .kibibytes(300), members: 1_000_000), .size),
            (20, ArchiveLimits(bytes: .mebibytes(4), members: 1_000_000), .size),
        ] as [(Int, ArchiveLimits, ArchiveFault.Kind?)] {
            var told: ArchiveFault.Kind?
            do { _ = try unpack(deep(members).bytes, limits) } catch let fault as ArchiveFault { told = fault.kind }
            #expect(told == kind, "\(members) members of \(limits)")
            try Shell.output("rm -rf \"$0\"/*", scratch.path)
        }
    }

    /// An empty file takes a block as well.
    @Test func emptyFilesCount() throws {
        let empty = (0..<100).reduce(plainArchive) { tar, number in tar + .member("checkpoint/\(number)") } + .end
        #expect(try unpack(empty.bytes).count == 103)
        try Shell.output("rm -rf \"$0\"/*", scratch.path)
        let fault = #expect(throws: ArchiveFault.self) { try unpack(empty.bytes, ArchiveLimits(bytes: .kibibytes(256), members: 200)) }
        #expect(fault?.kind == .size)
    }

    /// What is written has a limit of its own, and what is passed over does not count.
    @Test func whatIsWrittenHasItsOwnLimit() throws {
        let tar = plainArchive + .member(Array("rootfs".utf8), [UInt8](repeating: 0, count: 1 << 20))
        let limits = ArchiveLimits(bytes: .mebibytes(4), members: 200, room: .kibibytes(64))
        #expect(try unpack((tar + .end).bytes, limits).count == 3)
        try Shell.output("rm -rf \"$0\"/*", scratch.path)
        let large = tar + .member(Array("runner/manifest.json".utf8), [UInt8](repeating: 0, count: 64 << 10)) + .end
        let fault = #expect(throws: ArchiveFault.self) { try unpack(large.bytes, limits) }
        #expect(fault?.kind == .size && fault?.member == "runner/manifest.json")
        #expect(try files()["runner/manifest.json"] == nil)
    }

    private static func longName(_ name: String) -> TarBytes {
        .member("././@LongLink", "checkpoint/" + name + "\u{0}", kind: "L") + .member("checkpoint/x", "x")
    }

    @Test(arguments: hostile) func aHostileMemberIsRefused(hostile: Hostile) throws {
        let bytes = (plainArchive + hostile.added + .end).bytes
        let fault = #expect(throws: ArchiveFault.self) { try unpack(bytes) }
        #expect(fault?.kind == hostile.kind, "\(fault.map { "\($0)" } ?? "taken")")
        // Whatever came before, nothing lies outside.
        #expect(Set(try LinuxDisk(at: scratch.path, create: false).names(in: nil)) == ["in", "out"])
    }

    @Test func whatIsNoArchiveIsRefused() throws {
        let text = Array("not an archive at all, but long enough to be looked at".utf8)
        for bytes in [[], text, [UInt8](repeating: 0, count: 3), [0x1F, 0x8B, 8, 0], [0x28, 0xB5, 0x2F, 0xFD]] + [
            Array(plainArchive.bytes.prefix(700))
        ] {
            let fault = #expect(throws: ArchiveFault.self) { try unpack(bytes) }
            #expect(fault?.kind == .damaged, "\(bytes.prefix(4)): \(fault.map { "\($0)" } ?? "taken")")
            try Shell.output("rm -rf \"$0\"/*", scratch.path)
        }
    }

    /// Much in little: what unpacks to more than allowed is refused before it is written, in whatever it is wrapped.
    @Test(arguments: ["gzip -9", "zstd -19 -q", "gzip | gzip", "zstd -q | gzip", "gzip | zstd -q"]) func aBombIsRefused(packer: String)
        throws
    {
        let bomb = plainArchive + .member(Array("checkpoint/x".utf8), [UInt8](repeating: 0, count: 8 << 20)) + .end
        try disk("in").replace("archive", with: bomb.bytes)
        try Shell.output("cd \"$0\"/in; cat archive | \(packer) > packed; mv packed archive", scratch.path)
        _ = try disk("out")
        let fault = #expect(throws: ArchiveFault.self) {
            try helper.unpack(scratch.path + "/in/archive", into: scratch.path + "/out", wanted: Self.wanted, limits: Self.limits)
        }
        #expect(fault?.kind == (packer.contains("|") ? .damaged : .size))
        #expect(try files().values.reduce(0, +) < 100)
    }

    /// Every byte of a good archive changed, one after the other, and the archive cut at every block: taken or refused, and never anything else.
    @Test(arguments: ["none", "gzip", "zstd"]) func aChangedByteIsTakenOrRefused(packer: String) throws {
        var bytes = (plainArchive + .end).bytes
        if packer != "none" {
            try disk("in").replace("plain", with: bytes)
            try Shell.output("cd \"$0\"/in; \(packer) -q -c plain > packed", scratch.path)
            bytes = try disk("in").read("packed", limit: .mebibytes(1))
        }
        let step = packer == "none" ? 23 : 1
        for position in stride(from: 0, to: bytes.count, by: step) {
            for value in [bytes[position] ^ 1, 0xFF] as [UInt8] where value != bytes[position] {
                var changed = bytes
                changed[position] = value
                try endsInOrder(changed, "byte \(position) is \(value)")
            }
        }
        for length in stride(from: 0, to: bytes.count, by: packer == "none" ? 512 : 7) {
            try endsInOrder(Array(bytes.prefix(length)), "\(length) bytes")
        }
    }

    private func endsInOrder(_ bytes: [UInt8], _ what: String) throws {
        do {
            let found = try unpack(bytes)
            #expect(found.keys.allSatisfy { !$0.contains("..") }, "\(what)")
        } catch let fault as ArchiveFault {
            #expect(fault.kind != .helper && fault.kind != .timedOut && fault.kind != .system, "\(what): \(fault)")
        }
        #expect(Set(try LinuxDisk(at: scratch.path, create: false).names(in: nil)) == ["in", "out"], "\(what)")
        try Shell.output("rm -rf \"$0\"/out", scratch.path)
    }

    // MARK: The helper itself

    @Test func aHelperThatIsNotThereIsNamed() throws {
        _ = try disk("out")
        try disk("in").replace("archive", with: plainArchive.bytes)
        let fault = #expect(throws: ArchiveFault.self) {
            try ArchiveHelper(path: "/no/runner-archive").unpack(
                scratch.path + "/in/archive", into: scratch.path + "/out", wanted: [], limits: Self.limits)
        }
        #expect(
            fault
                == ArchiveFault(
                    .helper,
                    detail: "cannot execute '/no/runner-archive': no such file or directory. Install 'runner-archive' beside 'runner'"))
        let other = #expect(throws: ArchiveFault.self) {
            try ArchiveHelper(path: "/bin/false").unpack(
                scratch.path + "/in/archive", into: scratch.path + "/out", wanted: [], limits: Self.limits)
        }
        #expect(other?.kind == .helper)
    }

    @Test func whatIsNoFileIsNoArchive() throws {
        _ = try disk("out")
        try Shell.output("mkfifo \"$0\"/pipe", scratch.path)
        for path in ["/pipe", "/out"] {
            #expect(throws: ArchiveFault(.damaged, detail: "it is not a plain file")) {
                try helper.unpack(scratch.path + path, into: scratch.path + "/out", wanted: [], limits: Self.limits)
            }
        }
    }
}
