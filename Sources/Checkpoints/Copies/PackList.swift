internal import AgentModel
internal import OutsideWorld

/// The packs a version in a remote is made of, with their sizes. A line of text for each, and one with the SHA-256 of those before.
/// Documentation: docs/store-format.md#remote
struct PackList: Hashable {
    var packs: [PackName: UInt64]
    static let limit = ByteCount.mebibytes(64)
    private static let head = "runner-packs 1"

    init(_ packs: [PackName: UInt64]) { self.packs = packs }

    var encoded: [UInt8] {
        let lines = [Self.head] + packs.sorted { $0.key < $1.key }.map { "\($0.key.text) \($0.value)" }
        let text = Array(lines.map { $0 + "\n" }.joined().utf8)
        return text + Array((Measure.of(text).digest + "\n").utf8)
    }

    init(decoding bytes: [UInt8]) throws(Damage) {
        guard bytes.count > 65, bytes.last == UInt8(ascii: "\n") else { throw Damage("it is not a list of packs") }
        let text = Array(bytes.dropLast(65))
        guard bytes.suffix(65).dropLast().elementsEqual(Measure.of(text).digest.utf8) else {
            throw Damage("it does not match its checksum")
        }
        var lines = String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.popLast() == "", lines.first == Self.head[...] else { throw Damage("it is not a list of packs") }
        packs = [:]
        for line in lines.dropFirst() {
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 2, let name = PackName(String(words[0])), let size = UInt64(words[1]), packs[name] == nil else {
                throw Damage("it names what is no pack")
            }
            packs[name] = size
        }
    }
}

/// Which packs each of many versions is made of: a name is kept once, however many versions need it.
struct NeededPacks {
    /// All of them, with their sizes.
    private(set) var all: [PackName: UInt64] = [:]
    private var names: [PackName] = []
    private var numbers: [PackName: UInt32] = [:]
    private var needed: [VersionNumber: [UInt32]] = [:]

    mutating func insert(_ packs: [PackName: UInt64], of version: VersionNumber) {
        all.merge(packs) { first, _ in first }
        needed[version] = packs.keys.map { name in
            if let known = numbers[name] { return known }
            let number = UInt32(names.count)
            names.append(name)
            numbers[name] = number
            return number
        }
    }

    /// nil: the version is none of them.
    func packs(of version: VersionNumber) -> [PackName: UInt64]? {
        needed[version].map { numbers in
            Dictionary(numbers.map { (names[Int($0)], all[names[Int($0)]] ?? 0) }) { first, _ in first }
        }
    }
}
