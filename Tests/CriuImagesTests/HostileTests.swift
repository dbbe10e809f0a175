import Testing

@testable import CriuImages

/// Splitmix64: the same damage for the same seed.
private struct Chance: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// One damage, of those that disks, people and attackers do.
private func damaged(_ bytes: [UInt8], _ chance: inout Chance) -> [UInt8] {
    var bytes = bytes
    guard !bytes.isEmpty else { return [0x41] }
    let position = Int.random(in: 0..<bytes.count, using: &chance)
    switch Int.random(in: 0..<6, using: &chance) {
    case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &chance)
    case 1: bytes.removeLast(bytes.count - position)
    case 2: for index in position..<min(position + 4, bytes.count) { bytes[index] = 0xff }
    case 3: bytes.insert(contentsOf: (0..<16).map { _ in UInt8.random(in: 0...255, using: &chance) }, at: position)
    case 4: bytes.removeSubrange(position..<min(position + 8, bytes.count))
    default: bytes[position] = UInt8.random(in: 0...255, using: &chance)
    }
    return bytes
}

/// Whatever is done to an image: reading it gives a value or a named fault, and a value can be written and read again.
@Test(arguments: Corpus.images)
func aDamagedImageIsAValueOrAFault(path: String) throws {
    let bytes = try Corpus.bytes(path)
    let name = try Corpus.file(path).name
    for seed in 0..<25 {
        var chance = Chance(state: UInt64(seed))
        let file = ImageFile(name: name, bytes: damaged(bytes, &chance))
        guard let json = try? decoded(file) else { continue }
        let image = try encoded(json)
        #expect(try decoded(ImageFile(name: name, bytes: image)) == json, "\(path), seed \(seed)")
    }
}

