import AgentModel
import OutsideWorld
import Testing

@testable import Checkpoints

/// Lines of a list of files, written and read directly, are what JSON would write and read.
@Suite struct TreeLineTests {
    private static let names = [
        "a", "src/main.swift", "with space", "é", "e\u{301}", "\u{301}begins", "quote\"d", "back\\slash", "new\nline", "tab\t", "bell\u{7}",
        "del\u{7F}", "emoji 🙂", "\u{2028}", "\u{10FE41}", "a/b/c/d",
    ]

    private func entries() -> [TreeEntry] {
        var entries: [TreeEntry] = []
        for name in Self.names {
            for kind in [TreeEntry.Kind.file, .directory, .link] {
                var entry = TreeEntry(path: DiskPath(stringLiteral: name), kind: kind, mode: 0o4755, modified: -1_795_000_000_123_456_789)
                entries.append(entry)
                entry.user = 0
                entry.group = .max
                entry.modified = .max
                if kind == .file {
                    entry.size = .max
                    entry.sha256 = String(repeating: "5e", count: 32)
                }
                if kind == .link { entry.target = "../" + name }
                entries.append(entry)
                entry.attributes = [
                    StoredAttribute(name: ExtendedAttribute.capability, value: "AQAAAg=="),
                    StoredAttribute(name: "user." + name, value: ""),
                ]
                entries.append(entry)
                entry.unkept = kind == .file
                entries.append(entry)
                entry.unkept = nil
                entry.attributes?.removeLast()
                entries.append(entry)
                entry.same = DiskPath(stringLiteral: "0" + name)
                entries.append(entry)
                entry.same = nil
                entry.attributes = []
                entry.sha256 = nil
                entry.xxh3 = "0f"
                entries.append(entry)
            }
        }
        return entries
    }

    @Test func aLineIsWrittenAsJSON() throws {
        for entry in entries() {
            var line: [UInt8] = []
            TreeLine.append(entry, to: &line)
            #expect(line == (try JSONText.encode(entry)), "\(entry)")
            #expect(TreeLine.read(line[...]) == entry)
        }
    }

    /// Bytes changed, taken away, put in and doubled: what is read, or refused, is what JSON reads or refuses.
    @Test(arguments: 0..<UInt64(20))
    func aStrangeLineIsReadAsJSON(seed: UInt64) throws {
        var random = Lottery(seed: seed)
        let strange = Array("{}[]\",:\\ 0123456789-+.eEtrufalsn\n/\u{0}é".utf8)
        for entry in entries() {
            var line = try JSONText.encode(entry)
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let at = Int.random(in: 0..<line.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: line[at] = strange.randomElement(using: &random) ?? 0
                case 1: line.insert(strange.randomElement(using: &random) ?? 0, at: at)
                case 2: line.remove(at: at)
                default: line.insert(contentsOf: line[at..<min(line.count, at + Int.random(in: 1...12, using: &random))], at: at)
                }
            }
            #expect(
                TreeLine.read(line[...]) == (try? JSONText.decode(TreeEntry.self, from: line)),
                "\(String(decoding: line, as: UTF8.self))")
        }
    }
}

/// Random numbers that a seed decides.
struct Lottery: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = (seed &+ 1) &* 0x9E37_79B9_7F4A_7C15 }
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
