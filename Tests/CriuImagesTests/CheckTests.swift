import Testing

@testable import CriuImages

private func directory(_ files: [String: [UInt8]], parent: ImageDirectory.Parent = .none) -> ImageDirectory {
    ImageDirectory(name: "set", files: files.map { ImageFile(name: $0.key, bytes: $0.value) }, parent: parent)
}

/// Changes one field of an image's entry through its JSON, as a person would with a text editor.
private func edited(_ bytes: [UInt8], of name: String, _ old: String, _ new: String) throws -> [UInt8] {
    let json = String(decoding: try decoded(ImageFile(name: name, bytes: bytes)), as: UTF8.self)
    #expect(json.contains(old), "\(name) has no \(old)")
    return try encoded(Array(json.replacing(old, with: new, maxReplacements: 1).utf8))
}

@Test(arguments: Corpus.sets)
func aWholeSetHasNoFindings(set: String) throws {
    #expect(Check.check(directory(try Corpus.files(of: set)), architecture: "X86_64") == [])
}

@Test func theWrongMachineIsTold() throws {
    let findings = Check.check(directory(try Corpus.files(of: "older")), architecture: "AARCH64")
    #expect(
        findings == [
            Finding(
                .error, "core-1001.img", "it is of a machine of kind 'X86_64', and this one is 'AARCH64'",
                "registers of one kind mean nothing on another")
        ])
}

/// Every file of the set that a restore needs, and what is said when it is not there.
@Test(
    arguments: [
        ("core-1001.img", "it is missing"), ("core-1005.img", "it is missing"), ("mm-1003.img", "it is missing"),
        ("pagemap-1006.img", "it is missing"), ("fs-1001.img", "it is missing"), ("ids-1003.img", "it is missing"),
        ("fdinfo-3.img", "it is missing, and process 1003 has it as its table of files"), ("files.img", "it is missing"),
        ("pstree.img", "it is missing"), ("inventory.img", "it is missing"), ("pages-1.img", "it is missing, and"),
        ("ghost-file-1.img", "it is missing"), ("tcp-stream-1f8f80.img", "it is missing"),
        ("seccomp.img", "it is missing, and thread 1001 has a filter"), ("memfd.img", "it does not have memory file 1 of file 2"),
        ("tty-info.img", "it does not have terminal 1 of file 26"), ("pagemap-shmem-12138.img", "it is missing"),
    ])
func aMissingFileIsFound(name: String, what: String) throws {
    var files = try Corpus.files(of: "many")
    #expect(files.removeValue(forKey: name) != nil)
    let errors = Check.check(directory(files)).filter { $0.severity == .error && $0.file == name }
    #expect(errors.contains { $0.what.hasPrefix(what) }, "\(errors)")
}

/// CRIU takes these sets without a word.
@Test(arguments: ["timens-0.img", "stats-dump"])
func whatCRIUDoesNotMissIsAWarning(name: String) throws {
    var files = try Corpus.files(of: "many")
    #expect(files.removeValue(forKey: name) != nil)
    #expect(Check.check(directory(files)).map { "\($0.severity) \($0.file) \($0.what)" } == ["warning \(name) it is missing"])
}

