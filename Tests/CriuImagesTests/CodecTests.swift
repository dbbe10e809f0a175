import Foundation
import Testing

@testable import CriuImages

@Test func thereIsACorpusToLookAt() {
    #expect(Corpus.images.count > 60)
    let kinds = Set(Corpus.images.compactMap { ImageKind.of(fileName: String($0.split(separator: "/")[1]))?.kind.name })
    #expect(
        kinds.isSuperset(of: ["CORE", "GHOST_FILE", "TCP_STREAM", "SK_QUEUES", "IPCNS_MSG", "IPCNS_SEM", "IPCNS_SHM", "STATS", "TTY_INFO"]))
}

/// The kept text is what `crit decode` and `crit show` of CRIU 4.2 printed.
@Test(arguments: Corpus.images)
func decodingSaysWhatCritSays(path: String) throws {
    let file = try Corpus.file(path)
    // Of older page maps crit 4.2 calls the number of pages by its new name; the crit that belongs to them does not.
    let isOldMap = path.hasPrefix("older/pagemap")
    for (form, ending) in [(ImageDecoding.Form.plain, ".json"), (.pretty, ".pretty.json")] {
        var expected = String(decoding: try Corpus.bytes("crit/\(path)\(ending)"), as: UTF8.self)
        if isOldMap { expected = expected.replacingOccurrences(of: "compat_nr_pages", with: "nr_pages") }
        #expect(String(decoding: try decoded(file, form), as: UTF8.self) == expected, "\(path) \(form)")
    }
}

@Test(arguments: Corpus.images)
func whatIsDecodedIsEncodedToTheSameBytes(path: String) throws {
    let bytes = try Corpus.bytes(path)
    for form in [ImageDecoding.Form.plain, .pretty] { #expect(try encoded(decoded(Corpus.file(path), form)) == bytes, "\(path) \(form)") }
    #expect(try encoded(Corpus.bytes("crit/\(path).json")) == bytes, "what crit printed of \(path)")
}

/// Developers' own sets, for more than the kept ones can hold: `CRIU_SETS=/tmp/a:/tmp/b swift test …`.
@Test(.enabled(if: ProcessInfo.processInfo.environment["CRIU_SETS"] != nil, "CRIU_SETS names no directories"))
func everyFileOfOtherSetsIsEncodedToTheSameBytes() throws {
    for set in (ProcessInfo.processInfo.environment["CRIU_SETS"] ?? "").split(separator: ":").map(String.init) {
        for name in try FileManager.default.contentsOfDirectory(atPath: set) {
            guard ImageKind.of(fileName: name)?.kind.isRaw == false else { continue }
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: set).appending(path: name)))
            let file = ImageFile(name: name, bytes: bytes)
            for form in [ImageDecoding.Form.plain, .pretty] { #expect(try encoded(decoded(file, form)) == bytes, "\(set)/\(name) \(form)") }
        }
    }
}
