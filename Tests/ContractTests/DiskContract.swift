import AgentModel
import OutsideWorld
import Testing

/// One promise of `Disk`, tried on a fresh empty disk of either twin.
struct DiskPromise: Sendable, CustomTestStringConvertible {
    let name: String
    let check: @Sendable (any Disk) throws -> Void

    init(_ name: String, _ check: @escaping @Sendable (any Disk) throws -> Void) {
        self.name = name
        self.check = check
    }
    var testDescription: String { name }
}

/// What both twins keep. Where they differ, the simulated one is wrong.
let diskPromises: [DiskPromise] =
    filePromises + wholeFilePromises + directoryPromises + linkPromises + renamePromises + attributePromises + extendedAttributePromises
    + secondNamePromises + sharingPromises + ownerPromises + lockPromises

// MARK: Tools of the suite

/// The kind of fault `body` throws; nil: none.
func fault(_ body: () throws -> Void) throws -> FileFault.Kind? {
    do {
        try body()
        return nil
    } catch let fault as FileFault {
        return fault.kind
    }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension Disk {
    func text(_ path: DiskPath) throws -> String { String(decoding: try read(path, limit: .mebibytes(4)), as: UTF8.self) }
    func make(_ path: DiskPath, _ text: String, mode: UInt32 = 0o600) throws {
        try open(path, .createNew(mode: mode)).write(bytes(text))
    }
}

/// errno values that reach `FileFault.Kind.system`, as Linux counts them.
enum Errno {
    static let isDirectory: Int32 = 21
    static let loop: Int32 = 40
}

// MARK: Files

private let filePromises: [DiskPromise] = [
    DiskPromise("what is skipped is zeros") { disk in
        let zeros = { [UInt8](repeating: 0, count: $0) }
        let file = try disk.open("a", .createNew(mode: 0o600))
        try file.skip(70_000)
        try file.write([1])
        try file.skip(5)
        try file.write([2])
        try file.skip(100_000)
        #expect(try disk.read("a", limit: .mebibytes(1)) == zeros(70_000) + [1] + zeros(5) + [2] + zeros(100_000))
    },
    DiskPromise("a file is read at any place, and reading goes on where it was") { disk in
        try disk.make("a", "one two")
        let file = try disk.open("a", .read)
        #expect(try file.read(3) == bytes("one"))
        #expect(try file.read(9, at: 4) == bytes("two"))
        #expect(try file.read(1, at: 0) == bytes("o"))
        #expect(try file.read(1, at: 7) == [])
        #expect(try file.read(1, at: .max) == [])
        #expect(try file.read(9) == bytes(" two"))
    },
    DiskPromise("a file holds what was written, in order") { disk in
        let file = try disk.open("a", .createNew(mode: 0o640))
        try file.write(bytes("one "))
        try file.write([])
        try file.write(bytes("two"))
        file.beginSync()
        #expect(try disk.text("a") == "one two")
        try file.sync()
        #expect(try disk.text("a") == "one two")
        let entry = try #require(try disk.entry(at: "a"))
        #expect(entry.kind == .file && entry.size == 7 && entry.mode == 0o640)
    },
    DiskPromise("reading goes on where the last read ended, and ends with nothing") { disk in
        try disk.make("a", "abcdef")
        let file = try disk.open("a", .read)
        #expect(try file.read(4) == bytes("abcd"))
        #expect(try file.read(4) == bytes("ef"))
        #expect(try file.read(4) == [])
        #expect(try file.read(4) == [])
    },
    DiskPromise("a piece that was read gives its place to the next, of whatever length") { disk in
        try disk.make("a", "abcdefghi")
        let file = try disk.open("a", .read)
        var piece = bytes("of before")
        for expected in ["abcd", "efgh", "i", "", ""] {
            try file.read(4, into: &piece)
            #expect(piece == bytes(expected))
        }
    },
    DiskPromise("a large file that is on its way to the disk can be read, closed and removed") { disk in
        let content = [UInt8](repeating: 7, count: 9 << 20)
        do {
            let file = try disk.open("a", .createNew(mode: 0o600))
            try file.write(content)
            file.beginSync()
        }
        #expect(try disk.read("a", limit: .mebibytes(16)) == content)
        try disk.removeFile("a")
        #expect(try disk.entry(at: "a") == nil)
    },
    DiskPromise("a file made anew can be read on from where it was written") { disk in
        let file = try disk.open("a", .createNew(mode: 0o600))
        try file.write(bytes("abc"))
        #expect(try file.read(8) == [])
        #expect(try disk.text("a") == "abc")
    },
    DiskPromise("appending makes the file, then writes at its end, also past another writer") { disk in
        let first = try disk.open("log", .append(mode: 0o600))
        let second = try disk.open("log", .append(mode: 0o600))
        try first.write(bytes("1"))
        try second.write(bytes("2"))
        try first.write(bytes("3"))
        #expect(try disk.text("log") == "123")
    },
    DiskPromise("an open file stays readable after its name is gone or means another file") { disk in
        try disk.make("a", "old")
        let file = try disk.open("a", .read)
        try disk.removeFile("a")
        try disk.make("a", "new")
        #expect(try file.read(9) == bytes("old"))
        #expect(try disk.text("a") == "new")
    },
    DiskPromise("opening what is not there, is there, or is no file fails by name") { disk in
        try disk.make("file", "")
        try disk.makeDirectory("directory", mode: 0o700)
        try #expect(fault { _ = try disk.open("none", .read) } == .missing)
        try #expect(fault { _ = try disk.open("none/a", .createNew(mode: 0o600)) } == .missing)
        try #expect(fault { _ = try disk.open("none/a", .append(mode: 0o600)) } == .missing)
        try #expect(fault { _ = try disk.open("file", .createNew(mode: 0o600)) } == .exists)
        try #expect(fault { _ = try disk.open("directory", .createNew(mode: 0o600)) } == .exists)
        try #expect(fault { _ = try disk.open("file/a", .read) } == .notDirectory)
        try #expect(fault { _ = try disk.open("directory", .read) } == .system(Errno.isDirectory))
        try #expect(fault { _ = try disk.open("directory", .append(mode: 0o600)) } == .system(Errno.isDirectory))
    },
    DiskPromise("removing a file takes the name away, and nothing else") { disk in
        try disk.make("a", "")
        try disk.makeDirectory("directory", mode: 0o700)
        try disk.removeFile("a")
        #expect(try disk.entry(at: "a") == nil)
        try #expect(fault { try disk.removeFile("a") } == .missing)
        try #expect(fault { try disk.removeFile("directory") } == .system(Errno.isDirectory))
    },
    DiskPromise("there is free space") { disk in
        let free = try disk.freeSpace()
        #expect(free.bytes > 0)
        #expect(!disk.rootName.isEmpty)
    },
]

// MARK: Whole files

private let wholeFilePromises: [DiskPromise] = [
    DiskPromise("small files are read together, and what is wrong with one is no other's") { disk in
        try disk.makeDirectories("d/below")
        try disk.make("d/one", "one")
        try disk.make("d/none", "")
        try disk.make("d/large", "12345")
        try disk.makeSymbolicLink("d/link", to: "one")
        let names = ["one", "missing", "large", "none", "link", "below", "one"]
        let read = disk.read(names.map { SmallFile($0, limit: ByteCount(4)) }, in: "d")
        #expect(try read.indices.filter { [0, 3, 6].contains($0) }.map { try read[$0].get() } == [bytes("one"), [], bytes("one")])
        let faults = try [1, 2, 4, 5].map { index in try fault { _ = try read[index].get() } }
        #expect(faults == [.missing, .tooLarge, .system(Errno.loop), .system(Errno.isDirectory)])
        guard case .failure(let missing) = read[1] else { return }
        #expect(missing.what == "\(disk.rootName)/d/missing")
        try disk.makeSymbolicLink("way", to: "d")
        for (place, kind) in [("gone", FileFault.Kind.missing), ("d/one", .notDirectory), ("way", .notDirectory)] {
            let path = try #require(DiskPath(place))
            for read in disk.read([SmallFile("one", limit: ByteCount(4)), SmallFile("none", limit: ByteCount(4))], in: path) {
                try #expect(fault { _ = try read.get() } == kind, "\(place)")
            }
        }
        let exact = disk.read([SmallFile("large", limit: ByteCount(5))], in: "d")
        #expect(try exact[0].get() == bytes("12345"))
    },
    DiskPromise("a file larger than the limit is not read") { disk in
        try disk.make("a", "12345")
        #expect(try disk.read("a", limit: ByteCount(5)) == bytes("12345"))
        try #expect(fault { _ = try disk.read("a", limit: ByteCount(4)) } == .tooLarge)
        try #expect(fault { _ = try disk.read("none", limit: ByteCount(4)) } == .missing)
    },
    DiskPromise("replace makes, then replaces, and takes away what a former try left") { disk in
        try disk.replace("a", with: bytes("one"))
        try disk.make("a.new", "half")
        try disk.replace("a", with: bytes("two"), mode: 0o644)
        #expect(try disk.text("a") == "two")
        #expect(try disk.entry(at: "a")?.mode == 0o644)
        #expect(try disk.names(in: nil) == ["a"])
    },
    DiskPromise("large content comes back whole") { disk in
        let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try disk.replace("a", with: content)
        #expect(try disk.read("a", limit: .mebibytes(1)) == content)
    },
]

// MARK: Directories

private let directoryPromises: [DiskPromise] = [
    DiskPromise("a directory is made with the mode asked for and lists its names") { disk in
        try disk.makeDirectory("d", mode: 0o775)
        try disk.make("d/a", "")
        try disk.makeDirectory("d/b", mode: 0o700)
        let entry = try #require(try disk.entry(at: "d"))
        #expect(entry.kind == .directory && entry.mode == 0o775)
        #expect(try disk.names(in: "d").sorted() == ["a", "b"])
        #expect(try disk.names(in: "d/b") == [])
        #expect(try disk.names(in: nil) == ["d"])
        try disk.syncDirectory("d")
        try disk.syncDirectory(nil)
    },
    DiskPromise("directories that cannot be made, listed or removed say why") { disk in
        try disk.make("file", "")
        try disk.makeDirectories("d/e")
        try #expect(fault { try disk.makeDirectory("d", mode: 0o700) } == .exists)
        try #expect(fault { try disk.makeDirectory("file", mode: 0o700) } == .exists)
        try #expect(fault { try disk.makeDirectory("none/d", mode: 0o700) } == .missing)
        try #expect(fault { try disk.makeDirectory("file/d", mode: 0o700) } == .notDirectory)
        try #expect(fault { _ = try disk.names(in: "none") } == .missing)
        try #expect(fault { _ = try disk.names(in: "file") } == .notDirectory)
        try #expect(fault { try disk.syncDirectory("none") } == .missing)
        try #expect(fault { try disk.syncDirectory("file") } == .notDirectory)
        try #expect(fault { try disk.removeDirectory("d") } == .notEmpty)
        try #expect(fault { try disk.removeDirectory("none") } == .missing)
        try #expect(fault { try disk.removeDirectory("file") } == .notDirectory)
    },
    DiskPromise("making directories makes what is missing and keeps what is there") { disk in
        try disk.makeDirectories("a/b/c", mode: 0o750)
        try disk.make("a/b/c/file", "x")
        try disk.makeDirectories("a/b/c")
        #expect(try disk.text("a/b/c/file") == "x")
        #expect(try disk.entry(at: "a/b")?.mode == 0o750)
    },
    DiskPromise("removing a tree takes everything below, and is content when nothing is there") { disk in
        try disk.makeDirectories("a/b/c")
        try disk.make("a/b/file", "x", mode: 0o400)
        try disk.make("kept", "x")
        try disk.makeSymbolicLink("a/link", to: "../kept")
        try disk.setMode("a/b", 0o500)
        try disk.removeTree("a")
        try disk.removeTree("a")
        #expect(try disk.names(in: nil) == ["kept"])
        try disk.removeTree("kept")
        #expect(try disk.names(in: nil) == [])
    },
]

// MARK: Links

private let linkPromises: [DiskPromise] = [
    DiskPromise("a link is an entry of its own, whatever it points at") { disk in
        try disk.makeSymbolicLink("link", to: "/nowhere/at all")
        #expect(try disk.entry(at: "link")?.kind == .symbolicLink(target: "/nowhere/at all"))
        #expect(try disk.names(in: nil) == ["link"])
        try #expect(fault { try disk.makeSymbolicLink("link", to: "x") } == .exists)
        try disk.removeFile("link")
        #expect(try disk.entry(at: "link") == nil)
    },
    DiskPromise("no link is followed: not as a file, not on the way, not out of the root") { disk in
        try disk.makeDirectory("inside", mode: 0o700)
        try disk.make("inside/file", "secret")
        for target in ["inside", "/etc", "..", "."] {
            try disk.makeSymbolicLink("way", to: target)
            try #expect(fault { _ = try disk.open("way/file", .read) } == .notDirectory, "to '\(target)'")
            try #expect(fault { _ = try disk.open("way/new", .createNew(mode: 0o600)) } == .notDirectory)
            try #expect(fault { _ = try disk.entry(at: "way/file") } == .notDirectory)
            try #expect(fault { _ = try disk.names(in: "way") } == .notDirectory)
            try #expect(fault { try disk.makeDirectory("way/new", mode: 0o700) } == .notDirectory)
            try #expect(fault { try disk.removeFile("way/file") } == .notDirectory)
            try #expect(fault { try disk.rename("way/file", to: "stolen") } == .notDirectory)
            try #expect(fault { try disk.rename("inside/file", to: "way/file") } == .notDirectory)
            try #expect(fault { try disk.setMode("way/file", 0o777) } == .notDirectory)
            try #expect(fault { try disk.removeDirectory("way") } == .notDirectory)
            try #expect(fault { try disk.syncDirectory("way") } == .notDirectory)
            try disk.removeFile("way")
        }
        try disk.makeSymbolicLink("link", to: "inside/file")
        try #expect(fault { _ = try disk.open("link", .read) } == .system(Errno.loop))
        try #expect(fault { _ = try disk.open("link", .append(mode: 0o600)) } == .system(Errno.loop))
        try #expect(fault { _ = try disk.open("link", .createNew(mode: 0o600)) } == .exists)
        try #expect(fault { _ = try disk.lock("link", holder: "x") } == .system(Errno.loop))
        #expect(disk.lockHolder("link") == nil)
        #expect(try disk.text("inside/file") == "secret")
    },
    DiskPromise("removing a tree removes a link, never what it points at") { disk in
        try disk.makeDirectory("kept", mode: 0o700)
        try disk.make("kept/file", "x")
        try disk.makeSymbolicLink("link", to: "kept")
        try disk.removeTree("link")
        #expect(try disk.names(in: nil) == ["kept"])
        #expect(try disk.text("kept/file") == "x")
    },
    DiskPromise("a link is replaced by rename in one step") { disk in
        try disk.makeSymbolicLink("latest", to: "versions/1")
        try disk.makeSymbolicLink("latest.new", to: "versions/2")
        try disk.rename("latest.new", to: "latest")
        #expect(try disk.entry(at: "latest")?.kind == .symbolicLink(target: "versions/2"))
        #expect(try disk.names(in: nil) == ["latest"])
    },
]

// MARK: Rename

private let renamePromises: [DiskPromise] = [
    DiskPromise("rename replaces a file and moves a directory with all below it") { disk in
        try disk.make("a", "new")
        try disk.make("b", "old")
        try disk.rename("a", to: "b")
        #expect(try disk.text("b") == "new")
        try disk.makeDirectories("from/deep")
        try disk.make("from/deep/file", "x")
        try disk.makeDirectory("to", mode: 0o700)
        try disk.rename("from", to: "to/there")
        #expect(try disk.text("to/there/deep/file") == "x")
        #expect(try disk.names(in: nil).sorted() == ["b", "to"])
    },
    DiskPromise("an empty directory is replaced by a directory") { disk in
        try disk.makeDirectory("full", mode: 0o700)
        try disk.make("full/file", "x")
        try disk.makeDirectory("empty", mode: 0o700)
        try disk.rename("full", to: "empty")
        #expect(try disk.text("empty/file") == "x")
        #expect(try disk.names(in: nil) == ["empty"])
    },
    DiskPromise("what is renamed to a new name replaces nothing") { disk in
        for name in ["file", "taken"] { try disk.make(DiskPath(name) ?? "x", name) }
        for name in ["d", "empty"] { try disk.makeDirectory(DiskPath(name) ?? "x", mode: 0o700) }
        try disk.make("d/x", "deep")
        try disk.makeSymbolicLink("link", to: "nowhere")
        for (source, target) in [("file", "taken"), ("file", "empty"), ("file", "link"), ("d", "empty"), ("d", "taken"), ("link", "file")]
            as [(DiskPath, DiskPath)]
        {
            try #expect(fault { try disk.renameNew(source, to: target) } == .exists, "\(source) to \(target)")
        }
        try #expect(fault { try disk.renameNew("none", to: "other") } == .missing)
        #expect(try disk.text("taken") == "taken" && disk.names(in: "empty").isEmpty)
        try disk.renameNew("file", to: "new")
        try disk.renameNew("d", to: "empty/moved")
        #expect(try disk.text("new") == "file" && disk.text("empty/moved/x") == "deep")
        #expect(try disk.names(in: nil).sorted() == ["empty", "link", "new", "taken"])
    },
    DiskPromise("what cannot be renamed stays as it was") { disk in
        try disk.makeDirectory("d", mode: 0o700)
        try disk.make("d/x", "")
        try disk.makeDirectory("e", mode: 0o700)
        try disk.make("file", "x")
        try #expect(fault { try disk.rename("none", to: "file") } == .missing)
        try #expect(fault { try disk.rename("file", to: "none/file") } == .missing)
        try #expect(fault { try disk.rename("e", to: "d") } == .notEmpty)
        try #expect(fault { try disk.rename("e", to: "file") } == .notDirectory)
        try #expect(fault { try disk.rename("file", to: "e") } == .system(Errno.isDirectory))
        #expect(try disk.text("file") == "x")
        #expect(try disk.names(in: nil).sorted() == ["d", "e", "file"])
    },
]

// MARK: Attributes

private let attributePromises: [DiskPromise] = [
    DiskPromise("nothing there is nothing, not a fault") { disk in
        try disk.make("file", "")
        #expect(try disk.entry(at: "none") == nil)
        #expect(try disk.entry(at: "none/below") == nil)
        try #expect(fault { _ = try disk.entry(at: "file/below") } == .notDirectory)
    },
    DiskPromise("mode and time are what was set, to the nanosecond") { disk in
        let time = WallTime(nanoseconds: 1_234_567_890_123_456_789)
        try disk.make("file", "")
        try disk.makeDirectory("d", mode: 0o700)
        try disk.makeSymbolicLink("link", to: "file")
        for (path, mode): (DiskPath, UInt32) in [("file", 0o4751), ("file", 0), ("d", 0o1777)] {
            try disk.setMode(path, mode)
            try disk.setModified(path, time)
            let entry = try #require(try disk.entry(at: path))
            #expect(entry.mode == mode && entry.modifiedAt == time)
        }
        try disk.setModified("link", time)
        #expect(try disk.entry(at: "link")?.modifiedAt == time)
        try #expect(fault { try disk.setMode("none", 0o600) } == .missing)
        try #expect(fault { try disk.setModified("none", time) } == .missing)
    },
    DiskPromise("names may hold any text that is no path") { disk in
        let names = ["with space", "-rf", "ümläut", "日本語", "..three", "new\nline", "\u{10FE80}"]
        for name in names { try disk.make(try #require(DiskPath(name)), name) }
        #expect(Set(try disk.names(in: nil)) == Set(names))
        for name in names { #expect(try disk.text(try #require(DiskPath(name))) == name) }
    },
]

// MARK: Extended attributes

private let extendedAttributePromises: [DiskPromise] = [
    DiskPromise("an attribute is what was set, until it is taken away") { disk in
        try disk.make("file", "x")
        try disk.makeDirectory("d", mode: 0o700)
        guard disk.mayGive(attribute: "user.note") else {
            try #expect(fault { try disk.setAttribute("user.note", of: "file", to: []) } == .system(95))
            return
        }
        let long = [UInt8](repeating: 0xA5, count: 1500)
        for path: DiskPath in ["file", "d"] {
            #expect(try disk.attributes(at: path, limit: .mebibytes(1)) == [])
            try disk.setAttribute("user.note", of: path, to: bytes("old"))
            try disk.setAttribute("user.note", of: path, to: long)
            try disk.setAttribute("user.empty", of: path, to: [])
            try disk.setAttribute("user.\u{e9}\u{10FE80}", of: path, to: [0])
            #expect(
                try disk.attributes(at: path, limit: .mebibytes(1)) == [
                    ExtendedAttribute("user.empty", []), ExtendedAttribute("user.note", long),
                    ExtendedAttribute("user.\u{e9}\u{10FE80}", [0]),
                ])
            try #expect(fault { _ = try disk.attributes(at: path, limit: ByteCount(1500)) } == .tooLarge)
            for name in ["user.note", "user.note", "user.empty", "user.\u{e9}\u{10FE80}"] {
                try disk.setAttribute(name, of: path, to: nil)
            }
            #expect(try disk.attributes(at: path, limit: ByteCount(0)) == [])
        }
        try #expect(fault { _ = try disk.attributes(at: "none", limit: ByteCount(9)) } == .missing)
        try #expect(fault { try disk.setAttribute("user.note", of: "none", to: []) } == .missing)
    },
    DiskPromise("only what a version keeps is given, and no link followed for it") { disk in
        try disk.make("file", "x")
        try disk.makeDirectory("d", mode: 0o700)
        try disk.make("d/file", "x")
        for name in ["trusted.note", "security.selinux", "user.", "note", ""] {
            #expect(!disk.mayGive(attribute: name))
            try #expect(fault { try disk.setAttribute(name, of: "file", to: [1]) } == .denied)
        }
        try disk.makeSymbolicLink("link", to: "file")
        try disk.makeSymbolicLink("way", to: "d")
        try #expect(fault { try disk.setAttribute("user.note", of: "link", to: [1]) } == .denied)
        try #expect(fault { try disk.setAttribute("user.note", of: "way/file", to: [1]) } == .notDirectory)
        try #expect(fault { _ = try disk.attributes(at: "way/file", limit: ByteCount(9)) } == .notDirectory)
        #expect(try disk.attributes(at: "link", limit: ByteCount(9)) == [] && disk.attributes(at: "file", limit: ByteCount(9)) == [])
    },
    DiskPromise("an open file tells its own attributes, whatever has its name by now") { disk in
        try disk.make("file", "x")
        guard disk.mayGive(attribute: "user.note") else {
            #expect(try disk.open("file", .read).attributes(limit: ByteCount(64)) == [])
            return
        }
        let long = [UInt8](repeating: 0xA5, count: 1500)
        try disk.setAttribute("user.note", of: "file", to: long)
        let opened = try disk.open("file", .read)
        let empty = try disk.open("new", .createNew(mode: 0o600))
        #expect(try empty.attributes(limit: ByteCount(0)) == [])
        #expect(try opened.attributes(limit: .mebibytes(1)) == [ExtendedAttribute("user.note", long)])
        try #expect(fault { _ = try opened.attributes(limit: ByteCount(1500)) } == .tooLarge)
        try disk.rename("new", to: "file")
        #expect(try opened.attributes(limit: .mebibytes(1)) == [ExtendedAttribute("user.note", long)])
        #expect(try disk.attributes(at: "file", limit: .mebibytes(1)) == [])
    },
    DiskPromise("capabilities go when the file is given away") { disk in
        try disk.make("file", "x")
        let owner = try #require(try disk.entry(at: "file")).owner
        // Version 2, effective, one permitted. See capabilities(7).
        let value: [UInt8] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        guard disk.mayGive(attribute: ExtendedAttribute.capability) else { return }
        try disk.setAttribute(ExtendedAttribute.capability, of: "file", to: value)
        #expect(try disk.attributes(at: "file", limit: ByteCount(64)) == [ExtendedAttribute(ExtendedAttribute.capability, value)])
        try disk.setOwner("file", owner)
        #expect(try disk.attributes(at: "file", limit: ByteCount(64)) == [])
    },
]

// MARK: Second names

private let secondNamePromises: [DiskPromise] = [
    DiskPromise("a file with two names is one file, until one of them is gone or means another") { disk in
        try disk.make("a", "one")
        try disk.makeDirectory("d", mode: 0o700)
        try disk.makeLink("d/b", to: "a")
        let (first, second) = (try #require(try disk.entry(at: "a")), try #require(try disk.entry(at: "d/b")))
        #expect(first == second && first.hasOtherNames && first.number != nil)
        let file = try disk.open("d/b", .append(mode: 0o600))
        try file.write(bytes(" two"))
        #expect(try disk.text("a") == "one two")
        for (path, deed) in [
            ("a", { try disk.setMode("a", 0o644) }), ("d/b", { try disk.setAttribute("user.note", of: "d/b", to: [1]) }),
            ("a", { try disk.setOwner("a", first.owner) }),
        ] as [(String, () throws -> Void)] {
            try #expect(fault(deed) == .system(31), "\(path)")
        }
        try disk.make("new", "other")
        try disk.rename("new", to: "a")
        #expect(try disk.text("d/b") == "one two" && disk.text("a") == "other")
        let alone = try #require(try disk.entry(at: "d/b"))
        #expect(!alone.hasOtherNames && alone.number == first.number)
        try disk.setMode("d/b", 0o644)
    },
    DiskPromise("a second name takes nobody's place, and a rename to one of its own does nothing") { disk in
        try disk.make("a", "x")
        try disk.make("taken", "y")
        try disk.makeDirectory("d", mode: 0o700)
        try disk.makeSymbolicLink("link", to: "a")
        try disk.makeSymbolicLink("way", to: "d")
        try #expect(fault { try disk.makeLink("taken", to: "a") } == .exists)
        try #expect(fault { try disk.makeLink("b", to: "none") } == .missing)
        try #expect(fault { try disk.makeLink("none/b", to: "a") } == .missing)
        try #expect(fault { try disk.makeLink("way/b", to: "a") } == .notDirectory)
        try #expect(fault { try disk.makeLink("b", to: "d") } == .denied)
        // Of a link, not of what it leads to.
        try disk.makeLink("second", to: "link")
        #expect(try disk.entry(at: "second")?.kind == .symbolicLink(target: "a"))
        #expect(try disk.entry(at: "a")?.hasOtherNames == false)
        try disk.makeLink("b", to: "a")
        try disk.rename("b", to: "a")
        #expect(Set(try disk.names(in: nil)) == ["a", "b", "d", "link", "second", "taken", "way"])
    },
]

// MARK: Sharing

private let sharingPromises: [DiskPromise] = [
    DiskPromise("what is shared is as if it were copied, and what is not was not begun") { disk in
        let content = (0..<300_001).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try disk.open("a", .createNew(mode: 0o600)).write(content)
        let copy = try disk.open("b", .createNew(mode: 0o600))
        try copy.write([UInt8](repeating: 1, count: 8192))
        let sharing = try copy.share(300_001, of: try disk.open("a", .read))
        if sharing == .shared {
            // To a block's beginning only; and not from a block's middle.
            try copy.skip(3)
            #expect(try copy.share(300_001, of: try disk.open("a", .read)) == .notThisFile)
            try copy.skip(4093 - (8192 + 300_001) % 4096)
            #expect(try copy.share(300_000, of: try disk.open("a", .read)) == .notThisFile)
            try copy.write([2])
            try copy.sync()
            let all = try disk.read("b", limit: .mebibytes(4))
            #expect(all.starts(with: [UInt8](repeating: 1, count: 8192) + content + [0, 0, 0]) && all.last == 2)
            #expect(all[(8192 + 300_001)..<(all.count - 1)].allSatisfy { $0 == 0 })
            // Each is its own from here on.
            try disk.open("a", .append(mode: 0o600)).write([9])
            #expect(try disk.read("b", limit: .mebibytes(4)) == all)
        } else {
            try copy.write([2])
            #expect(try disk.entry(at: "b")?.size == 8193)
        }
    }
]

// MARK: Owners

private let ownerPromises: [DiskPromise] = [
    DiskPromise("what we make is ours, and so is the root") { disk in
        let root = try disk.rootEntry()
        #expect(root.isOurs && root.mode == 0o700 && root.openDirectoryAbove == nil)
        try disk.make("file", "")
        try disk.makeDirectory("d", mode: 0o700)
        try disk.makeSymbolicLink("link", to: "file")
        for path: DiskPath in ["file", "d", "link"] {
            let entry = try #require(try disk.entry(at: path))
            #expect(entry.owner == root.owner && !entry.hasOtherNames)
            #expect(disk.mayGive(entry.owner))
            try disk.setOwner(path, entry.owner)
        }
        try disk.setOwner(nil, root.owner)
        try #expect(fault { try disk.setOwner("none", root.owner) } == .missing)
    },
    DiskPromise("what may be given away is, a link itself and not what it points at, without the set-user bit") { disk in
        let other = FileOwner(user: 4711, group: 4712)
        try disk.make("file", "x")
        try disk.makeDirectory("d", mode: 0o700)
        try disk.makeSymbolicLink("link", to: "file")
        try disk.setMode("file", 0o4755)
        guard disk.mayGive(other) else {
            try #expect(fault { try disk.setOwner("file", other) } == .denied)
            #expect(try disk.entry(at: "file")?.mode == 0o4755)
            return
        }
        let ours = try #require(try disk.entry(at: "file")).owner
        try disk.setOwner("link", other)
        #expect(try disk.entry(at: "link")?.owner == other)
        #expect(try disk.entry(at: "file")?.owner == ours)
        for path: DiskPath in ["file", "d"] {
            try disk.setOwner(path, other)
            #expect(try disk.entry(at: path)?.owner == other)
        }
        #expect(try disk.entry(at: "file")?.mode == 0o755)
        try disk.setMode("file", 0o4755)
        #expect(try disk.entry(at: "file")?.mode == 0o4755)
        try disk.setOwner(nil, other)
        #expect(try disk.rootEntry().owner == other)
        try disk.makeSymbolicLink("way", to: "d")
        try disk.make("d/file", "x")
        try #expect(fault { try disk.setOwner("way/file", ours) } == .notDirectory)
    },
]

// MARK: Locks

private let lockPromises: [DiskPromise] = [
    DiskPromise("a lock has one holder, whose name can be read") { disk in
        #expect(disk.lockHolder("lock") == nil)
        let lock = try disk.lock("lock", holder: "runner 4711")
        #expect(disk.lockHolder("lock") == "runner 4711")
        try #expect(fault { _ = try disk.lock("lock", holder: "other") } == .busy)
        #expect(disk.lockHolder("lock") == "runner 4711")
        lock.release()
        lock.release()
        #expect(disk.lockHolder("lock") == nil)
        let next = try disk.lock("lock", holder: "next")
        #expect(disk.lockHolder("lock") == "next")
        next.release()
    },
    DiskPromise("looking for the holder takes nothing") { disk in
        try disk.lock("lock", holder: "a").release()
        #expect(disk.lockHolder("lock") == nil)
        let lock = try disk.lock("lock", holder: "b")
        withExtendedLifetime(lock) { #expect(disk.lockHolder("lock") == "b") }
    },
    DiskPromise("a lock that nobody keeps is released") { disk in
        _ = try disk.lock("lock", holder: "a")
        #expect(disk.lockHolder("lock") == nil)
        try #expect(fault { _ = try disk.lock("none/lock", holder: "a") } == .missing)
    },
]