/// What leads nowhere, file by file.
@Test(
    arguments: [
        ("fdinfo-2.img", #""id": 5,"#, #""id": 555,"#, "descriptor 3 is file 555, which files.img does not have"),
        ("fdinfo-2.img", #""type": "PIPE""#, #""type": "REG""#, "descriptor 3 is of another kind than file 5 in files.img"),
        ("fdinfo-2.img", #""fd": 4}"#, #""fd": 3}"#, "descriptor 3 is in it twice"),
        ("mm-1001.img", #""exe_file_id": 1,"#, #""exe_file_id": 77,"#, "its executable is file 77, which files.img does not have"),
        ("fs-1001.img", #""root_id": 36"#, #""root_id": 99"#, "its root is file 99, which files.img does not have"),
        ("pstree.img", #""ppid": 1003"#, #""ppid": 1234"#, "the parent 1234 of process 1006 is not in it"),
        ("pstree.img", #""ppid": 1003"#, #""ppid": 0"#, "it has 2 processes without a parent"),
        ("pstree.img", #""pid": 1006"#, #""pid": 1003"#, "process 1003 is in it twice"),
        ("ids-1003.img", #""net_ns_id": 2"#, #""net_ns_id": 9"#, "process 1003 is in another net namespace than the root of the tree"),
        ("ids-1003.img", #""pid_ns_id": 1"#, #""pid_ns_id": 9"#, "process 1003 is in another pid namespace than the root of the tree"),
        ("inventory.img", #""img_version": 2"#, #""img_version": 3"#, "the images are of version 3"),
        ("inventory.img", #""fdinfo_per_id": true"#, #""fdinfo_per_id": false"#, "the images are of the time before 'fdinfo_per_id'"),
        ("core-1003.img", #""mtype": "X86_64""#, #""mtype": "ARM""#, "it is of a machine of kind 'ARM', and this one is 'X86_64'"),
        ("core-1003.img", #""seccomp_filter": 1"#, #""seccomp_filter": 8"#, "it names seccomp filter 8, and seccomp.img has 3"),
        ("filelocks.img", #""pid": 1001"#, #""pid": 7"#, "a lock belongs to process 7, which is not in pstree.img"),
        ("pagemap-1001.img", #""flags": 4"#, #""flags": 1"#, "1 pages are in an older set, and there is no link 'parent'"),
        (
            "pagemap-1001.img", #""vaddr": "#, #""vaddr": 4096, "flags": 4, "compat_nr_pages": 0, "nr_pages": 1}, {"vaddr": "#,
            "the page at 0x1000 lies in no mapping of mm-1001.img"
        ),
    ])
func aNumberThatLeadsNowhereIsFound(name: String, old: String, new: String, what: String) throws {
    var files = try Corpus.files(of: "many")
    files[name] = try edited(try #require(files[name]), of: name, old, new)
    let found = Check.check(directory(files), architecture: "X86_64").filter { $0.file == name }.map(\.what)
    #expect(found.contains(what), "\(found)")
}

@Test(arguments: [(-4096, "a restore never ends"), (-100, "a restore never ends"), (4096, "it or its maps are not whole")])
func pagesThatDoNotAddUpAreFound(change: Int, consequence: String) throws {
    var files = try Corpus.files(of: "many")
    let pages = try #require(files["pages-1.img"])
    files["pages-1.img"] = change < 0 ? Array(pages.dropLast(-change)) : pages + [UInt8](repeating: 0, count: change)
    #expect(
        Check.check(directory(files)) == [
            Finding(.error, "pages-1.img", "it has \(pages.count + change) bytes, and its maps count \(pages.count)", consequence)
        ])
}

/// Each file of the set cut in its middle, behind its magic and one byte before its end.
@Test(arguments: Corpus.images.filter { $0.hasPrefix("many/") })
func aFileThatIsCutIsFound(path: String) throws {
    let name = String(path.split(separator: "/")[1])
    let files = try Corpus.files(of: "many")
    let bytes = try #require(files[name])
    // One byte off the middle: there an entry may end.
    for length in [0, 3, bytes.count / 2 + 1, bytes.count - 1] {
        // Behind the message of a deleted file lies its content, whose length nothing tells.
        if name.hasPrefix("ghost-file"), length == bytes.count - 1 { continue }
        var damaged = files
        damaged[name] = Array(bytes.prefix(length))
        let found = Check.check(directory(damaged)).filter { $0.severity == .error }
        #expect(!found.isEmpty, "\(name) cut to \(length) of \(bytes.count) bytes")
    }
}

/// A set that keeps only what changed, with the rest in the one before it.
@Test func pagesInAnOlderSetAreFollowed() throws {
    let older = try Corpus.files(of: "older")
    var newer = older
    newer["pagemap-1001.img"] = try edited(
        try #require(older["pagemap-1001.img"]), of: "pagemap-1001.img", #""flags": 4"#, #""in_parent": true, "flags": 1"#)
    newer["pages-1.img"] = Array(try #require(older["pages-1.img"]).dropFirst(4096))
    let whole = directory(newer, parent: .set(directory(older)))
    #expect(Check.check(whole) == [])
    let first = try #require(try ProcessMemory(of: 1001, in: whole).runs.first)
    #expect(first.place == "parent")
    let bytes = try ProcessMemory(of: 1001, in: whole).bytes(at: first.address, count: 4096)
    #expect(bytes == Array(try #require(older["pages-1.img"]).prefix(4096)))

    #expect(
        Check.check(directory(newer, parent: .missing(target: "../v7"))).map(\.what) == ["it leads to '../v7', which is not there"])
    var emptied = older
    emptied["pagemap-1001.img"] = nil
    #expect(Check.check(directory(newer, parent: .set(directory(emptied)))).map(\.file) == ["pagemap-1001.img"])
}
