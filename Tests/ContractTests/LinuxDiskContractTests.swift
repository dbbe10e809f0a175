import AgentModel
import Glibc
@testable import LinuxWorld
import OutsideWorld
import Testing

/// Linux keeps what `Disk` promises, and its own part of it: faults that need a real file system, locks that die with their holder.
@Suite struct LinuxDiskContractTests {
    @Test(arguments: diskPromises) func linuxKeeps(_ promise: DiskPromise) throws {
        let place = try TemporaryDirectory()
        try promise.check(try LinuxDisk(at: place.path, create: false))
    }

    @Test(arguments: diskPromises) func linuxKeepsWithoutOpenat2(_ promise: DiskPromise) throws {
        let place = try TemporaryDirectory()
        try promise.check(
            try LinuxDisk(rootName: place.path, resolution: .byComponent) { open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
    }

    @Test func aRootIsMadeOnlyWhenAskedFor() throws {
        let place = try TemporaryDirectory()
        try #expect(fault { _ = try LinuxDisk(at: place.path + "/a/b", create: false) } == .missing)
        let disk = try LinuxDisk(at: place.path + "/a/b", create: true)
        try disk.make("file", "x")
        let above = try LinuxDisk(at: place.path, create: true)
        #expect(try above.entry(at: "a/b")?.mode == 0o700)
        try above.make("plain", "")
        try #expect(fault { _ = try LinuxDisk(at: place.path + "/plain", create: true) } == .notDirectory)
        try #expect(fault { _ = try LinuxDisk(at: place.path + "/plain/x", create: true) } == .notDirectory)
    }

    /// Where the file system has no way of its own.
    @Test func aNewNameReplacesNothingByHandEither() throws {
        let place = try TemporaryDirectory()
        let disk = try LinuxDisk(at: place.path, create: false)
        try disk.make("file", "file")
        try disk.make("taken", "taken")
        try disk.makeDirectories("d/deep")
        try disk.makeDirectory("empty", mode: 0o755)
        for (source, target) in [("file", "taken"), ("file", "empty"), ("d", "empty"), ("d", "taken")] as [(DiskPath, DiskPath)] {
            try #expect(fault { try disk.renameByHand(source, to: target) } == .exists, "\(source) to \(target)")
        }
        try #expect(fault { try disk.renameByHand("none", to: "other") } == .missing)
        try disk.renameByHand("file", to: "new")
        try disk.renameByHand("d", to: "moved")
        #expect(try disk.text("new") == "file" && disk.text("taken") == "taken" && disk.entry(at: "moved/deep") != nil)
        #expect(try disk.names(in: nil).sorted() == ["empty", "moved", "new", "taken"])
        #expect(try disk.entry(at: "new")?.hasOtherNames == false)
    }

    /// The kernel lists no more than 64 KiB of names, wherever it keeps them.
    @Test func moreNamesThanTheKernelListsAreTooMuch() throws {
        let path = "/dev/shm/runner-test-\(getpid())"
        guard let disk = try? LinuxDisk(at: path, create: true) else { return }
        defer { _ = try? disk.removeTree("file"); rmdir(path) }
        try disk.make("file", "x")
        for number in 100..<500 {
            do { try disk.setAttribute("user.\(number)" + String(repeating: "n", count: 240), of: "file", to: []) } catch {
                // A kernel of before 6.6, or a limit of this machine.
                return
            }
        }
        try #expect(fault { _ = try disk.attributes(at: "file", limit: .mebibytes(1)) } == .tooLarge)
    }

    @Test func aRootBelowAnotherFollowsNoLink() throws {
        let place = try TemporaryDirectory()
        let disk = try LinuxDisk(at: place.path, create: false)
        try disk.makeDirectories("doors/staging")
        try disk.make("doors/staging/state", "x")
        #expect(try LinuxDisk(at: "doors/staging", of: disk).text("state") == "x")
        try disk.makeSymbolicLink("doors/link", to: "/etc")
        try #expect(fault { _ = try LinuxDisk(at: "doors/link", of: disk) } == .notDirectory)
    }

    @Test func pipesAndDevicesAreNoFiles() throws {
        let place = try TemporaryDirectory()
        #expect(mkfifo(place.path + "/pipe", 0o600) == 0)
        let disk = try LinuxDisk(at: place.path, create: false)
        #expect(try disk.entry(at: "pipe")?.kind == .other)
        try #expect(fault { _ = try disk.open("pipe", .read) } == .system(EINVAL))
        try disk.removeTree("pipe")
    }

    /// Names as bytes that no other name's text stands for.
    @Test(
        arguments: [
            [0xFF], [0x61, 0x80, 0x62], [0xC3], [0xC3, 0xA9], [0xF4, 0x8F, 0xBA, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0x20],
        ] as [[UInt8]])
    func aNameThatIsNoTextIsKeptExactly(_ name: [UInt8]) throws {
        let place = try TemporaryDirectory()
        var path = (place.path + "/").utf8.map { CChar(bitPattern: $0) } + name.map { CChar(bitPattern: $0) } + [0]
        close(open(&path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600))
        let disk = try LinuxDisk(at: place.path, create: false)
        let text = try #require(try disk.names(in: nil).first)
        let found = try #require(DiskPath(text))
        #expect(try disk.entry(at: found)?.kind == .file)
        try disk.replace(found, with: bytes("x"))
        #expect(access(&path, F_OK) == 0)
        #expect(try disk.names(in: nil) == [text])
        try disk.removeFile(found)
        #expect(access(&path, F_OK) != 0)
    }

    // MARK: Faults of the file system

    @Test(.enabled(if: SmallDisk.canBeMounted, "needs root and mount(2)"))
    func aFullDiskIsToldAndTheOldContentStands() throws {
        let small = try SmallDisk(kibibytes: 64)
        let disk = try LinuxDisk(at: small.path, create: false)
        try disk.replace("kept", with: bytes("old"))
        try #expect(fault { try disk.replace("kept", with: [UInt8](repeating: 1, count: 1 << 20)) } == .full)
        #expect(try disk.text("kept") == "old")
        #expect(try disk.names(in: nil) == ["kept"])
        try disk.make("filler", "")
        try #expect(fault { try fill(disk, "filler") } == .full)
        #expect(try disk.freeSpace().bytes == 0)
        let lock = try disk.lock("lock", holder: "anyone")  // the text has no room, the lock holds
        try #expect(fault { _ = try disk.lock("lock", holder: "other") } == .busy)
        lock.release()
        try disk.removeFile("filler")
        try disk.replace("kept", with: bytes("new"))
        #expect(try disk.text("kept") == "new")
    }

    private func fill(_ disk: LinuxDisk, _ path: DiskPath) throws {
        let file = try disk.open(path, .append(mode: 0o600))
        while true { try file.write([UInt8](repeating: 1, count: 4096)) }
    }

    @Test(.enabled(if: SmallDisk.canBeMounted, "needs root and mount(2)"))
    func aReadOnlyDiskIsTold() throws {
        let small = try SmallDisk(kibibytes: 64)
        try LinuxDisk(at: small.path, create: false).replace("kept", with: bytes("old"))
        try small.makeReadOnly()
        let disk = try LinuxDisk(at: small.path, create: false)
        #expect(try disk.text("kept") == "old")
        try #expect(fault { _ = try disk.open("new", .createNew(mode: 0o600)) } == .readOnly)
        try #expect(fault { _ = try disk.open("kept", .append(mode: 0o600)) } == .readOnly)
        try #expect(fault { try disk.replace("kept", with: bytes("new")) } == .readOnly)
        try #expect(fault { try disk.makeDirectory("d", mode: 0o700) } == .readOnly)
        try #expect(fault { try disk.makeSymbolicLink("l", to: "x") } == .readOnly)
        try #expect(fault { try disk.rename("kept", to: "other") } == .readOnly)
        try #expect(fault { try disk.removeFile("kept") } == .readOnly)
        try #expect(fault { try disk.setMode("kept", 0o644) } == .readOnly)
        try #expect(fault { try disk.setModified("kept", WallTime(seconds: 1)) } == .readOnly)
        try #expect(fault { _ = try disk.lock("lock", holder: "x") } == .readOnly)
        try #expect(fault { _ = try LinuxDisk(at: small.path + "/made", create: true) } == .readOnly)
        #expect(disk.lockHolder("lock") == nil)
    }

    @Test func whatIsForbiddenIsDenied() throws {
        let place = try TemporaryDirectory()
        let disk = try LinuxDisk(at: place.path, create: false)
        try disk.makeDirectory("closed", mode: 0o700)
        try disk.make("closed/file", "x")
        try disk.make("file", "x")
        try disk.setMode("file", 0)
        try disk.setMode("closed", 0)
        asNobody {
            for attempt: () throws -> Void in [
                { _ = try disk.open("file", .read) }, { _ = try disk.entry(at: "closed/file") }, { _ = try disk.names(in: "closed") },
                { try disk.removeFile("closed/file") }, { _ = try disk.lock("file", holder: "x") },
            ] {
                #expect(throws: FileFault.self) { try attempt() }
                #expect(try! fault(attempt) == .denied)
            }
        }
        try disk.setMode("closed", 0o700)
    }

    @Test func aFaultSaysWhatAndWhere() throws {
        let place = try TemporaryDirectory()
        let disk = try LinuxDisk(at: place.path, create: false)
        #expect(throws: FileFault(.missing, doing: "open", what: place.path + "/a/b")) { try disk.open("a/b", .read) }
        #expect(throws: FileFault(.missing, doing: "open the directory", what: "/none/such")) {
            try LinuxDisk(at: "/none/such", create: false)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root")) func whoIsNotRootGivesNothingAway() throws {
        let place = try TemporaryDirectory()
        let disk = try LinuxDisk(at: place.path, create: false)
        try disk.make("file", "x")
        asNobody {
            #expect(try! fault { try disk.setOwner("file", FileOwner(user: 1, group: 1)) } == .denied)
        }
        #expect(try disk.entry(at: "file")?.owner == .root)
    }

    /// An agent can make a name in its workspace for a file that is not its own, where the kernel lets it (fs.protected_hardlinks).
    @Test func aFileWithOtherNamesIsNotChanged() throws {
        let place = try TemporaryDirectory()
        let disk = try LinuxDisk(at: place.path, create: false)
        try disk.make("theirs", "x")
        try #require(link(place.path + "/theirs", place.path + "/ours") == 0)
        #expect(try disk.entry(at: "ours")?.hasOtherNames == true)
        let owner = try #require(try disk.entry(at: "ours")).owner
        try #expect(fault { try disk.setOwner("ours", owner) } == .system(EMLINK))
        try #expect(fault { try disk.setMode("ours", 0o666) } == .system(EMLINK))
        try #expect(fault { try disk.setAttribute("user.note", of: "ours", to: [1]) } == .system(EMLINK))
        #expect(try disk.entry(at: "theirs")?.mode == 0o600)
        try disk.removeFile("theirs")
        try disk.setMode("ours", 0o666)
    }

    /// An agent with a user of its own puts a link where its workspace was: the runner, as root, is not led away by it.
    @Test(.enabled(if: geteuid() == 0, "needs root")) func aLinkOfAnotherUserLeadsOnlyToWhatIsTheirs() throws {
        let place = try TemporaryDirectory()
        let above = try LinuxDisk(at: place.path, create: false)
        let agent = FileOwner(user: 1000, group: 1000)
        for name: DiskPath in ["ours", "theirs", "home"] { try above.makeDirectory(name, mode: 0o755) }
        for name: DiskPath in ["theirs", "home"] { try above.setOwner(name, agent) }
        let links: [(DiskPath, String, FileOwner, opens: Bool)] = [
            ("home/to-ours", "../ours", agent, false), ("home/absolute", place.path + "/ours", agent, false),
            ("home/to-etc", "/etc", agent, false), ("home/to-theirs", "../theirs", agent, true),
            ("by-root", "ours", .root, true), ("by-root-to-theirs", "home", .root, true), ("twice", "home/to-ours", .root, false),
        ]
        for (name, target, owner, opens) in links {
            try above.makeSymbolicLink(name, to: target)
            try above.setOwner(name, owner)
            let path = "\(place.path)/\(name)"
            let found = try fault { _ = try LinuxDisk(at: path, create: false) }
            #expect(found == (opens ? nil : .denied), "\(name)")
        }
        // Where a link led, the root is known by its real name: what lies in what is seen by names.
        #expect(try LinuxDisk(at: place.path + "/by-root", create: false).rootName == place.path + "/ours")
        #expect(try LinuxDisk(at: place.path + "/home/../by-root/.", create: false).rootName == place.path + "/ours")
        // As somebody on the way, too.
        try above.makeDirectories("ours/work", mode: 0o755)
        try #expect(fault { _ = try LinuxDisk(at: place.path + "/home/to-ours/work", create: false) } == .denied)
        try above.makeSymbolicLink("round", to: "round")
        try #expect(fault { _ = try LinuxDisk(at: place.path + "/round", create: false) } == .system(Errno.loop))
    }

    @Test func aRootThatOthersCouldReplaceIsKnown() throws {
        let place = try TemporaryDirectory()
        let above = try LinuxDisk(at: place.path, create: false)
        try above.makeDirectories("open/closed/store")
        let disk = try LinuxDisk(at: place.path + "/open/closed/store", create: false)
        #expect(try disk.rootEntry().openDirectoryAbove == nil)
        try above.setMode("open", 0o777)
        #expect(try disk.rootEntry().openDirectoryAbove == place.path + "/open")
        try above.setMode("open", 0o1777)
        #expect(try disk.rootEntry().openDirectoryAbove == nil)
    }

    // MARK: Locks

    @Test func aLockDiesWithItsHolder() throws {
        let place = try TemporaryDirectory()
        let disk = try LinuxDisk(at: place.path, create: false)
        // A child that inherits the locked descriptor is its last holder once we let ours go.
        let lock = try disk.lock("lock", holder: "the child")
        let child = try Child.holding(pathOf: place.path + "/lock")
        lock.release()
        #expect(disk.lockHolder("lock") == "the child")
        try #expect(fault { _ = try disk.lock("lock", holder: "we") } == .busy)
        child.killAndReap()
        #expect(disk.lockHolder("lock") == nil)
        try disk.lock("lock", holder: "we").release()
    }
}
