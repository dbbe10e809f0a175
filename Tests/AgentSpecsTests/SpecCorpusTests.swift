import AgentModel
import AgentSpecs
import FoundationEssentials
import Testing

@Suite struct SpecCorpusTests {
    static func corpus(_ name: String) throws -> [(name: String, bytes: [UInt8])] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Corpora/specs/\(name)")
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { file in
            (file, Array(try Data(contentsOf: folder.appendingPathComponent(file))))
        }
    }

    static func read(_ bytes: [UInt8]) -> SpecReading {
        SpecReader.read(bytes, file: "s.yaml", directory: "/d", environment: ["HOME": "/h"]) { _ throws(SpecFileFault) in
            throw SpecFileFault(why: "no such file")
        }
    }

    /// What must hold of every reading, whatever was read.
    static func check(_ reading: SpecReading, of bytes: [UInt8], _ name: String) {
        let hasErrors = reading.notices.contains { $0.severity == .error }
        #expect((reading.spec == nil) == hasErrors, "\(name)")
        #expect(reading.notices.count <= 101, "\(name)")
        let lines = bytes.count { $0 == 10 || $0 == 13 } + 2
        let isASCII = bytes.allSatisfy { $0 < 0x80 }
        for notice in reading.notices {
            let isPlain = notice.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
            #expect(isPlain && !notice.what.isEmpty, "\(name): \(notice)")
            // U+0085, U+2028 and U+2029 end lines in YAML too, so the line is only bounded for plain text.
            if isASCII { #expect((1...lines).contains(notice.line ?? 1), "\(name): \(notice)") }
            #expect(notice.description.utf8.count < 2000, "\(name): \(notice)")
        }
        guard let spec = reading.spec else { return }
        let shown = EffectiveText.lines(EffectiveSetting.all(of: spec, origins: reading.origins, secrets: .shown), origins: .shown)
        let again = read(Array(shown.joined(separator: "\n").utf8))
        #expect(again.spec == spec, "\(name): \(again.notices)")
    }

    @Test func everyGoodSpecIsRead() throws {
        for (name, bytes) in try Self.corpus("good") {
            let reading = Self.read(bytes)
            #expect(reading.notices == [], "\(name)")
            #expect(reading.spec != nil, "\(name)")
            Self.check(reading, of: bytes, name)
        }
    }

    @Test func everyHostileSpecIsRefusedInWords() throws {
        let corpus = try Self.corpus("hostile")
        #expect(corpus.count >= 38)
        for (name, bytes) in corpus {
            let reading = Self.read(bytes)
            #expect(reading.spec == nil, "\(name)")
            Self.check(reading, of: bytes, name)
        }
    }

    @Test func whatIsTooLargeIsNotParsed() {
        let bytes = [UInt8](repeating: UInt8(ascii: "#"), count: (1 << 20) + 1)
        #expect(
            Self.read(bytes).notices.map(\.description)
                == ["s.yaml:1:1: error: the file has 1048577 bytes; a spec has at most 1048576 [E-SPEC-LIMIT]"])
    }

    @Test(arguments: [
        ("deep-flow.yaml", "s.yaml:2:41: error: values are nested more than 32 levels deep [E-SPEC-LIMIT]"),
        ("too-many-values.yaml", "s.yaml:2:40001: error: the file holds more than 20000 values [E-SPEC-LIMIT]"),
        ("alias-bomb.yaml", "s.yaml:1:1: error: 'a' is not a setting; docs/agent.yaml.md lists all settings [E-SPEC-UNKNOWN]"),
        ("merge-key.yaml", "s.yaml:1:1: error: 'base' is not a setting; docs/agent.yaml.md lists all settings [E-SPEC-UNKNOWN]"),
        ("zero-byte.yaml", "s.yaml:2:12: error: the file holds a zero byte; a spec is text; was another file meant? [E-SPEC-YAML]"),
        (
            "not-utf8.yaml",
            "s.yaml:2:15: error: the file is not UTF-8 text; a spec is text; was another file meant? [E-SPEC-YAML]"
        ),
        ("utf16.yaml", "s.yaml:1:1: error: the file is not UTF-8 text; a spec is text; was another file meant? [E-SPEC-YAML]"),
        (
            "variables-grow.yaml",
            "s.yaml:8:7: error: the variable 'V4' grows to more than 128 KiB; a variable cannot be longer [E-SPEC-LIMIT]"
        ),
        (
            "variables-long-chain.yaml",
            "s.yaml:67:11: error: the variable 'V00063' refers to others through more than 64 steps [E-SPEC-LIMIT]"
        ),
        (
            "control-characters.yaml",
            "s.yaml:3:2: error: the file holds the control character U+1B; a spec is text; was another file meant? [E-SPEC-YAML]"
        ),
    ])
    func aLimitIsNamedWithItsPlace(_ row: (file: String, first: String)) throws {
        let bytes = try #require(try Self.corpus("hostile").first { $0.name == row.file }).bytes
        #expect(Self.read(bytes).notices.first?.description == row.first)
    }

    /// 2,000 files made from good ones by small damage: cut, doubled, overwritten, swapped. None may crash, and all must be told in words.
    @Test(arguments: 0..<20)
    func damagedSpecsNeverCrash(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let corpus = try Self.corpus("good").map(\.bytes)
        let pieces: [[UInt8]] = [
            ": ", "- ", "[", "]", "{", "}", "\"", "'", "\n", "\t", "&a ", "*a", "!!x ", "${", "$$", "|\n", "---\n", "\u{0}", "é", "#", ",",
            "%", "@", "`", "~",
        ]
        .map { Array($0.utf8) }
        for round in 0..<100 {
            var bytes = corpus[random.below(corpus.count)]
            for _ in 0...random.below(6) {
                let at = random.below(bytes.count + 1)
                let end = min(bytes.count, at + random.below(12))
                switch random.below(5) {
                case 0: bytes.removeSubrange(at..<end)
                case 1: bytes.insert(contentsOf: pieces[random.below(pieces.count)], at: at)
                case 2: bytes.insert(contentsOf: bytes[at..<end], at: at)
                case 3: if at < bytes.count { bytes[at] = UInt8(truncatingIfNeeded: random.next()) }
                default: bytes.removeSubrange(at...)
                }
            }
            Self.check(Self.read(bytes), of: bytes, "seed \(seed) round \(round): \(String(decoding: bytes, as: UTF8.self))")
        }
    }
}

struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
    mutating func below(_ limit: Int) -> Int { limit > 0 ? Int(next() % UInt64(limit)) : 0 }
}