/// Checking, showing and comparing hold on to nothing that a damaged set says.
@Test(arguments: 0..<40)
func aDamagedSetIsCheckedAndShown(seed: Int) throws {
    var chance = Chance(state: UInt64(seed) &+ 1_000_000)
    let set = Corpus.sets[seed % Corpus.sets.count]
    let whole = try Corpus.files(of: set)
    var files = whole
    for _ in 0..<3 {
        let name = try #require(files.keys.sorted().randomElement(using: &chance))
        files[name] = damaged(try #require(files[name]), &chance)
    }
    let directory = ImageDirectory(name: set, files: files.map { ImageFile(name: $0.key, bytes: $0.value) })
    _ = Check.check(directory, architecture: "X86_64")
    _ = SetSummary(of: directory)
    let before = ImageDirectory(name: set, files: whole.map { ImageFile(name: $0.key, bytes: $0.value) })
    _ = try? SetDifference(from: before, to: directory)
}

/// Lengths that no file has must be refused before anything is allocated for them.
@Test(
    arguments: [
        // INVENTORY, then an entry of 4 GiB
        ("inventory.img", "16313158" + "ffffffff", ImageFault.Kind.aboveLimit),
        // common family, FDINFO, an entry of 1 MiB in a file of 12 bytes
        ("fdinfo-2.img", "19435654" + "32372156" + "00001000", .truncated),
        // common family, PSTREE, an entry of 3 bytes whose field claims 2^63 bytes
        ("pstree.img", "19435654" + "30302750" + "0b000000" + "0affffffffffffffff7f00", .malformed),
        ("core-1.img", "19435654", .truncated), ("core-1.img", "", .truncated), ("core-1.img", "00000000", .notAnImage),
        // service family before a common kind
        ("pstree.img", "40591055" + "30302750", .notAnImage),
        ("pages-1.img", "00", .rawBytes),
        // a name that says another kind than the magic
        ("mm-1.img", "19435654" + "30302750", .notAnImage),
    ])
func aLengthThatCannotBeIsRefused(name: String, hex: String, kind: ImageFault.Kind) {
    let digits = Array(hex)
    let bytes = stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
    do throws(ImageFault) {
        _ = try decoded(ImageFile(name: name, bytes: bytes))
        Issue.record("\(name) \(hex) was read")
    } catch { #expect(error.kind == kind, "\(error)") }
}

@Test(
    arguments: [
        ("{}", "a name is missing (at byte 1)"), (#"{"magic": "FS"}"#, "'entries' is missing (at byte 15)"),
        (#"{"entries": []}"#, "'entries' comes before 'magic' (at byte 11)"),
        (#"{"magic": "NEWS", "entries": []}"#, "'NEWS' is no kind of image (at byte 16)"),
        (#"{"magic": "FS", "entries": [{"cwd_id": 1}]}"#, "entry 0: 'fs_entry' has no 'root_id' (at byte 28)"),
        (#"{"magic": "FS", "entries": [{"cwd_id": 1, "root_id": -1}]}"#, "entry 0: -1 is no value of 'root_id' (at byte 28)"),
        (#"{"magic": "FS", "entries": [{"cwd": 1}]}"#, "entry 0: 'fs_entry' has no field 'cwd' (at byte 28)"),
        (#"{"magic": "FS", "entries": [{"cwd_id": 1.5, "root_id": 2}]}"#, "images have whole numbers only (at byte 40)"),
        (#"{"magic": "FS", "entries": [7]}"#, "an entry is not an object (at byte 29)"),
        (#"{"magic": "FS", "entries": [{"cwd_id": 1, "root_id": 2}]} x"#, "there is more behind the end (at byte 58)"),
        (
            #"{"magic": "PIPES_DATA", "entries": [{"pipe_id": 1, "bytes": 3, "extra": "AAAA\nAAA="}]}"#,
            "entry 0: 'extra' has 5 bytes where 3 are announced (at byte 36)"
        ),
        ("[", "'{' is missing (at byte 0)"), (String(repeating: "[", count: 9), "'{' is missing (at byte 0)"),
    ])
func jsonThatDescribesNoImageSaysWhy(json: String, sentence: String) {
    do throws(ImageFault) {
        _ = try encoded(Array(json.utf8))
        Issue.record("\(json) was taken")
    } catch { #expect(error.sentence == sentence) }
}

/// What crit would lose or refuse comes back too: paths in other encodings, unknown fields, numbers without a name.
@Test func whatHasNoPlainFormIsKept() throws {
    // common family, UTSNS, 18 bytes: nodename "\xe9\xff" (no UTF-8), domainname "(none)", field 9 = 300
    let bytes: [UInt8] =
        [0x19, 0x43, 0x56, 0x54, 0x03, 0x32, 0x47, 0x54, 15, 0, 0, 0, 0x0a, 2, 0xe9, 0xff, 0x12, 6] + Array("(none)".utf8) + [
            0x48, 0xac, 0x02,
        ]
    let json = try decoded(ImageFile(name: "utsns-9.img", bytes: bytes))
    #expect(
        String(decoding: json, as: UTF8.self)
            == #"{"magic": "UTSNS", "entries": [{"nodename": "\udce9\udcff", "domainname": "(none)", "unknown fields": "SKwC\n"}]}"# + "\n")
    #expect(try encoded(json) == bytes)
}

@Test(arguments: [
    ([1], "1.0.0.0"), ([0x0100_007f], "127.0.0.1"), ([0, 0, 0, 0x0100_0000], "::1"), ([0, 0, 0, 0], "::"),
    ([0xb80d_0120, 0, 0x0100_0000, 0x0100_0000], "2001:db8::1:0:1"), ([0x0000_80fe, 0, 0, 0], "fe80::"),
])
func addressesAreReadAsTheyAreWritten(words: [UInt64], text: String) {
    #expect(Addresses.text(of: words.map { .number($0) }) == text)
    #expect(Addresses.words(of: text)?.map { UInt64($0) } == words)
}

@Test(arguments: 0..<200)
func bytesSurviveBothKindsOfText(seed: Int) {
    var chance = Chance(state: UInt64(seed))
    let alphabet: [UInt8] = [0, 9, 10, 13, 32, 46, 61, 65, 97, 126, 127, 128, 255]
    let bytes = (0..<Int.random(in: 0..<300, using: &chance)).compactMap { _ in alphabet.randomElement(using: &chance) }
    #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    #expect(QuotedPrintable.decode(QuotedPrintable.encode(bytes)) == bytes)
}
